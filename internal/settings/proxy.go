package settings

import (
	"errors"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Proxies are the proxies that an environment names, for the schemes https and http.
type Proxies struct {
	lookup func(string) (string, bool)
}

// NewProxies reads HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY, or the same in
// lowercase, by lookup.
func NewProxies(lookup func(string) (string, bool)) Proxies { return Proxies{lookup} }

// ProxyError is a variable that holds no address of a proxy. It holds no part of its
// value, which may have a password in it.
type ProxyError struct {
	Variable string
	wrong    string
}

// Error implements error.
func (e *ProxyError) Error() string { return e.Variable + ": " + e.wrong }

const proxyCure = "write http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT with user name and password percent-encoded: # is %23, % is %25, / is %2F, @ is %40"

// Variable is the variable that names the proxy for a scheme, and its value; both are
// empty when none is set. ALL_PROXY counts where the scheme has none of its own, as
// curl has it.
func (p Proxies) Variable(scheme string) (name, text string) {
	for _, name := range []string{strings.ToUpper(scheme) + "_PROXY", "ALL_PROXY"} {
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
	if variable == "" || jenkins.IsLoopback(u.Hostname()) {
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
	proxy, wrong := parseProxy(text)
	if wrong != "" {
		return nil, &ProxyError{variable, wrong}
	}
	return proxy, nil
}

// proxyHost is a name or an address, which [Post] can hold.
var proxyHost = regexp.MustCompile(`^[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_.])?$|^[0-9A-Fa-f:.]+$`)

// parseProxy reads the address of a proxy, or says what is wrong with it. http:// may
// be left out.
func parseProxy(text string) (_ *url.URL, wrong string) {
	text = strings.TrimSpace(text)
	switch found := addressFlaws(text); {
	case unresolved(text, false) != "" || holdsPlaceholder(text):
		return nil, "holds a placeholder that was not replaced"
	case len(found) > 0:
		return nil, "is not the address of a proxy as it stands: " + texts(found)
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(text, "#") {
		// Where a password holds one of /?#, what was read as the host can be a part of it.
		return nil, "cannot be parsed as the address of a proxy: percent-encode the user name and the password in it"
	}
	switch u.Scheme {
	case "http", "https", "socks5", "socks5h":
	default:
		return nil, "names a kind of proxy that is not supported: http, https, socks5 and socks5h are"
	}
	if host := u.Hostname(); len(host) > 255 || !proxyHost.MatchString(host) {
		return nil, "names no host: percent-encode the user name and the password in it"
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, "has a port that is not between 1 and 65535"
		}
	}
	u.Path, u.RawPath = "", ""
	return u, ""
}

// Settings is the error as one about settings.
func (e *ProxyError) Settings() *Error {
	return &Error{Problems: []Problem{{Setting: e.Variable, Text: e.wrong, Hint: proxyCure}}}
}

// checkProxy refuses a proxy that the requests would have to take and cannot. Where url
// is wrong too, the proxy for https counts. A post step is not checked: another step
// can set these variables, and must not take the inputs out of force with them.
func (f *finder) checkProxy(root *url.URL) {
	if f.need == ForPost {
		return
	}
	if root == nil {
		root = &url.URL{Scheme: "https", Host: "controller.invalid"}
	}
	proxies := NewProxies(f.Source.Lookup)
	proxy, err := proxies.For(root)
	if wrong, ok := errors.AsType[*ProxyError](err); ok {
		f.problem(wrong.Variable, "%s", wrong.wrong)
		f.advise(wrong.Variable, proxyCure)
	}
	if proxy != nil && root.Scheme == "http" {
		f.plainProxy, _ = proxies.Variable(root.Scheme)
	}
}
