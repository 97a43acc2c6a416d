package jenkinstest

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"html"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

type nilListener struct{ net.Listener }

func (nilListener) Close() error { return nil }

// fakeTB notes what a test would report.
type fakeTB struct {
	mu       sync.Mutex
	errors   []string
	fatal    []string
	cleanups []func()
}

func (*fakeTB) Helper()             {}
func (f *fakeTB) Cleanup(do func()) { f.cleanups = append(f.cleanups, do) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Fatalf(format string, args ...any) {
	f.fatal = append(f.fatal, fmt.Sprintf(format, args...))
}

func TestUnknownRoute(t *testing.T) {
	t.Parallel()
	tb := &fakeTB{}
	s := Start(tb, WithUser("alice", "secret"), WithContextPath("/jenkins"))
	u := newClient(t, s, "alice", "secret")
	for path, unknown := range map[string]bool{
		"/nope?a=b": true, "/me/nope": true, "/me/descriptorByName/ApiTokenProperty/nope": true, "/computer/": true,
		"/me/security/": false, "/me/configure/": false, "/user/nobody/configure": false, "/me/config.xml": false, "/../x": false,
	} {
		tb.errors = nil
		s.Forget()
		u.want(404, "GET", path, "")
		want := []string{}
		if unknown {
			want = []string{"GET /jenkins" + path}
		}
		if got := s.Unknown(); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: unknown %v, want %v", path, got, want)
		}
		if unknown && (len(tb.errors) != 1 || tb.errors[0] != "jenkinstest: unknown route GET /jenkins"+path) || !unknown && len(tb.errors) > 0 {
			t.Errorf("%s: reported %q", path, tb.errors)
		}
	}
	for _, do := range tb.cleanups {
		do()
	}
	if _, _, err := u.try("GET", "/login", ""); err == nil {
		t.Error("the cleanup does not close the server")
	}
}

func TestStartRefusesOptions(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string][]Option{
		"unknown version":           {WithVersion("lts")},
		"admin without user":        {WithAdmin("alice")},
		"no-read without user":      {WithoutRead("alice")},
		"admin without read":        {WithUser("a", "b"), WithAdmin("a"), WithoutRead("A")},
		"no-read and anonymous":     {WithUser("a", "b"), WithoutRead("a"), WithAnonymousRead()},
		"user twice":                {WithUser("a", "b"), WithUser("A", "c")},
		"user with a colon":         {WithUser("a:b", "c")},
		"user without a name":       {WithUser("", "c")},
		"relative context path":     {WithContextPath("jenkins")},
		"generate before the store": {WithVersion("2.107"), WithAdminCanGenerate()},
		"no clock":                  {WithClock(nil)},
		"nil option":                {nil},
		"job with a slash":          {WithJob("a/b")},
		"negative count":            {WithLoadingSequence(-1, 0)},
	} {
		if _, err := New(opts...); err == nil {
			t.Errorf("%s: no error", name)
		}
		tb := &fakeTB{}
		if s := Start(tb, opts...); s != nil || len(tb.fatal) != 1 {
			t.Errorf("%s: Start reports %q", name, tb.fatal)
		}
	}
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	s := StartTLS(t, WithUser("alice", "secret"))
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CA) || !strings.HasPrefix(s.URL, "https://127.0.0.1:") {
		t.Fatalf("URL %s, CA %q", s.URL, s.CA)
	}
	for _, name := range []string{"127.0.0.1", "::1", "localhost", "jenkins.test"} {
		tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: name}, ForceAttemptHTTP2: true}
		u := &user1{t, s, &http.Client{Transport: tr}, "alice", "secret"}
		resp, _ := u.do("GET", "/whoAmI/api/json", "")
		if resp.StatusCode != 200 || resp.ProtoMajor != 2 {
			t.Errorf("%s: %s %s", name, resp.Proto, resp.Status)
		}
		tr.CloseIdleConnections()
	}
	if _, _, err := newClient(t, s, "", "").try("GET", "/login", ""); err == nil {
		t.Error("the certificate is trusted without its authority")
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	s := Start(t, WithUser("Alice", "secret"), WithSeed(1))
	tok := s.AddToken("alice", "x")
	first, second := newClient(t, s, "ALICE", "secret"), newClient(t, s, "alice", tok.Value)
	first.want(200, "GET", "/whoAmI/api/json?a=%20b", "")
	second.want(200, "POST", property+"generateNewToken", "newTokenName=a%20b")
	first.want(403, "GET", "/me/api/json", "", "Authorization", "Bearer x")
	first.want(401, "GET", "/robots.txt", "", "Authorization", "Basic eDp5")
	first.want(200, "GET", "/whoAmI/api/json", "", "Authorization", "bAsIc QWxpY2U6c2VjcmV0")
	want := `GET /whoAmI/api/json?a=%20b map[a:[ b]] Alice password 200 1
POST /me/descriptorByName/jenkins.security.ApiTokenProperty/generateNewToken map[newTokenName:[a b]] Alice token 200 2
GET /me/api/json map[]  bearer 403 1
GET /robots.txt map[] x refused 401 1
GET /whoAmI/api/json map[] Alice password 200 1
`
	var got strings.Builder
	for _, r := range s.Requests() {
		fmt.Fprintln(&got, r.Method, r.Path, r.Form, r.User, r.Via, r.Status, r.Conn)
	}
	if got.String() != want {
		t.Errorf("log:\n%swant:\n%s", got.String(), want)
	}
	if s.RefusedLogins() != 1 {
		t.Errorf("%d refused logins", s.RefusedLogins())
	}
	s.Forget()
	if len(s.Requests()) != 0 || s.RefusedLogins() != 0 {
		t.Error("Forget does not forget")
	}
}

func TestSeed(t *testing.T) {
	t.Parallel()
	sequence := func(opts ...Option) string {
		j, err := New(append(opts, WithUser("alice", "secret"), WithClock(func() time.Time { return time.Unix(0, 0) }))...)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprint(j.AddToken("alice", "a"), j.AddToken("alice", "b"), j.sessionHash, j.cookieName)
	}
	if a, b := sequence(WithSeed(5)), sequence(WithSeed(5)); a != b {
		t.Errorf("%s\n%s", a, b)
	}
	if a, b := sequence(WithSeed(5)), sequence(WithSeed(6)); a == b {
		t.Error("two seeds, one sequence")
	}
	if a, b := sequence(), sequence(); a == b {
		t.Error("no seed, one sequence")
	}
}

func TestJob(t *testing.T) {
	t.Parallel()
	s := Start(t, WithUser("alice", "secret"), WithJob("my job"), WithContextPath("/ci/"))
	u := newClient(t, s, "alice", "secret")
	u.want(403, "POST", "/job/my%20job/build", "")
	u.want(405, "GET", "/job/my%20job/build", "")
	u.want(404, "POST", "/job/other/build", "", "Authorization", basicHeader("alice", s.AddToken("alice", "x").Value))
	u.secret = s.AddToken("alice", "x").Value
	resp, _ := u.do("POST", "/job/my%20job/build", "")
	if resp.StatusCode != 201 || resp.Header.Get("Location") != s.URL+"/queue/item/1/" {
		t.Errorf("%s, Location %q", resp.Status, resp.Header.Get("Location"))
	}
}

// TestRecordedCards compares the cards of the recorded page of 2.548 with
// those of the emulator for the same tokens.
func TestRecordedCards(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/transcripts/tokens-page-security-2.548.html")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 15, 24, 54, 0, time.UTC)
	s := Start(t, WithVersion("2.548"), WithUser("alice", "secret"), WithClock(func() time.Time { return now }))
	want := cardPattern.FindAllStringSubmatch(string(raw), -1)
	if len(want) < 8 {
		t.Fatalf("%d recorded cards", len(want))
	}
	for _, m := range want {
		tok := Token{UUID: m[1], Name: html.UnescapeString(m[2])}
		if date, ok := strings.CutPrefix(m[4], "Expires on "); ok {
			day, err := time.Parse("1/2/06", date)
			if err != nil {
				t.Fatal(err)
			}
			tok.Expires = endOfDay(day, 0)
		}
		s.mu.Lock()
		s.add(s.user("alice"), tok)
		s.mu.Unlock()
	}
	page := newClient(t, s, "alice", "secret").want(200, "GET", "/me/security/", "")
	got := cardPattern.FindAllStringSubmatch(page, -1)
	if len(got) != len(want) {
		t.Fatalf("%d cards, want %d\n%s", len(got), len(want), page)
	}
	for i := range want {
		if fmt.Sprint(got[i][1:]) != fmt.Sprint(want[i][1:]) {
			t.Errorf("card %d: %q, want %q", i, got[i][1:], want[i][1:])
		}
	}
}

// TestRecordedRows does the same with the page of 2.468.
func TestRecordedRows(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/transcripts/tokens-page-security-2.468.html")
	if err != nil {
		t.Fatal(err)
	}
	s := Start(t, WithVersion("2.468"), WithUser("alice", "secret"))
	for _, row := range pageRows(string(raw)) {
		s.AddTokenValue("alice", html.UnescapeString(row[1]), row[0], "")
	}
	comparePages(t, newClient(t, s, "alice", "secret").want(200, "GET", "/me/security/", ""), string(raw))
}
