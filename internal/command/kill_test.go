package command_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// scene is a command that is ended at each of its points, with what surrounds
// it.
type scene struct {
	name    string
	system  string
	byToken bool
	prepare func(*stage)
	args    []string
	// post is what runs at the end of the job whatever happened; nil when the
	// command is that step itself.
	post func(s *stage, stdout string)
}

// ofYesterday is the name of a token that an earlier run has left.
var ofYesterday = lease.Name{Project: "github.com/acme/web", Run: "16.1", Label: "deploy", Nonce: "aaaaaaaa", End: noon.Add(-time.Hour)}.String()

func scenes() []scene {
	post := func(s *stage, _ string) { s.run("revoke") }
	made := func(s *stage) {
		// For the sweep before the own revocation; it counts for nothing here.
		s.server.AddToken(owner, ofYesterday)
		if r := s.run("create"); r.exit != 0 {
			s.t.Fatal(r)
		}
	}
	return []scene{
		{"create, GitHub, password", "github", false, nil, []string{"create"}, post},
		{"create, GitHub, API token", "github", true, nil, []string{"create"}, post},
		{"create, act, password", "act", false, nil, []string{"create"}, post},
		{"create --lease FILE", "plain", true, nil, []string{"jenkins-token", "create", "--lease", "FILE"}, func(s *stage, _ string) {
			s.run("jenkins-token", "revoke", "--lease", s.path("lease"))
		}},
		{"create --lease -", "plain", true, nil, []string{"jenkins-token", "create", "--lease", "-"}, func(s *stage, stdout string) {
			if stdout != "" {
				s.runContext(s.t.Context(), stdout, "jenkins-token", "revoke", "--lease", "-")
			}
		}},
		{"revoke, GitHub, by the record", "github", false, made, []string{"revoke"}, nil},
		{"revoke, act, by the account", "act", false, made, []string{"revoke"}, nil},
		{"revoke --lease FILE", "plain", true, func(s *stage) { s.run("jenkins-token", "create", "--lease", s.path("lease")) },
			[]string{"jenkins-token", "revoke", "--lease", "FILE"}, nil},
	}
}

// excuse says where the step at the end of the job cannot find the token, so
// that it is left to a sweep.
func (sc scene) excuse(point, signals string) string {
	if signals != "SIGKILL" && signals != "SIGINT SIGINT" {
		return "" // it finishes or undoes
	}
	switch {
	case sc.post == nil:
		return "this was the last step of the job"
	case point == "sent POST generateNewToken":
		return "the request is on its way yet: the controller acts on it when post is over"
	case strings.HasSuffix(sc.name, "--lease -"):
		return "the record is written at the end alone"
	}
	return ""
}

// TestKill ends create and revoke at every point by every signal, and looks for
// what is left: after the command, after the step at the end of the job, and
// after a sweep by which the token's life is over.
func TestKill(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process of Windows cannot be sent INT and TERM")
	}
	t.Parallel()
	signals := []string{"SIGINT", "SIGTERM", "SIGKILL", "SIGINT SIGINT"}
	all := scenes()
	tables := make([]string, len(all))
	t.Run("scene", func(t *testing.T) {
		for i, sc := range all {
			t.Run(sc.name, func(t *testing.T) {
				t.Parallel()
				points := sc.rehearse(t)
				cells := make([][]string, len(points))
				t.Run("at", func(t *testing.T) {
					for n, at := range points {
						cells[n] = make([]string, len(signals))
						for k, by := range signals {
							if at.request > 0 && by == "SIGINT SIGINT" {
								// Between the two the program waits for an answer, in real time.
								cells[n][k] = "as killed"
								continue
							}
							t.Run(at.name+" by "+by, func(t *testing.T) {
								t.Parallel()
								cells[n][k] = sc.end(t, at, by)
							})
						}
					}
				})
				var b strings.Builder
				fmt.Fprintf(&b, "%-44s", sc.name)
				for _, by := range signals {
					fmt.Fprintf(&b, "| %-14s", by)
				}
				b.WriteString("\n")
				for n, at := range points {
					fmt.Fprintf(&b, "  %2d %-39s", n+1, at.name)
					for k := range signals {
						fmt.Fprintf(&b, "| %-14s", cells[n][k])
					}
					b.WriteString("\n")
				}
				tables[i] = b.String()
			})
		}
	})
	const head = `The program is ended at each point by each signal. A cell: exit code, then the
tokens left after the command, after the step at the end of the job (-: it was
that step), and after a sweep when the token's life is over. "sent": the request
is with the controller, which acts on it after the signal, and after a program
that was killed only when post is over. "answered": the controller has acted,
and the program has not read the answer.

`
	compareGolden(t, "kill.txt", head+strings.Join(tables, "\n"))
}

func (sc scene) stage(t *testing.T) (*stage, *atomic.Int64) {
	t.Helper()
	var later atomic.Int64
	s := newStage(t, func() time.Time { return noon.Add(time.Duration(later.Load())) })
	s.pause = noPause
	s.listen().on(sc.system, sc.byToken)
	if sc.prepare != nil {
		sc.prepare(s)
	}
	return s, &later
}

// point is a moment between start and exit.
type point struct {
	name    string
	stop    int   // its number in the process; 0 when the controller says that it has come
	request int64 // number of the request that the controller has and does not answer yet
}

// rehearse runs the command to its end and returns its points.
func (sc scene) rehearse(t *testing.T) []point {
	t.Helper()
	s, _ := sc.stage(t)
	s.server.Forget()
	p := s.process(sc.args, point{}, "")
	if p.exit != "0" || len(p.points) == 0 {
		t.Fatalf("exit %s: %s%s", p.exit, p.stdout, p.stderr)
	}
	requests := s.server.Requests()
	var all []point
	for i, name := range p.points {
		when, number, isRequest := strings.Cut(name, " #")
		if !isRequest {
			all = append(all, point{name: name, stop: i + 1})
			continue
		}
		n, err := strconv.Atoi(number)
		if err != nil || n > len(requests) {
			t.Fatalf("point %q, and %d requests", name, len(requests))
		}
		what := short(requests[n-1])
		all = append(all, point{name: when + " " + what, stop: i + 1})
		if when == "before" {
			all = append(all, point{name: "sent " + what, request: int64(n)})
		}
	}
	return all
}

func short(r jenkinstest.Request) string {
	path, _, _ := strings.Cut(r.Path, "?")
	if i := strings.LastIndex(path, "/"); strings.Contains(path, "descriptorByName") {
		path = path[i+1:]
	}
	return r.Method + " " + path
}

// end ends the command at a point, and returns the cell of the table.
func (sc scene) end(t *testing.T, at point, by string) string {
	s, later := sc.stage(t)
	p := s.process(sc.args, at, by)
	cell := fmt.Sprintf("%-6s %d", p.exit, s.count())
	after := s.count()
	if sc.post != nil {
		sc.post(s, p.stdout)
	}
	if s.hold.Load() != nil {
		s.letGo()
		<-s.hold.Load().done
	}
	left := s.count()
	if sc.post == nil {
		cell += " -"
	} else {
		cell += fmt.Sprintf(" %d", left)
	}
	s.sweepAtLast(later)
	cell += fmt.Sprintf(" %d", s.count())

	if memory, disk := s.left(); len(memory)+len(disk) > 0 {
		t.Errorf("left for ever: %q %q", memory, disk)
	}
	if reason := sc.excuse(at.name, by); left > 0 && reason == "" {
		t.Errorf("%d tokens left after post, which promises to find them\n%s%s", left, p.stdout, p.stderr)
	}
	code := map[string]string{"SIGINT": "130", "SIGTERM": "143", "SIGKILL": "killed", "SIGINT SIGINT": "130"}[by]
	if p.exit != "0" && p.exit != code {
		t.Errorf("exit %s, want %s or 0\n%s", p.exit, code, p.stderr)
	}
	if p.exit == code && after > 0 && (by == "SIGINT" || by == "SIGTERM") {
		t.Errorf("exit %s says that the token was undone, and %d are there", p.exit, after)
	}
	s.wantOwn()
	return cell
}

// letGo lets the held request go on, unless it was let go before.
func (s *stage) letGo() {
	select {
	case <-s.hold.Load().release:
	default:
		close(s.hold.Load().release)
	}
}

// sweepAtLast sweeps when the life of all tokens is over on both clocks.
func (s *stage) sweepAtLast(later *atomic.Int64) ran {
	later.Store(int64(25 * time.Hour))
	if s.system == "plain" {
		return s.run("jenkins-token", "sweep")
	}
	return s.run("sweep")
}

// process is a command that ran as a process of its own.
type process struct {
	exit           string // exit code, or "killed"
	points         []string
	stdout, stderr string
}

// process runs a command as a process and ends it at a point by signals. Where
// that is a request, the controller lets it go when the process says that it
// took the signal and goes on.
func (s *stage) process(args []string, at point, by string) process {
	s.t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command(args)
	cmd.Env = append(cmd.Env, "STOP_AT="+strconv.Itoa(at.stop), "STOP_BY="+by)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.ExtraFiles = []*os.File{write}
	if at.request > 0 {
		s.requests.Store(0)
		s.hold.Store(newHold(at.request))
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	_ = write.Close()
	if at.request > 0 {
		<-s.hold.Load().arrived
		_ = cmd.Process.Signal(signalsOf(by)[0])
	}
	var p process
	for lines := bufio.NewScanner(read); lines.Scan(); {
		switch {
		case lines.Text() != taken:
			p.points = append(p.points, lines.Text())
		case s.hold.Load() != nil:
			s.letGo()
		}
	}
	_ = read.Close()
	p.exit = s.exit(cmd.Wait())
	p.stdout, p.stderr = stdout.String(), stderr.String()
	return p
}

// command is a command as a process of its own. FILE in its arguments stands for
// the lease file.
func (s *stage) command(args []string) *exec.Cmd {
	s.t.Helper()
	binary, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd := exec.CommandContext(s.t.Context(), binary)
	cmd.Args = s.withFile(args)
	cmd.Dir = s.dir
	cmd.Env = []string{"GORACE=atexit_sleep_ms=0", "SSL_CERT_FILE=" + s.path("none")}
	for name, value := range s.environment(args[0]) {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

func (s *stage) withFile(args []string) []string {
	args = slices.Clone(args)
	if i := slices.Index(args, "FILE"); i >= 0 {
		args[i] = s.path("lease")
	}
	return args
}

// exit is the exit code of a process, or "killed".
func (s *stage) exit(err error) string {
	s.t.Helper()
	ended, ok := errors.AsType[*exec.ExitError](err)
	switch {
	case err == nil:
		return "0"
	case !ok:
		s.t.Fatal(err)
	case ended.ExitCode() < 0:
		return "killed"
	}
	return strconv.Itoa(ended.ExitCode())
}
