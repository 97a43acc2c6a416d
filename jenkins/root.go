package jenkins

import (
	"net"
	"net/url"
	"strings"
)

// RootProblem says what is wrong with the address of a controller.
type RootProblem int

// The problems of an address.
const (
	RootEmpty RootProblem = iota
	RootSyntax
	RootScheme
	RootHost
	RootUserInfo
	RootQuery
	RootPath
	RootPlainHTTP
	RootZone
)

// RootError is an address that [ParseRoot] did not take. It holds no part of
// the address but its host and path, so it can be printed.
type RootError struct {
	Problem RootProblem
	// Suggestion is the address without what is wrong with it, empty when there
	// is none to give.
	Suggestion string
}

// Error implements error.
func (e *RootError) Error() string {
	text := map[RootProblem]string{
		RootEmpty:     "is empty",
		RootSyntax:    "is not a URL",
		RootScheme:    "does not begin with https://",
		RootHost:      "names no host",
		RootUserInfo:  "holds a user name or a password",
		RootQuery:     "holds a query or a fragment",
		RootPath:      "holds a path that is no context path",
		RootPlainHTTP: "is plain http to a host that is not loopback",
		RootZone:      "holds an IPv6 address with a zone, which means something on this machine alone",
	}[e.Problem]
	if e.Suggestion != "" {
		text += ": write " + e.Suggestion
	}
	return text
}

// ParseRoot reads the address of a controller: https (or http to a loopback
// address, or to any with allowHTTP), a host and the context path. It returns
// the address without a trailing slash. Errors are of type [*RootError].
func ParseRoot(raw string, allowHTTP bool) (*url.URL, error) {
	raw = strings.TrimSpace(raw)
	if raw == "" {
		return nil, &RootError{Problem: RootEmpty}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, &RootError{Problem: RootSyntax, Suggestion: "https://HOST/CONTEXT-PATH"}
	}
	if u.Scheme != "https" && u.Scheme != "http" {
		problem := &RootError{Problem: RootScheme}
		if plain, err := url.Parse("https://" + raw); err == nil && !strings.Contains(raw, "://") && plain.User == nil && plain.Host != "" {
			problem.Suggestion = bare(plain)
		}
		return nil, problem
	}
	switch {
	case u.Hostname() == "" || u.Opaque != "":
		return nil, &RootError{Problem: RootHost, Suggestion: "https://HOST/CONTEXT-PATH"}
	case strings.Contains(u.Hostname(), "%"):
		// A zone names an interface of this machine, and no certificate holds one.
		return nil, &RootError{Problem: RootZone}
	case u.User != nil:
		return nil, &RootError{RootUserInfo, bare(u)}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, &RootError{RootQuery, bare(u)}
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		// Jenkins refuses a semicolon since 2.228 (SuspiciousRequestFilter).
		if part == "." || part == ".." || strings.ContainsAny(part, ";\\") || strings.ContainsFunc(part, unprintable) {
			return nil, &RootError{Problem: RootPath}
		}
	}
	if u.Scheme == "http" && !allowHTTP && !IsLoopback(u.Hostname()) {
		secure := *u
		secure.Scheme = "https"
		return nil, &RootError{RootPlainHTTP, bare(&secure)}
	}
	return url.Parse(bare(u))
}

// bare is scheme, host and path, without an empty port and a trailing slash.
func bare(u *url.URL) string {
	clean := url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(u.Host, ":"), Path: u.Path, RawPath: u.RawPath}
	return strings.TrimRight(clean.String(), "/")
}

func unprintable(r rune) bool { return r < 0x20 || r == 0x7f }

// IsLoopback reports whether host, a name or an address without a port, is this
// machine's loopback.
func IsLoopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
