package jenkins_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// answer is a handler's way to one answer; crumbs are off.
func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/crumbIssuer") {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = fmt.Fprint(w, body)
	}
}

func TestKindsOfAnswers(t *testing.T) {
	t.Parallel()
	const challenge = "WWW-Authenticate"
	long := strings.Repeat("x", 64<<10)
	for _, test := range []struct {
		name       string
		answer     http.HandlerFunc
		want       jenkins.Kind
		unclear    bool
		permission string
	}{
		{"401 of Jenkins", answer(401, bodyText, challenge, `Basic realm="Jenkins"`), jenkins.KindRefused, false, ""},
		{"401 of Jenkins behind a second challenge", answer(401, bodyText, challenge, "Negotiate", challenge, `basic realm="jenkins"`), jenkins.KindRefused, false, ""},
		{"401 of nginx", answer(401, bodyText, challenge, `Basic realm="nginx"`), jenkins.KindGateway, false, ""},
		{"401 of a realm that begins like Jenkins", answer(401, bodyText, challenge, `Basic realm="Jenkins at ACME"`), jenkins.KindGateway, false, ""},
		{"401 without a challenge", answer(401, bodyText), jenkins.KindGateway, false, ""},
		{"403 crumb", answer(403, bodyText+"<title>Error 403 No valid crumb was included in the request</title>"), jenkins.KindCrumb, false, ""},
		{"403 permission", answer(403, bodyText, "X-Required-Permission", "hudson.model.Hudson.Read", "X-You-Are-Authenticated-As", user), jenkins.KindPermission, false, "hudson.model.Hudson.Read"},
		{"403 permission of another form", answer(403, bodyText, "X-Required-Permission", "<b>"+bodyText), jenkins.KindPermission, false, ""},
		{"403 permission of any length", answer(403, bodyText, "X-Required-Permission", long[:500]), jenkins.KindPermission, false, ""},
		{"403 empty", answer(403, ""), jenkins.KindOwner, false, ""},
		{"403 empty with a type", answer(403, "", "Content-Type", "text/html"), jenkins.KindForbidden, false, ""},
		{"403 anonymous by header", answer(403, bodyText, "X-You-Are-Authenticated-As", "anonymous", "X-Required-Permission", "a.B"), jenkins.KindAnonymous, false, ""},
		{"403 anonymous by body", answer(403, bodyText+" Authentication required"), jenkins.KindAnonymous, false, ""},
		{"403 of nginx", answer(403, bodyText), jenkins.KindForbidden, false, ""},
		{"403 whose words come after the limit", answer(403, long+"Authentication required"), jenkins.KindForbidden, false, ""},
		{"302", answer(302, bodyText, "Location", "/login?query-text"), jenkins.KindRedirect, false, ""},
		{"304", answer(304, ""), jenkins.KindRedirect, false, ""},
		{"404", answer(404, bodyText), jenkins.KindNotFound, false, ""},
		{"400", answer(400, bodyText), jenkins.KindMethod, false, ""},
		{"405", answer(405, bodyText), jenkins.KindMethod, false, ""},
		{"407 of a proxy", answer(407, bodyText, "Proxy-Authenticate", `Basic realm="proxy"`), jenkins.KindProxyLogin, false, ""},
		{"429", answer(429, bodyText), jenkins.KindRateLimit, false, ""},
		{"500", answer(500, bodyText), jenkins.KindServer, true, ""},
		{"501", answer(501, bodyText), jenkins.KindServer, true, ""},
		{"507", answer(507, bodyText), jenkins.KindServer, true, ""},
		{"502", answer(502, bodyText), jenkins.KindUnavailable, true, ""},
		{"503", answer(503, bodyText), jenkins.KindUnavailable, true, ""},
		{"504", answer(504, bodyText), jenkins.KindUnavailable, true, ""},
		{"201", answer(201, bodyText), jenkins.KindAnswer, true, ""},
		{"204", answer(204, ""), jenkins.KindAnswer, true, ""},
		{"206", answer(206, bodyText), jenkins.KindAnswer, true, ""},
		{"200 with a login form", answer(200, "<FORM>"+bodyText, "Content-Type", "text/html; charset=utf-8"), jenkins.KindLoginPage, false, ""},
		{"200 with a page that leads on", answer(200, `<meta http-equiv="refresh">`+bodyText, "Content-Type", "text/html"), jenkins.KindLoginPage, false, ""},
		{"200 with a script, as XHTML", answer(200, "<script>"+bodyText, "Content-Type", "application/xhtml+xml"), jenkins.KindLoginPage, false, ""},
		{"200 with other HTML", answer(200, "<p>"+bodyText, "Content-Type", "text/html"), jenkins.KindAnswer, true, ""},
		{"200 with a form that is no HTML", answer(200, "<form>"+bodyText, "Content-Type", "text/plain"), jenkins.KindAnswer, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := false // who the account is, to examine an answer before
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				if asked = asked || r.Method == http.MethodPost; asked && strings.HasSuffix(r.URL.Path, "/whoAmI/api/json") {
					_, _ = io.WriteString(w, `{"name":"alice","anonymous":false}`)
					return
				}
				test.answer(w, r)
			})
			host := strings.TrimPrefix(address, "http://")
			check := func(err error, op jenkins.Op, method, path string, unclear bool) {
				t.Helper()
				failed := failure(t, err, test.want)
				if failed.Op != op || failed.Method != method || failed.Path != path || failed.Host != host {
					t.Errorf("request: got %s, %s %s %s, want %s, %s %s %s", failed.Op, failed.Method, failed.Host, failed.Path, op, method, host, path)
				}
				if !failed.Sent || failed.Unsent() || failed.Unclear() != unclear {
					t.Errorf("got sent %t, unsent %t, unclear %t, want true, false, %t", failed.Sent, failed.Unsent(), failed.Unclear(), unclear)
				}
				if failed.Permission != test.permission || failed.Credential != jenkins.CredentialAPIToken || failed.Status == 0 {
					t.Errorf("got permission %q, credential %s, status %d, want %q, API token, a status", failed.Permission, failed.Credential, failed.Status, test.permission)
				}
				if !strings.HasPrefix(err.Error(), string(op)+" on "+host+": ") {
					t.Errorf("text: got %q, want it to begin with the operation and the host", err)
				}
			}
			cred := jenkins.APIToken(user, tokenText)
			if test.want != jenkins.KindServer { // see TestExamination
				_, err := newClient(t, address, cred).WhoAmI(t.Context())
				check(err, jenkins.OpWhoAmI, "GET", "/whoAmI/api/json", false)
			}
			_, err := newClient(t, address, cred).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			check(err, jenkins.OpCreate, "POST", methods+"generateNewToken", test.unclear)
			_, err = newClient(t, address, cred).RenameToken(t.Context(), uuid, "x")
			check(err, jenkins.OpRename, "POST", methods+"rename", test.unclear)
			check(newClient(t, address, cred).RevokeToken(t.Context(), uuid), jenkins.OpRevoke, "POST", methods+"revoke", test.unclear)
		})
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			other, reached := serve(t, func(http.ResponseWriter, *http.Request) {})
			address, count := serve(t, answer(status, "", "Location", "http://bob:proxy-pa55@"+strings.TrimPrefix(other, "http://")+"/x?query-text"))
			c := newClient(t, address, jenkins.APIToken(user, tokenText))
			_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			created := failure(t, err, jenkins.KindRedirect)
			_, err = c.WhoAmI(t.Context())
			asked := failure(t, err, jenkins.KindRedirect)
			listed := failure(t, tokens(t.Context(), c, 1000, func(jenkins.ListedToken) bool { return true }), jenkins.KindRedirect)
			_, err = newClient(t, address, jenkins.Password(user, password)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			failure(t, err, jenkins.KindRedirect)
			if starting, err := c.Starting(t.Context()); starting || err != nil {
				t.Errorf("starting: got %t, %v, want false", starting, err)
			}
			want := strings.TrimPrefix(other, "http://")
			for _, failed := range []*jenkins.Error{created, asked, listed} {
				if failed.Target != want || failed.Status != status || !strings.Contains(failed.Error(), want) {
					t.Errorf("got target %q, status %d, text %q, want %s, %d", failed.Target, failed.Status, failed, want, status)
				}
			}
			if reached.Load() != 0 || count.Load() != 6 {
				t.Errorf("requests: got %d to the other, %d to the first, want 0, 6", reached.Load(), count.Load())
			}
		})
	}
}

func TestTargetOfARedirect(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, location, want string }{
		{"none", "", ""},
		{"path", "/login", ""},
		{"relative", "../x", ""},
		{"same host", "http://HOST/x", ""},
		{"host", "https://sso.example.com/x?query-text", "sso.example.com"},
		{"host and port", "https://sso.example.com:8443/", "sso.example.com:8443"},
		{"without a scheme", "//sso.example.com/x", "sso.example.com"},
		{"user information", "https://a:proxy-pa55@sso.example.com/", "sso.example.com"},
		{"opaque", "javascript:query-text", ""},
		{"IPv6", "https://[2001:db8::1]/", ""},
		{"characters of no host", "https://a'b$(query-text)/", ""},
		{"not ASCII", "https://query-text-é/", ""},
		{"port of six digits", "https://sso.example.com:123456/query-text", ""},
		{"long", "https://" + strings.Repeat("a", 300) + "/", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", strings.ReplaceAll(test.location, "HOST", r.Host))
				w.WriteHeader(http.StatusFound)
			})
			_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
			if got := failure(t, err, jenkins.KindRedirect).Target; got != test.want {
				t.Errorf("target: got %q, want %q", got, test.want)
			}
		})
	}
}

func TestLocationThatIsNoURL(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"https://%zz:query-text", "https://[query-text::1]/", "http://127.0.0.1:query-text/"} {
		address, count := serve(t, answer(302, bodyText, "Location", location))
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
		failed, ok := errors.AsType[*jenkins.Error](err)
		// The transport repeats what it could not read, and the client asks who is there.
		if !ok || failed.Target != "" || count.Load() > 3 {
			t.Errorf("%s: got %v after %d requests, want an error without a target after 3 at most", location, err, count.Load())
		}
		noSecrets(t, err)
	}
}

func TestRefusedLoginIsNotRepeated(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	good := srv.AddToken(user, "a")
	c := newClient(t, srv.URL, jenkins.Password(user, "not "+password))
	_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failed := failure(t, err, jenkins.KindRefused)
	if failed.Op != jenkins.OpCrumb || failed.Unclear() || failed.Unsent() {
		t.Errorf("got %s, unclear %t, unsent %t, want %s, false, false", failed.Op, failed.Unclear(), failed.Unsent(), jenkins.OpCrumb)
	}
	repeated := func(c *jenkins.Client) {
		t.Helper()
		before := len(srv.Requests())
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		errs := []error{err, c.RevokeToken(t.Context(), uuid), tokens(t.Context(), c, 1000, func(jenkins.ListedToken) bool { return true })}
		_, err = c.WhoAmI(t.Context())
		errs = append(errs, err)
		_, err = c.RenameToken(t.Context(), uuid, "x")
		for _, err := range append(errs, err) {
			failed := failure(t, err, jenkins.KindRepeated)
			if failed.Sent || failed.Unclear() || failed.Unsent() {
				t.Errorf("repeated: got sent %t, unclear %t, unsent %t, want all false", failed.Sent, failed.Unclear(), failed.Unsent())
			}
		}
		if got := len(srv.Requests()); got != before {
			t.Errorf("requests: got %d more, want 0", got-before)
		}
	}
	repeated(c)
	if starting, err := c.Starting(t.Context()); starting || err != nil {
		t.Errorf("starting: got %t, %v, want false", starting, err)
	}
	if _, err := c.WithCredential(jenkins.APIToken(user, good.Value)).WhoAmI(t.Context()); err != nil {
		t.Errorf("With after a refusal: got %v, want no error", err)
	}
	repeated(c)

	// A gateway's 401 says nothing about the account.
	srv.Forget()
	c = c.WithCredential(jenkins.APIToken(user, good.Value))
	inject(t, srv, "any:gateway-401*2")
	_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindGateway)
	_, err = c.WhoAmI(t.Context())
	failure(t, err, jenkins.KindGateway)
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Error(err)
	}
	inject(t, srv, "revoke:refuse")
	failure(t, c.RevokeToken(t.Context(), good.UUID), jenkins.KindRefused)
	repeated(c)
	if got := srv.RefusedLogins(); got != 1 {
		t.Errorf("refused logins: got %d, want 1", got)
	}
}

func TestStarting(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
	for _, test := range []struct {
		phase jenkinstest.Phase
		want  bool
	}{{jenkinstest.PhaseUp, false}, {jenkinstest.PhaseLoading, true}, {jenkinstest.PhaseRestarting, true}} {
		srv.SetPhase(test.phase)
		srv.Forget()
		if got, err := c.Starting(t.Context()); err != nil || got != test.want {
			t.Errorf("phase %d: got %t, %v, want %t", test.phase, got, err, test.want)
		}
		r := srv.Requests()[0]
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" || r.Path != "/login" {
			t.Errorf("request: got %s with %q, want /login without credentials", r.Path, r.Header)
		}
	}
	srv.SetPhase(jenkinstest.PhaseLoading)
	_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindServer)
	_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if failed := failure(t, err, jenkins.KindUnavailable); failed.Op != jenkins.OpCrumb || failed.Unclear() {
		t.Errorf("while loading: got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpCrumb)
	}
	_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindUnavailable)
	c = newClient(t, "http://"+closedPort, jenkins.APIToken(user, tokenText))
	if _, err := c.Starting(t.Context()); err == nil {
		t.Error("no controller: got no error, want one")
	}
}

func TestEveryKindHasWordsOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]jenkins.Kind{}
	for kind := jenkins.KindAnswer; kind <= jenkins.KindNotTLS; kind++ {
		text := (&jenkins.Error{Op: jenkins.OpCreate, Host: "h", Kind: kind, Status: 418}).Error()
		if other, double := seen[text]; double {
			t.Errorf("kinds %d and %d: got %q for both", other, kind, text)
		}
		seen[text] = kind
	}
}
