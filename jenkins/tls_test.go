package jenkins_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// issue makes a certificate, of itself when a has none.
func (a authority) issue(t *testing.T, change func(*x509.Certificate)) (authority, tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "for a test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if a.certificate == nil {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		a.certificate, a.key = template, key
	}
	if change != nil {
		change(template)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return authority{parsed, key, certificate}, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func serveTLS(t *testing.T, config *tls.Config, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.TLS = config
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func TestKindsOfTLS(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority{}.issue(t, nil)
	clients := x509.NewCertPool()
	clients.AddCert(ca.certificate)
	for _, test := range []struct {
		name   string
		change func(*x509.Certificate)
		config func(*tls.Config)
		trust  bool
		want   jenkins.Kind // -1 is no error
	}{
		{"good", nil, nil, true, -1},
		{"unknown authority", nil, nil, false, jenkins.KindAuthority},
		{"another host", func(c *x509.Certificate) {
			c.IPAddresses, c.DNSNames = nil, []string{"other.example.com"}
		}, nil, true, jenkins.KindHostname},
		{"no host", func(c *x509.Certificate) { c.IPAddresses = nil }, nil, true, jenkins.KindNoName},
		{"expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }, nil, true, jenkins.KindCertificate},
		{"not yet valid", func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) }, nil, true, jenkins.KindCertificate},
		{"not for servers", func(c *x509.Certificate) { c.ExtKeyUsage = c.ExtKeyUsage[1:] }, nil, true, jenkins.KindCertificate},
		{"TLS 1.2", nil, func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true, -1},
		{"TLS 1.1", nil, func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, true, jenkins.KindOldTLS},
		{"client certificate wanted, TLS 1.3", nil, func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clients }, true, jenkins.KindClientCertificate},
		{"client certificate wanted, TLS 1.2", nil, func(c *tls.Config) {
			c.ClientAuth, c.ClientCAs, c.MaxVersion = tls.RequireAndVerifyClientCert, clients, tls.VersionTLS12
		}, true, jenkins.KindClientCertificate},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, pair, _ := ca.issue(t, test.change)
			config := &tls.Config{Certificates: []tls.Certificate{pair}}
			if test.config != nil {
				test.config(config)
			}
			var reached bool
			address := serveTLS(t, config, func(w http.ResponseWriter, r *http.Request) { reached = true; created(w, r) })
			var options []jenkins.Option
			if test.trust {
				options = append(options, jenkins.WithCA(ca.pem))
			}
			_, err := newClient(t, address, jenkins.APIToken(user, tokenText), options...).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if test.want < 0 {
				if err != nil || !reached {
					t.Errorf("got %v, reached %t, want no error", err, reached)
				}
				return
			}
			// With TLS 1.3 a client learns after its first words that the server
			// wanted a certificate.
			late := config.ClientAuth != tls.NoClientCert && config.MaxVersion == 0
			failed := failure(t, err, test.want)
			if !late && (failed.Sent || !failed.Unsent() || failed.Unclear()) {
				t.Errorf("got sent %t, unsent %t, unclear %t, want false, true, false", failed.Sent, failed.Unsent(), failed.Unclear())
			}
			if reached {
				t.Error("handler: got a request, want none")
			}
		})
	}
}

func TestWithClientCertificate(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority{}.issue(t, nil)
	_, server, _ := ca.issue(t, nil)
	client, _, key := ca.issue(t, func(c *x509.Certificate) { c.Subject.CommonName = "the client" })
	_, _, otherKey := ca.issue(t, nil)
	clients := x509.NewCertPool()
	clients.AddCert(ca.certificate)
	var name string
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients},
		func(w http.ResponseWriter, r *http.Request) {
			name = r.TLS.PeerCertificates[0].Subject.CommonName
			created(w, r)
		})
	c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithCA(ca.pem), jenkins.WithClientCertificate(client.pem, key))
	if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil || name != "the client" {
		t.Errorf("got %v, client %q, want the client", err, name)
	}
	for what, option := range map[string]jenkins.Option{
		"key of another":       jenkins.WithClientCertificate(client.pem, otherKey),
		"no key":               jenkins.WithClientCertificate(client.pem, []byte(password)),
		"no certificate":       jenkins.WithClientCertificate([]byte(password), key),
		"key as a certificate": jenkins.WithClientCertificate(key, key),
		"CA of no PEM":         jenkins.WithCA([]byte(password)),
		"CA that is a key":     jenkins.WithCA(key),
		"empty CA":             jenkins.WithCA(nil),
	} {
		_, err := jenkins.New(root(t, address), jenkins.APIToken(user, tokenText), option)
		if err == nil {
			t.Errorf("%s: got no error, want one", what)
			continue
		}
		noSecrets(t, err, string(bytes.Split(key, []byte("\n"))[1]))
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithCA(srv.CA))
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Requests at the same time share a connection only with HTTP/2.
	inject(t, srv, "whoami:delay=50ms*4")
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			if _, err := c.WhoAmI(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WithCredential(jenkins.APIToken(user, token.Value())).RevokeToken(t.Context(), token.UUID); err != nil {
		t.Error(err)
	}
	for _, r := range srv.Requests() {
		if r.Conn != 1 {
			t.Errorf("connection of %s: got %d, want 1", r.Path, r.Conn)
		}
	}
	for _, fault := range []string{"drop-after", "hold", "truncated"} {
		c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithCA(srv.CA), jenkins.WithRequestTimeout(time.Second))
		if _, err := c.WhoAmI(t.Context()); err != nil {
			t.Fatal(err)
		}
		srv.Forget()
		inject(t, srv, "create:"+fault)
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "y"})
		failed, ok := errors.AsType[*jenkins.Error](err)
		if !ok || !failed.Sent || !failed.Unclear() || len(srv.Requests()) != 1 {
			t.Errorf("%s: got %v after %d requests, want an unclear error after 1", fault, err, len(srv.Requests()))
		}
	}
}

// tunnel answers a CONNECT as a proxy that reaches address.
func tunnel(t *testing.T, w http.ResponseWriter, r *http.Request, address string) {
	t.Helper()
	to, err := net.Dial("tcp", address)
	if r.Method != http.MethodConnect || err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer to.Close()
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer from.Close()
	_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(to, buffered)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

func TestWithProxy(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password))
	var mu sync.Mutex
	var connects []http.Header
	address, count := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		connects = append(connects, r.Header.Clone())
		mu.Unlock()
		tunnel(t, w, r, r.Host)
	})
	var asked []string
	through := func(u *url.URL) (*url.URL, error) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, u.Host)
		return &url.URL{Scheme: "http", Host: strings.TrimPrefix(address, "http://"), User: url.UserPassword("bob", "proxy-pa55")}, nil
	}
	c := newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithCA(srv.CA), jenkins.WithProxy(through))
	token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WithCredential(jenkins.APIToken(user, token.Value())).RevokeToken(t.Context(), token.UUID); err != nil {
		t.Error(err)
	}
	if got := count.Load(); got != 1 {
		t.Errorf("tunnels: got %d, want 1", got)
	}
	for _, h := range connects {
		if h.Get("Authorization") != "" || h.Get("Cookie") != "" || !strings.HasPrefix(h.Get("Proxy-Authorization"), "Basic ") {
			t.Errorf("CONNECT: got %q, want the proxy's credential alone", h)
		}
	}
	for _, r := range srv.Requests() {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Errorf("%s: got the proxy's credential, want none", r.Path)
		}
	}
	if len(asked) == 0 || asked[0] != c.Host() {
		t.Errorf("proxy asked for: got %q, want %s", asked, c.Host())
	}
	direct := newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithCA(srv.CA), jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return nil, nil }))
	if _, err := direct.WhoAmI(t.Context()); err != nil || count.Load() != 1 {
		t.Errorf("no proxy: got %v and %d tunnels, want none more", err, count.Load())
	}
}

// What a proxy says in place of a tunnel: that it cannot reach the controller,
// which may be restarting, is not that it refuses.
func TestProxyWithoutATunnel(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]jenkins.Kind{
		http.StatusBadGateway: jenkins.KindProxyTarget, http.StatusServiceUnavailable: jenkins.KindProxyTarget, http.StatusGatewayTimeout: jenkins.KindProxyTarget,
		http.StatusForbidden: jenkins.KindProxyForbidden, http.StatusMethodNotAllowed: jenkins.KindProxyForbidden,
		http.StatusProxyAuthRequired: jenkins.KindProxyLogin, http.StatusNoContent: jenkins.KindProxy,
	} {
		address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
		proxy, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		c := newClient(t, "https://jenkins.test", jenkins.APIToken(user, tokenText), jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return proxy, nil }))
		_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, want); failed.Sent || !failed.Unsent() {
			t.Errorf("%d: got sent %t, unsent %t, want false, true", status, failed.Sent, failed.Unsent())
		}
	}
}

// Google's Identity-Aware Proxy takes its ID token in Proxy-Authorization: whatever
// is on the way there must not see it.
func TestProxyAuthorization(t *testing.T) {
	t.Parallel()
	header := jenkins.WithHeaders(http.Header{"proxy-authorization": {"Bearer " + bodyText}})
	origin := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password))
	var connects atomic.Int32
	address, count := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "" {
			t.Errorf("%s: got the header, want none", r.Method)
		}
		connects.Add(1)
		tunnel(t, w, r, strings.TrimPrefix(origin.URL, "https://"))
	})
	proxy, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	through := jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return proxy, nil })
	c := newClient(t, origin.URL, jenkins.Password(user, password), jenkins.WithCA(origin.CA), through, header)
	if _, err := c.WhoAmI(t.Context()); err != nil {
		t.Fatal(err)
	}
	if requests := origin.Requests(); len(requests) != 1 || requests[0].Header.Get("Proxy-Authorization") != "Bearer "+bodyText || connects.Load() != 1 {
		t.Errorf("got %d requests through %d tunnels, want one with the header", len(requests), connects.Load())
	}
	before := count.Load()
	to, err := jenkins.ParseInsecureRoot("http://jenkins.test")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := jenkins.New(to, jenkins.Password(user, password), through, header)
	if err != nil {
		t.Fatal(err)
	}
	_, err = plain.WhoAmI(t.Context())
	failure(t, err, jenkins.KindProxy)
	if got := count.Load(); got != before {
		t.Errorf("plain http: the proxy got %d requests, want none", got-before)
	}
}

func TestNoProxyOfTheEnvironment(t *testing.T) {
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+closedPort)
	}
	c := newClient(t, "https://"+strings.Repeat("a", 64)+".invalid", jenkins.APIToken(user, tokenText))
	_, err := c.WhoAmI(t.Context())
	failure(t, err, jenkins.KindResolve)
}

func TestTwoAuthorities(t *testing.T) {
	t.Parallel()
	one, other := jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password)), jenkinstest.StartTLS(t, jenkinstest.WithUser(user, password))
	for _, srv := range []*jenkinstest.Server{one, other} {
		c := newClient(t, srv.URL, jenkins.Password(user, password), jenkins.WithCA(one.CA), jenkins.WithCA(other.CA))
		if _, err := c.WhoAmI(t.Context()); err != nil {
			t.Errorf("got %v, want both authorities trusted", err)
		}
	}
}
