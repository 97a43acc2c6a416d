package command_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	owner    = "alice"
	password = "correct horse"
)

// stage is a controller, and a runner or a shell that calls the program.
type stage struct {
	t      testing.TB
	server *jenkinstest.Jenkins
	own    jenkinstest.Token // the account's own, which nobody may revoke
	url    string
	dir    string
	system string            // see on
	env    map[string]string // what every step gets
	now    func() time.Time
	pause  func(context.Context, time.Duration) error
	dial   func(context.Context, string, string) (net.Conn, error)
	seed   uint64
	hold   atomic.Pointer[hold]
	around func(string, func() error) error
	shown  []shown // see wantNoSecret
	tty    bool    // standard error is a terminal

	requests atomic.Int64

	mu     sync.Mutex
	values map[string]bool // of all tokens that there ever were
}

// newStage has no way to the controller yet.
func newStage(t *testing.T, clock func() time.Time, options ...jenkinstest.Option) *stage {
	t.Helper()
	server, err := jenkinstest.New(append([]jenkinstest.Option{
		jenkinstest.WithSeed(1), jenkinstest.WithUser(owner, password), jenkinstest.WithUser("bob", "pw"), jenkinstest.WithClock(clock),
	}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, server: server, dir: t.TempDir(), now: clock, values: map[string]bool{}, env: map[string]string{}}
	s.own = server.AddToken(owner, "the account's own")
	return s
}

// ServeHTTP implements [http.Handler].
func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h := s.hold.Load(); h != nil && s.requests.Add(1) == h.request {
		close(h.arrived)
		<-h.release
		defer close(h.done)
	}
	s.look()
	s.server.ServeHTTP(w, r)
}

// hold keeps one request from the controller until it is told to let it go.
type hold struct {
	request                int64 // its number, from 1
	arrived, release, done chan struct{}
}

func newHold(request int64) *hold {
	return &hold{request, make(chan struct{}), make(chan struct{}), make(chan struct{})}
}

// look notes the secrets of all tokens that there are: none can go without a
// request.
func (s *stage) look() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, token := range s.server.Tokens(owner) {
		if token.UUID != s.own.UUID {
			s.values[token.Value] = true
		}
	}
}

// serve answers on l until the test closes the stage.
func (s *stage) serve(l net.Listener) (stop func()) {
	h := &http.Server{Handler: s, ErrorLog: log.New(io.Discard, "", 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(l) }()
	return func() { _ = h.Close(); s.server.Close(); <-done }
}

// listen serves on a port of this machine.
func (s *stage) listen() *stage {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.url = "http://" + l.Addr().String()
	s.t.Cleanup(s.serve(l))
	return s
}

// pipes is a network without a machine: connections are pipes, so that the
// clock of a bubble (testing/synctest) knows when all wait.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 8080} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// on sets what runs the steps: github, act, buildkite or plain. The credential is the
// account's password, or its API token.
func (s *stage) on(system string, byToken bool) *stage {
	s.t.Helper()
	s.system = system
	name, text := "PASSWORD", password
	if byToken {
		name, text = "API_TOKEN", s.own.Value
	}
	for _, dir := range []string{"commands", "temp"} {
		if err := os.MkdirAll(s.path(dir), 0o700); err != nil {
			s.t.Fatal(err)
		}
	}
	if system == "buildkite" {
		maps.Copy(s.env, map[string]string{
			"BUILDKITE": "true", "BUILDKITE_JOB_ID": "e44f", "BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "web",
			"BUILDKITE_BUILD_NUMBER": "17", "BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_STEP_KEY": "deploy", "TMPDIR": s.path("temp"),
		})
	}
	if system == "plain" || system == "buildkite" {
		maps.Copy(s.env, map[string]string{"JENKINS_URL": s.url, "JENKINS_USERNAME": owner, "JENKINS_" + name: text})
		return s
	}
	maps.Copy(s.env, map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17",
		"GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "deploy", "GITHUB_ACTION": "jenkins", "RUNNER_TEMP": s.path("temp"),
		"INPUT_URL": s.url, "INPUT_USERNAME": owner, "INPUT_" + strings.ReplaceAll(name, "_", "-"): text,
	})
	if system == "act" {
		s.env["ACT"], s.env["GITHUB_RUN_ID"] = "true", "1"
	}
	for _, name := range []string{"STATE", "OUTPUT", "STEP_SUMMARY"} {
		s.env["GITHUB_"+name] = s.path("commands/" + name)
		if err := os.WriteFile(s.env["GITHUB_"+name], nil, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	return s
}

func (s *stage) path(name string) string { return filepath.Join(s.dir, name) }

// withoutInputs is a nested composite action, whose post step gets none.
func (s *stage) withoutInputs() {
	maps.DeleteFunc(s.env, func(name, _ string) bool { return strings.HasPrefix(name, "INPUT_") })
}

// environment is what the runner sets for a step: for a post step with the
// state that was written last.
func (s *stage) environment(command string) map[string]string {
	env := maps.Clone(s.env)
	if state := s.state(); state != "" && command == "revoke" && s.system == "github" {
		env["STATE_LEASE"] = state
	}
	return env
}

// state is the last complete value in the state file.
func (s *stage) state() string {
	text, _ := os.ReadFile(s.path("commands/STATE"))
	const delimiter = "_GitHubActionsFileCommandDelimeter_\n"
	state := ""
	for pair := range strings.SplitSeq(unixLines(string(text)), "LEASE<<"+delimiter) {
		if value, ok := strings.CutSuffix(pair, "\n"+delimiter); ok {
			state = value
		}
	}
	return state
}

// ran is what a command did.
type ran struct {
	args           []string
	exit           int
	stdout, stderr string
	took           time.Duration
	refused        int  // logins
	repeated       bool // a login that was refused before
}

// run calls the program, here, and waits for its end.
func (s *stage) run(args ...string) ran { return s.runContext(context.Background(), "", args...) }

func (s *stage) runContext(ctx context.Context, stdin string, args ...string) ran {
	s.server.Forget()
	env := s.environment(args[0])
	lookup := func(name string) (string, bool) { value, ok := env[name]; return value, ok }
	var stdout, stderr bytes.Buffer
	s.seed++
	p := newProgram(args, lookup, strings.NewReader(stdin), &stdout, &stderr, 1000+s.seed)
	p.Clock, p.Dial, p.AroundWrite, p.Streams.ErrIsTerminal = command.Clock{Now: s.now, Pause: s.pause}, s.dial, s.around, s.tty
	p.Process.Tool = func(name string, args, env []string, _ []byte) error {
		s.shown = append(s.shown, shown{"command line of " + name, strings.Join(args, "\n"), false}, shown{"environment of " + name, strings.Join(env, "\n"), false})
		return nil
	}
	begin := s.now()
	r := ran{args: args, exit: p.Run(ctx), took: s.now().Sub(begin)}
	r.stdout, r.stderr = unixLines(stdout.String()), unixLines(stderr.String())
	s.look()
	seen := map[string]bool{}
	for _, request := range s.server.Requests() {
		login := request.Header.Get("Authorization")
		if request.Via != jenkinstest.ViaRefused || login == "" {
			continue
		}
		r.refused++
		r.repeated = r.repeated || seen[login]
		seen[login] = true
	}
	if unknown := s.server.Unknown(); len(unknown) > 0 {
		s.t.Errorf("%s: routes the emulator does not know: %v", args, unknown)
	}
	return r
}

// left are the names of the tokens of the account but its own: in the memory of
// the controller, and on its disk alone.
func (s *stage) left() (memory, disk []string) {
	for _, token := range s.server.Tokens(owner) {
		if token.UUID != s.own.UUID {
			memory = append(memory, token.Name)
		}
	}
	for _, token := range s.server.TokensOnDisk(owner) {
		if token.UUID != s.own.UUID && !slices.Contains(memory, token.Name) {
			disk = append(disk, token.Name)
		}
	}
	return memory, disk
}

// count is the number of tokens in memory, but for what an earlier run has left.
func (s *stage) count() (n int) {
	memory, _ := s.left()
	for _, name := range memory {
		if name != ofYesterday {
			n++
		}
	}
	return n
}

// noPause waits for no time.
func noPause(ctx context.Context, _ time.Duration) error { return ctx.Err() }

// wantOwn checks that the account's own token is there.
func (s *stage) wantOwn() {
	s.t.Helper()
	if !slices.ContainsFunc(s.server.Tokens(owner), func(token jenkinstest.Token) bool { return token.UUID == s.own.UUID }) {
		s.t.Error("the account's own token is gone")
	}
}
