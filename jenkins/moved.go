package jenkins

import (
	"net/url"
	"strings"
)

// movedPath is the context path that a redirect may name: plain characters, few
// enough to be read in a message.
var movedPath = form(64, `(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){0,6}`)

// movedHost is a host and port as they may be repeated: a name, an IPv4 or an
// IPv6 address.
var movedHost = form(259, `([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?`)

// movedRoot is the root that a request for path below root was sent on to; empty
// when to is no such address. path may hold a query.
func movedRoot(root, to *url.URL, path string) string {
	path, _, _ = strings.Cut(path, "?")
	prefix, ok := strings.CutSuffix(strings.TrimRight(to.EscapedPath(), "/"), strings.TrimRight(path, "/"))
	prefix = strings.TrimRight(prefix, "/")
	if !ok || to.Scheme != "https" && to.Scheme != "http" || !movedHost.MatchString(to.Host) || !movedPath.MatchString(prefix) {
		return ""
	}
	if moved := to.Scheme + "://" + to.Host + prefix; moved != root.String() {
		return moved
	}
	return ""
}
