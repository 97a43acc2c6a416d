package jenkins

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"slices"
	"sync"
)

// Connection is the way to the controller, as far as a request came on it.
type Connection struct {
	// Proxy is the proxy that the request was sent to, as scheme://host:port; empty
	// without one. Its user name and password are left out.
	Proxy string
	// Addresses are what the name of the host, or of the proxy if there is one,
	// stands for; empty where an address was given.
	Addresses []netip.Addr
	// Remote is the address and port at the other end, of the proxy if there is
	// one; empty when there was no connection. There is one even when TLS failed.
	Remote string
	// TLS is the state of TLS with the controller, through the proxy too: version,
	// protocol (NegotiatedProtocol "h2" is HTTP/2) and certificates. It is nil for
	// plain http and after a handshake that failed; what the controller showed is
	// then in a [tls.CertificateVerificationError] behind the error.
	TLS *tls.ConnectionState
}

// Probe asks the controller who the client is, without a credential, and tells
// the way on which the answer came: whoAmI answers everybody (see
// [Client.WhoAmI]), so nil means that a controller is there and up. The
// connection is filled as far as the request came, whatever the error, which is
// of type [*Error].
func (c *Client) Probe(ctx context.Context) (Connection, error) {
	var seen Connection
	if c.transport.Reveal().Proxy != nil {
		proxy, err := c.transport.Reveal().Proxy(&http.Request{URL: c.root})
		if err != nil {
			return seen, c.fail(whoAmI(true), KindProxyAddress)
		}
		if proxy != nil {
			seen.Proxy = proxy.Scheme + "://" + proxy.Host
		}
	}
	// A dial that came too late to be used still calls these.
	var mu sync.Mutex
	traced := httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSDone: func(found httptrace.DNSDoneInfo) {
			mu.Lock()
			defer mu.Unlock()
			for _, address := range found.Addrs {
				if ip, ok := netip.AddrFromSlice(address.IP); ok {
					seen.Addresses = append(seen.Addresses, ip.Unmap())
				}
			}
		},
		ConnectDone: func(_, address string, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				seen.Remote = address
			}
		},
		GotConn: func(got httptrace.GotConnInfo) {
			mu.Lock()
			defer mu.Unlock()
			seen.Remote = got.Conn.RemoteAddr().String()
			if secure, ok := got.Conn.(interface{ ConnectionState() tls.ConnectionState }); ok && c.root.Scheme == "https" {
				state := secure.ConnectionState()
				seen.TLS = &state
			}
		},
	})
	_, err := c.identity(traced, whoAmI(true))
	mu.Lock()
	defer mu.Unlock()
	found := seen
	found.Addresses = slices.Clone(seen.Addresses)
	return found, err
}

// Crumb fetches a crumb and its session for the next POST, and reports whether
// the controller requires one: with a password every POST needs one, with an API
// token none. It needs Overall/Read: without, the error is of [KindPermission].
func (c *Client) Crumb(ctx context.Context) (wanted bool, err error) {
	fresh, err := c.fetchCrumb(ctx)
	if err != nil {
		return false, err
	}
	return !fresh.off(), nil
}
