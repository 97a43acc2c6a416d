package jenkins

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
)

// Reasons why a proxy or TLS failed for which net/http and crypto/tls have no type.
var (
	errProxy          = errors.New("the proxy's answer")
	errProxyAddress   = errors.New("the proxy's address")
	errProxyLogin     = errors.New("the proxy requires a login")
	errProxyRefused   = errors.New("the proxy refused the login")
	errProxyForbidden = errors.New("the proxy forbids the target")
	errProxyTarget    = errors.New("the proxy does not reach the target")
	errOldTLS         = errors.New("older than TLS 1.2")
)

// connectAnswer turns a proxy's answer to CONNECT into the reason of a failure.
func connectAnswer(_ context.Context, proxy *url.URL, _ *http.Request, answer *http.Response) error {
	switch status := answer.StatusCode; {
	case status == http.StatusOK:
		return nil
	case status == http.StatusProxyAuthRequired && proxy.User == nil:
		return errProxyLogin
	case status == http.StatusProxyAuthRequired:
		return errProxyRefused
	case status == http.StatusForbidden, status == http.StatusMethodNotAllowed:
		return errProxyForbidden
	case status >= 500:
		return errProxyTarget
	}
	return errProxy
}

// way is what was seen of TLS with the controller, for all clients that share a
// transport.
type way struct {
	// asked is whether the server asked for a client certificate and none was there.
	asked atomic.Bool
	// answered is whether a request got through, so that neither a client certificate nor
	// TLS is what is missing.
	answered atomic.Bool
	// met is whether a credential has worked, so that the controller is one.
	met atomic.Bool
	// given are the names of the authorities of [WithCA], encoded.
	given [][]byte
}

// tlsConfig accepts TLS 1.2 and later. An older version is let in as far as the
// certificate, so that the failure has its name: crypto/tls has none for it. Nothing
// is sent then, the client's certificate included.
func (w *way) tlsConfig() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS10,
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.Version < tls.VersionTLS12 {
				return errOldTLS
			}
			return nil
		},
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			w.asked.Store(true)
			return &tls.Certificate{}, nil
		},
	}
}

// unverified says what is wrong with a chain that ends nowhere: whose certificate is
// missing, and whether it is that of an intermediate authority, as far as is known.
func (w *way) unverified(chain []*x509.Certificate) (issuer string, kind Kind) {
	if len(chain) == 0 {
		return "", KindAuthority
	}
	last := chain[0]
	for range chain {
		i := slices.IndexFunc(chain, func(c *x509.Certificate) bool {
			return string(c.RawSubject) == string(last.RawIssuer) && c != last
		})
		if i < 0 {
			break
		}
		last = chain[i]
	}
	issuer = certificateName(last.Issuer.CommonName, last.Issuer.Organization)
	selfSigned := string(last.RawIssuer) == string(last.RawSubject)
	known := slices.ContainsFunc(w.given, func(name []byte) bool { return string(name) == string(last.RawIssuer) })
	if len(w.given) > 0 && !selfSigned && !known {
		return issuer, KindChain
	}
	return issuer, KindAuthority
}

// certificateName is a name in a certificate, which is the word of whoever made it:
// one line of at most 64 characters that print, without quotes.
func certificateName(common string, organization []string) string {
	text := common
	if text == "" {
		text = strings.Join(organization, " ")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == '"' || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > 64 {
		text = string(runes[:64])
	}
	return text
}

// explain finds the reason behind a failure on the way that does not tell it: a client
// certificate that was not given, or TLS on a port that was asked for plain http.
func (c *Client) explain(ctx context.Context, failed *Error) {
	switch failed.Kind {
	case KindCertificate, KindConnection, KindMethod:
	default:
		return
	}
	if c.way.answered.Load() || c.custom.Reveal() != nil {
		return
	}
	if failed.Kind == KindMethod && (failed.Status != http.StatusBadRequest || failed.named) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, min(c.timeout, 2*time.Second))
	defer cancel()
	switch {
	case c.root.Scheme == "https" && c.way.asked.Load() && (failed.Kind != KindConnection || c.demandsCertificate(ctx)):
		failed.Kind = KindClientCertificate
	case c.root.Scheme == "http" && c.speaksTLS(ctx):
		failed.Kind = KindTLSPort
	}
}

// speaksTLS reports whether a port that was asked for plain http begins TLS.
func (c *Client) speaksTLS(ctx context.Context) bool {
	conn := c.beginTLS(ctx)
	if conn != nil {
		_ = conn.Close()
	}
	return conn != nil
}

// demandsCertificate reports whether the server ends a connection without a client
// certificate. With TLS 1.3 it says so after the handshake, and the alert gets lost when a
// request was on its way. A server that does without one says nothing.
func (c *Client) demandsCertificate(ctx context.Context) bool {
	conn := c.beginTLS(ctx)
	if conn == nil {
		return false
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	_, err := conn.Read(make([]byte, 1))
	return kindOf(err) == KindCertificate
}

// beginTLS makes a connection of its own and sends nothing on it. It is nil when there is
// none, or when a proxy is in between. The certificate says nothing here.
func (c *Client) beginTLS(ctx context.Context) *tls.Conn {
	transport := c.transport.Reveal()
	if proxy := transport.Proxy; proxy != nil {
		if u, err := proxy(&http.Request{URL: c.root}); err != nil || u != nil {
			return nil
		}
	}
	dial := transport.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	address := c.root.Host
	if c.root.Port() == "" {
		address = net.JoinHostPort(c.root.Hostname(), map[string]string{"http": "80", "https": "443"}[c.root.Scheme])
	}
	raw, err := dial(ctx, "tcp", address)
	if err != nil {
		return nil
	}
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, ServerName: c.root.Hostname()})
	if conn.HandshakeContext(ctx) != nil {
		_ = raw.Close()
		return nil
	}
	return conn
}
