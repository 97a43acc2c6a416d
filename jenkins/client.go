package jenkins

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/web"
)

// Limits of what is read from an answer, in bytes.
const (
	answerLimit = 1 << 20
	errorLimit  = 64 << 10
	headerLimit = 64 << 10
)

// Client talks to one controller with one credential. It may be used by
// several goroutines.
type Client struct {
	root    *url.URL
	way     *way
	self    string // path of the user: /me or /user/<id>
	cred    Credential
	headers secret.Value[http.Header]
	// These have requests with the credential in their buffers, and the client's key.
	transport secret.Value[*http.Transport]
	custom    secret.Value[http.RoundTripper] // see WithTransport
	http      secret.Value[*http.Client]
	timeout   time.Duration
	connects  bool // an option says how the client's own transport connects

	mu      sync.Mutex
	crumb   *crumb
	trial   trial
	version Version
	clock   time.Duration // server's clock minus ours
	dated   bool
	now     func() time.Time
}

// Option changes a client as [New] makes it.
type Option func(*Client) error

// WithCA trusts the PEM certificates in bundle besides the system's. Given twice, both
// bundles are trusted.
func WithCA(bundle []byte) Option {
	return func(c *Client) error {
		c.connects = true
		pool := c.transport.Reveal().TLSClientConfig.RootCAs
		if pool == nil {
			var err error
			if pool, err = x509.SystemCertPool(); err != nil {
				pool = x509.NewCertPool()
			}
		}
		if !pool.AppendCertsFromPEM(bundle) {
			return errors.New("the CA certificate holds no PEM certificate")
		}
		c.transport.Reveal().TLSClientConfig.RootCAs = pool
		for rest := bundle; ; {
			var block *pem.Block
			if block, rest = pem.Decode(rest); block == nil {
				return nil
			}
			if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
				c.way.given = append(c.way.given, certificate.RawSubject)
			}
		}
	}
}

// WithClientCertificate shows a certificate to servers that ask for one, both
// parts PEM. Given twice, the last counts.
func WithClientCertificate(certificate, key []byte) Option {
	return func(c *Client) error {
		pair, err := tls.X509KeyPair(certificate, key)
		if err != nil {
			// The cause may quote the key's PEM header; it helps nobody.
			return errors.New("client certificate and client key are not a PEM pair")
		}
		c.connects = true
		c.transport.Reveal().TLSClientConfig.Certificates = []tls.Certificate{pair}
		c.transport.Reveal().TLSClientConfig.GetClientCertificate = nil
		return nil
	}
}

// WithHeaders sends additional headers on every request, for a gateway. Given twice, all
// are sent.
// Names of another form are refused, and those that mean something to Jenkins, a proxy or
// HTTP itself, such as Authorization, Cookie, Host, Accept and X-Forwarded-For.
// Proxy-Authorization is allowed: it reaches the controller's own origin
// alone: it is not part of a CONNECT, and with a proxy for plain http, which would read
// it, each request fails with [KindProxy] and is not sent.
func WithHeaders(headers http.Header) Option {
	return func(c *Client) error {
		for name, values := range headers {
			if !web.MaySet(name) {
				return errors.New("an additional header has a name that cannot be set")
			}
			for _, value := range values {
				if !web.IsHeader(name, value) {
					return errors.New("an additional header has a form that cannot be sent")
				}
				c.headers.Reveal().Add(name, value)
			}
		}
		return nil
	}
}

// WithProxy asks proxy which proxy a request to a URL takes; nil means none.
// Without this option no proxy is used. Given twice, the last counts, as with all
// options that follow.
func WithProxy(proxy func(*url.URL) (*url.URL, error)) Option {
	return func(c *Client) error {
		c.connects = true
		c.transport.Reveal().Proxy = func(r *http.Request) (*url.URL, error) {
			u, err := proxy(r.URL)
			if err != nil {
				// The parse error of a proxy's address repeats its password.
				return nil, errProxyAddress
			}
			if u != nil && (u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme)) {
				// A password that is not percent-encoded: what was read as the host may
				// be a part of it.
				return nil, errProxyAddress
			}
			if u != nil && r.URL.Scheme == "http" && r.Header.Get(web.ProxyAuthorization) != "" {
				return nil, errProxy
			}
			return u, nil
		}
		return nil
	}
}

// WithDial makes connections by dial, for instance through a tunnel. Without this
// option they are made as net/http does.
func WithDial(dial func(ctx context.Context, network, address string) (net.Conn, error)) Option {
	return func(c *Client) error {
		c.connects = true
		c.transport.Reveal().DialContext = dial
		return nil
	}
}

// WithTransport sends requests by transport instead of the client's own, for instance to
// trace them. It decides about certificates, proxies and connections itself, so [New]
// refuses it together with [WithCA], [WithClientCertificate], [WithProxy] and [WithDial].
// What the package promises about redirects, bounds and refused logins holds with it. It
// must not repeat requests. A failed POST counts as sent, unless the error is one of
// connecting: see [Error.Unclear]. Some causes are not told apart, such as
// [KindClientCertificate].
func WithTransport(transport http.RoundTripper) Option {
	return func(c *Client) error {
		if transport == nil {
			return errors.New("the transport is nil")
		}
		c.custom = secret.Hold(transport)
		return nil
	}
}

// WithUserAgent sets the User-Agent, which Jenkins' access log shows.
func WithUserAgent(agent string) Option {
	return func(c *Client) error { c.headers.Reveal().Set("User-Agent", agent); return nil }
}

// WithUser works on the tokens of the user id instead of the login's own.
// Creating needs the controller's switch adminCanGenerateNewTokens; revoking
// and renaming need Overall/Administer.
func WithUser(id string) Option {
	return func(c *Client) error {
		if id == "" || id == "." || id == ".." {
			return errors.New("not the id of a user")
		}
		c.self = "/user/" + url.PathEscape(id)
		return nil
	}
}

// WithRequestTimeout bounds one request and the reading of its answer. The
// default is 10 s; the context's deadline counts besides.
func WithRequestTimeout(d time.Duration) Option {
	return func(c *Client) error { c.timeout = d; return nil }
}

// WithVersion says which version the controller is thought to have, until an answer
// names it: it decides which of two pages is asked for first, and nothing else.
func WithVersion(v Version) Option {
	return func(c *Client) error { c.version = v; return nil }
}

// WithClock takes the time from now, to compare it with the controller's Date.
func WithClock(now func() time.Time) Option {
	return func(c *Client) error { c.now = now; return nil }
}

// New makes a client for the controller at root, as [ParseRoot] returns it. It
// sends nothing. A root that ParseRoot cannot have returned, a credential that cannot
// be sent, and an option that cannot be met are errors.
func New(root *url.URL, cred Credential, options ...Option) (*Client, error) {
	if root == nil || root.Host == "" || root.Scheme != "https" && root.Scheme != "http" {
		return nil, errors.New("not the root of a controller")
	}
	if err := cred.check(); err != nil {
		return nil, err
	}
	seen := new(way)
	c := &Client{
		root:    root,
		way:     seen,
		self:    "/me",
		cred:    cred,
		headers: secret.Hold(http.Header{"User-Agent": {"jenkins-token"}, "Accept-Language": {"en"}}),
		timeout: 10 * time.Second,
		now:     time.Now,
		transport: secret.Hold(&http.Transport{
			TLSClientConfig:        seen.tlsConfig(),
			ForceAttemptHTTP2:      true,
			MaxResponseHeaderBytes: headerLimit,
			MaxIdleConnsPerHost:    1,
			IdleConnTimeout:        90 * time.Second,
			TLSHandshakeTimeout:    10 * time.Second,
			OnProxyConnectResponse: connectAnswer,
		}),
	}
	for _, option := range options {
		if err := option(c); err != nil {
			return nil, err
		}
	}
	if c.custom.Reveal() != nil && c.connects {
		return nil, errors.New("a transport cannot be combined with certificates, a proxy or dial")
	}
	c.http = c.newHTTP()
	return c, nil
}

// newHTTP is the one place where an HTTP client is made, one for each
// credential. It has no cookie jar: the only cookies ever sent are a crumb's.
func (c *Client) newHTTP() secret.Value[*http.Client] {
	var transport http.RoundTripper = c.transport.Reveal()
	if custom := c.custom.Reveal(); custom != nil {
		transport = custom
	}
	return secret.Hold(&http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	})
}

// WithCredential returns a client for the same controller with another credential. It
// shares connections with c and nothing else: no crumb, no cookie, no memory of
// a refused login. It works on the tokens of the credential's own user. A credential
// that [New] would not take is the error of each request, and is not sent.
func (c *Client) WithCredential(cred Credential) *Client {
	return &Client{
		root: c.root, way: c.way, self: "/me", cred: cred, transport: c.transport, custom: c.custom, http: c.newHTTP(),
		headers: c.headers, timeout: c.timeout, now: c.now, version: c.Version(),
	}
}

// Format implements [fmt.Formatter]: all verbs print the host. The headers of
// [WithHeaders] can hold secrets.
func (c *Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "client of "+c.root.Host) }

// Close ends idle connections, of clients made by [Client.WithCredential] too.
func (c *Client) Close() { c.http.Reveal().CloseIdleConnections() }

// Host is the controller's host and port.
func (c *Client) Host() string { return c.root.Host }

// RequestTimeout bounds one request; see [WithRequestTimeout].
func (c *Client) RequestTimeout() time.Duration { return c.timeout }

// Credential is what the client shows to the controller.
func (c *Client) Credential() Credential { return c.cred }

// Version is the controller's version, as soon as an answer named it: answers
// to create and revoke do not.
func (c *Client) Version() Version {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version
}

// ClockOffset is how far the controller's clock is ahead of ours, by the Date of
// the last answer, to the second; false before there was one.
func (c *Client) ClockOffset() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clock, c.dated
}

// request is one call of the controller.
type request struct {
	op     Op
	method string
	path   string     // below the root, escaped
	form   url.Values // of a POST
	accept string
	bare   bool // without the credential
}

func (c *Client) fail(r request, kind Kind) *Error {
	return &Error{Op: r.op, Method: r.method, Host: c.root.Host, Path: c.root.EscapedPath() + r.path, Kind: kind, Credential: c.cred.kind, Version: c.Version()}
}

// send sends r, with the crumb if there is one, and hands a 200 to read. Every
// other answer is an error.
func (c *Client) send(ctx context.Context, r request, with *crumb, read func(*http.Response) error) error {
	if r.bare {
		return c.exchange(ctx, r, with, read)
	}
	if err := c.barred(r); err != nil {
		return err
	}
	c.afresh()
	return c.judge(ctx, r, c.exchange(ctx, r, with, read))
}

// exchange is one request and its answer.
func (c *Client) exchange(ctx context.Context, r request, with *crumb, read func(*http.Response) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()

	var seen struct {
		httptrace.ClientTrace
		connected bool
		written   atomic.Int32
	}
	// The transport sends a POST anew only when nothing of it was written, but a GET
	// whenever a connection that was used before is cut.
	seen.GetConn = func(string) { seen.connected = false }
	seen.GotConn = func(httptrace.GotConnInfo) { seen.connected = true }
	seen.WroteHeaders = func() { seen.written.Add(1) }
	ctx = httptrace.WithClientTrace(ctx, &seen.ClientTrace)
	var body io.Reader
	if r.method == http.MethodPost {
		body = strings.NewReader(r.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.root.String()+r.path, body)
	if err != nil {
		return fmt.Errorf("%s: the path cannot be sent", r.op)
	}
	req.Header = c.headers.Reveal().Clone()
	req.Header.Set("Accept", cmp.Or(r.accept, "application/json"))
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if !r.bare {
		if err := c.cred.check(); err != nil {
			return err
		}
		if err := c.cred.authorize(req); err != nil {
			return err
		}
	}
	with.addTo(req)

	answer, err := c.http.Reveal().Do(req)
	if err != nil {
		failed := c.fail(r, kindOf(err))
		failed.Sent, failed.written = seen.connected, int(seen.written.Load())
		if c.custom.Reveal() != nil {
			failed.Sent = failed.Kind != KindConnect && failed.Kind != KindResolve
		}
		failed.Err = cause(err)
		if shown, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && failed.Kind == KindAuthority {
			failed.Issuer, failed.Kind = c.way.unverified(shown.UnverifiedCertificates)
		}
		c.explain(ctx, failed)
		return failed
	}
	defer drain(answer)
	c.note(answer.Header)
	if answer.StatusCode != http.StatusBadRequest {
		c.way.answered.Store(true)
	}
	if answer.StatusCode != http.StatusOK {
		failed := c.fail(r, KindAnswer)
		failed.Sent, failed.written = true, int(seen.written.Load())
		classify(failed, answer, c.now())
		c.explain(ctx, failed)
		if to, err := answer.Location(); err == nil && failed.Kind == KindRedirect && r.op != OpLogin {
			failed.Moved = movedRoot(c.root, to, r.path)
		}
		return failed
	}
	if err := read(answer); err != nil {
		failed := c.fail(r, KindAnswer)
		failed.Status, failed.Sent, failed.written = answer.StatusCode, true, int(seen.written.Load())
		failed.named = ParseVersion(answer.Header.Get("X-Jenkins")).Known()
		failed.json = strings.HasPrefix(answer.Header.Get("Content-Type"), "application/json")
		var known Kind
		switch {
		case errors.As(err, &known):
			failed.Kind = known
		case ctx.Err() != nil:
			failed.Kind, failed.Err = kindOf(ctx.Err()), ctx.Err()
		default:
			failed.Err = cause(err)
		}
		return failed
	}
	return nil
}

// note keeps what every answer may tell: version and time.
func (c *Client) note(h http.Header) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v := ParseVersion(h.Get("X-Jenkins")); v.Known() {
		c.version = v
	}
	if date, err := http.ParseTime(h.Get("Date")); err == nil {
		c.clock, c.dated = date.Sub(c.now()), true
	}
}

// post sends a POST with what the credential needs: a password or a bearer
// token brings a crumb, an API token does so only when the controller asks for
// one (before 2.96, or with a realm that does not mark token logins). A crumb
// that is not accepted is fetched anew, once: the crumb filter stands before
// everything that acts.
func (c *Client) post(ctx context.Context, r request, read func(*http.Response) error) error {
	r.method = http.MethodPost
	c.mu.Lock()
	held := c.crumb
	c.mu.Unlock()
	if held == nil && c.cred.needsCrumb() {
		var err error
		if held, err = c.fetchCrumb(ctx); err != nil {
			return err
		}
	}
	err := c.send(ctx, r, held, read)
	var failed *Error
	if !errors.As(err, &failed) || failed.Kind != KindCrumb {
		return err
	}
	if failed.CookiePath = held != nil && held.lost; failed.CookiePath {
		return err
	}
	fresh, crumbErr := c.fetchCrumb(ctx)
	if crumbErr != nil {
		return crumbErr
	}
	if fresh.off() {
		return err
	}
	if err = c.send(ctx, r, fresh, read); errors.As(err, &failed) && failed.Kind == KindCrumb {
		failed.CookiePath = fresh.lost
	}
	return err
}

// readAll reads an answer of at most answerLimit bytes.
func readAll(answer *http.Response) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(answer.Body, answerLimit+1))
	if err != nil {
		return nil, err
	}
	if len(body) > answerLimit {
		return nil, KindAnswer
	}
	return body, nil
}

// drain lets the connection be used again, unless the server goes on and on.
// After 101 the body is the connection itself, which no context ends.
func drain(answer *http.Response) {
	if answer.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.CopyN(io.Discard, answer.Body, errorLimit)
	}
	_ = answer.Body.Close()
}
