package jenkinstest

import (
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"
)

func matches(pattern, s string) bool { return regexp.MustCompile(pattern).MatchString(s) }

func inject(t *testing.T, s *Server, specs ...string) {
	t.Helper()
	if err := s.Inject(specs...); err != nil {
		t.Fatal(err)
	}
}

func TestUnsavedChanges(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{"500-acted", "500-unsaved"} {
		t.Run("create "+spec, func(t *testing.T) {
			t.Parallel()
			s, u := startAs(t)
			inject(t, s, "create:"+spec)
			u.want(403, "POST", "/user/bob"+strings.TrimPrefix(property, "/me")+"generateNewToken", "newTokenName=x")
			u.want(500, "POST", property+"generateNewToken", "newTokenName=x")
			if m, d := len(s.Tokens("alice")), len(s.TokensOnDisk("alice")); m != 2 || d != 1 {
				t.Errorf("%d in memory, %d on disk, want 2 and 1", m, d)
			}
			orphan := newClient(t, s, "alice", s.Tokens("alice")[1].Value)
			orphan.want(200, "GET", "/whoAmI/api/json", "")
			u.want(200, "POST", property+"revoke", "tokenUuid=unknown")
			if d := len(s.TokensOnDisk("alice")); d != 1 {
				t.Errorf("%d on disk after the revocation of an unknown token, want 1", d)
			}
			u.want(200, "POST", property+"generateNewToken", "newTokenName=y")
			if d := len(s.TokensOnDisk("alice")); d != 3 {
				t.Errorf("%d on disk after a save, want 3", d)
			}
		})
		t.Run("revoke "+spec, func(t *testing.T) {
			t.Parallel()
			s, u := startAs(t)
			tok := s.AddToken("alice", "x")
			victim := newClient(t, s, "alice", tok.Value)
			inject(t, s, "revoke:"+spec)
			u.want(500, "POST", property+"revoke", "tokenUuid="+tok.UUID)
			victim.want(401, "GET", "/whoAmI/api/json", "")
			u.want(200, "POST", property+"revoke", "tokenUuid="+tok.UUID)
			s.Restart()
			victim.want(200, "GET", "/whoAmI/api/json", "")
			inject(t, s, "revoke:"+spec)
			u.want(500, "POST", property+"revoke", "tokenUuid="+tok.UUID)
			u.want(200, "POST", property+"generateNewToken", "newTokenName=y")
			s.Restart()
			victim.want(401, "GET", "/whoAmI/api/json", "")
		})
	}
}

func TestRevokeOfUnknownSavesBefore2260(t *testing.T) {
	t.Parallel()
	s, u := startAs(t, WithVersion("2.222"))
	tok := s.AddToken("alice", "x")
	inject(t, s, "revoke:500-acted")
	u.want(500, "POST", property+"revoke", "tokenUuid="+tok.UUID)
	u.want(200, "POST", property+"revoke", "tokenUuid="+tok.UUID)
	if d := len(s.TokensOnDisk("alice")); d != 1 {
		t.Errorf("%d tokens on disk, want 1", d)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const create = property + "generateNewToken"
	for name, test := range map[string]struct {
		spec, method, path string
		status             int // 0: no answer
		tokens             int // afterwards, of 1 before
		header, value      string
		body               string // a pattern
		readError          bool
	}{
		"drop before acting": {spec: "create:drop-before", tokens: 1},
		"drop after acting":  {spec: "create:drop-after", tokens: 2},
		"delay":              {spec: "create:delay=1ms", status: 200, tokens: 2, body: `"status":"ok"`},
		"status":             {spec: "create:status=502", status: 502, tokens: 1, body: "HTTP ERROR 502 Bad Gateway"},
		"loading":            {spec: "create:status=503", status: 503, tokens: 1, body: "Please wait while Jenkins is getting ready to work"},
		"redirect":           {spec: "create:redirect=https://sso.example/?a=b*1@1", status: 302, tokens: 1, header: "Location", value: "https://sso.example/?a=b"},
		"login page":         {spec: "create:login-page", status: 200, tokens: 1, header: "Content-Type", value: "text/html", body: "password"},
		"gateway 401":        {spec: "any:gateway-401", status: 401, tokens: 1, header: "WWW-Authenticate", value: `Basic realm="nginx"`, body: "nginx"},
		"gateway 403":        {spec: "any:gateway-403", status: 403, tokens: 1, header: "Server", value: "nginx"},
		"truncated":          {spec: "create:truncated", status: 200, tokens: 2, readError: true},
		"garbage":            {spec: "create:garbage", status: 200, tokens: 2, header: "Content-Type", value: "application/json;charset=utf-8", body: "^<!--"},
		"hostile creation":   {spec: "create:hostile", status: 200, tokens: 2, body: `"tokenValue":"11[0-9a-f]{32}\\n::stop-commands`},
		"hostile page":       {spec: "page:hostile", method: "GET", path: "/me/configure", status: 200, tokens: 1, body: "::set-output name=token"},
		"hostile name":       {spec: "whoami:hostile", method: "GET", path: "/whoAmI/api/json", status: 200, tokens: 1, body: `"name":"x\\n::set-output`},
		"another user":       {spec: "whoami:other-user=mallory", method: "GET", path: "/whoAmI/api/json", status: 200, tokens: 1, body: `"name":"mallory"`},
		"another user of me": {spec: "whoami:other-user=mallory", method: "GET", path: "/me/api/json", status: 200, tokens: 1, body: `"id":"mallory"`},
		"refused":            {spec: "any:refuse", status: 401, tokens: 1, header: "WWW-Authenticate", value: `Basic realm="Jenkins"`},
		"crumb":              {spec: "crumb:status=500", method: "GET", path: "/crumbIssuer/api/json", status: 500, tokens: 1},
		"login":              {spec: "login:status=500", method: "GET", path: "/login", status: 500, tokens: 1},
		"other operation":    {spec: "revoke:status=500", status: 200, tokens: 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, u := startAs(t)
			inject(t, s, test.spec)
			method, path := test.method, test.path
			if path == "" {
				method, path = "POST", create
			}
			resp, body, err := u.try(method, path, "")
			if got := len(s.Tokens("alice")); got != test.tokens {
				t.Errorf("%d tokens, want %d", got, test.tokens)
			}
			if got := s.Requests()[0].Status; got != test.status {
				t.Errorf("the log says %d, want %d", got, test.status)
			}
			if test.status == 0 {
				if err == nil {
					t.Fatalf("answer %d", resp.StatusCode)
				}
				return
			}
			if test.readError {
				if err == nil {
					t.Errorf("the body of %d bytes is whole", len(body))
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != test.status || resp.Header.Get(test.header) != test.value && test.header != "" || !matches(test.body, body) {
				t.Errorf("answer %d %v\n%s", resp.StatusCode, resp.Header, body)
			}
			if test.spec == "any:refuse" && (s.RefusedLogins() != 1 || s.Requests()[0].Via != ViaRefused) {
				t.Errorf("%d refused logins, via %s", s.RefusedLogins(), s.Requests()[0].Via)
			}
		})
	}
}

func TestHugeBody(t *testing.T) {
	t.Parallel()
	s, u := startAs(t)
	inject(t, s, "create:huge")
	req, _ := http.NewRequest("POST", s.URL+property+"generateNewToken", nil)
	req.SetBasicAuth(u.name, u.secret)
	resp, err := u.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if n, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil || resp.StatusCode != 200 || len(s.Tokens("alice")) != 2 {
		t.Errorf("%s, %d bytes, %v, %d tokens", resp.Status, n, err, len(s.Tokens("alice")))
	}
}

func TestHoldEndsWithClientAndClose(t *testing.T) {
	t.Parallel()
	s, u := startAs(t)
	inject(t, s, "any:hold*2", "any:delay=1h")
	u.http.Timeout = 50 * time.Millisecond
	if _, _, err := u.try("POST", property+"generateNewToken", "a=b"); err == nil {
		t.Error("a held request is answered")
	}
	u.http.Timeout = 0
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, _, err := newClient(t, s, "", "").try("GET", "/login", "")
			errs <- err
		}()
	}
	for len(s.Requests()) < 3 {
		time.Sleep(time.Millisecond)
	}
	s.Close()
	for range 2 {
		if err := <-errs; err == nil {
			t.Error("Close lets a request succeed")
		}
	}
	if n := len(s.Tokens("alice")); n != 1 {
		t.Errorf("%d tokens, want 1", n)
	}
}

func TestFaultCountsAndRates(t *testing.T) {
	t.Parallel()
	statuses := func(spec string) string {
		s := Start(t, WithSeed(7))
		inject(t, s, spec)
		u := newClient(t, s, "", "")
		var b strings.Builder
		for range 40 {
			resp, _ := u.do("GET", "/login", "")
			b.WriteByte("x."[btoi(resp.StatusCode == 200)])
		}
		return b.String()
	}
	if got := statuses("login:status=500"); strings.Count(got, "x") != 1 || got[0] != 'x' {
		t.Errorf("once: %s", got)
	}
	if got := statuses("login:status=500*3"); strings.Count(got, "x") != 3 || got[:3] != "xxx" {
		t.Errorf("three times: %s", got)
	}
	if got := statuses("login:status=500@1"); strings.Contains(got, ".") {
		t.Errorf("always: %s", got)
	}
	if got := statuses("login:status=500@0"); strings.Contains(got, "x") {
		t.Errorf("never: %s", got)
	}
	half := statuses("login:status=500@0.5")
	if n := strings.Count(half, "x"); n < 10 || n > 30 || half != statuses("login:status=500@0.5") {
		t.Errorf("half, and the same with the same seed: %s", half)
	}
	if got := statuses("login:status=500*2@0.5"); strings.Count(got, "x") != 2 {
		t.Errorf("two of half: %s", got)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func TestParseFaultRefuses(t *testing.T) {
	t.Parallel()
	for _, spec := range []string{
		"", "create", "nope:hold", "any:nope", "any:delay", "any:delay=x", "any:delay=-1s", "any:status=", "any:status=99",
		"any:status=x", "any:redirect", "any:redirect=a b", "create:other-user=x", "whoami:other-user", "page:500-acted", "revoke:hostile",
		"any:hold*0", "any:hold@1.5", "any:hold=1", "any:hold*", "any:drop-after=",
	} {
		if f, err := ParseFault(spec); err == nil {
			t.Errorf("%q is taken for %+v", spec, f)
		}
	}
}

func TestPhases(t *testing.T) {
	t.Parallel()
	s, u := startAs(t, WithLoadingSequence(2, 1))
	bad := newClient(t, s, "alice", "wrong")
	s.SetPhase(PhaseLoading)
	bad.want(503, "GET", "/me/api/json", "")
	if resp, body := u.do("GET", "/login", ""); resp.StatusCode != 503 || resp.Header.Get("X-Jenkins") != "" || !strings.Contains(body, "getting ready to work") {
		t.Errorf("loading: %d %v", resp.StatusCode, resp.Header)
	}
	for _, want := range []int{500, 500, 403, 503, 503} {
		u.want(want, "POST", property+"generateNewToken", "newTokenName=x")
	}
	bad.want(401, "POST", property+"generateNewToken", "newTokenName=x")
	s.SetPhase(PhaseRestarting)
	u.want(401, "POST", property+"revoke", "tokenUuid=x")
	newClient(t, s, "", "").want(503, "GET", "/login", "")
	s.Restart()
	s.SetPhase(PhaseUp)
	u.want(200, "POST", property+"generateNewToken", "newTokenName=x")
}

func TestRestart(t *testing.T) {
	t.Parallel()
	s, u := startAs(t)
	u.secret = "secret"
	resp, body := u.do("GET", "/crumbIssuer/api/xml?xpath=/*/crumb/text()", "")
	cookie := cookieOf(resp.Header)
	session := resp.Header.Get("X-Jenkins-Session")
	u.want(200, "POST", property+"generateNewToken", "newTokenName=x", "Jenkins-Crumb", body, "Cookie", cookie)
	s.Restart()
	u.want(403, "POST", property+"generateNewToken", "newTokenName=x", "Jenkins-Crumb", body, "Cookie", cookie)
	if resp, _ := u.do("GET", "/crumbIssuer/api/json", ""); resp.Header.Get("X-Jenkins-Session") == session || strings.HasPrefix(resp.Header.Get("Set-Cookie"), cookie[:19]) {
		t.Errorf("the session hash or the name of the cookie is the old one: %v", resp.Header)
	}
	if n := len(s.Tokens("alice")); n != 2 {
		t.Errorf("%d tokens, want 2", n)
	}
}

func TestServeAfterClose(t *testing.T) {
	t.Parallel()
	s, u := startAs(t)
	s.Close()
	s.Close()
	if _, _, err := u.try("GET", "/login", ""); err == nil {
		t.Error("a closed controller answers")
	}
	if err := s.Serve(nilListener{}); !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("Serve returns %v", err)
	}
}
