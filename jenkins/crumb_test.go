package jenkins_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestCrumbIsKept(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password))
	for range 2 {
		token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.RevokeToken(t.Context(), token.UUID); err != nil {
			t.Fatal(err)
		}
	}
	sameLines(t, "requests", lines(srv.Requests()), "GET /crumbIssuer/api/json 200",
		"POST "+methods+"generateNewToken 200", "POST "+methods+"revoke 200", "POST "+methods+"generateNewToken 200", "POST "+methods+"revoke 200")
}

func TestFreshCrumbAfterALostSession(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.129", "2.222", "2.426.2", "2.578"} {
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(version))
		c := newClient(t, srv.URL, jenkins.Password(user, password))
		if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		srv.Restart()
		srv.Forget()
		if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "y"}); err != nil {
			t.Errorf("%s: got %v, want no error", version, err)
		}
		want := []string{"POST " + methods + "generateNewToken 403", "GET /crumbIssuer/api/json 200", "POST " + methods + "generateNewToken 200"}
		if version == "2.129" { // Its crumbs know no session.
			want = want[2:]
		}
		sameLines(t, "requests of "+version, lines(srv.Requests()), want...)
		if got := len(srv.Tokens(user)); got != 2 {
			t.Errorf("%s: got %d tokens, want 2", version, got)
		}
	}
}

// crumbs is a controller with crumbs that a test chooses.
type crumbs struct {
	field, value string
	cookies      []*http.Cookie
	needed       bool // a POST without the crumb is refused
	never        bool // every POST is refused
	got, posts   []string
	cookie       string
}

func (k *crumbs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.got = append(k.got, r.Method)
	switch {
	case r.Method == http.MethodGet:
		for _, cookie := range k.cookies {
			http.SetCookie(w, cookie)
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"_class": "x", "crumb": k.value, "crumbRequestField": k.field})
	case k.never, k.needed && r.Header.Get(k.field) != k.value:
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, "No valid crumb was included in the request")
	default:
		k.cookie = r.Header.Get("Cookie")
		k.posts = append(k.posts, r.Header.Get(k.field))
		created(w, r)
	}
}

func TestFreshCrumbOnceOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		cred jenkins.Credential
		want string
	}{
		"password":  {jenkins.Password(user, password), "GET POST GET POST"},
		"API token": {jenkins.APIToken(user, tokenText), "POST GET POST"},
		"bearer":    {jenkins.Bearer(tokenText), "GET POST GET POST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := &crumbs{field: "Jenkins-Crumb", value: "abc", never: true}
			address, _ := serve(t, k.ServeHTTP)
			_, err := newClient(t, address, test.cred).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if failed := failure(t, err, jenkins.KindCrumb); failed.Unclear() || failed.Op != jenkins.OpCreate {
				t.Errorf("got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpCreate)
			}
			if got := strings.Join(k.got, " "); got != test.want {
				t.Errorf("requests: got %s, want %s", got, test.want)
			}
		})
	}
}

func TestCrumbForAnAPIToken(t *testing.T) {
	t.Parallel()
	k := &crumbs{field: ".crumb", value: "a1b2", needed: true}
	address, _ := serve(t, k.ServeHTTP)
	c := newClient(t, address, jenkins.APIToken(user, tokenText))
	for range 2 {
		if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := strings.Join(k.got, " "), "POST GET POST POST"; got != want {
		t.Errorf("requests: got %s, want %s", got, want)
	}
	// Before 2.129 there is no method to create a token, but that is learned.
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.60"))
	c = newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "").Value))
	_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindNotFound)
	sameLines(t, "requests of 2.60", lines(srv.Requests()), "POST "+methods+"generateNewToken 403", "GET /crumbIssuer/api/json 200", "POST "+methods+"generateNewToken 404")
}

func TestCrumbFields(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"Jenkins-Crumb", ".crumb", "X-Crumb_1", "jenkins-crumb", strings.Repeat("a", 64)} {
		t.Run("good "+field, func(t *testing.T) {
			t.Parallel()
			k := &crumbs{field: field, value: "0a1b", needed: true}
			address, _ := serve(t, k.ServeHTTP)
			if _, err := newClient(t, address, jenkins.Password(user, password)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(k.posts, " "); got != "0a1b" {
				t.Errorf("crumb: got %q, want 0a1b", got)
			}
		})
	}
	fields := []string{"", " ", "a b", "a:b", "a\r\nX-Evil: 1", "a\x00", "é", "-a", strings.Repeat("a", 65), strings.Repeat("a", 10<<10), "(x)", "a\n"}
	for _, name := range []string{"Authorization", "Cookie", "Host", "X-Forwarded-For", "X-Forwarded-Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding",
		"Connection", "Proxy-Authorization", "Proxy-Connection", "Te", "Trailer", "Upgrade", "Expect", "Forwarded", "X-HTTP-Method-Override", "Referer", "Origin", "User-Agent", "Accept-Language", "Sec-Fetch-Site", "If-Match"} {
		fields = append(fields, name, strings.ToLower(name), strings.ToUpper(name))
	}
	for _, field := range fields {
		t.Run(fmt.Sprintf("bad %.40q", field), func(t *testing.T) {
			t.Parallel()
			refusedCrumb(t, field, "0a1b")
		})
	}
}

func TestCrumbValues(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", " ", "a b", "a\r\nAuthorization: x", "a\n", "é", "\x00", `a"b`, "a;b", "<b>", strings.Repeat("a", 1001), strings.Repeat("a", 10<<10)} {
		t.Run(fmt.Sprintf("%.40q", value), func(t *testing.T) {
			t.Parallel()
			refusedCrumb(t, "Jenkins-Crumb", value)
		})
	}
}

// refusedCrumb checks that nothing is posted with such a crumb, neither by a
// password nor by a token.
func refusedCrumb(t *testing.T, field, value string) {
	t.Helper()
	k := &crumbs{field: field, value: value, never: true}
	address, _ := serve(t, k.ServeHTTP)
	for _, cred := range []jenkins.Credential{jenkins.Password(user, password), jenkins.APIToken(user, tokenText)} {
		_, err := newClient(t, address, cred).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindAnswer); failed.Op != jenkins.OpCrumb || failed.Unclear() {
			t.Errorf("got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpCrumb)
		}
	}
	if got, want := strings.Join(k.got, " "), "GET GET POST GET"; got != want { // the second asks who the account is
		t.Errorf("requests: got %s, want %s", got, want)
	}
}

func TestCrumbAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault string
		want  jenkins.Kind
	}{
		{"login-page", jenkins.KindLoginPage}, {"garbage", jenkins.KindAnswer}, {"truncated", jenkins.KindAnswer}, {"huge", jenkins.KindAnswer},
		{"drop-before", jenkins.KindConnection}, {"status=503", jenkins.KindUnavailable}, {"gateway-403", jenkins.KindForbidden},
		{"gateway-401", jenkins.KindGateway}, {"refuse", jenkins.KindRefused}, {"redirect=/login", jenkins.KindRedirect},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
			inject(t, srv, "crumb:"+test.fault)
			_, err := newClient(t, srv.URL, jenkins.Password(user, password)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if failed := failure(t, err, test.want); failed.Op != jenkins.OpCrumb || failed.Unclear() {
				t.Errorf("got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpCrumb)
			}
			got := slices.DeleteFunc(srv.Requests(), func(r jenkinstest.Request) bool { return strings.HasSuffix(r.Path, "/whoAmI/api/json") })
			if len(got) != 1 || len(srv.Tokens(user)) != 0 {
				t.Errorf("requests: got %q, want 1 and no token", lines(got))
			}
		})
	}
}

func TestCookiesOfACrumb(t *testing.T) {
	t.Parallel()
	k := &crumbs{field: "Jenkins-Crumb", value: "0a1b", cookies: []*http.Cookie{
		{Name: "JSESSIONID.1", Value: "node0.node0", Path: "/", HttpOnly: true},
		{Name: "elsewhere", Value: "1", Path: "/elsewhere"},
		{Name: "foreign", Value: "1", Path: "/", Domain: "example.com"},
		{Name: "gone", Value: "1", Path: "/", MaxAge: -1},
		// Without a path it belongs to that of the crumb.
		{Name: "crumbs", Value: "1"},
	}}
	address, _ := serve(t, k.ServeHTTP)
	if _, err := newClient(t, address, jenkins.Password(user, password)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
		t.Fatal(err)
	}
	if want := "JSESSIONID.1=node0.node0"; k.cookie != want {
		t.Errorf("cookies: got %q, want %q", k.cookie, want)
	}
}

func TestCookiesStayWithTheirCrumb(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password))
	token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	srv.Forget()
	own := c.WithCredential(jenkins.APIToken(user, token.Value()))
	_, err = own.WhoAmI(t.Context())
	_, err2 := own.RenameToken(t.Context(), token.UUID, "y")
	_, err3 := c.WhoAmI(t.Context())
	err4 := tokens(t.Context(), c, 1<<20, func(jenkins.ListedToken) bool { return true })
	_, err5 := c.Starting(t.Context())
	for _, err := range []error{err, err2, err3, err4, err5} {
		if err != nil {
			t.Error(err)
		}
	}
	for _, r := range srv.Requests() {
		for _, name := range []string{"Cookie", "Jenkins-Crumb", "Referer"} {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("%s of %s %s: got %q, want none", name, r.Method, r.Path, got)
			}
		}
	}
}
