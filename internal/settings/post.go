package settings

import (
	"regexp"
	"time"
)

var proxyForm = regexp.MustCompile(`^(http|https|socks5|socks5h)://[A-Za-z0-9.:\[\]_-]{1,270}$`)

// Post is what the post step needs of the settings of create. It travels in the
// record, because a nested composite action gives its post step wrong inputs
// (actions/runner issue 2030).
type Post struct {
	CA        string `json:"ca,omitempty"` // PEM
	AllowHTTP bool   `json:"allowHttp,omitempty"`
	// Proxy is the proxy that create used for plain http, as scheme://host:port;
	// empty when it used none, and for https, where a proxy sees nothing.
	Proxy string `json:"proxy,omitempty"`
	// AllProxy says that ALL_PROXY named the proxy of create. Where it did not, the post
	// step does not obey it: another step can have set it.
	AllProxy        bool   `json:"allProxy,omitempty"`
	Revoke          bool   `json:"revoke"`
	OnRevokeFailure string `json:"onRevokeFailure"`
	Sweep           bool   `json:"sweep"`
	Timeout         string `json:"timeout"`
	// Legacy is read or rotate when the token is the one that the account has on a
	// controller before 2.129. It is empty everywhere else, whatever the setting.
	Legacy string `json:"legacy,omitempty"`
}

// Post returns the part that the post step needs. Whether Legacy matters is known
// when the controller has answered, and Proxy to whoever connects.
func (s *Settings) Post() Post {
	return Post{
		CA: string(s.CA), AllowHTTP: s.AllowHTTP, Revoke: s.Revoke, OnRevokeFailure: s.OnRevokeFailure, Sweep: s.Sweep, Timeout: s.Timeout.String(),
	}
}

// Valid reports whether p, which is foreign data when it is read back, holds
// values that [Load] could have given.
func (p Post) Valid() bool {
	d, err := time.ParseDuration(p.Timeout)
	return err == nil && d >= time.Second && d <= time.Hour && (p.OnRevokeFailure == Warn || p.OnRevokeFailure == Fail) &&
		(p.Legacy == "" || p.Legacy == LegacyRead || p.Legacy == LegacyRotate) && (p.Proxy == "" || proxyForm.MatchString(p.Proxy))
}

// Deadline is the timeout, or the default when there is none.
func (p Post) Deadline() time.Duration {
	if d, err := time.ParseDuration(p.Timeout); err == nil && d > 0 {
		return d
	}
	return DefaultTimeout
}
