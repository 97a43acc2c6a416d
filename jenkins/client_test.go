package jenkins_test

import (
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestLifeOfAToken(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		password bool
		options  []jenkinstest.Option
		want     []string
	}{
		{"API token", false, nil, []string{
			"POST " + methods + "generateNewToken 200", "GET /whoAmI/api/json 200", "POST " + methods + "revoke 200"}},
		{"password", true, nil, []string{"GET /crumbIssuer/api/json 200",
			"POST " + methods + "generateNewToken 200", "GET /whoAmI/api/json 200", "POST " + methods + "revoke 200"}},
		{"password without crumbs", true, []jenkinstest.Option{jenkinstest.WithoutCrumbs()}, []string{"GET /crumbIssuer/api/json 404",
			"POST " + methods + "generateNewToken 200", "GET /whoAmI/api/json 200", "POST " + methods + "revoke 200"}},
		{"context path", false, []jenkinstest.Option{jenkinstest.WithContextPath("/ci")}, []string{
			"POST /ci" + methods + "generateNewToken 200", "GET /ci/whoAmI/api/json 200", "POST /ci" + methods + "revoke 200"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, append(test.options, jenkinstest.WithUser(user, password))...)
			cred := jenkins.Password(user, password)
			if !test.password {
				cred = jenkins.APIToken(user, srv.AddToken(user, "long-lived").Value)
			}
			before := len(srv.Tokens(user))
			c := newClient(t, srv.URL, cred)
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "nightly"})
			if err != nil {
				t.Fatal(err)
			}
			own := c.WithCredential(jenkins.APIToken(user, token.Value()))
			who, err := own.WhoAmI(t.Context())
			if want := (jenkins.Identity{Name: user}); err != nil || who != want {
				t.Errorf("identity: got %+v, %v, want %+v", who, err, want)
			}
			if err := own.RevokeToken(t.Context(), token.UUID); err != nil {
				t.Error(err)
			}
			if got := len(srv.Tokens(user)); got != before {
				t.Errorf("tokens left: got %d, want %d", got, before)
			}
			requests := srv.Requests()
			sameLines(t, "requests", lines(requests), test.want...)
			for _, r := range requests {
				if r.Conn != 1 {
					t.Errorf("connection of %s %s: got %d, want 1", r.Method, r.Path, r.Conn)
				}
			}
			if got := srv.RefusedLogins(); got != 0 {
				t.Errorf("refused logins: got %d, want 0", got)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const agent = "jenkins-token/1.2 (+https://example.com; job 7)"
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	long := srv.AddToken(user, "long-lived")
	basic := func(secret string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+secret))
	}
	check := func(r jenkinstest.Request, want map[string]string, further ...string) {
		t.Helper()
		for name, value := range want {
			if got := r.Header.Get(name); got != value {
				t.Errorf("%s of %s: got %q, want %q", name, r.Path, got, value)
			}
		}
		names := append(slices.Collect(maps.Keys(want)), further...)
		for name := range r.Header {
			if !slices.Contains(names, name) {
				t.Errorf("header of %s: got %s, want none", r.Path, name)
			}
		}
	}
	common := map[string]string{"User-Agent": agent, "Accept-Language": "en", "Accept": "application/json", "Accept-Encoding": "gzip"}
	with := func(more map[string]string) map[string]string {
		all := maps.Clone(common)
		maps.Copy(all, more)
		return all
	}
	const form = "application/x-www-form-urlencoded"

	c := newClient(t, srv.URL, jenkins.APIToken(user, long.Value), jenkins.WithUserAgent(agent))
	if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "by token"}); err != nil {
		t.Fatal(err)
	}
	requests := srv.Requests()
	check(requests[0], with(map[string]string{"Authorization": basic(long.Value), "Content-Type": form}), "Content-Length")

	srv.Forget()
	c = newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithUserAgent(agent))
	if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "by password"}); err != nil {
		t.Fatal(err)
	}
	own := c.WithCredential(jenkins.APIToken(user, long.Value))
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := own.RevokeToken(t.Context(), long.UUID); err != nil {
		t.Fatal(err)
	}
	requests = srv.Requests()
	if len(requests) != 4 {
		t.Fatalf("requests: got %q, want 4", lines(requests))
	}
	check(requests[0], with(map[string]string{"Authorization": basic(password)}))
	check(requests[1], with(map[string]string{"Authorization": basic(password), "Content-Type": form, "Referer": srv.URL + "/crumbIssuer/api/json"}),
		"Content-Length", "Jenkins-Crumb", "Cookie")
	if got := requests[1].Header; got.Get("Jenkins-Crumb") == "" || !strings.HasPrefix(got.Get("Cookie"), "JSESSIONID.") || strings.Contains(got.Get("Cookie"), ";") {
		t.Errorf("crumb and session: got %q and %q, want one of each", got.Get("Jenkins-Crumb"), got.Get("Cookie"))
	}
	check(requests[2], with(map[string]string{"Authorization": basic(password)}))
	check(requests[3], with(map[string]string{"Authorization": basic(long.Value), "Content-Type": form}), "Content-Length")
}

func TestNothingButTheFormInABody(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "long-lived").Value))
	if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "a&b=c d+é", Expires: time.Date(2126, 11, 23, 9, 30, 0, 0, time.UTC)}); err != nil {
		t.Fatal(err)
	}
	r := srv.Requests()[0]
	if got, want := r.Form.Encode(), "expirationDuration=custom&newTokenName=a%26b%3Dc+d%2B%C3%A9&tokenExpiration=2126-11-23"; got != want {
		t.Errorf("form: got %s, want %s", got, want)
	}
	if strings.Contains(r.Path, "?") {
		t.Errorf("path: got %s, want no query", r.Path)
	}
}

func TestWithUser(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, id, want string }{
		{"plain", "bob", "/user/bob/"},
		{"slash", "a/b", "/user/a%2Fb/"},
		{"not ASCII", "José", "/user/Jos%C3%A9/"},
		{"blanks", "Bob B", "/user/Bob%20B/"},
		{"at sign", "bob@example.com", "/user/bob@example.com/"},
		{"query", "a?b#c", "/user/a%3Fb%23c/"},
		{"semicolon", "a;b", "/user/a%3Bb/"},
		{"percent", "100%", "/user/100%25/"},
		{"line break", "a\r\nb", "/user/a%0D%0Ab/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var path string
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { path = r.RequestURI })
			c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithUser(test.id))
			if err := c.RevokeToken(t.Context(), uuid); err != nil {
				t.Fatal(err)
			}
			if want := test.want + "descriptorByName/jenkins.security.ApiTokenProperty/revoke"; path != want {
				t.Errorf("path: got %s, want %s", path, want)
			}
			if err := c.WithCredential(jenkins.APIToken(user, tokenText)).RevokeToken(t.Context(), uuid); err != nil {
				t.Fatal(err)
			}
			if want := methods + "revoke"; path != want {
				t.Errorf("path of With: got %s, want %s", path, want)
			}
		})
	}
	for _, id := range []string{"", ".", ".."} {
		if _, err := jenkins.New(root(t, "https://ci.example.com"), jenkins.APIToken(user, tokenText), jenkins.WithUser(id)); err == nil {
			t.Errorf("user %q: got no error, want one", id)
		}
	}
}

func TestForeignUsers(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithUser("root", "r"), jenkinstest.WithAdmin("root"))
	victim := srv.AddToken(user, "of alice")
	admin := newClient(t, srv.URL, jenkins.APIToken("root", srv.AddToken("root", "r").Value), jenkins.WithUser(user))
	_, err := admin.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindOwner)
	if found, err := admin.RenameToken(t.Context(), victim.UUID, victim.Name); !found || err != nil {
		t.Errorf("token of another: got %t, %v, want true", found, err)
	}
	if err := admin.RevokeToken(t.Context(), victim.UUID); err != nil || len(srv.Tokens(user)) != 0 {
		t.Errorf("revoking another's: got %v and %d tokens left, want none", err, len(srv.Tokens(user)))
	}
	other := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "b").Value), jenkins.WithUser("root"))
	failed := failure(t, other.RevokeToken(t.Context(), uuid), jenkins.KindPermission)
	if want := "hudson.model.Hudson.Administer"; failed.Permission != want {
		t.Errorf("permission: got %s, want %s", failed.Permission, want)
	}
}

func TestClockOffset(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for _, ahead := range []time.Duration{0, 3 * time.Minute, -2 * time.Hour} {
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithClock(func() time.Time { return now.Add(ahead) }))
		c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithClock(func() time.Time { return now }))
		if _, known := c.ClockOffset(); known {
			t.Error("offset before an answer: got one, want none")
		}
		inject(t, srv, "whoami:status=503")
		if _, err := c.WhoAmI(t.Context()); err == nil {
			t.Error("got no error, want one")
		}
		if got, known := c.ClockOffset(); !known || got != ahead {
			t.Errorf("offset: got %v, %t, want %v", got, known, ahead)
		}
	}
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { w.Header().Set("Date", "yesterday") })
	c := newClient(t, address, jenkins.APIToken(user, tokenText))
	if err := c.RevokeToken(t.Context(), uuid); err != nil {
		t.Fatal(err)
	}
	if got, known := c.ClockOffset(); known {
		t.Errorf("offset of no date: got %v, want none", got)
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "many"})
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.WithCredential(jenkins.APIToken(user, token.Value())).RevokeToken(t.Context(), token.UUID); err != nil {
				t.Error(err)
			}
			_, _ = c.ClockOffset()
			_ = c.Version()
		})
	}
	group.Wait()
	if got := len(srv.Tokens(user)); got != 0 {
		t.Errorf("tokens left: got %d, want 0", got)
	}
}

func TestWithHeaders(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Authorization", "authorization", "Cookie", "Host", "Content-Length", "Transfer-Encoding", "Proxy-Connection",
		"X-Forwarded-For", "", "a b", "a:b", "a\r\nb", "é", strings.Repeat("a", 65)} {
		_, err := jenkins.New(root(t, "https://ci.example.com"), jenkins.APIToken(user, tokenText), jenkins.WithHeaders(http.Header{name: {bodyText}}))
		if err == nil {
			t.Errorf("header %q: got no error, want one", name)
			continue
		}
		noSecrets(t, err)
	}
	for _, value := range []string{"a\r\nHost: b", "a\nb", "\x00"} {
		_, err := jenkins.New(root(t, "https://ci.example.com"), jenkins.APIToken(user, tokenText), jenkins.WithHeaders(http.Header{"X-Gate": {bodyText + value}}))
		if err == nil {
			t.Errorf("value %q: got no error, want one", value)
			continue
		}
		noSecrets(t, err)
	}
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithHeaders(http.Header{"x-gate": {"a", "b"}, "CF-Access-Client-Id": {"c"}}))
	token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.WithCredential(jenkins.APIToken(user, token.Value())).WhoAmI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Starting(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, r := range srv.Requests() {
		if got := r.Header["X-Gate"]; !slices.Equal(got, []string{"a", "b"}) || r.Header.Get("Cf-Access-Client-Id") != "c" {
			t.Errorf("headers of %s: got %q, want a, b", r.Path, got)
		}
	}
}

func TestNewWithoutARoot(t *testing.T) {
	t.Parallel()
	for name, root := range map[string]*url.URL{"none": nil, "empty": {}, "no host": {Scheme: "https"}, "another scheme": {Scheme: "file", Host: "h"}} {
		if c, err := jenkins.New(root, jenkins.APIToken(user, tokenText)); err == nil {
			t.Errorf("%s: got the client %v, want an error", name, c)
		}
	}
}

func TestWithACredentialThatCannotBeSent(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password))
	for name, cred := range map[string]jenkins.Credential{"a colon": jenkins.APIToken("a:b", tokenText), "empty": jenkins.APIToken(user, ""), "a line break": jenkins.Bearer("a\nb")} {
		if _, err := c.WithCredential(cred).WhoAmI(t.Context()); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if got := srv.Requests(); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}

// net/http sends a POST with one of these a second time when its connection is cut, and
// a creation that is repeated makes a second token.
func TestHeadersThatRepeatAPost(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Idempotency-Key", "idempotency-key", "X-Idempotency-Key"} {
		_, err := jenkins.New(root(t, "https://ci.example.com"), jenkins.APIToken(user, tokenText), jenkins.WithHeaders(http.Header{name: {"1"}}))
		if err == nil {
			t.Errorf("%s: got a client, want an error", name)
		}
	}
}
