//go:build unix

package file_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// at makes what a row is about, and returns its path.
func at(t *testing.T, what string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "f")
	write := func(path string, mode os.FileMode) {
		if err := errors.Join(os.WriteFile(path, []byte("text"), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	switch what {
	case "file":
		write(path, 0o600)
	case "file that others read":
		write(path, 0o644)
	case "file that a group writes":
		write(path, 0o620)
	case "file that all write":
		write(path, 0o602)
	case "file of another user":
		write(path, 0o600)
		if err = os.Chown(path, 12345, 12345); err != nil {
			t.Skip("only root can give a file to another user")
		}
	case "link to a file":
		write(path+"-target", 0o600)
		err = os.Symlink(path+"-target", path)
	case "link to /dev/zero":
		err = os.Symlink("/dev/zero", path)
	case "named pipe":
		err = syscall.Mkfifo(path, 0o600)
	case "directory":
		err = os.Mkdir(path, 0o700)
	case "socket":
		var l net.Listener
		if l, err = net.Listen("unix", path); err == nil {
			t.Cleanup(func() { _ = l.Close() })
		}
	case "nothing":
	default:
		t.Fatal(what)
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpening(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]struct{ any, own error }{
		"file":                     {nil, nil},
		"file that others read":    {nil, nil},
		"file that a group writes": {nil, file.ErrForeign},
		"file that all write":      {nil, file.ErrForeign},
		"file of another user":     {nil, file.ErrForeign},
		"link to a file":           {nil, file.ErrIrregular},
		"link to /dev/zero":        {file.ErrIrregular, file.ErrIrregular},
		"named pipe":               {file.ErrIrregular, file.ErrIrregular},
		"directory":                {file.ErrIrregular, file.ErrIrregular},
		"socket":                   {file.ErrIrregular, file.ErrIrregular},
		"nothing":                  {fs.ErrNotExist, fs.ErrNotExist},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			path := at(t, what)
			_, err := file.Read(path, 100)
			if !errors.Is(err, want.any) {
				t.Errorf("Read: got %v, want %v", err, want.any)
			}
			if _, err = file.ReadOwn(path, 100); !errors.Is(err, want.own) {
				t.Errorf("ReadOwn: got %v, want %v", err, want.own)
			}
			for name, open := range map[string]func(string) (*os.File, error){"Append": file.Append, "AppendOwn": file.AppendOwn} {
				want := map[string]error{"Append": want.any, "AppendOwn": want.own}[name]
				f, err := open(path)
				if !errors.Is(err, want) {
					t.Errorf("%s: got %v, want %v", name, err, want)
				}
				if err == nil {
					_, err = f.WriteString(" more")
					if err := errors.Join(err, f.Close()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
}

func TestReadingHasALimit(t *testing.T) {
	t.Parallel()
	path := at(t, "file")
	if got, err := file.Read(path, 4); err != nil || string(got) != "text" {
		t.Errorf("got %q, %v, want the whole file", got, err)
	}
	if got, err := file.Read(path, 3); !errors.Is(err, file.ErrLarge) || got != nil {
		t.Errorf("got %q, %v, want %v", got, err, file.ErrLarge)
	}
}
