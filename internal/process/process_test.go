//go:build unix

package process_test

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/process"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
)

// wait is a part of a script that waits for signals, for half a minute at most.
const wait = `i=0; while [ $((i+=1)) -lt 2000 ]; do sleep 0.01; done`

// shell is a command that runs a script.
func shell(script string) process.Command {
	return process.Command{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: secret.Hold([]string{"PATH=" + os.Getenv("PATH")}), Stdout: io.Discard, Stderr: io.Discard}
}

func start(t *testing.T, c process.Command) *process.Process {
	t.Helper()
	p, err := process.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheExitCodeIsThatOfAShell(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		script string
		want   int
	}{
		"success":        {"exit 0", 0},
		"failure":        {"exit 7", 7},
		"ended by TERM":  {"kill -TERM $$", 143},
		"killed":         {"kill -KILL $$", 137},
		"largest number": {"exit 255", 255},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, shell(row.script))
			if got := p.Wait(nil, nil); got.Code != row.want || got.StopRequested {
				t.Errorf("got %+v, want code %d, and not asked to end", got, row.want)
			}
			p.FlushOutput()
		})
	}
}

func TestStartSaysWhyItCannot(t *testing.T) {
	t.Parallel()
	c := shell("")
	c.Path = filepath.Join(t.TempDir(), "none")
	if _, err := process.Start(c); !os.IsNotExist(err) {
		t.Errorf("got %v, want that there is no such file", err)
	}
}

func TestOutputIsRedactedOnItsWay(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	c := shell("echo a SECRET; echo a SECRET >&2; cat")
	c.Stdout, c.Stderr, c.Redact = &out, &errs, []secret.String{secret.New("SECRET")}
	c.Stdin = file(t, "from SECRET input\n")
	p := start(t, c)
	p.Wait(nil, nil)
	p.FlushOutput()
	if got, want := out.String()+errs.String(), "a ***\nfrom *** input\na ***\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheEndOfTheOutputIsNotLost(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := shell("printf 'a SEC'")
	c.Stdout, c.Redact = &out, []secret.String{secret.New("SECRET")}
	p := start(t, c)
	p.Wait(nil, nil)
	p.FlushOutput()
	if got, want := out.String(), "a SEC"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTwoStreamsToOneFileKeepTheirOrder(t *testing.T) {
	t.Parallel()
	both := file(t, "")
	c := shell("for i in 1 2 3 4 5 6 7 8 9; do echo out $i; echo err $i >&2; done")
	c.Stdout, c.Stderr, c.Redact = both, both, []secret.String{secret.New("SECRET")}
	p := start(t, c)
	p.Wait(nil, nil)
	p.FlushOutput()
	got, err := os.ReadFile(both.Name())
	if err != nil {
		t.Fatal(err)
	}
	want := ""
	for i := range 9 {
		n := strconv.Itoa(i + 1)
		want += "out " + n + "\nerr " + n + "\n"
	}
	if string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// file is a new file of that content, open at its beginning.
func file(t *testing.T, content string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// reading starts a command and gives what it prints, line by line, until nobody
// is left who could print.
func reading(t *testing.T, c process.Command) (*process.Process, *bufio.Scanner) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	c.Stdout = w
	p := start(t, c)
	_ = w.Close()
	return p, bufio.NewScanner(r)
}

func expect(t *testing.T, s *bufio.Scanner, want string) {
	t.Helper()
	if !s.Scan() || s.Text() != want {
		t.Fatalf("got the line %q, want %q", s.Text(), want)
	}
}

// background waits for a command that gets its signals from the channel.
func background(p *process.Process, signals <-chan os.Signal) <-chan process.Exit {
	ended := make(chan process.Exit, 1)
	go func() { ended <- p.Wait(signals, nil) }()
	return ended
}

func TestSignalsReachTheCommandAndItsChildren(t *testing.T) {
	t.Parallel()
	c := shell(`
		trap 'wait; echo child; exit 4' TERM
		sh -c 'trap "echo grandchild; exit" TERM; echo ready; ` + wait + `' &
		wait`)
	p, out := reading(t, c)
	signals := make(chan os.Signal, 1)
	ended := background(p, signals)
	expect(t, out, "ready")
	signals <- syscall.SIGTERM
	expect(t, out, "grandchild")
	expect(t, out, "child")
	if got := <-ended; got != (process.Exit{Code: 4, StopRequested: true}) {
		t.Errorf("got %+v, want code 4, and asked to end", got)
	}
}

func TestSignalsThatArePassedOn(t *testing.T) {
	t.Parallel()
	c := shell(`
		for s in HUP QUIT USR1 USR2 WINCH CONT PIPE; do trap "echo $s" $s; done
		trap 'echo over; exit' TERM
		echo ready
		` + wait)
	p, out := reading(t, c)
	signals := make(chan os.Signal)
	ended := background(p, signals)
	expect(t, out, "ready")
	for _, row := range []struct {
		signal syscall.Signal
		want   string
	}{
		{syscall.SIGHUP, "HUP"}, {syscall.SIGQUIT, "QUIT"}, {syscall.SIGUSR1, "USR1"}, {syscall.SIGUSR2, "USR2"},
		{syscall.SIGWINCH, "WINCH"}, {syscall.SIGCONT, "CONT"},
	} {
		signals <- row.signal
		expect(t, out, row.want)
	}
	signals <- syscall.SIGPIPE // this program's own: its reader is gone
	signals <- syscall.SIGTERM
	expect(t, out, "over")
	<-ended
}

func TestSignalsListenedFor(t *testing.T) {
	t.Parallel()
	got := map[os.Signal]bool{}
	for _, s := range shell("").Signals() {
		got[s] = true
	}
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGTSTP, syscall.SIGPIPE} {
		if !got[s] {
			t.Errorf("%v is not listened for", s)
		}
	}
	for _, s := range []os.Signal{syscall.SIGURG, syscall.SIGCHLD, syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGSEGV} {
		if got[s] {
			t.Errorf("%v is listened for, and is no signal to pass on", s)
		}
	}
}

func TestTheSecondRequestToEndKills(t *testing.T) {
	t.Parallel()
	c := shell(`
		trap '' INT TERM
		sh -c 'echo ready; ` + wait + `'`)
	p, out := reading(t, c)
	signals := make(chan os.Signal, 2)
	ended := background(p, signals)
	expect(t, out, "ready")
	signals <- syscall.SIGINT
	signals <- syscall.SIGTERM
	if got := <-ended; got != (process.Exit{Code: 137, StopRequested: true}) {
		t.Errorf("got %+v, want code 137, and asked to end", got)
	}
	if out.Scan() {
		t.Errorf("got %q, want the end: the command's child was not killed", out.Text())
	}
}

func TestTheFirstRequestToEndIsReportedOnce(t *testing.T) {
	t.Parallel()
	c := shell("trap 'echo USR1' USR1; trap '' INT; trap 'exit 3' TERM; echo ready; " + wait)
	p, out := reading(t, c)
	signals, reports := make(chan os.Signal), 0
	ended := make(chan process.Exit, 1)
	go func() { ended <- p.Wait(signals, func() { reports++ }) }()
	expect(t, out, "ready")
	signals <- syscall.SIGUSR1
	expect(t, out, "USR1")
	signals <- syscall.SIGINT
	signals <- syscall.SIGTERM
	if got := <-ended; !got.StopRequested || reports != 1 {
		t.Errorf("got %+v and %d reports, want a request to stop and one report", got, reports)
	}
}

func TestWhatHoldsThePipeDelaysNothing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	c := shell("sleep 30 & echo $!")
	c.Stdout = &out
	p := start(t, c)
	if got := p.Wait(nil, nil); got.Code != 0 {
		t.Fatalf("got code %d, want 0", got.Code)
	}
	p.FlushOutput()
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatalf("got %q, want the number of a process", out.String())
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("what the command left running is gone: %v", err)
	}
}

// gate is a writer that lets nothing through until it is opened.
type gate struct {
	once         sync.Once
	reached, let chan struct{}
	bytes.Buffer
}

func (g *gate) Write(p []byte) (int, error) {
	g.once.Do(func() { close(g.reached) })
	<-g.let
	return g.Buffer.Write(p)
}

func TestASlowReaderGetsEverything(t *testing.T) {
	t.Parallel()
	g := &gate{reached: make(chan struct{}), let: make(chan struct{})}
	c := shell("head -c 60000 /dev/zero; sleep 30 & echo $!")
	c.Stdout = g
	p := start(t, c)
	<-g.reached
	p.Wait(nil, nil)
	finished := make(chan struct{})
	go func() { p.FlushOutput(); close(finished) }()
	close(g.let)
	<-finished
	zeros, rest := 0, strings.TrimLeft(g.String(), "\x00")
	if zeros = g.Len() - len(rest); zeros != 60000 {
		t.Errorf("got %d bytes, want 60000", zeros)
	}
	if pid, err := strconv.Atoi(strings.TrimSpace(rest)); err == nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

func TestAReaderThatGoesAwayEndsTheCommand(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	c := shell("yes")
	c.Stdout, c.Redact = w, []secret.String{secret.New("SECRET")}
	p := start(t, c)
	_ = r.Close()
	if got, want := p.Wait(nil, nil).Code, 128+int(syscall.SIGPIPE); got != want {
		t.Errorf("got code %d, want %d", got, want)
	}
	p.FlushOutput()
	_ = w.Close()
}

func TestACommandAndItsProcessShowNoSecret(t *testing.T) {
	t.Parallel()
	c := shell("printf %s \"$JENKINS_API_TOKEN\"")
	c.Env, c.Redact = secret.Hold([]string{"JENKINS_API_TOKEN=" + token}), secret.Masks("alice", secret.New(token))
	secrettest.Hidden(t, "command", c, token, token[:20])
	p := start(t, c)
	p.Wait(nil, nil)
	p.FlushOutput()
	secrettest.Hidden(t, "process", p, token, token[:20])
}
