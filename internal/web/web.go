// Package web has rules of HTTP that the client, its emulator and the settings share: which
// headers may be set, and which hosts are this machine.
package web

import (
	"net"
	"net/textproto"
	"strings"
)

// ProxyAuthorization is a header that proxies read; see [MaySet].
const ProxyAuthorization = "Proxy-Authorization"

// IsHeader reports whether a header can be sent in one line.
func IsHeader(name, value string) bool {
	return isName(name) && !strings.ContainsFunc(value, func(r rune) bool { return (r < 0x20 || r == 0x7f) && r != '\t' })
}

// IsReserved reports whether a header of this name means something to Jenkins, a
// proxy or HTTP itself, so that no controller and no setting may choose it.
func IsReserved(name string) bool {
	name = textproto.CanonicalMIMEHeaderKey(name)
	switch name {
	case "Authorization", "Cookie", "Host", "Content-Length", "Content-Type", "Content-Encoding", "Transfer-Encoding", "Te", "Trailer",
		"Connection", "Keep-Alive", "Upgrade", "Expect", "Forwarded", "Referer", "Origin", "Via", "Accept", "Accept-Language", "Accept-Encoding", "User-Agent", "Range",
		"Idempotency-Key", "X-Idempotency-Key": // with these net/http sends a POST a second time
		return true
	}
	for _, prefix := range []string{"Proxy-", "Sec-", "X-Forwarded-", "X-Http-Method", "If-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// MaySet reports whether a setting may choose a header of this name: those that are not
// reserved, and Proxy-Authorization. Google's Identity-Aware Proxy reads its ID token
// there, because Authorization is the controller's own.
func MaySet(name string) bool {
	return !IsReserved(name) || textproto.CanonicalMIMEHeaderKey(name) == ProxyAuthorization
}

// isName reports whether name is the name of a header: letters, digits and ._- alone, 64
// at most, and no mark first but a dot.
func isName(name string) bool {
	if name == "" || len(name) > 64 || strings.ContainsAny(name[:1], "_-") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		return !letter && (r < '0' || r > '9') && !strings.ContainsRune("._-", r)
	})
}

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
