package jenkins

import (
	"net/url"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/web"
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
	RootPage
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
		RootPath:      "has a path that is not a context path",
		RootPlainHTTP: "is plain http to a host that is not loopback",
		RootZone:      "holds an IPv6 address with a zone, which means something on this machine alone",
		RootPage:      "is the address of a page, not the root of Jenkins",
	}[e.Problem]
	if e.Suggestion != "" {
		text += ": write " + e.Suggestion
	}
	return text
}

// ParseRoot reads the address of a controller: https (or http to a loopback
// address), a host and the context path. It returns the address without a trailing
// slash. Errors are of type [*RootError].
func ParseRoot(raw string) (*url.URL, error) { return parseRoot(raw, false) }

// ParseInsecureRoot is [ParseRoot] for networks in which nobody can read along: it takes
// http to any host.
func ParseInsecureRoot(raw string) (*url.URL, error) { return parseRoot(raw, true) }

func parseRoot(raw string, allowHTTP bool) (*url.URL, error) {
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
	}
	// A page comes before its query: the address without that would be a page too.
	root := rootOf(u)
	switch wrong := checkPath(root.Path); {
	case wrong != nil:
		return nil, wrong
	case u.Scheme == "http" && !allowHTTP && !web.IsLoopback(u.Hostname()):
		secure := *u
		secure.Scheme = "https"
		return nil, &RootError{RootPlainHTTP, bare(&secure)}
	case root != u:
		return nil, &RootError{RootPage, bare(u)}
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, &RootError{RootQuery, bare(u)}
	}
	return url.Parse(bare(u))
}

// checkPath refuses what no context path holds.
func checkPath(path string) error {
	for part := range strings.SplitSeq(path, "/") {
		// Jenkins refuses a semicolon since 2.228 (SuspiciousRequestFilter).
		if part == "." || part == ".." || strings.ContainsAny(part, ";\\") || strings.ContainsFunc(part, unprintable) {
			return &RootError{Problem: RootPath}
		}
	}
	return nil
}

// bare is scheme, host and context path, without an empty port and a trailing
// slash.
func bare(u *url.URL) string {
	root := rootOf(u)
	clean := url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(u.Host, ":"), Path: root.Path, RawPath: root.RawPath}
	return strings.TrimRight(clean.String(), "/")
}

func unprintable(r rune) bool { return r < 0x20 || r == 0x7f }
