package jenkins_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	user      = "alice"
	password  = "Pa55-of-alice"
	tokenText = "110123456789abcdef0123456789abcdef"
	madeText  = "11fedcba9876543210fedcba9876543210"
	uuid      = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	bodyText  = "text-of-the-body"
	methods   = "/me/descriptorByName/jenkins.security.ApiTokenProperty/"
)

func root(t testing.TB, raw string) *url.URL {
	t.Helper()
	u, err := jenkins.ParseRoot(raw)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func newClient(t testing.TB, raw string, cred jenkins.Credential, options ...jenkins.Option) *jenkins.Client {
	t.Helper()
	c, err := jenkins.New(root(t, raw), cred, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// serve starts a server of the test's own and counts its requests. Whoever asks it
// without a credential who he is gets the answer of Jenkins, uncounted.
func serve(t testing.TB, h http.HandlerFunc) (address string, count *atomic.Int64) {
	t.Helper()
	count = new(atomic.Int64)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/whoAmI/api/json") && r.Header.Get("Authorization") == "" {
			fmt.Fprint(w, `{"name":"anonymous","anonymous":true}`)
			return
		}
		count.Add(1)
		h(w, r)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	return s.URL, count
}

// listen hands every connection to a port of 127.0.0.1 to f, and closes it.
func listen(t testing.TB, f func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				f(conn)
			}()
		}
	}()
	return l.Addr().String()
}

// closedPort is an address of 127.0.0.1 on which nothing listens. A port that was free a
// moment ago can be that of another test by now; no test may take this one.
const closedPort = "127.0.0.1:1"

// failure is err as a failed request of kind want, after a look for secrets.
func failure(t testing.TB, err error, want jenkins.Kind) *jenkins.Error {
	t.Helper()
	failed, ok := errors.AsType[*jenkins.Error](err)
	if !ok {
		t.Fatalf("error: got %v (%T), want kind %d", err, err, want)
	}
	if failed.Kind != want {
		t.Fatalf("kind: got %d (%v; cause %v), want %d", failed.Kind, failed, failed.Err, want)
	}
	noSecrets(t, err)
	return failed
}

// noSecrets looks for what no error may hold.
func noSecrets(t testing.TB, err error, more ...string) {
	t.Helper()
	look := func(text string, secrets ...string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("error: got %q, want it without %q", text, secret)
			}
		}
	}
	for _, verb := range []string{"%v", "%+v", "%q"} {
		look(fmt.Sprintf(verb, err), append(more, password, tokenText, madeText, bodyText, "proxy-pa55", "query-text")...)
	}
	// A cause in the connection may quote the server, but nothing of ours.
	for e := err; e != nil; e = errors.Unwrap(e) {
		look(e.Error()+fmt.Sprintf("%#v", e), append(more, password, tokenText, madeText, "proxy-pa55")...)
	}
}

// lines are requests as "GET /path 200".
func lines(requests []jenkinstest.Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, fmt.Sprintf("%s %s %d", r.Method, r.Path, r.Status))
	}
	return all
}

func sameLines(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("%s: got\n%s\nwant\n%s", what, g, w)
	}
}

func inject(t testing.TB, srv *jenkinstest.Server, specs ...string) {
	t.Helper()
	if err := srv.Inject(specs...); err != nil {
		t.Fatal(err)
	}
}

// created writes the answer to a good generateNewToken.
func created(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	fmt.Fprintf(w, `{"status":"ok","data":{"tokenName":%q,"tokenUuid":%q,"tokenValue":%q}}`, r.PostFormValue("newTokenName"), uuid, madeText)
}

// tokens hands the tokens of a page to yield until it returns false.
func tokens(ctx context.Context, c *jenkins.Client, limit int64, yield func(jenkins.ListedToken) bool) error {
	for token, err := range c.Tokens(ctx, jenkins.WithPageLimit(limit)) {
		if err != nil {
			return err
		}
		if !yield(token) {
			break
		}
	}
	return nil
}
