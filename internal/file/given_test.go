//go:build unix

package file_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

func TestReadGiven(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]error{
		"file":                 nil,
		"file of another user": nil,
		"link to a file":       nil,
		"link to /dev/zero":    file.ErrLarge,
		"directory":            file.ErrIrregular,
		"socket":               file.ErrIrregular,
		"nothing":              fs.ErrNotExist,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			got, err := file.ReadGiven(t.Context(), at(t, what), 100)
			if !errors.Is(err, want) || want == nil && string(got) != "text" {
				t.Errorf("got %q, %v, want %v", got, err, want)
			}
		})
	}
}

// pipe returns the end of a pipe that a child of a shell would inherit, and the other.
func pipe(t *testing.T) (read, write *os.File) {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close(); _ = write.Close() })
	return read, write
}

func paths(fd uintptr) []string {
	number := strconv.Itoa(int(fd))
	return []string{
		"/dev/fd/" + number, "/proc/self/fd/" + number, "/proc/thread-self/fd/" + number,
		"/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + number,
	}
}

func TestReadGivenInheritedPipe(t *testing.T) {
	t.Parallel()
	for i := range paths(0) {
		read, write := pipe(t)
		path := paths(read.Fd())[i]
		content := bytes.Repeat([]byte("secret"), 100_000) // more than a pipe holds
		go func() {
			_, _ = write.Write(content)
			_ = write.Close()
		}()
		got, err := file.ReadGiven(t.Context(), path, 1<<20)
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: got %d bytes, %v, want %d", path, len(got), err, len(content))
		}
	}
}

func TestReadGivenInheritedSocket(t *testing.T) {
	t.Parallel()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Close(fds[0]) }()
	_, err = syscall.Write(fds[1], []byte("secret"))
	if err := errors.Join(err, syscall.Close(fds[1])); err != nil {
		t.Fatal(err)
	}
	// Node.js gives its child processes sockets for standard streams.
	if got, err := file.ReadGiven(t.Context(), paths(uintptr(fds[0]))[0], 100); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Two commands of a script can be given the same open file.
func TestReadGivenInheritedFileTwice(t *testing.T) {
	t.Parallel()
	f, err := os.Open(at(t, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for range 2 {
		if got, err := file.ReadGiven(t.Context(), paths(f.Fd())[0], 4); err != nil || string(got) != "text" {
			t.Errorf("got %q, %v, want the whole file", got, err)
		}
	}
	if got, err := file.ReadGiven(t.Context(), paths(f.Fd())[0], 3); !errors.Is(err, file.ErrLarge) || got != nil {
		t.Errorf("got %q, %v, want %v", got, err, file.ErrLarge)
	}
}

func TestReadGivenClosedDescriptor(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/dev/fd/999999", "/dev/fd/99999999999999999999", "/dev/fd/-1", "/dev/fd/x", "/dev/fd/"} {
		if got, err := file.ReadGiven(t.Context(), path, 100); err == nil || len(got) > 0 {
			t.Errorf("%s: got %q, %v, want an error", path, got, err)
		}
	}
}

func TestReadGivenIsBoundInSize(t *testing.T) {
	t.Parallel()
	read, write := pipe(t)
	if _, err := write.WriteString("secret"); err != nil {
		t.Fatal(err)
	}
	// The writer has not closed the pipe, and need not.
	if got, err := file.ReadGiven(t.Context(), paths(read.Fd())[0], 5); !errors.Is(err, file.ErrLarge) || got != nil {
		t.Errorf("got %q, %v, want %v", got, err, file.ErrLarge)
	}
}

func TestReadGivenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	silent, _ := pipe(t)
	named := at(t, "named pipe")
	t.Cleanup(func() { // lets the goroutine end that waits for a writer
		if f, err := os.OpenFile(named, os.O_RDWR, 0); err == nil {
			_ = f.Close()
		}
	})
	for _, path := range []string{paths(silent.Fd())[0], named} {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		if got, err := file.ReadGiven(ctx, path, 100); !errors.Is(err, context.Canceled) || got != nil {
			t.Errorf("%s: got %q, %v, want %v", path, got, err, context.Canceled)
		}
	}
}

func TestReadGivenNamedPipe(t *testing.T) {
	t.Parallel()
	path := at(t, "named pipe")
	written := make(chan error, 1)
	go func() { written <- os.WriteFile(path, []byte("secret"), 0) }()
	got, err := file.ReadGiven(t.Context(), path, 100)
	if err := errors.Join(err, <-written); err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
}
