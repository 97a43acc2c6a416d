package command

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// newRevoker revokes with the credential of the settings, if there are any, where it may
// be used. foreign says that another step of the job can have written the leases: what
// create holds in memory is its own.
func newRevoker(inv *invocation, s *settings.Settings, foreign bool) *lease.Revoker {
	c := newClients(inv)
	// One client for all leases: it counts how often the credential was sent in vain.
	accounts := map[settings.Post]*jenkins.Client{}
	return &lease.Revoker{
		Life:    newLife(inv, 0),
		Own:     func(r lease.Lease) (*jenkins.Client, error) { return c.token(r, s, foreign) },
		Account: func(r lease.Lease) (*jenkins.Client, error) { return c.accountFor(r, s, foreign, accounts) },
		Foreign: foreign,
	}
}

// clients makes the clients of one invocation.
type clients struct {
	system  ci.System
	lookup  func(string) (string, bool)
	now     func() time.Time
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	version string
}

func newClients(inv *invocation) clients {
	return clients{inv.system, inv.Env.Lookup, inv.Clock.Now, inv.Dial, inv.Version}
}

// accountFor is the account's client for a lease; nil where no credential is given
// for the lease's controller. An error says why the credential is not used.
func (c clients) accountFor(r lease.Lease, s *settings.Settings, foreign bool, made map[settings.Post]*jenkins.Client) (*jenkins.Client, error) {
	if s == nil || s.URL == nil || s.Credential.Kind == settings.None {
		return nil, nil
	}
	var more []jenkins.Option
	why := ""
	switch {
	case foreign:
		more = append(more, jenkins.WithProxy(c.proxyOf(r, foreign)))
		why = cmp.Or(mismatch(s, r), c.mismatchedRun(r, s))
		if s.URL.Scheme == "http" {
			more = append(more, jenkins.WithProxy(direct))
		}
	case s.URL.String() != r.URL:
		return nil, nil
	}
	if r.ForUser != s.ForUser {
		why = cmp.Or(why, "for-user is not that of the lease")
	}
	if why != "" {
		return nil, &lease.WithheldError{Why: why}
	}
	// Where leases are foreign their settings choose the proxy.
	key := settings.Post{}
	if foreign {
		key = r.Settings
	}
	if client := made[key]; client != nil {
		return client, nil
	}
	client, err := c.account(s, append(more, jenkins.WithVersion(jenkins.ParseVersion(r.Version)))...)
	made[key] = client
	return client, err
}

// mismatchedRun says why a lease cannot be of this step of the action; empty when it can.
func (c clients) mismatchedRun(r lease.Lease, s *settings.Settings) string {
	run := c.system.Run
	for _, text := range r.Names {
		if name, ok := lease.ParseName(text); !ok || !name.IsOf(run.Project, run.ID, "") {
			return "the lease is of another run"
		}
	}
	switch {
	case r.Legacy() && r.Settings.Legacy != s.Legacy:
		return "legacy is not that of the lease"
	case r.Settings.Proxy != "":
		return "the token was created through a proxy that saw the requests in clear text, and another step can have named another"
	}
	return ""
}

// account is a client with the account's own credential.
func (c clients) account(s *settings.Settings, more ...jenkins.Option) (*jenkins.Client, error) {
	cred, err := c.credential(s)
	if err != nil {
		return nil, err
	}
	options := c.options(s.CA, s.Timeout)
	options = append(options, gatewayOptions(s)...)
	if s.ForUser != "" {
		options = append(options, jenkins.WithUser(s.ForUser))
	}
	return newClient(s.URL, cred, append(options, more...))
}

func (c clients) credential(s *settings.Settings) (jenkins.Credential, error) {
	text := s.Credential.Secret.Reveal()
	switch s.Credential.Kind {
	case settings.Password:
		return jenkins.Password(s.Username, text), nil
	case settings.APIToken:
		return jenkins.APIToken(s.Username, text), nil
	case settings.Bearer:
		return jenkins.Bearer(text), nil
	case settings.OIDC:
		if c.system.IDToken == nil {
			return jenkins.Credential{}, cli.Usage("oidc-audience: only GitHub issues ID tokens this way", "set bearer-token to the ID token of your CI system")
		}
		return jenkins.BearerFrom(c.idToken(s)), nil
	default:
		return jenkins.Credential{}, lease.ErrNoCredential
	}
}

// idTokenAge is how long an ID token is used before a new one is asked for. GitHub's
// live for some minutes, and their lifetime is the gateway's business.
const idTokenAge = time.Minute

// idToken asks for an ID token when a request needs one, and for a fresh one when
// the token is undone or revoked later.
func (c clients) idToken(s *settings.Settings) func(context.Context) (string, error) {
	var held secret.String
	var since time.Time
	return func(ctx context.Context) (string, error) {
		if !held.Empty() && c.now().Sub(since) < idTokenAge {
			return held.Reveal(), nil
		}
		transport := c.issuerTransport(s)
		defer transport.CloseIdleConnections()
		token, err := c.system.IDToken(ctx, transport, s.Credential.Audience)
		if err != nil {
			return "", err
		}
		held, since = token, c.now()
		return held.Reveal(), nil
	}
}

// issuerTransport is the way to the endpoint for ID tokens: on GitHub Enterprise
// Server it may have a certificate of the same private authority as the controller.
func (c clients) issuerTransport(s *settings.Settings) *http.Transport {
	proxy := c.proxy()
	transport := &http.Transport{Proxy: func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }, DialContext: c.dial}
	if len(s.CA) > 0 {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		pool.AppendCertsFromPEM(s.CA)
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return transport
}

// token is a client that shows the token of a lease. Where the settings
// agree with the lease it goes the way of the settings, gateway and all; elsewhere
// it goes the way that the lease names, and shows nothing but the lease's token.
func (c clients) token(r lease.Lease, s *settings.Settings, foreign bool) (*jenkins.Client, error) {
	root, err := settings.ParseRoot(r.URL, r.Settings.AllowHTTP)
	if err != nil {
		return nil, err
	}
	options := c.options([]byte(r.Settings.CA), r.Settings.Deadline())
	options = append(options, jenkins.WithVersion(jenkins.ParseVersion(r.Version)), jenkins.WithProxy(c.proxyOf(r, foreign)))
	// Another step can have named the proxy. Where create used one, and the variable
	// cannot be parsed any more, the way without it was never the right one.
	used, wrong := c.plainProxy(root)
	if foreign && (used != r.Settings.Proxy && wrong == nil || wrong != nil && r.Settings.Proxy == "") {
		options = append(options, jenkins.WithProxy(direct))
	}
	if mismatch(s, r) == "" {
		options = append(options, gatewayOptions(s)...)
	}
	return newClient(root, jenkins.APIToken(r.Username, r.Token.Reveal()), options)
}

// direct uses no proxy.
func direct(*url.URL) (*url.URL, error) { return nil, nil }

// mismatch says why the settings are not those with which the lease was created; empty
// when they can be.
//
// Neither is believed alone. A lease can be forged by another step (a state that
// create did not write, the file beside the state of act and Forgejo), and the
// runner evaluates ${{ env.X }} in an input again in the post step
// (ActionRunner.cs). So what the settings hold goes only where both say.
func mismatch(s *settings.Settings, r lease.Lease) string {
	switch {
	case s == nil:
		return "the settings are wrong"
	case s.URL == nil:
		return "no url is given"
	case s.URL.String() != r.URL:
		return "url is not that of the lease"
	case len(s.Paths) > 0:
		return "the post step does not read files, which another step can have written to: give " + strings.Join(s.Paths, " and ") + " as PEM text"
	case string(s.CA) != r.Settings.CA:
		return "ca-certificate is not that of the lease"
	}
	return ""
}

// newClient returns a client, or a wrong use where the settings do not make one.
func newClient(root *url.URL, cred jenkins.Credential, options []jenkins.Option) (*jenkins.Client, error) {
	c, err := jenkins.New(root, cred, options...)
	if err != nil {
		return nil, &cli.UsageError{Text: err.Error()}
	}
	return c, nil
}

// options are those of every client. One request gets a third of the timeout, so
// that one without an answer leaves time for another.
func (c clients) options(ca []byte, timeout time.Duration) []jenkins.Option {
	options := []jenkins.Option{
		jenkins.WithUserAgent(c.userAgent()), jenkins.WithProxy(c.proxy()), jenkins.WithClock(c.now),
		jenkins.WithRequestTimeout(max(time.Second, timeout/3)),
	}
	if c.dial != nil {
		options = append(options, jenkins.WithDial(c.dial))
	}
	if len(ca) > 0 {
		options = append(options, jenkins.WithCA(ca))
	}
	return options
}

// gatewayOptions are what a gateway in front of the controller requires.
func gatewayOptions(s *settings.Settings) []jenkins.Option {
	options := []jenkins.Option{jenkins.WithHeaders(s.Headers.Reveal())}
	if len(s.ClientCertificate) > 0 {
		options = append(options, jenkins.WithClientCertificate(s.ClientCertificate, []byte(s.ClientKey.Reveal())))
	}
	return options
}

// userAgent lets an administrator find the run in the controller's access log.
func (c clients) userAgent() string {
	run := c.system.Run
	return "jenkins-token/" + shortVersion(c.version) + " (+https://github.com/jenkins-token/jenkins-token; " + lease.Part(run.Project) + " " + lease.Part(run.ID) + ")"
}

// shortVersion is the second word of the line that the version command prints.
func shortVersion(line string) string {
	fields := append(strings.Fields(line), "unknown", "unknown")
	return fields[1]
}

// proxy reads the proxy settings of the program's own view of the environment:
// http.ProxyFromEnvironment reads the process' own, once, and prints a proxy's
// password in its errors.
func (c clients) proxy() func(*url.URL) (*url.URL, error) {
	return settings.NewProxies(c.lookup).For
}

// proxyOf is the proxy for a lease: ALL_PROXY counts for that of another process when it
// did for create.
func (c clients) proxyOf(r lease.Lease, foreign bool) func(*url.URL) (*url.URL, error) {
	if foreign && !r.Settings.AllProxy {
		return settings.NewProxies(c.lookup).WithoutAll().For
	}
	return c.proxy()
}

// plainProxy is the proxy that sees the requests to root in clear text, as
// scheme://host:port; empty without one, and for https.
func (c clients) plainProxy(root *url.URL) (string, error) {
	if root.Scheme != "http" {
		return "", nil
	}
	u, err := c.proxy()(root)
	if err != nil || u == nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host, nil
}

// explained adds to an error what its hints need to know.
func explained(err error, account *jenkins.Client, s *settings.Settings) error {
	return &requestError{err, account.Version(), s}
}
