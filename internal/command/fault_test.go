package command_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// faults are the disturbances of the emulator, and two of the network that never
// let a request leave.
func faults() []string {
	return []string{
		"refused-connection", "unknown-host",
		"drop-before", "drop-after", "delay=3s", "delay=16s", "hold",
		"status=400", "status=403", "status=404", "status=405", "status=429", "status=500", "status=502", "status=503", "status=504",
		"500-acted", "500-unsaved", "redirect=https://sso.example.com/login", "login-page", "gateway-401", "gateway-403",
		"truncated", "huge", "garbage", "hostile", "other-user=mallory", "refuse",
	}
}

// act is a command under a fault, with what happens before and after it.
type act struct {
	command string
	op      string // the operation that is disturbed
	how     string // what is special, for the table
	system  string
	byToken bool
	// lost leaves the record of an earlier try behind, whose token has to be looked
	// for.
	lost   bool
	inputs bool // post has the inputs of the step
	tokens int  // further tokens that are over, for a sweep
}

func acts() []act {
	return []act{
		{command: "create", op: "crumb", how: "by password", system: "github", inputs: true},
		{command: "create", op: "create", how: "by password", system: "github", inputs: true},
		{command: "create", op: "create", how: "by API token", system: "github", byToken: true, inputs: true},
		{command: "create", op: "whoami", how: "by password", system: "github", inputs: true},
		{command: "create", op: "any", how: "by password", system: "github", inputs: true},
		{command: "create", op: "any", how: "by API token, act", system: "act", byToken: true, inputs: true},
		{command: "revoke", op: "revoke", how: "record and inputs", system: "github", inputs: true},
		{command: "revoke", op: "revoke", how: "record alone", system: "github"},
		{command: "revoke", op: "page", how: "record alone", system: "github"},
		{command: "revoke", op: "page", how: "a lost token, API token", system: "github", byToken: true, lost: true, inputs: true},
		{command: "revoke", op: "any", how: "record and inputs", system: "github", inputs: true},
		{command: "revoke", op: "any", how: "record alone", system: "github"},
		{command: "revoke", op: "crumb", how: "by password, act", system: "act", inputs: true},
		{command: "revoke", op: "revoke", how: "by password, act", system: "act", inputs: true},
		{command: "revoke", op: "rename", how: "by password, act", system: "act", inputs: true},
		{command: "sweep", op: "crumb", how: "by password", system: "github", inputs: true},
		{command: "sweep", op: "page", how: "by password", system: "github", inputs: true},
		{command: "sweep", op: "revoke", how: "by password", system: "github", inputs: true},
		{command: "sweep", op: "any", how: "by API token", system: "github", byToken: true, inputs: true},
		{command: "sweep", op: "create", how: "seven tokens by password", system: "github", inputs: true, tokens: 6},
		{command: "sweep", op: "whoami", how: "seven tokens by password", system: "github", inputs: true, tokens: 6},
		{command: "sweep", op: "revoke", how: "seven tokens by password", system: "github", inputs: true, tokens: 6},
		{command: "sweep", op: "any", how: "seven tokens by password", system: "github", inputs: true, tokens: 6},
	}
}

// TestFaults runs create, revoke and sweep under every fault, once and for ever,
// and looks for what is left when the fault is over: after the post step, and
// after a sweep by which the token's life is over and the controller has been
// restarted. Time is that of a bubble, so that the table shows how long a user
// waits, and no test does.
func TestFaults(t *testing.T) {
	t.Parallel()
	all := acts()
	tables := make([]string, len(all))
	t.Run("act", func(t *testing.T) {
		for i, a := range all {
			t.Run(a.command+" "+a.op+" "+a.how, func(t *testing.T) {
				t.Parallel()
				var b strings.Builder
				fmt.Fprintf(&b, "%s, %s: %s\n", a.command, a.how, a.op)
				for _, what := range faults() {
					if !a.meets(what) {
						continue
					}
					fmt.Fprintf(&b, "  %-37s", strings.Split(what, "=https")[0])
					for _, always := range []bool{false, true} {
						fmt.Fprintf(&b, " | %s", a.play(t, what, always))
					}
					b.WriteString("\n")
				}
				tables[i] = b.String()
			})
		}
	})
	const head = `Each command is disturbed by each fault, once (left) and for ever (right). A
cell: exit code of the command, seconds that it took, refused logins, tokens left
after it; then exit code of the post step without the fault (-: the command was
it) and tokens left after it; then exit code of a sweep and tokens left when the
controller has been restarted and the life of all tokens is over. "1+1": one in
the memory of the controller, and one on its disk alone.

`
	compareGolden(t, "fault.txt", head+strings.Join(tables, "\n"))
}

// meets reports whether the operation can meet the fault.
func (a act) meets(what string) bool {
	if what == "refused-connection" || what == "unknown-host" {
		return a.op == "any"
	}
	_, err := jenkinstest.ParseFault(a.op + ":" + what)
	return err == nil
}

// play plays one cell.
func (a act) play(t *testing.T, what string, always bool) (cell string) {
	name := what + " once"
	if always {
		name = what + " for ever"
	}
	t.Run(name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { cell = a.cell(t, what, always) })
	})
	return cell
}

func (a act) cell(t *testing.T, what string, always bool) string {
	s, network := newBubble(t)
	defer s.serve(network.pipes)()
	s.on(a.system, a.byToken)
	switch {
	case a.lost:
		// The answer to the first request is lost, and the process is killed before it
		// asks again.
		s.inject("create:drop-after")
		ctx, kill := context.WithCancel(t.Context())
		pause := s.pause
		s.pause = func(context.Context, time.Duration) error { kill(); return context.Canceled }
		s.around = func(what string, write func() error) error {
			if what == "void state" {
				return nil
			}
			return write()
		}
		s.inject("page:status=500@1")
		s.runContext(ctx, "", "create")
		s.pause, s.around = pause, nil
		s.server.Calm()
	case a.command != "create":
		if r := s.run("create"); r.exit != 0 {
			t.Fatalf("%+v", r)
		}
	}
	for i := range a.tokens {
		s.server.AddToken(owner, ourToken(i, s.now().Add(time.Hour)))
	}
	if !a.inputs {
		s.withoutInputs()
	}
	if a.command == "sweep" {
		time.Sleep(25 * time.Hour) // of the bubble
	}

	switch {
	case what == "refused-connection" || what == "unknown-host":
		network.fail(what, always)
	case always:
		s.inject(a.op + ":" + what + "@1")
	default:
		s.inject(a.op + ":" + what)
	}
	r := s.run(a.command)
	s.server.Calm()
	network.fail("", false)
	cell := fmt.Sprintf("%d %3.0fs r%d %-3s", r.exit, r.took.Seconds(), r.refused, s.sum())
	if what != "refuse" || a.command != "revoke" {
		// To this one Jenkins itself says that there is no such token.
		s.wantPromises(r)
	}

	if a.command == "create" {
		post := s.run("revoke")
		cell += fmt.Sprintf("  %d %-3s", post.exit, s.sum())
		s.wantPromises(post)
		if s.sum() != "0" {
			t.Errorf("%s left after post\n%s%s", s.sum(), r.stdout, post.stdout)
		}
	} else {
		cell += "  -    "
	}

	s.server.Restart()
	time.Sleep(25 * time.Hour) // of the bubble
	s.on(a.system, a.byToken)  // the sweep of another job has its own inputs
	last := s.run("sweep")
	cell += fmt.Sprintf("  %d %-2s", last.exit, s.sum())
	s.wantPromises(last)
	if s.sum() != "0" {
		t.Errorf("%s left for ever\n%s", s.sum(), last.stdout)
	}
	s.wantOwn()
	return cell
}

// sum is the number of tokens left, in memory and on disk alone.
func (s *stage) sum() string {
	memory, disk := s.left()
	if len(disk) == 0 {
		return fmt.Sprint(len(memory))
	}
	return fmt.Sprintf("%d+%d", len(memory), len(disk))
}

// wantPromises checks what holds of every command, whatever the controller does.
func (s *stage) wantPromises(r ran) {
	s.t.Helper()
	said, left := r.stdout+r.stderr, ""
	for line := range strings.Lines(said) {
		// These lines say that there is nothing left.
		if !strings.HasSuffix(line, " revoked\n") && !strings.HasSuffix(line, " was already gone\n") {
			left += line
		}
	}
	if r.refused > 2 || r.repeated {
		s.t.Errorf("%s: %d refused logins, one repeated: %t", r.args, r.refused, r.repeated)
	}
	memory, disk := s.left()
	for _, name := range append(memory, disk...) {
		if r.args[0] == "create" && r.exit == 0 && s.system == "github" {
			continue // that is what it was for, and the record knows the rest
		}
		if !strings.Contains(left, name) && !excused(r) {
			s.t.Errorf("%s: %s is left, and nothing says so\n%s", r.args, name, said)
		}
	}
	if r.took > 45*time.Second {
		s.t.Errorf("%s: took %s", r.args, r.took)
	}
	for _, word := range []string{"pwned", "set-output", "\x1b", "mallory"} {
		if strings.Contains(said, word) {
			s.t.Errorf("%s: text of the controller is shown:\n%s", r.args, said)
		}
	}
}

// excused reports whether a command need not name what is left: it failed, and
// the record, or the next sweep, knows the rest.
func excused(r ran) bool { return r.exit != 0 && (r.args[0] == "sweep" || r.args[0] == "create") }

// network is the way to the controller in a bubble.
type network struct {
	*pipes
	fault atomic.Pointer[struct {
		what   string
		always bool
	}]
}

// newBubble makes a stage whose network and time are those of a bubble.
func newBubble(t *testing.T) (*stage, *network) {
	t.Helper()
	n := &network{pipes: newPipes()}
	s := newStage(t, time.Now)
	s.url = "http://" + n.Addr().String()
	s.dial = n.dial
	s.pause = func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}
	return s, n
}

func (n *network) fail(what string, always bool) {
	n.fault.Store(&struct {
		what   string
		always bool
	}{what, always})
}

func (n *network) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if f := n.fault.Load(); f != nil && f.what != "" {
		what := f.what
		if !f.always {
			n.fail("", false)
		}
		if what == "unknown-host" {
			return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: "jenkins", IsNotFound: true}}
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return n.pipes.dial(ctx, network, address)
}

// inject disturbs the controller.
func (s *stage) inject(specs ...string) {
	s.t.Helper()
	if err := s.server.Inject(specs...); err != nil {
		s.t.Fatal(err)
	}
}
