package jenkins

import (
	"fmt"
	"strconv"
	"time"
)

// Op is what a request was for.
type Op string

// The operations of a [Client].
const (
	OpCrumb  Op = "fetch crumb"
	OpCreate Op = "create token"
	OpRevoke Op = "revoke token"
	OpRename Op = "rename token"
	OpPage   Op = "read token page"
	OpWhoAmI Op = "check identity"
	OpLogin  Op = "ask for the state of the controller"
	OpLegacy Op = "read the account's one token"
	OpChange Op = "change the account's one token"
)

// Kind says what came back, as far as a caller can act on it.
type Kind int

// The kinds of errors. "Sent" in their descriptions means that the request may
// have reached Jenkins.
const (
	KindAnswer            Kind = iota + 1 // sent; an answer that is not of the form expected (cut short, too large, not JSON)
	KindRefused                           // 401 with Basic realm="Jenkins": Jenkins refused the login. Final
	KindRepeated                          // not sent: the credential of this client was refused before
	KindRealm                             // a 5xx with the credential and none without it: the login failed in the security realm. Final
	KindOther                             // something that is not Jenkins answered, without the credential too. Final
	KindSpent                             // not sent: no request with the credential has worked so far; Err is what the last one failed with
	KindRateLimit                         // 429: too many requests; see RetryAfter
	KindGateway                           // another 401: something in front of Jenkins refused the request
	KindCrumb                             // 403: no valid crumb
	KindPermission                        // 403: the user lacks Permission
	KindOwner                             // 403 with an empty body: the path is not the user's own
	KindAnonymous                         // 403: Jenkins took the request for anonymous
	KindForbidden                         // another 403
	KindRedirect                          // 3xx, not followed
	KindLoginPage                         // a login page in place of the answer
	KindNotFound                          // 404
	KindMethod                            // 405, or another 4xx
	KindUnavailable                       // 502, 503, 504: the controller is starting, stopping or unreachable for a proxy
	KindServer                            // another 5xx; sent, and Jenkins may have acted
	KindRejected                          // Jenkins answered {"status":"error"}
	KindPage                              // the token page has no layout known here, or does not show the token
	KindCut                               // the token page is longer than the limit, or ended early
	KindTimeout                           // no answer in time
	KindCanceled                          // the caller gave up
	KindConnection                        // the connection broke
	KindConnect                           // no connection
	KindResolve                           // the host's name is not known
	KindProxy                             // the proxy could not be reached, or gave no valid answer
	KindProxyAddress                      // the address of the proxy is not one
	KindProxyLogin                        // 407: the proxy requires a login, and its address has none
	KindProxyRefused                      // 407: the proxy refused the login in its address
	KindProxyForbidden                    // 403: the proxy does not allow connections to the controller
	KindProxyTarget                       // 5xx: the proxy does not reach the controller
	KindProxyTLS                          // TLS with the proxy itself failed
	KindAuthority                         // TLS: certificate of an unknown authority
	KindChain                             // TLS: the certificate of Issuer is missing, and is not among those of WithCA
	KindHostname                          // TLS: certificate of another host
	KindNoName                            // TLS: certificate without a subjectAltName
	KindOldTLS                            // TLS: the server offers nothing newer than TLS 1.1
	KindClientCertificate                 // the server requires a client certificate, and none was given
	KindTLSPort                           // plain http to a port that speaks TLS
	KindCertificate                       // TLS: certificate expired, or the handshake failed
	KindNotTLS                            // the server does not speak TLS on this port
)

// String is a short name, for logs.
func (k Kind) String() string {
	name := map[Kind]string{
		KindAnswer:            "unexpected answer",
		KindRefused:           "refused login",
		KindRepeated:          "not sent: refused before",
		KindRealm:             "login failed in the security realm",
		KindOther:             "not Jenkins",
		KindSpent:             "not sent: has not worked yet",
		KindRateLimit:         "rate limit",
		KindGateway:           "refused by a gateway",
		KindCrumb:             "no valid crumb",
		KindPermission:        "missing permission",
		KindOwner:             "another user's path",
		KindAnonymous:         "anonymous",
		KindForbidden:         "forbidden",
		KindRedirect:          "redirect",
		KindLoginPage:         "login page",
		KindNotFound:          "not found",
		KindMethod:            "not accepted",
		KindUnavailable:       "not ready",
		KindServer:            "error inside the controller",
		KindRejected:          "rejected",
		KindPage:              "unknown token page",
		KindCut:               "cut token page",
		KindTimeout:           "timeout",
		KindCanceled:          "canceled",
		KindConnection:        "broken connection",
		KindConnect:           "no connection",
		KindResolve:           "unknown host",
		KindProxy:             "proxy not reached",
		KindProxyAddress:      "proxy address",
		KindProxyLogin:        "proxy requires a login",
		KindProxyRefused:      "proxy refused the login",
		KindProxyForbidden:    "proxy forbids the target",
		KindProxyTarget:       "proxy does not reach the target",
		KindProxyTLS:          "proxy TLS",
		KindAuthority:         "unknown authority",
		KindChain:             "incomplete chain",
		KindHostname:          "certificate of another host",
		KindNoName:            "certificate without a name",
		KindOldTLS:            "TLS older than 1.2",
		KindClientCertificate: "client certificate",
		KindTLSPort:           "plain http to TLS",
		KindCertificate:       "invalid certificate",
		KindNotTLS:            "not TLS",
	}[k]
	if name == "" {
		return "Kind(" + strconv.Itoa(int(k)) + ")"
	}
	return name
}

// Error implements error, so that errors.Is(err, jenkins.KindRefused) works; the error of
// a request is an [*Error].
func (k Kind) Error() string { return k.String() }

// Error is a request that did not give what was asked for. Its text and its
// fields hold nothing secret and no text of the server but its version and a
// permission, both checked.
type Error struct {
	Op         Op
	Method     string
	Host       string // host and port of the controller
	Path       string // without a query
	Status     int    // HTTP status, 0 without an answer; of what is not sent after KindRealm and KindOther, that of the answer before
	Kind       Kind
	Credential CredentialKind
	Permission string  // of KindPermission, for instance hudson.model.Hudson.Read
	Version    Version // of the controller, when an answer named it
	Target     string  // of KindRedirect: host of another origin the controller points to
	Sent       bool    // whether the request may have reached the controller
	Err        error   // cause in the connection, not part of the text
	// RetryAfter is the pause that the answer asked for, of KindRateLimit and
	// KindUnavailable; 0 when it named none.
	RetryAfter time.Duration
	// Issuer, of KindAuthority and KindChain, names whoever vouches for the last
	// certificate of the chain. It is the word of the certificate's maker: one line of
	// at most 64 characters.
	Issuer string
	// CookiePath, of KindCrumb, says that the session's cookie is for another path than
	// the root's, so that it was not sent back.
	CookiePath bool
	named      bool // the answer had a valid X-Jenkins
	json       bool // the answer said that it is JSON
	written    int  // how often its headers were written

	// Moved, of KindRedirect, is the root that the client should have been given, as
	// far as the redirect tells it: where a load balancer sends a request on to
	// another scheme, host or context path, with the rest of the path unchanged. It
	// is empty for any other redirect, such as one to a login page. It holds no user
	// info and no query; it is the server's word, and nothing was sent there.
	Moved string
}

// Error names what was tried, on which host, and what came back.
func (e *Error) Error() string {
	return fmt.Sprintf("%s on %s: %s", e.Op, e.Host, e.what())
}

func (e *Error) what() string {
	status := strconv.Itoa(e.Status)
	switch e.Kind {
	case KindRefused:
		return "401, the account or its " + e.Credential.String() + " was refused"
	case KindRepeated:
		return "not sent, the " + e.Credential.String() + " was refused before"
	case KindRealm:
		return status + " with the " + e.Credential.String() + " and an answer without it: the login failed in the controller's security realm"
	case KindOther:
		return status + ", something that is not Jenkins answered"
	case KindSpent:
		if last, ok := e.Err.(*Error); ok {
			return last.what() + "; not sent again, the " + e.Credential.String() + " has not worked yet"
		}
		return "not sent again, the " + e.Credential.String() + " has not worked yet"
	case KindRateLimit:
		if e.RetryAfter > 0 {
			return "429, the rate limit of the controller or of a gateway was reached, and the response requests a pause of " + e.RetryAfter.String()
		}
		return "429, the rate limit of the controller or of a gateway was reached"
	case KindGateway:
		return "401, but not from Jenkins: a gateway in front of it refused the request"
	case KindCrumb:
		return "403, no valid crumb"
	case KindPermission:
		if e.Permission == "" {
			return "403, a permission is missing"
		}
		return "403, permission " + e.Permission + " is missing"
	case KindOwner:
		return "403 with an empty body, not your own user"
	case KindAnonymous:
		return "403, Jenkins saw no login (the request counted as anonymous)"
	case KindForbidden:
		return "403, forbidden"
	case KindRedirect:
		if e.Target != "" {
			return status + ", a redirect to " + e.Target + ", not followed"
		}
		return status + ", a redirect, not followed"
	case KindLoginPage:
		return status + ", a login page instead of an answer"
	case KindNotFound:
		return "404, not found"
	case KindMethod:
		return status + ", the request was not accepted"
	case KindUnavailable:
		return status + ", the controller is not ready"
	case KindServer:
		return status + ", an error inside the controller"
	case KindRejected:
		return "the controller rejected the request"
	case KindPage:
		return "the token page has a layout that is not known"
	case KindCut:
		return "the token page could not be read to its end"
	case KindTimeout:
		return "no answer in time"
	case KindCanceled:
		return "cancelled"
	case KindConnection:
		return "the connection broke"
	case KindConnect:
		return "no connection"
	case KindResolve:
		return "the name of the host is not known"
	case KindProxy:
		return "the proxy could not be reached"
	case KindProxyAddress:
		return "the address of the proxy cannot be used"
	case KindProxyLogin:
		return "407, the proxy requires a login"
	case KindProxyRefused:
		return "407, the proxy refused the login in its address"
	case KindProxyForbidden:
		return "the proxy does not allow connections to " + e.Host
	case KindProxyTarget:
		return "the proxy does not reach " + e.Host
	case KindProxyTLS:
		return "TLS with the proxy failed"
	case KindAuthority:
		return "TLS certificate signed by an unknown authority"
	case KindChain:
		return "TLS chain incomplete: the certificate of \"" + e.Issuer + "\" is missing"
	case KindNoName:
		return "TLS certificate without a subjectAltName"
	case KindOldTLS:
		return "the server offers only TLS older than 1.2"
	case KindClientCertificate:
		return "the server requires a client certificate, and none was given"
	case KindTLSPort:
		return "plain http to a port that speaks TLS"
	case KindHostname:
		return "TLS certificate of another host"
	case KindCertificate:
		return "TLS handshake failed or certificate not valid"
	case KindNotTLS:
		return "the port does not speak TLS"
	default:
		return status + ", an answer that is not of the form expected"
	}
}

// Is reports whether target is the error's kind.
func (e *Error) Is(target error) bool {
	kind, ok := target.(Kind)
	return ok && e.Kind == kind
}

// Unwrap returns the cause in the connection.
func (e *Error) Unwrap() error { return e.Err }

// Unclear reports whether the request was a POST on which Jenkins may have
// acted although no clear answer came: a timeout, a broken connection, a 5xx,
// or an answer that cannot be read.
func (e *Error) Unclear() bool {
	if e.Method != "POST" || !e.Sent {
		return false
	}
	switch e.Kind {
	case KindTimeout, KindCanceled, KindConnection, KindUnavailable, KindServer, KindAnswer, KindCertificate:
		return true
	}
	return false
}

// Unsent reports whether the request certainly never reached the controller,
// so that it can be sent again without a second effect.
func (e *Error) Unsent() bool {
	switch e.Kind {
	case KindRepeated, KindSpent, KindRealm, KindOther:
		return false
	}
	return !e.Sent
}
