package jenkins_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

const nobody = `{"name":"anonymous","anonymous":true}`

// front answers requests with a credential by with, others by without, and counts
// those with one.
func front(t *testing.T, with, without http.HandlerFunc) (address string, shown *atomic.Int64) {
	t.Helper()
	shown = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			without(w, r)
			return
		}
		shown.Add(1)
		with(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, shown
}

func text(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func ofJenkins(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Jenkins", "2.548")
		h(w, r)
	}
}

// loginPageAlone is Jenkins behind a gateway that lets nothing else pass.
func loginPageAlone(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/login" {
		w.Header().Set("X-Jenkins", "2.548")
		return
	}
	w.WriteHeader(http.StatusForbidden)
}

// An unexpected answer to a credential that has not worked yet is examined once,
// without it, and what follows is not sent where nothing can come of it.
func TestExamination(t *testing.T) {
	t.Parallel()
	oops, jenkinsIsThere := ofJenkins(text(500, "text/html", bodyText)), ofJenkins(text(200, "application/json", nobody))
	for _, test := range []struct {
		name          string
		with, without http.HandlerFunc
		want          jenkins.Kind
		shown         int64 // requests with the credential after ten tries
	}{
		{"a realm that throws", oops, jenkinsIsThere, jenkins.KindRealm, 2},
		{"a realm that throws behind a gateway without the header", text(500, "text/html", bodyText), text(200, "application/json", nobody), jenkins.KindRealm, 2},
		{"a controller that fails for everybody", oops, oops, jenkins.KindServer, 3},
		{"a realm that throws, seen while the controller starts", oops, ofJenkins(text(503, "text/html", bodyText)), jenkins.KindServer, 3},
		{"another server", text(200, "text/plain", "hello"), text(200, "text/plain", "hello"), jenkins.KindOther, 1},
		{"an edge's challenge", text(200, "text/html", "<title>Just a moment...</title><script>"), text(200, "text/html", "<title>Just a moment...</title><script>"), jenkins.KindOther, 1},
		{"a firewall's page", text(403, "text/html", "<title>Attention Required!</title>"), text(403, "text/html", bodyText), jenkins.KindOther, 1},
		{"a path without Jenkins", text(404, "text/html", bodyText), text(404, "text/html", bodyText), jenkins.KindOther, 1},
		{"a firewall that says 406", text(406, "text/html", bodyText), text(406, "text/html", bodyText), jenkins.KindOther, 1},
		{"a server that fails for everybody", text(500, "text/html", bodyText), text(500, "text/html", bodyText), jenkins.KindServer, 3},
		{"a gateway that blocks whoAmI alone", text(403, "text/html", bodyText), loginPageAlone, jenkins.KindForbidden, 3},
		{"an answer of Jenkins that is cut", text(200, "application/json", `{"status":`), text(404, "text/html", bodyText), jenkins.KindAnswer, 3},
		{"a firewall that forbids this path", text(403, "text/html", bodyText), jenkinsIsThere, jenkins.KindForbidden, 3},
		{"a rate limit", text(429, "text/html", bodyText), jenkinsIsThere, jenkins.KindRateLimit, 3},
		{"a controller that is not ready", text(503, "text/html", bodyText), jenkinsIsThere, jenkins.KindUnavailable, 3},
		{"a refused login", ofJenkins(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="Jenkins"`)
			w.WriteHeader(401)
		}), jenkinsIsThere, jenkins.KindRefused, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, shown := front(t, test.with, test.without)
			c := newClient(t, address, jenkins.APIToken(user, tokenText))
			_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if failed := failure(t, err, test.want); failed.Unclear() && (test.want == jenkins.KindRealm || test.want == jenkins.KindOther) {
				t.Error("unclear: got true, want false: nothing was created")
			}
			for range 9 {
				_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
				if err == nil {
					t.Fatal("got a token")
				}
			}
			if got := shown.Load(); got != test.shown {
				t.Errorf("requests with the credential: got %d, want %d", got, test.shown)
			}
		})
	}
}

// A credential that has worked is not counted, whatever comes back later.
func TestCredentialThatWorked(t *testing.T) {
	t.Parallel()
	address, shown := front(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/whoAmI/api/json") {
			fmt.Fprint(w, `{"name":"alice","anonymous":false}`)
			return
		}
		w.WriteHeader(http.StatusInternalServerError)
	}, text(200, "application/json", nobody))
	c := newClient(t, address, jenkins.APIToken(user, tokenText))
	for range 10 {
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		failure(t, err, jenkins.KindServer)
	}
	if got := shown.Load(); got != 11 {
		t.Errorf("requests with the credential: got %d, want 10 and one that asks who it is", got)
	}
}

// A connection that was used before and is cut makes net/http send a GET once more,
// which counts like any other.
func TestCutConnections(t *testing.T) {
	t.Parallel()
	cut := func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			_ = conn.Close()
		}
	}
	jenkinsIsThere := ofJenkins(text(200, "application/json", nobody))
	for _, test := range []struct {
		name          string
		with, without http.HandlerFunc
	}{
		{"with a login", cut, jenkinsIsThere},
		{"always", cut, cut},
		{"after an answer", func() http.HandlerFunc {
			var n atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) {
				if n.Add(1) == 1 {
					w.WriteHeader(http.StatusTooManyRequests)
					return
				}
				cut(w, r)
			}
		}(), jenkinsIsThere},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, shown := front(t, test.with, test.without)
			c := newClient(t, address, jenkins.Password(user, password))
			_, _ = c.Probe(t.Context()) // leaves a connection to use again
			for range 10 {
				if _, err := c.WhoAmI(t.Context()); err == nil {
					t.Fatal("got an answer")
				}
			}
			if got := shown.Load(); got != 3 {
				t.Errorf("requests with the credential: got %d, want 3", got)
			}
		})
	}
}

func TestSpentCredential(t *testing.T) {
	t.Parallel()
	address, _ := front(t, text(429, "text/plain", bodyText), text(200, "application/json", nobody))
	c := newClient(t, address, jenkins.Password(user, password))
	for range 3 {
		_, err := c.WhoAmI(t.Context())
		failure(t, err, jenkins.KindRateLimit)
	}
	_, err := c.WhoAmI(t.Context())
	failed := failure(t, err, jenkins.KindSpent)
	if failed.Sent || failed.Unsent() {
		t.Errorf("got sent %t, unsent %t, want false, false", failed.Sent, failed.Unsent())
	}
	if want := "429, the rate limit of the controller or of a gateway was reached; not sent again, the password has not worked yet"; !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %q, want it to end with %q", err, want)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name, date, after string
		want              time.Duration
	}{
		{"none", "", "", 0},
		{"seconds", "", "7", 7 * time.Second},
		{"seconds with blanks", "", " 7 ", 7 * time.Second},
		{"a date", "", "Tue, 24 Nov 2026 12:00:30 GMT", 30 * time.Second},
		{"a date by another clock", "Tue, 24 Nov 2026 14:00:00 GMT", "Tue, 24 Nov 2026 14:00:05 GMT", 5 * time.Second},
		{"a date that is past", "", "Tue, 24 Nov 2026 11:00:00 GMT", 0},
		{"years", "", "2000000000", 24 * time.Hour},
		{"more than a number can be", "", "99999999999999999999", 0},
		{"negative", "", "-1", 0},
		{"words", "", "soon", 0},
	} {
		for _, status := range []int{429, 503} {
			address, _ := front(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Date"] = nil
				if test.date != "" {
					w.Header().Set("Date", test.date)
				}
				w.Header().Set("Retry-After", test.after)
				w.WriteHeader(status)
			}, text(200, "application/json", nobody))
			c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithClock(func() time.Time { return now }))
			_, err := c.WhoAmI(t.Context())
			kind := map[int]jenkins.Kind{429: jenkins.KindRateLimit, 503: jenkins.KindUnavailable}[status]
			if failed := failure(t, err, kind); failed.RetryAfter != test.want {
				t.Errorf("%s, %d: got %s, want %s", test.name, status, failed.RetryAfter, test.want)
			}
		}
	}
}

// A session cookie for another path than the root's never comes back, so the crumb
// that belongs to it is of no use, and a second one neither.
func TestCookieOfAnotherPath(t *testing.T) {
	t.Parallel()
	for path, lost := range map[string]bool{"/jenkins": true, "/": false, "": false, "/ci": false, "/ci/": false, "/c": true, "/cix": true} {
		var posts atomic.Int64
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts.Add(1)
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprint(w, "No valid crumb was included in the request")
				return
			}
			http.SetCookie(w, &http.Cookie{Name: "JSESSIONID.1", Value: "a", Path: path})
			fmt.Fprint(w, `{"crumb":"abc","crumbRequestField":"Jenkins-Crumb"}`)
		})
		_, err := newClient(t, address+"/ci", jenkins.Password(user, password)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		want := int64(2)
		if lost {
			want = 1
		}
		if failed := failure(t, err, jenkins.KindCrumb); failed.CookiePath != lost || posts.Load() != want {
			t.Errorf("path %q: got %t after %d POSTs, want %t after %d", path, failed.CookiePath, posts.Load(), lost, want)
		}
	}
}

// What any web server can answer does not prove that a credential works: a page without
// tokens, and a 403 without a body.
func TestAnswersThatProveNothing(t *testing.T) {
	t.Parallel()
	page := text(200, "text/html", "<html><body>hello</body></html>")
	none := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }
	for name, answer := range map[string]http.HandlerFunc{"a page": page, "403 without a body": none} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, shown := front(t, answer, answer)
			c := newClient(t, address, jenkins.APIToken(user, tokenText))
			failure(t, tokens(t.Context(), c, 1000, func(jenkins.ListedToken) bool { return true }), jenkins.KindOther)
			for range 9 {
				failure(t, c.RevokeToken(t.Context(), uuid), jenkins.KindOther)
			}
			if got := shown.Load(); got != 1 || c.Proven() {
				t.Errorf("got %d requests with the credential, proven %t, want 1, false", got, c.Proven())
			}
		})
	}
}
