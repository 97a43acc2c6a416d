package settings

import "time"

// Post is what the post step needs of the settings of create. It travels in the
// record, because a nested composite action gives its post step wrong inputs
// (actions/runner issue 2030).
type Post struct {
	CA              string `json:"ca,omitempty"` // PEM
	AllowHTTP       bool   `json:"allowHttp,omitempty"`
	Revoke          bool   `json:"revoke"`
	OnRevokeFailure string `json:"onRevokeFailure"`
	Sweep           bool   `json:"sweep"`
	Timeout         string `json:"timeout"`
}

// Post returns the part that the post step needs.
func (s *Settings) Post() Post {
	return Post{string(s.CA), s.AllowHTTP, s.Revoke, s.OnRevokeFailure, s.Sweep, s.Timeout.String()}
}

// Valid reports whether p, which is foreign data when it is read back, holds
// values that [Load] could have given.
func (p Post) Valid() bool {
	d, err := time.ParseDuration(p.Timeout)
	return err == nil && d >= time.Second && d <= time.Hour && (p.OnRevokeFailure == Warn || p.OnRevokeFailure == Fail)
}

// Deadline is the timeout, or the default when there is none.
func (p Post) Deadline() time.Duration {
	if d, err := time.ParseDuration(p.Timeout); err == nil && d > 0 {
		return d
	}
	return DefaultTimeout
}
