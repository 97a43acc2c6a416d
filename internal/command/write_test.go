package command_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
)

var errFull = errors.New("no space left on device")

// TestFailedWrites lets each write of create and revoke fail, alone or with all
// that follow, as on a disk that is full.
func TestFailedWrites(t *testing.T) {
	t.Parallel()
	all := scenes()
	tables := make([]string, len(all))
	t.Run("scene", func(t *testing.T) {
		for i, sc := range all {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				s, _ := sc.stage(t)
				var writes []string
				s.around = func(what string, write func() error) error { writes = append(writes, what); return write() }
				if r := s.run(s.withFile(sc.args)...); r.exit != 0 {
					t.Fatal(r)
				}
				var b strings.Builder
				fmt.Fprintf(&b, "%-44s| this one  | all from here\n", sc.name)
				for n, what := range writes {
					fmt.Fprintf(&b, "  %2d %-39s| %-10s| %s\n", n+1, what, sc.fail(t, n, false), sc.fail(t, n, true))
				}
				tables[i] = b.String()
			})
		}
	})
	const head = `Each write fails, alone or with all that follow. A cell: exit code, then the
tokens left after the command, after the step at the end of the job (-: it was
that step), and after a sweep when the token's life is over.

`
	compareGolden(t, "write.txt", head+strings.Join(tables, "\n"))
}

// fail runs a command whose write n, counted from 0, fails, and returns the cell
// of the table.
func (sc scene) fail(t *testing.T, n int, following bool) string {
	t.Helper()
	s, later := sc.stage(t)
	count := 0
	s.around = func(what string, write func() error) error {
		count++
		if count == n+1 || following && count > n {
			return errFull
		}
		return write()
	}
	r := s.run(s.withFile(sc.args)...)
	s.around = nil
	cell := fmt.Sprintf("%d  %d", r.exit, s.count())
	if sc.post != nil {
		sc.post(s, r.stdout)
		if n := s.server.RefusedLogins(); n > 0 && !following {
			t.Errorf("write %d: %d refused logins in post: the record of a token given back must be void", n, n)
		}
		cell += fmt.Sprintf(" %d", s.count())
	} else {
		cell += " -"
	}
	if s.count() > 0 {
		t.Errorf("write %d: %d tokens left after post\n%s%s", n+1, s.count(), r.stdout, r.stderr)
	}
	s.sweepAtLast(later)
	cell += fmt.Sprintf(" %d", s.count())
	s.wantOwn()
	return cell
}

// TestBrokenChannels gives a process what it cannot write to, or not for long:
// when it ends with an error there must be no token, or a way to it.
func TestBrokenChannels(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system has no /dev/full")
	}
	t.Parallel()
	readOnly := func(name string) func(*testing.T, *stage, *exec.Cmd) {
		return func(t *testing.T, s *stage, _ *exec.Cmd) {
			// A mode does not keep root from writing, a directory does.
			s.env[name] = t.TempDir()
		}
	}
	for name, test := range map[string]struct {
		args     []string
		plain    bool
		breaking func(*testing.T, *stage, *exec.Cmd)
		requests int
	}{
		"the state cannot be written":              {[]string{"create"}, false, readOnly("GITHUB_STATE"), 0},
		"the outputs cannot be written":            {[]string{"create"}, false, readOnly("GITHUB_OUTPUT"), 0},
		"standard output is full, on a runner":     {[]string{"create"}, false, stdoutFull, 3},
		"nobody reads standard output, a runner":   {[]string{"create"}, false, stdoutUnread, 3},
		"standard output is full, for a record":    {[]string{"jenkins-token", "create", "--lease", "-"}, true, stdoutFull, 3},
		"nobody reads standard output, for record": {[]string{"jenkins-token", "create", "--lease", "-"}, true, stdoutUnread, 3},
		"the disk of the record is full": {[]string{"jenkins-token", "create", "--lease", "/dev/full/lease"}, true,
			func(*testing.T, *stage, *exec.Cmd) {}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			system := "github"
			if test.plain {
				system = "plain"
			}
			s, _ := scene{system: system, byToken: true}.stage(t)
			cmd := s.command(test.args)
			test.breaking(t, s, cmd)
			cmd.Env = append(cmd.Env, "GITHUB_STATE="+s.env["GITHUB_STATE"], "GITHUB_OUTPUT="+s.env["GITHUB_OUTPUT"])
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			err := cmd.Run()
			if got := s.exit(err); got != "1" {
				t.Errorf("exit %s, want 1: %s", got, &stderr)
			}
			if s.count() > 0 {
				t.Errorf("%d tokens left: %s", s.count(), &stderr)
			}
			if got := len(s.server.Requests()); (got == 0) != (test.requests == 0) {
				t.Errorf("%d requests, want %d or more", got, test.requests)
			}
			s.wantOwn()
		})
	}
}

func stdoutFull(t *testing.T, _ *stage, cmd *exec.Cmd) {
	f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	cmd.Stdout = f
}

// stdoutUnread is the pipe to a reader that has gone: the write would end the
// process with SIGPIPE.
func stdoutUnread(t *testing.T, _ *stage, cmd *exec.Cmd) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = read.Close()
	t.Cleanup(func() { _ = write.Close() })
	cmd.Stdout = write
}
