package command

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// proxy reads the proxy settings of the environment that the program was handed:
// http.ProxyFromEnvironment reads the process' own, once, and prints a proxy's
// password in its errors.
func (p *Program) proxy() func(*url.URL) (*url.URL, error) {
	return settings.NewProxies(p.Lookup).For
}

// proxyOf is the proxy for a lease: ALL_PROXY counts for that of another process when it
// did for create.
func (j *job) proxyOf(r lease.Lease, foreign bool) func(*url.URL) (*url.URL, error) {
	if foreign && !r.Settings.AllProxy {
		return settings.NewProxies(j.Lookup).WithoutAll().For
	}
	return j.proxy()
}

// plainProxy is the proxy that sees the requests to root in clear text, as
// scheme://host:port; empty without one, and for https.
func (p *Program) plainProxy(root *url.URL) (string, error) {
	if root.Scheme != "http" {
		return "", nil
	}
	u, err := p.proxy()(root)
	if err != nil || u == nil {
		return "", err
	}
	return u.Scheme + "://" + u.Host, nil
}

// userAgent lets an administrator find the run in the controller's access log.
func (j *job) userAgent() string {
	run := j.system.Run()
	return "jenkins-token/" + version(j.Version) + " (+https://github.com/jenkins-token/jenkins-token; " + lease.Part(run.Project) + " " + lease.Part(run.ID) + ")"
}

// version is the second word of the line that the version command prints.
func version(line string) string {
	fields := append(strings.Fields(line), "unknown", "unknown")
	return fields[1]
}

// accountClient is a client with the account's own credential.
func (j *job) accountClient(s *settings.Settings, more ...jenkins.Option) (*jenkins.Client, error) {
	cred, err := j.credential(s)
	if err != nil {
		return nil, err
	}
	options := j.options(s.CA, s.Timeout)
	options = append(options, gatewayOptions(s)...)
	if s.ForUser != "" {
		options = append(options, jenkins.WithUser(s.ForUser))
	}
	return newClient(s.URL, cred, append(options, more...))
}

func (j *job) credential(s *settings.Settings) (jenkins.Credential, error) {
	text := s.Credential.Secret.Reveal()
	switch s.Credential.Kind {
	case settings.Password:
		return jenkins.Password(s.Username, text), nil
	case settings.APIToken:
		return jenkins.APIToken(s.Username, text), nil
	case settings.Bearer:
		return jenkins.Bearer(text), nil
	case settings.OIDC:
		issuer, ok := j.system.(ci.Issuer)
		if !ok {
			return jenkins.Credential{}, usage("oidc-audience: only GitHub gives ID tokens this way", "elsewhere set bearer-token to the ID token of your CI")
		}
		return jenkins.BearerFrom(j.idToken(issuer, s)), nil
	default:
		return jenkins.Credential{}, lease.ErrNoCredential
	}
}

// idTokenAge is how long an ID token is used before a new one is asked for. GitHub's
// live for some minutes, and their lifetime is the gateway's business.
const idTokenAge = time.Minute

// idToken asks for an ID token when a request needs one, and for a fresh one when
// the token is undone or revoked later.
func (j *job) idToken(issuer ci.Issuer, s *settings.Settings) func(context.Context) (string, error) {
	var held secret.String
	var since time.Time
	return func(ctx context.Context) (string, error) {
		if !held.Empty() && j.Now().Sub(since) < idTokenAge {
			return held.Reveal(), nil
		}
		transport := j.issuerTransport(s)
		defer transport.CloseIdleConnections()
		token, err := issuer.IDToken(ctx, transport, s.Credential.Audience)
		if err != nil {
			return "", err
		}
		held, since = token, j.Now()
		return held.Reveal(), nil
	}
}

// issuerTransport is the way to the endpoint for ID tokens: on GitHub Enterprise
// Server it may have a certificate of the same private authority as the controller.
func (j *job) issuerTransport(s *settings.Settings) *http.Transport {
	proxy := j.proxy()
	transport := &http.Transport{Proxy: func(r *http.Request) (*url.URL, error) { return proxy(r.URL) }, DialContext: j.Dial}
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

// tokenClient is a client that shows the token of a lease. Where the settings
// agree with the lease it goes the way of the settings, gateway and all; elsewhere
// it goes the way that the lease names, and shows nothing but the lease's token.
func (j *job) tokenClient(r lease.Lease, s *settings.Settings, foreign bool) (*jenkins.Client, error) {
	root, err := settings.ParseRoot(r.URL, r.Settings.AllowHTTP)
	if err != nil {
		return nil, err
	}
	options := j.options([]byte(r.Settings.CA), r.Settings.Deadline())
	options = append(options, jenkins.WithVersion(jenkins.ParseVersion(r.Version)), jenkins.WithProxy(j.proxyOf(r, foreign)))
	// Another step can have named the proxy. Where create used one, and the variable
	// cannot be parsed any more, the way without it was never the right one.
	used, wrong := j.plainProxy(root)
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

// disagreement says what keeps the settings from being those with which the lease
// was created: empty when nothing does.
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

func newClient(root *url.URL, cred jenkins.Credential, options []jenkins.Option) (*jenkins.Client, error) {
	c, err := jenkins.New(root, cred, options...)
	if err != nil {
		return nil, &usageError{text: err.Error()}
	}
	return c, nil
}

// options are those of every client. One request gets a third of the timeout, so
// that one without an answer leaves time for another.
func (j *job) options(ca []byte, timeout time.Duration) []jenkins.Option {
	options := []jenkins.Option{
		jenkins.WithUserAgent(j.userAgent()), jenkins.WithProxy(j.proxy()), jenkins.WithClock(j.Now),
		jenkins.WithRequestTimeout(max(time.Second, timeout/3)),
	}
	if j.Dial != nil {
		options = append(options, jenkins.WithDial(j.Dial))
	}
	if len(ca) > 0 {
		options = append(options, jenkins.WithCA(ca))
	}
	return options
}

// doors are what a gateway in front of the controller asks for.
func gatewayOptions(s *settings.Settings) []jenkins.Option {
	options := []jenkins.Option{jenkins.WithHeaders(s.Headers.Reveal())}
	if len(s.ClientCertificate) > 0 {
		options = append(options, jenkins.WithClientCertificate(s.ClientCertificate, []byte(s.ClientKey.Reveal())))
	}
	return options
}

// label is the readable part of the name.
func (j *job) label(s *settings.Settings) string { return cmp.Or(s.Label, j.system.Run().Job) }
