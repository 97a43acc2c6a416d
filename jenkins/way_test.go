package jenkins_test

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

func named(name string, isCA bool) func(*x509.Certificate) {
	return func(c *x509.Certificate) {
		c.Subject = pkix.Name{CommonName: name}
		if isCA {
			c.IsCA, c.KeyUsage, c.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		}
	}
}

// A server that does not send the certificate of the authority that signed its own.
func TestIncompleteChain(t *testing.T) {
	t.Parallel()
	root, _, _ := authority{}.issue(t, named("the root", true))
	other, _, _ := authority{}.issue(t, named("another root", true))
	for _, test := range []struct {
		name, intermediate string
		trust              []byte
		whole              bool // the server sends the intermediate too
		want               jenkins.Kind
		issuer             string
	}{
		{"the root is trusted", "the intermediate", root.pem, false, jenkins.KindChain, "the intermediate"},
		{"nothing is trusted", "the intermediate", nil, false, jenkins.KindAuthority, "the intermediate"},
		{"another root is trusted, and the chain is whole", "the intermediate", other.pem, true, jenkins.KindChain, "the root"},
		{"a name with commands and quotes", "a\n::error::\"\x1b[2J" + strings.Repeat("é", 100), root.pem, false, jenkins.KindChain, "a::error::[2J" + strings.Repeat("é", 51)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			intermediate, _, _ := root.issue(t, named(test.intermediate, true))
			_, pair, _ := intermediate.issue(t, named("the server", false))
			if test.whole {
				pair.Certificate = append(pair.Certificate, intermediate.certificate.Raw)
			}
			address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}}, created)
			var options []jenkins.Option
			if test.trust != nil {
				options = append(options, jenkins.WithCA(test.trust))
			}
			_, err := newClient(t, address, jenkins.APIToken(user, tokenText), options...).WhoAmI(t.Context())
			failed := failure(t, err, test.want)
			if failed.Issuer != test.issuer || failed.Sent {
				t.Errorf("got issuer %q, sent %t, want %q, false", failed.Issuer, failed.Sent, test.issuer)
			}
			if test.want == jenkins.KindChain && !strings.Contains(err.Error(), `"`+test.issuer+`"`) {
				t.Errorf("got %q, want the issuer named", err)
			}
		})
	}
	intermediate, _, _ := root.issue(t, named("the intermediate", true))
	_, pair, _ := intermediate.issue(t, named("the server", false))
	address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}}, created)
	_, err := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithCA(root.pem), jenkins.WithCA(intermediate.pem)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Errorf("with both certificates: got %v", err)
	}
}

// Plain http to a port of TLS, whatever the server says to it.
func TestPlainHTTPToTLS(t *testing.T) {
	t.Parallel()
	_, pair, _ := authority{}.issue(t, nil)
	config := &tls.Config{Certificates: []tls.Certificate{pair}}
	polite := strings.Replace(serveTLS(t, config, created), "https://", "http://", 1) // net/http answers 400
	// Others end the connection, or send an alert.
	rude := "http://" + listen(t, func(conn net.Conn) {
		first := make([]byte, 1)
		if _, err := conn.Read(first); err == nil && first[0] == 0x16 {
			_ = tls.Server(&withFirst{conn, first}, config).Handshake()
		}
	})
	alerting := "http://" + listen(t, func(conn net.Conn) {
		_ = tls.Server(conn, config).Handshake()
	})
	for name, address := range map[string]string{"an answer": polite, "the end of the connection": rude, "an alert": alerting} {
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindTLSPort); failed.Unclear() {
			t.Errorf("%s: got unclear, want it clear that nothing was created", name)
		}
	}
	address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
	failure(t, err, jenkins.KindMethod)
}

// withFirst gives back what was read of a connection.
type withFirst struct {
	net.Conn
	first []byte
}

func (c *withFirst) Read(b []byte) (int, error) {
	if len(c.first) > 0 {
		n := copy(b, c.first)
		c.first = c.first[n:]
		return n, nil
	}
	return c.Conn.Read(b)
}

// nginx asks for a certificate, lets a client without one in, and answers 400.
func TestClientCertificateAskedForInAnAnswer(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority{}.issue(t, nil)
	_, pair, _ := ca.issue(t, nil)
	for status, want := range map[int]jenkins.Kind{http.StatusBadRequest: jenkins.KindClientCertificate, http.StatusMethodNotAllowed: jenkins.KindMethod} {
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" && status != http.StatusBadRequest {
				_, _ = w.Write([]byte(nobody))
				return
			}
			w.WriteHeader(status)
		})
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithCA(ca.pem)).WhoAmI(t.Context())
		failure(t, err, want)
	}
}

// A server of TLS 1.1 that asks for a client certificate gets none.
func TestOldTLSGetsNoClientCertificate(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority{}.issue(t, nil)
	_, pair, _ := ca.issue(t, nil)
	client, _, key := ca.issue(t, nil)
	shown := false
	address := serveTLS(t, &tls.Config{
		Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11, ClientAuth: tls.RequestClientCert,
		VerifyPeerCertificate: func(certificates [][]byte, _ [][]*x509.Certificate) error {
			shown = shown || len(certificates) > 0
			return nil
		},
	}, created)
	_, err := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithCA(ca.pem), jenkins.WithClientCertificate(client.pem, key)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if failed := failure(t, err, jenkins.KindOldTLS); failed.Sent || shown {
		t.Errorf("got sent %t, the certificate shown %t, want neither", failed.Sent, shown)
	}
}

// A server that asks for a client certificate and does without one works: a connection to
// it that breaks has another cause, and can be tried again.
func TestClientCertificateThatIsNotNeeded(t *testing.T) {
	t.Parallel()
	ca, _, _ := authority{}.issue(t, nil)
	_, pair, _ := ca.issue(t, nil)
	for _, before := range []bool{true, false} { // whether an answer came before
		var cut atomic.Bool
		address := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"http/1.1"}}, func(w http.ResponseWriter, _ *http.Request) {
			if !cut.Load() {
				_, _ = w.Write([]byte(`{"name":"alice","anonymous":false}`))
				return
			}
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		})
		c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithCA(ca.pem), jenkins.WithRequestTimeout(500*time.Millisecond))
		if before {
			if _, err := c.WhoAmI(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		cut.Store(true)
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindConnection); !failed.Unclear() {
			t.Error("got a clear failure, want it unclear whether a token was created")
		}
	}
}
