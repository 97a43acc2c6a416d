package command_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	hostileUser     = "alice"
	hostilePassword = "correct-horse-battery"
	// marker is in every text that a hostile server wants to get through.
	marker = "pwned"
	// injected is what it wants a runner or a terminal to obey.
	injected = "\n::add-path::/" + marker + "\r\n::set-env name=PATH::" + marker + "\n##[set-env name=PATH]" + marker + "\x1b[2J\u202e\u2066" + marker
	// delimiter ends a value in a file of workflow commands (go-githubactions).
	delimiter = "_GitHubActionsFileCommandDelimeter_"
)

var hostileNoon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// siege is a runner that calls the program, and a controller in front of which
// somebody hostile answers.
type siege struct {
	t         *testing.T
	honest    *jenkinstest.Jenkins
	front     *httptest.Server
	elsewhere *httptest.Server // another origin, to which nothing may be sent
	account   jenkinstest.Token
	dir       string
	env       map[string]string

	mu       sync.Mutex
	attack   *attack // nil while everybody is honest
	requests int     // since the attack began
	attacked int     // of these, how many were answered by it
	seen     []*http.Request
	revoked  []string // uuids that were to be revoked
	taken    atomic.Int64
	strayed  atomic.Int64
	gone     chan struct{}
}

func newScene(t *testing.T) *siege {
	t.Helper()
	s := &siege{t: t, dir: t.TempDir(), gone: make(chan struct{})}
	var err error
	if s.honest, err = jenkinstest.New(jenkinstest.WithUser(hostileUser, hostilePassword), jenkinstest.WithUser("bob", "pw"),
		jenkinstest.WithClock(func() time.Time { return hostileNoon })); err != nil {
		t.Fatal(err)
	}
	s.account = s.honest.AddToken(hostileUser, "the account's own")
	quiet := func(h http.HandlerFunc) *httptest.Server {
		srv := httptest.NewUnstartedServer(h)
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
			_ = conn.(*net.TCPConn).SetWriteBuffer(64 << 10) // or a flood is copied into the kernel for nothing
			return ctx
		}
		srv.Start()
		return srv
	}
	s.front = quiet(s.serve)
	s.elsewhere = quiet(func(w http.ResponseWriter, r *http.Request) { s.strayed.Add(1) })
	t.Cleanup(func() {
		close(s.gone)
		s.front.CloseClientConnections()
		s.front.Close()
		s.elsewhere.Close()
	})
	s.env = map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "7", "GITHUB_JOB": "deploy",
		"GITHUB_OUTPUT": s.file("output"), "GITHUB_STATE": s.file("state"), "GITHUB_STEP_SUMMARY": s.file("summary"), "RUNNER_TEMP": s.dir,
		"INPUT_URL": s.front.URL, "INPUT_USERNAME": hostileUser, "INPUT_API-TOKEN": s.account.Value,
	}
	return s
}

func (s *siege) file(name string) string { return filepath.Join(s.dir, name) }

// operation names what a request is for.
func operation(r *http.Request) string {
	switch path := r.URL.Path; {
	case strings.HasSuffix(path, "/generateNewToken"):
		return "create"
	case strings.HasSuffix(path, "/revoke"):
		return "revoke"
	case strings.HasSuffix(path, "/rename"):
		return "rename"
	case strings.Contains(path, "/crumbIssuer/"):
		return "crumb"
	case strings.Contains(path, "/whoAmI/"):
		return "whoami"
	case strings.HasSuffix(path, "/security/"), strings.HasSuffix(path, "/configure"):
		return "page"
	case strings.HasSuffix(path, "/login"):
		return "login"
	}
	return r.Method + " " + r.URL.Path
}

// serve lets the attack answer, or the honest controller. A creation takes
// place unless the answer says clearly that it did not: what is lost must be found.
func (s *siege) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	fresh := func() *http.Request {
		again := r.Clone(r.Context())
		again.Body = io.NopCloser(bytes.NewReader(body))
		return again
	}
	op := operation(r)
	s.mu.Lock()
	attack := s.attack
	if attack != nil {
		s.requests++
		s.seen = append(s.seen, fresh())
		if form := fresh(); op == "revoke" {
			s.revoked = append(s.revoked, form.PostFormValue("tokenUuid"))
		}
		if !slices.Contains(strings.Fields(attack.on), op) || attack.times > 0 && s.attacked == attack.times {
			attack = nil
		} else {
			s.attacked++
		}
	}
	s.mu.Unlock()
	if attack == nil {
		s.honest.ServeHTTP(w, fresh())
		return
	}
	honest := httptest.NewRecorder()
	if op == "create" && !attack.clear {
		s.honest.ServeHTTP(honest, fresh())
	}
	w.Header().Set("Date", hostileNoon.Format(http.TimeFormat))
	attack.answer(&answering{ResponseWriter: w, siege: s, r: fresh(), honest: honest.Body.String()})
}

// answering is one request to a hostile server.
type answering struct {
	http.ResponseWriter
	siege  *siege
	r      *http.Request
	honest string // what the honest controller answers to a creation
}

// raw takes the connection over, writes text and, unless it is held, closes it.
func (a *answering) raw(text string, hold bool) {
	conn, _, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, text)
	if hold {
		_, _ = conn.Read(make([]byte, 1)) // until the client goes
	}
}

// flood writes block until the client goes, most bytes are written or the test
// is over, and counts what was taken.
func (a *answering) flood(w io.Writer, block string, most int64) {
	for n := int64(0); n < most; n += int64(len(block)) {
		written, err := io.WriteString(w, block)
		a.siege.taken.Add(int64(written))
		if err != nil {
			return
		}
	}
}

// rawFlood is flood on the bare connection.
func (a *answering) rawFlood(head, block string, most int64) {
	conn, _, err := http.NewResponseController(a.ResponseWriter).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, head)
	a.flood(conn, block, most)
}

// delayed answers nothing until the client goes.
func (a *answering) delayed() {
	select {
	case <-a.r.Context().Done():
	case <-a.siege.gone:
	}
}

// drip writes a byte now and then for as long as the client waits.
func (a *answering) drip() {
	a.WriteHeader(http.StatusOK)
	for {
		if _, err := io.WriteString(a, " "); err != nil || http.NewResponseController(a.ResponseWriter).Flush() != nil {
			return
		}
		select {
		case <-a.r.Context().Done():
			return
		case <-a.siege.gone:
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// result is what the program did.
type result struct {
	code           int
	stdout, stderr string
	output         string
	state          string
	summary        string
}

// run calls the program as the runner does.
func (s *siege) run(name string) result {
	s.t.Helper()
	for _, file := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(s.file(file), nil, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
	var stdout, stderr bytes.Buffer
	p := &command.Program{
		Args:    []string{name},
		Version: "jenkins-token v0.0.0",
		Env:     command.Env{Lookup: func(key string) (string, bool) { text, ok := s.env[key]; return text, ok }, Hostname: "builder"},
		Streams: command.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr},
		Files:   command.Files{Read: os.ReadFile},
		Clock: command.Clock{
			Now:   func() time.Time { return hostileNoon },
			Pause: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		},
		Random: rand.NewChaCha8([32]byte{byte(len(name))}),
	}
	ended := make(chan int, 1)
	go func() { ended <- p.Run(s.t.Context()) }()
	var r result
	select {
	case r.code = <-ended:
	case <-time.After(6 * time.Minute):
		s.t.Fatal("the program hangs")
	}
	r.stdout, r.stderr = unixLines(stdout.String()), unixLines(stderr.String())
	read := func(file string) string {
		text, err := os.ReadFile(s.file(file))
		if err != nil {
			s.t.Fatal(err)
		}
		return unixLines(string(text))
	}
	r.output, r.state, r.summary = read("output"), read("state"), read("summary")
	if pairs := s.pairs("state", r.state); len(pairs) > 0 && name == "create" {
		s.env["STATE_LEASE"] = pairs[len(pairs)-1][1]
	}
	return r
}

// pairs reads a file of workflow commands in the only form it may have.
func (s *siege) pairs(file, text string) (pairs [][2]string) {
	s.t.Helper()
	lines := strings.Split(text, "\n")
	for len(lines) > 1 {
		key, ok := strings.CutSuffix(lines[0], "<<"+delimiter)
		if !ok || len(lines) < 3 || lines[2] != delimiter {
			s.t.Errorf("%s: got %q, want a pair", file, lines[0])
			return pairs
		}
		pairs = append(pairs, [2]string{key, lines[1]})
		lines = lines[3:]
	}
	if lines[0] != "" {
		s.t.Errorf("%s: got %q at its end, want nothing", file, lines[0])
	}
	return pairs
}

const (
	namePattern = `jenkins-token:[A-Za-z0-9._/@#+=,-]+:[A-Za-z0-9._/@#+=,-]+:[A-Za-z0-9._/@#+=,-]+:[a-z2-7]{8}:until-[0-9]{8}T[0-9]{6}Z`
	uuidPattern = `[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`
)

var (
	line = regexp.MustCompile(`^(` + strings.Join([]string{
		`::add-mask::[A-Za-z0-9+/=_]+`,
		`::(notice|warning|error)::[ -~]+`,
		`token ` + namePattern + ` of [ -~]+ is ready`,
		`token ` + namePattern + ` (is revoked|is revoked: it was found by its name|was already gone)`,
		`no token was made`,
		namePattern + ` \(` + uuidPattern + `\): (revoked|would be revoked|not revoked)`,
		`[0-9]+ not revoked: [ -~]{1,200}`,
		`tokens on the account: [0-9]+(; [a-z ]+: [0-9]+)+`,
	}, "|") + `)$`)
	outputs = map[string]*regexp.Regexp{
		"token": regexp.MustCompile(`^[A-Za-z0-9_]{16,256}$`), "token-name": regexp.MustCompile(`^` + namePattern + `$`),
		"token-uuid": regexp.MustCompile(`^` + uuidPattern + `$`), "username": regexp.MustCompile(`^[ -~]+$`),
		"url": regexp.MustCompile(`^http://127\.0\.0\.1:[0-9]+$`), "expires-at": regexp.MustCompile(`^(2026-1[12]-[0-9]{2}T12:00:00Z)?$`),
	}
	summaryLine = regexp.MustCompile(`^(|### Jenkins tokens that may outlive this job|### Sweep of Jenkins tokens|\|( [a-z -]+(: [a-z ,-]+)? \|)( [0-9a-z-]+ \|)|- [ -~]+|  \x60{3}(sh)?|  jenkins-token (revoke|sweep) [ -~]+)$`)
)

// check holds of every run, whatever the server answers.
func (s *siege) check(r result) {
	s.t.Helper()
	everything := r.stdout + r.stderr + r.output + r.state + r.summary
	if i := strings.Index(everything, marker); i >= 0 {
		s.t.Errorf("text of the server got through: %q", everything[max(0, i-60):min(len(everything), i+60)])
	}
	for _, secret := range []string{s.account.Value, hostilePassword} {
		if strings.Contains(everything, secret) {
			s.t.Error("the account's credential is shown")
		}
	}
	if r.stderr != "" {
		s.t.Errorf("standard error: got %q, want nothing", r.stderr)
	}
	for text := range strings.Lines(r.stdout) {
		text, ok := strings.CutSuffix(text, "\n")
		if !ok || len(text) > 2000 || !line.MatchString(text) || strings.Contains(text, "##[") {
			s.t.Errorf("standard output: got the line %q, want one of ours", text)
		}
	}
	keys := ""
	for _, pair := range s.pairs("output", r.output) {
		keys += pair[0] + " "
		if form := outputs[pair[0]]; form == nil || !form.MatchString(pair[1]) {
			s.t.Errorf("output: got %s=%q, want a form known", pair[0], pair[1])
		}
	}
	if want := "token token-name token-uuid username url expires-at "; keys != "" && r.code == 0 && keys != want {
		s.t.Errorf("outputs: got %q, want %q", keys, want)
	}
	for _, pair := range s.pairs("state", r.state) {
		if _, err := lease.Decode([]byte(pair[1])); pair[0] != "LEASE" || pair[1] != "" && err != nil {
			s.t.Errorf("state: got %s=%q, want a record", pair[0], pair[1])
		}
	}
	for text := range strings.Lines(r.summary) {
		if !summaryLine.MatchString(strings.TrimSuffix(text, "\n")) {
			s.t.Errorf("summary: got the line %q, want one of ours", text)
		}
	}
	if n := s.strayed.Load(); n > 0 {
		s.t.Errorf("another origin got %d requests", n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	host := strings.TrimPrefix(s.front.URL, "http://")
	for _, seen := range s.seen {
		if seen.Host != host || seen.URL.RawQuery != "" || len(seen.Header.Values("Authorization")) > 1 {
			s.t.Errorf("%s %s: got host %q and %d Authorization headers", seen.Method, seen.URL, seen.Host, len(seen.Header.Values("Authorization")))
		}
	}
}

// left are the names of our tokens that are alive.
func (s *siege) left() (names []string) {
	for _, token := range s.honest.Tokens(hostileUser) {
		if strings.HasPrefix(token.Name, "jenkins-token:") {
			names = append(names, token.Name)
		}
	}
	return names
}

// made changes the honest answer to a creation: key is given value, which is
// JSON.
func (a *answering) made(key, value string) string {
	var answer struct {
		Status string                     `json:"status"`
		Data   map[string]json.RawMessage `json:"data"`
	}
	err := json.Unmarshal([]byte(a.honest), &answer)
	if err != nil || answer.Data == nil {
		a.siege.t.Errorf("the honest answer is %q, %v", a.honest, err)
		return ""
	}
	answer.Data[key] = json.RawMessage(value)
	changed, err := json.Marshal(answer)
	if err != nil {
		a.siege.t.Error(err)
	}
	return string(changed)
}

// text is a JSON string.
func text(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
