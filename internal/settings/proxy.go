package settings

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/jenkins-token/jenkins-token/internal/web"
)

// Proxies are the proxies that an environment names, for the schemes https and http.
type Proxies struct {
	lookup func(string) (string, bool)
	own    bool // ALL_PROXY does not count
}

// NewProxies reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or the same in
// lowercase, by lookup.
func NewProxies(lookup func(string) (string, bool)) Proxies {
	return Proxies{lookup: lookup}
}

// WithoutAll are the same proxies without ALL_PROXY.
func (p Proxies) WithoutAll() Proxies { return Proxies{p.lookup, true} }

// All reports whether ALL_PROXY names the proxy that a request to u takes.
func (p Proxies) All(u *url.URL) bool {
	name, _ := p.Variable(u.Scheme)
	proxy, err := p.For(u)
	return (proxy != nil || err != nil) && strings.EqualFold(name, allProxy)
}

const allProxy = "ALL_PROXY"

// ProxyError is a variable that holds no address of a proxy. It holds no part of its
// value, which may have a password in it.
type ProxyError struct {
	Variable string
	problem  proxyProblem
	flaws    []flaw
}

type proxyProblem int

const (
	proxyPlaceholder proxyProblem = iota
	proxyWrapped
	proxySyntax
	proxyScheme
	proxyHost
	proxyPort
)

// Error implements error.
func (e *ProxyError) Error() string { return e.Variable + ": " + e.what() }

func (e *ProxyError) what() string {
	if e.problem == proxyWrapped {
		return "is not the address of a proxy as it stands: " + texts(e.flaws)
	}
	return map[proxyProblem]string{
		proxyPlaceholder: "holds a placeholder that was not replaced",
		proxySyntax:      "cannot be parsed as the address of a proxy: percent-encode the user name and the password in it",
		proxyScheme:      "names a kind of proxy that is not supported: http, https, socks5 and socks5h are",
		proxyHost:        "names no host: percent-encode the user name and the password in it",
		proxyPort:        "has a port that is not between 1 and 65535",
	}[e.problem]
}

const proxyCure = "write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with user name and password percent-encoded: # is %23, % is %25, / is %2F, @ is %40"

// Variable is the variable that names the proxy for a scheme, and its value; both are
// empty when none is set. ALL_PROXY counts where the scheme has none of its own, as
// curl has it.
func (p Proxies) Variable(scheme string) (name, text string) {
	for _, name := range []string{strings.ToUpper(scheme) + "_PROXY", allProxy} {
		if name == allProxy && p.own {
			break
		}
		for _, name := range []string{name, strings.ToLower(name)} {
			if text, _ := p.lookup(name); !blank(text) {
				return name, text
			}
		}
	}
	return "", ""
}

// For returns the proxy that a request to u takes; nil means none. An error is of type
// [*ProxyError]: httpproxy takes a proxy that it cannot parse for none.
//
// A loopback host never goes through a proxy: httpproxy leaves out localhost and
// loopback addresses, but not localhost. and ci.localhost, which
// [jenkins.ParseRoot] takes for loopback too.
func (p Proxies) For(u *url.URL) (*url.URL, error) {
	variable, text := p.Variable(u.Scheme)
	if variable == "" || web.IsLoopback(u.Hostname()) {
		return nil, nil
	}
	exempt, _ := p.lookup("NO_PROXY")
	if exempt == "" {
		exempt, _ = p.lookup("no_proxy")
	}
	// Which hosts need no proxy is httpproxy's decision; which proxy it is, is not.
	const some = "http://proxy.invalid"
	config := httpproxy.Config{HTTPProxy: some, HTTPSProxy: some, NoProxy: exempt}
	if found, err := config.ProxyFunc()(u); err == nil && found == nil {
		return nil, nil
	}
	return parseProxy(variable, text)
}

// proxyName is a name or an address, which [Post] can hold.
var proxyName = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$|^[0-9A-Fa-f:.]+$`)

// parseProxy reads the address of a proxy. http:// may be left out.
func parseProxy(variable, text string) (*url.URL, error) {
	wrong := func(problem proxyProblem) (*url.URL, error) {
		return nil, &ProxyError{Variable: variable, problem: problem}
	}
	text = strings.TrimSpace(text)
	if unresolved(text, false) != "" || holdsPlaceholder(text) {
		return wrong(proxyPlaceholder)
	}
	if found := addressFlaws(text); len(found) > 0 {
		return nil, &ProxyError{variable, proxyWrapped, found}
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
		// Where a password holds one of /?#, what was read as the host can be a part of it.
		return wrong(proxySyntax)
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return wrong(proxyScheme)
	}
	if host := u.Hostname(); len(host) > 255 || !proxyName.MatchString(host) {
		return wrong(proxyHost)
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return wrong(proxyPort)
		}
	}
	u.Path, u.RawPath = "", ""
	return u, nil
}

// Settings is the error as one about settings.
func (e *ProxyError) Settings() *Error {
	return &Error{Problems: []Problem{{Setting: e.Variable, Text: e.what(), Hint: proxyCure}}}
}

// checkProxy refuses a proxy that the requests would have to take and cannot. Where url
// is wrong too, the proxy for https counts. A post step is not checked: another step
// can set these variables, and must not take the inputs out of force with them.
func (f *finder) checkProxy(root *url.URL) {
	if f.need == ForPost || f.Proxies == nil {
		return
	}
	if root == nil {
		root = &url.URL{Scheme: "https", Host: "controller.invalid"}
	}
	proxies := NewProxies(f.Proxies)
	proxy, err := proxies.For(root)
	if wrong, ok := errors.AsType[*ProxyError](err); ok {
		f.problem(wrong.Variable, "%s", wrong.what())
		f.advise(wrong.Variable, proxyCure)
	}
	if proxy != nil && root.Scheme == "http" {
		f.plainProxy, _ = proxies.Variable(root.Scheme)
	}
}
