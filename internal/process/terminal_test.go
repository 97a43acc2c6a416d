//go:build unix

package process_test

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"

	"github.com/jenkins-token/jenkins-token/internal/process"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// terminal opens a pseudo-terminal of 40 rows and 100 columns, and reads what is written
// to it.
func terminal(t *testing.T) (ours, theirs *os.File, lines *bufio.Scanner) {
	t.Helper()
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	resize(t, ours, 40, 100)
	return ours, theirs, bufio.NewScanner(ours)
}

func resize(t *testing.T, f *os.File, rows, columns uint16) {
	t.Helper()
	if err := pty.Setsize(f, &pty.Winsize{Rows: rows, Cols: columns}); err != nil {
		t.Fatal(err)
	}
}

func TestATerminalThatIsALog(t *testing.T) {
	t.Parallel()
	ours, theirs, lines := terminal(t)
	c := shell(`
		test -t 1 && test -t 2 && echo terminal
		(echo leak >&0) 2>/dev/null
		(echo leak >/dev/tty) 2>/dev/null
		trap 'stty size <&1' WINCH
		trap 'exit 5' TERM
		echo "a SECRET" >&2
		stty size <&1
		` + wait)
	c.Stdin, c.Stdout, c.Stderr, c.TerminalIsLog, c.Redact = theirs, theirs, theirs, true, []secret.String{secret.New("SECRET")}
	p := start(t, c)
	signals := make(chan os.Signal)
	ended := background(p, signals)
	for _, want := range []string{"terminal", "a ***", "40 100"} {
		expect(t, lines, want)
	}
	resize(t, ours, 20, 50)
	signals <- syscall.SIGWINCH
	expect(t, lines, "20 50")
	signals <- syscall.SIGTERM
	if got := <-ended; got != (process.Exit{Code: 5, StopRequested: true}) {
		t.Errorf("got %+v, want code 5 after a request to stop", got)
	}
	p.FlushOutput()
}

func TestATerminalThatIsNoLogIsTheCommandsOwn(t *testing.T) {
	t.Parallel()
	_, theirs, lines := terminal(t)
	var errs bytes.Buffer
	c := shell("tty <&1; echo a SECRET >&2")
	c.Stdin, c.Stdout, c.Stderr, c.Redact = theirs, theirs, &errs, []secret.String{secret.New("SECRET")}
	p := start(t, c)
	expect(t, lines, theirs.Name())
	p.Wait(nil, nil)
	p.FlushOutput()
	if got, want := errs.String(), "a ***\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// The test starts itself as the leader of a session with a terminal.
func TestOnTheControllingTerminal(t *testing.T) {
	if os.Getenv("PROCESS_ON_TERMINAL") != "" {
		onTerminal(t)
		return
	}
	t.Parallel()
	_, theirs, lines := terminal(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "PROCESS_ON_TERMINAL=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "job control is left to the terminal")
	expect(t, lines, "in the group of the program")
	// The terminal sends these to the command by itself; HUP it sends to the leader only.
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, syscall.SIGHUP} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, lines, "HUP")
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect(t, lines, "TERM")
	expect(t, lines, "{Code:6 StopRequested:true} after 1 request")
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func onTerminal(t *testing.T) {
	c := shell(`
		for s in INT QUIT WINCH HUP; do trap "echo $s" $s; done
		trap 'echo TERM; exit 6' TERM
		kill -0 -$$ 2>/dev/null && echo "in a group of its own" || echo "in the group of the program"
		` + wait)
	c.Stdin, c.Stdout, c.Stderr, c.Redact = os.Stdin, os.Stdout, os.Stderr, []secret.String{secret.New("SECRET")}
	listen := c.Signals()
	if !slices.Contains(listen, os.Signal(syscall.SIGTSTP)) && !slices.Contains(listen, os.Signal(syscall.SIGCONT)) {
		fmt.Println("job control is left to the terminal")
	}
	signals := make(chan os.Signal, 10)
	signal.Notify(signals, listen...)
	requests := 0
	p := start(t, c)
	exit := p.Wait(signals, func() { requests++ })
	fmt.Printf("%+v after %d request\n", exit, requests)
	_ = os.Stdout.Sync()
	os.Exit(0)
}

func TestNoDescriptorIsLeft(t *testing.T) {
	before, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip(err)
	}
	for range 20 {
		c := shell("exit")
		c.Stdout, c.Stderr = &bytes.Buffer{}, &strings.Builder{}
		p := start(t, c)
		p.Wait(nil, nil)
		p.FlushOutput()
		c.Path = "/nonexistent"
		if _, err := process.Start(c); err == nil {
			t.Fatal("got no error")
		}
	}
	after, err := os.ReadDir("/dev/fd")
	if err != nil || len(after) >= len(before)+20 {
		t.Errorf("got %d open files, %v, want the %d of before", len(after), err, len(before))
	}
}
