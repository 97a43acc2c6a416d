package command_test

import (
	"cmp"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptrace"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/command"
)

var update = flag.Bool("update", false, "write the tables of testdata anew")

// noon is when everything begins, for the program and for the controller.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// TestMain lets this test binary play the program under its names.
func TestMain(m *testing.M) {
	if name := filepath.Base(os.Args[0]); command.IsAction(name) || name == "jenkins-token" {
		os.Exit(play())
	}
	// The processes that play the program would inherit what nohup has had ignored.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	os.Exit(m.Run())
}

// play is the program as a process of its own, which a test can end at a point.
func play() int {
	p := newProgram(os.Args, os.LookupEnv, os.Stdin, os.Stdout, os.Stderr, 1)
	now := noon
	p.Clock.Now = func() time.Time { return now }
	p.Clock.Pause = func(ctx context.Context, d time.Duration) error { now = now.Add(d); return ctx.Err() }
	ctx, signals := cli.Interruptible(context.Background(), command.SignalGrace, os.Exit)
	p.Process.Signals = signals
	trace := os.NewFile(3, "trace")
	if _, err := trace.Stat(); err != nil {
		return p.Run(ctx)
	}
	end := &stops{ctx: ctx, out: trace}
	context.AfterFunc(ctx, func() { _, _ = fmt.Fprintln(trace, taken) })
	end.at, _ = strconv.Atoi(os.Getenv("STOP_AT"))
	end.by = signalsOf(os.Getenv("STOP_BY"))
	p.AroundWrite = func(what string, write func() error) error {
		end.point("before " + what)
		err := write()
		end.point("after " + what)
		return err
	}
	end.point("start")
	code := p.Run(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:              func(string) { end.point(fmt.Sprintf("before #%d", end.requests.Add(1))) },
		GotFirstResponseByte: func() { end.point(fmt.Sprintf("answered #%d", end.requests.Load())) },
	}))
	end.point("exit")
	return code
}

// signalsOf reads names of signals.
func signalsOf(names string) (signals []syscall.Signal) {
	for name := range strings.FieldsSeq(names) {
		signals = append(signals, map[string]syscall.Signal{"SIGINT": syscall.SIGINT, "SIGTERM": syscall.SIGTERM, "SIGKILL": syscall.SIGKILL}[name])
	}
	return signals
}

// stops numbers the points between start and exit, and has the process get its
// signals at one of them.
type stops struct {
	ctx      context.Context
	out      io.Writer
	at       int // number of the point, from 1; 0 for none
	by       []syscall.Signal
	requests atomic.Int64

	mu sync.Mutex
	n  int
}

// taken is what a process says when it has taken a signal and goes on.
const taken = "taken"

func (s *stops) point(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	_, _ = fmt.Fprintln(s.out, name)
	if s.n != s.at {
		return
	}
	for i, signal := range s.by {
		self, err := os.FindProcess(os.Getpid())
		if err == nil {
			_ = self.Signal(signal)
		}
		if signal == syscall.SIGKILL || i > 0 {
			select {} // this is the end
		}
		<-s.ctx.Done()
	}
}

// newProgram is the program with the randomness of a test; clock and pauses
// are the caller's to set.
func newProgram(args []string, lookup func(string) (string, bool), stdin io.Reader, stdout, stderr io.Writer, seed uint64) *command.Program {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &command.Program{
		Args:    args,
		Version: "jenkins-token v0.0.0 (commit 0000000, go1.26 linux/amd64)",
		Env:     command.Env{Lookup: lookup, Hostname: "builder"},
		Streams: command.Streams{In: stdin, Out: stdout, Err: stderr},
		Files:   command.Files{Read: os.ReadFile, Exists: exists, Executable: os.Executable},
		Random:  rand.NewChaCha8(key),
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// compareGolden compares a table with the one in testdata. Each row of it that
// changes is a change of what the program promises.
func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s:\n%s", name, got)
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range max(len(a), len(b)) {
		var g, w string
		if i < len(a) {
			g = a[i]
		}
		if i < len(b) {
			w = b[i]
		}
		if g != w {
			t.Errorf("%s, line %d\ngot  %s\nwant %s", name, i+1, cmp.Or(g, "nothing"), cmp.Or(w, "nothing"))
		}
	}
}

// The name says which action it is, also with the ending that programs have on Windows.
func TestIsAction(t *testing.T) {
	t.Parallel()
	for argv0, want := range map[string]bool{
		"create": true, "/bin/create": true, "create.exe": true, "REVOKE-UUID.EXE": false, "revoke.EXE": true, "sweep": true, "revoke-uuid.exe": true,
		"jenkins-token": false, "jenkins-token.exe": false, "create.sh": false, "exe": false, "": false, "doctor": false,
	} {
		if got := command.IsAction(argv0); got != want {
			t.Errorf("%q: got %t, want %t", argv0, got, want)
		}
	}
}
