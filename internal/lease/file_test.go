package lease_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// symlink makes a link, which on Windows not every user may.
func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := os.Symlink(target, path); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("this user may make no links: ", err)
		}
		t.Fatal(err)
	}
}

// traps are things under a file's name that are no files of ours, each made by a
// function.
func traps(t *testing.T) map[string]func(path string) {
	return map[string]func(string){
		"a link": func(path string) {
			write(t, path+".target", string(encoded(t, full())))
			symlink(t, path+".target", path)
		},
		"a link to nowhere": func(path string) {
			symlink(t, path+".nowhere", path)
		},
		"a pipe": func(path string) {
			mkfifo(t, path)
		},
		"a directory": func(path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		},
	}
}

func TestReadFile(t *testing.T) {
	t.Parallel()
	for name, set := range traps(t) {
		path := filepath.Join(t.TempDir(), "lease")
		set(path)
		if _, err := lease.ReadFile(path); !errors.Is(err, lease.ErrNotLease) {
			t.Errorf("%s: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "lease")
	if _, err := lease.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	for size, want := range map[int]error{0: nil, lease.SizeLimit: nil, lease.SizeLimit + 1: lease.ErrNotLease} {
		write(t, path, strings.Repeat("x", size))
		got, err := lease.ReadFile(path)
		if !errors.Is(err, want) || want == nil && len(got) != size || want != nil && got != nil {
			t.Errorf("%d bytes: %d read, %v, want %v", size, len(got), err, want)
		}
	}
}

func TestRecordFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "lease")
	f, err := lease.CreateFile(path)
	if err != nil || f.Path() != path {
		t.Fatal(err)
	}
	small, large := full(), full()
	small.Names, small.TokenName, small.TokenUUID, small.Token = []string{firstName}, "", "", secret.String{}
	for _, r := range []lease.Lease{small, large, small} {
		if err := f.Save(r); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 && runtime.GOOS != "windows" { // which has no modes
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		text, err := lease.ReadFile(path)
		if err != nil || string(text) != string(encoded(t, r))+"\n" {
			t.Errorf("content %q, %v", text, err)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d files beside it", len(entries)-1)
	}
	if err := f.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Remove: %v", err)
	}
}

func TestRecordFileMustBeNew(t *testing.T) {
	t.Parallel()
	all := traps(t)
	all["a file"] = func(path string) { write(t, path, "mine") }
	for name, set := range all {
		path := filepath.Join(t.TempDir(), "lease")
		set(path)
		if _, err := lease.CreateFile(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(path + ".nowhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was made at the end of a link", name)
		}
	}
	if _, err := lease.CreateFile(filepath.Join(t.TempDir(), "no", "lease")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

func TestRecordFileIsReplacedWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path, target := filepath.Join(dir, "lease"), filepath.Join(dir, "target")
	f, err := lease.CreateFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// Somebody puts a link in its place: what it points to stays as it is.
	write(t, target, "mine")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	symlink(t, target, path)
	if err := f.Save(full()); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(target); string(text) != "mine" {
		t.Errorf("the end of the link was written to: %q", text)
	}
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() {
		t.Errorf("the link is still there: %v, %v", info.Mode(), err)
	}
	// A directory in its place makes the last step fail.
	if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(path, "x"), "")
	if err := f.Save(full()); err == nil {
		t.Error("no error")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 2 {
		t.Errorf("a file is left behind: %v", entries)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(full()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}

// intent is a record that holds names alone.
func intent(names ...string) lease.Lease {
	r := full()
	r.Names, r.TokenName, r.TokenUUID, r.Token, r.ExpiresAt = names, "", "", secret.String{}, ""
	return r
}

// found reads a side file anew and gives the names of its records.
func found(t *testing.T, path string) [][]string {
	t.Helper()
	records, err := lease.OpenStateFile(path).Leases()
	if err != nil {
		t.Error(err)
	}
	var names [][]string
	for _, r := range records {
		names = append(names, r.Names)
		if !r.Token.Empty() {
			t.Error("the side file holds a token")
		}
	}
	return names
}

func TestSideFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "side.jsonl")
	if got := found(t, path); got != nil {
		t.Errorf("no file: %q", got)
	}
	side := lease.OpenStateFile(path)
	if err := side.Clear(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("dropping nothing made a file")
	}
	keep := func(side *lease.StateFile, r lease.Lease) {
		t.Helper()
		if err := side.Save(r); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, names ...[]string) {
		t.Helper()
		if got := found(t, path); !reflect.DeepEqual(got, names) {
			t.Errorf("%s: got %q, want %q", what, got, names)
		}
	}
	keep(side, intent(firstName))
	want("the intent", []string{firstName})
	keep(side, full())
	want("the token", []string{firstName, nextName})
	if text, _ := os.ReadFile(path); strings.Contains(string(text), tokenText) {
		t.Error("the side file holds the token")
	}
	if info, _ := os.Stat(path); info.Mode() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("mode %v", info.Mode())
	}
	later := full()
	later.Names = []string{nextName}
	keep(side, later)
	want("the first name is dropped", []string{nextName})
	other := "jenkins-token:ci/acme:1.1:deploy:cccccccc:until-20261124T150000Z"
	second := lease.OpenStateFile(path)
	keep(second, intent(other))
	want("a second step", []string{nextName}, []string{other})
	if err := second.Clear(); err != nil {
		t.Error(err)
	}
	want("the second step's is void", []string{nextName})
	if err := lease.OpenStateFile(path).MarkDone(later); err != nil {
		t.Error(err)
	}
	want("dealt with")
	keep(side, later)
	want("a record after its mark counts again", []string{nextName})
}

func TestSideFileKeepsNoMemoryOfTheCallersNames(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "side.jsonl")
	side := lease.OpenStateFile(path)
	r := full()
	if err := side.Save(r); err != nil {
		t.Fatal(err)
	}
	r.Names = slices.Delete(r.Names, 0, 1)
	if err := side.Save(r); err != nil {
		t.Fatal(err)
	}
	if got := found(t, path); !reflect.DeepEqual(got, [][]string{{nextName}}) {
		t.Errorf("got %q", got)
	}
}

func TestSideFileWithBrokenLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "side.jsonl")
	good := string(encoded(t, intent(firstName)))
	write(t, path, "\n  \nnonsense\n"+good+"\n{\"done\":\"somebody else's\"}\n"+forge(t, map[string]any{"v": 2})+"\n{\"done\":\"\"}\n"+good[:50])
	records, err := lease.OpenStateFile(path).Leases()
	if !errors.Is(err, lease.ErrNotLease) || !strings.Contains(err.Error(), "4 lines") || strings.Contains(err.Error(), "nonsense") {
		t.Errorf("got %v, want an error that counts four lines", err)
	}
	if len(records) != 1 || records[0].Names[0] != firstName {
		t.Errorf("got %+v, want the good record", records)
	}
	write(t, path, strings.Repeat(good+"\n", lease.StateFileLimit/len(good)+1))
	if _, err := lease.OpenStateFile(path).Leases(); !errors.Is(err, lease.ErrNotLease) {
		t.Errorf("a file larger than the limit: %v", err)
	}
}

func TestSideFileThatIsNoFile(t *testing.T) {
	t.Parallel()
	for name, set := range traps(t) {
		path := filepath.Join(t.TempDir(), "side.jsonl")
		set(path)
		side := lease.OpenStateFile(path)
		if err := side.Save(full()); err == nil {
			t.Errorf("%s: a record was kept", name)
		}
		if _, err := side.Leases(); !errors.Is(err, lease.ErrNotLease) {
			t.Errorf("%s: %v", name, err)
		}
		if text, _ := os.ReadFile(path + ".target"); len(text) > 0 && string(text) != string(encoded(t, full())) {
			t.Errorf("%s: the end of the link was written to", name)
		}
		if _, err := os.Stat(path + ".nowhere"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: a file was made at the end of the link", name)
		}
	}
}

// create goes on after a cancel: the runner then passes an older record to the post step
// than the side file has.
func TestCurrentRecord(t *testing.T) {
	t.Parallel()
	renamed := full()
	renamed.Names = []string{nextName}
	later := intent(firstName)
	later.Names = []string{firstName, nextName}
	complete := full()
	for _, row := range []struct {
		what  string
		kept  []lease.Lease
		drop  bool
		state lease.Lease
		names []string
		uuid  string
		done  bool
	}{
		{"nothing", nil, false, intent(firstName), []string{firstName}, "", false},
		{"the same", []lease.Lease{intent(firstName)}, false, intent(firstName), []string{firstName}, "", false},
		{"another name tried", []lease.Lease{intent(firstName), later}, false, intent(firstName), later.Names, "", false},
		{"a token since", []lease.Lease{intent(firstName), complete}, false, intent(firstName), complete.Names, complete.TokenUUID, false},
		{"renamed since", []lease.Lease{intent(firstName), complete, renamed}, false, intent(firstName), renamed.Names, renamed.TokenUUID, false},
		{"renamed since, and the state is complete", []lease.Lease{intent(firstName), complete, renamed}, false, complete, complete.Names, complete.TokenUUID, false},
		{"renamed and void", []lease.Lease{intent(firstName), complete, renamed}, true, intent(firstName), []string{firstName}, "", true},
		{"void", []lease.Lease{intent(firstName)}, true, intent(firstName), []string{firstName}, "", true},
		{"another step's is void", []lease.Lease{intent(nextName)}, true, intent(firstName), []string{firstName}, "", false},
	} {
		side := lease.OpenStateFile(filepath.Join(t.TempDir(), "side.jsonl"))
		for _, r := range row.kept {
			if err := side.Save(r); err != nil {
				t.Fatal(err)
			}
		}
		if row.drop {
			if err := side.Clear(); err != nil {
				t.Fatal(err)
			}
		}
		got, done := side.Current(row.state)
		if done != row.done || !done && (!reflect.DeepEqual(got.Names, row.names) || got.TokenUUID != row.uuid) {
			t.Errorf("%s: got %q, uuid %q, done %t", row.what, got.Names, got.TokenUUID, done)
		}
		if row.state.Complete() && got.Token.Empty() {
			t.Errorf("%s: the token is lost", row.what)
		}
	}
}
