package jenkins_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
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
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, "<html>"+bodyText) }))
	t.Cleanup(web.Close)
	other := web.URL
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
		{"nothing listens", "http://" + closedPort, nil, jenkins.KindConnect, "", ""},
		{"another authority", secure.URL, nil, jenkins.KindAuthority, strings.TrimPrefix(secure.URL, "https://"), ""},
		{"no Jenkins", other, nil, jenkins.KindAnswer, strings.TrimPrefix(other, "http://"), ""},
		{"no address of a proxy", other, broken, jenkins.KindProxyAddress, "", ""},
		{"a proxy's password that is not escaped", other, unescaped, jenkins.KindProxyAddress, "", ""},
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
			if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
				t.Error(err)
			}
			if got := len(srv.Requests()); got != 2 {
				t.Errorf("requests: got %d, want 2: the crumb serves the next POST", got)
			}
		})
	}
}
