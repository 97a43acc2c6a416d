package jenkins_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestProbe(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.548"))
	c := newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithCA(srv.CA))
	for _, what := range []string{"a new connection", "the same connection"} {
		seen, err := c.Probe(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if seen.Remote != c.Host() || seen.Proxy != "" || len(seen.Addresses) != 0 {
			t.Errorf("%s: got %q, proxy %q, addresses %v, want %s alone", what, seen.Remote, seen.Proxy, seen.Addresses, c.Host())
		}
		if seen.TLS == nil || seen.TLS.Version != tls.VersionTLS13 || seen.TLS.NegotiatedProtocol != "h2" || len(seen.TLS.VerifiedChains) == 0 {
			t.Errorf("%s: got TLS %v, want TLS 1.3 with HTTP/2 and a chain", what, seen.TLS)
		}
	}
	if got := c.Version().String(); got != "2.548" {
		t.Errorf("version: got %q, want 2.548", got)
	}
	for _, r := range srv.Requests() {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Cookie") != "" {
			t.Errorf("%s: got a credential, want none", r.Path)
		}
	}
	if len(srv.Requests()) != 2 {
		t.Errorf("requests: got %d, want 2", len(srv.Requests()))
	}
}

func TestProbeOfAName(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, strings.Replace(srv.URL, "127.0.0.1", "localhost", 1), jenkins.Password(user, password))
	seen, err := c.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(seen.Addresses) == 0 || !seen.Addresses[0].IsLoopback() || seen.TLS != nil {
		t.Errorf("got addresses %v, TLS %v, want a loopback address without TLS", seen.Addresses, seen.TLS)
	}
}

func TestProbeFails(t *testing.T) {
	t.Parallel()
	secure := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password))
	other, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>"+bodyText) })
	proxied := jenkins.WithProxy(func(*url.URL) (*url.URL, error) {
		return &url.URL{Scheme: "http", Host: strings.TrimPrefix(other, "http://"), User: url.UserPassword("bob", "proxy-pa55")}, nil
	})
	unescaped := jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return url.Parse("http://bob:12#proxy-pa55@proxy.example.com:3128") })
	broken := jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return nil, errors.New("proxy-pa55") })
	for _, test := range []struct {
		name, url     string
		option        jenkins.Option
		want          jenkins.Kind
		remote, proxy string
	}{
		{"nothing listens", "http://" + closedPort(t), nil, jenkins.KindConnect, "", ""},
		{"another authority", secure.URL, nil, jenkins.KindAuthority, strings.TrimPrefix(secure.URL, "https://"), ""},
		{"no Jenkins", other, nil, jenkins.KindAnswer, strings.TrimPrefix(other, "http://"), ""},
		{"no address of a proxy", other, broken, jenkins.KindProxy, "", ""},
		{"a proxy's password that is not escaped", other, unescaped, jenkins.KindProxy, "", ""},
		{"a proxy that answers itself", "https://jenkins.test", proxied, jenkins.KindNotTLS, strings.TrimPrefix(other, "http://"), other},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var options []jenkins.Option
			if test.option != nil {
				options = append(options, test.option)
			}
			seen, err := newClient(t, test.url, jenkins.Password(user, password), options...).Probe(t.Context())
			failure(t, err, test.want)
			if seen.Remote != test.remote || seen.Proxy != test.proxy || seen.TLS != nil {
				t.Errorf("got %+v, want remote %q, proxy %q", seen, test.remote, test.proxy)
			}
		})
	}
	c := newClient(t, secure.URL, jenkins.Password(user, password))
	_, err := c.Probe(t.Context())
	if shown, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || len(shown.UnverifiedCertificates) == 0 {
		t.Errorf("certificates shown: got %v, want them behind the error", err)
	}
}

func TestCrumb(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		option jenkinstest.Option
		wanted bool
		kind   jenkins.Kind // -1 is no error
	}{
		{"wanted", nil, true, -1},
		{"not wanted", jenkinstest.WithoutCrumbs(), false, -1},
		{"without Overall/Read", jenkinstest.WithoutRead(user), false, jenkins.KindPermission},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			options := []jenkinstest.Option{jenkinstest.WithUser(user, password)}
			if test.option != nil {
				options = append(options, test.option)
			}
			srv := jenkinstest.Start(t, options...)
			c := newClient(t, srv.URL, jenkins.Password(user, password))
			wanted, err := c.Crumb(t.Context())
			if test.kind >= 0 {
				if failed := failure(t, err, test.kind); failed.Permission != "hudson.model.Hudson.Read" {
					t.Errorf("permission: got %q, want hudson.model.Hudson.Read", failed.Permission)
				}
				return
			}
			if err != nil || wanted != test.wanted {
				t.Fatalf("got %t, %v, want %t", wanted, err, test.wanted)
			}
			if _, err := c.CreateToken(t.Context(), "x", 1); err != nil {
				t.Error(err)
			}
			if got := len(srv.Requests()); got != 2 {
				t.Errorf("requests: got %d, want 2: the crumb serves the next POST", got)
			}
		})
	}
}

func TestMoved(t *testing.T) {
	t.Parallel()
	const path = "/whoAmI/api/json"
	for _, test := range []struct{ name, location, want string }{
		{"none", "", ""},
		{"https", "https://HOST/ci" + path, "https://HOST/ci"},
		{"another host", "https://lb.example.com/ci" + path, "https://lb.example.com/ci"},
		{"another port", "https://lb.example.com:8443/ci" + path + "/", "https://lb.example.com:8443/ci"},
		{"without a context path", "https://lb.example.com" + path, "https://lb.example.com"},
		{"another context path", "/jenkins" + path, "http://HOST/jenkins"},
		{"a context path of two", "/a/b" + path, "http://HOST/a/b"},
		{"IPv6", "https://[2001:db8::1]:8443" + path, "https://[2001:db8::1]:8443"},
		{"query", "https://lb.example.com" + path + "?query-text", "https://lb.example.com"},
		{"user information", "https://bob:proxy-pa55@lb.example.com" + path, "https://lb.example.com"},
		{"the same address", "http://HOST/ci" + path, ""},
		{"login", "/ci/login?from=query-text", ""},
		{"single sign-on", "https://sso.example.com/authorize?client=query-text", ""},
		{"start page", "https://lb.example.com/ci/", ""},
		{"other scheme", "ftp://lb.example.com" + path, ""},
		{"dots", "/a/%2e%2e/b" + path, ""},
		{"path of no plain characters", "/a%0ab" + path, ""},
		{"long path", "/" + strings.Repeat("a", 65) + path, ""},
		{"deep path", strings.Repeat("/a", 7) + path, ""},
		{"IPv6 with a zone", "https://[fe80::1%25eth0]" + path, ""},
		{"host of no plain characters", "https://a'b" + path, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", strings.ReplaceAll(test.location, "HOST", r.Host))
				w.WriteHeader(http.StatusFound)
			})
			_, err := newClient(t, address+"/ci", jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
			failure(t, err, jenkins.KindRedirect)
			want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(address, "http://"))
			if got := jenkins.Moved(err); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestMovedOfAPost(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://lb.example.com"+r.URL.Path)
			w.WriteHeader(status)
		})
		c := newClient(t, address, jenkins.APIToken(user, tokenText))
		_, err := c.CreateToken(t.Context(), "x", 1)
		if got := jenkins.Moved(err); got != "https://lb.example.com" {
			t.Errorf("%d: got %q, want https://lb.example.com", status, got)
		}
	}
	if got := jenkins.Moved(errors.New("another")); got != "" {
		t.Errorf("another error: got %q, want none", got)
	}
}
