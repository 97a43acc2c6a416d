package lease

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// SizeLimit bounds a lease in bytes: the state of GitHub's runner passes it to the
// post step in one variable, for which Linux has 128 KiB (MAX_ARG_STRLEN).
const SizeLimit = 120 << 10

// namesLimit bounds the names of one lease: create tries fewer.
const namesLimit = 64

// Lease is what is known of a token. It is written before the token exists,
// with the name alone, and again with everything.
type Lease struct {
	URL       string   // root of the controller, no trailing slash
	Username  string   // owner, as Jenkins names it once it was asked
	ForUser   string   // when the owner is not the account that creates
	Names     []string // every name tried and not known to be nothing
	TokenName string
	TokenUUID string
	Token     secret.String
	ExpiresAt string // RFC 3339; the controller ends the token no later than this itself
	// PendingUntil is when the last request for a token has run into its own
	// timeout, to the second; zero before the first.
	PendingUntil time.Time
	// Version is the controller's, as far as create saw it: it says which page lists
	// the tokens.
	Version  string
	Settings settings.Post
}

// wire is the JSON of a lease; docs/reference.md is its description.
type wire struct {
	V         int           `json:"v"`
	URL       string        `json:"url"`
	Username  string        `json:"username"`
	ForUser   string        `json:"forUser"`
	Names     []string      `json:"names"`
	TokenName string        `json:"tokenName"`
	TokenUUID string        `json:"tokenUuid"`
	Token     open          `json:"token"`
	ExpiresAt string        `json:"expiresAt"`
	Pending   string        `json:"pendingUntil,omitempty"`
	Version   string        `json:"version,omitempty"`
	Settings  settings.Post `json:"settings"`
}

// open is a secret that JSON shows: the lease is where the token is kept.
type open struct{ secret.String }

// MarshalText implements [encoding.TextMarshaler].
func (o open) MarshalText() ([]byte, error) { return []byte(o.Reveal()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (o *open) UnmarshalText(text []byte) error {
	o.String = secret.New(string(text))
	return nil
}

// Complete reports whether the lease is enough to revoke the token without any
// other credential.
func (r Lease) Complete() bool { return (r.TokenUUID != "" || r.Legacy()) && !r.Token.Empty() }

// Legacy reports whether the token is the one token that the account has on a
// controller before 2.129, which was there before and has no name.
func (r Lease) Legacy() bool { return r.Settings.Legacy != "" }

// Lost are the names tried that are not the token's.
func (r Lease) Unconfirmed() []string {
	if r.Legacy() {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Names), func(name string) bool { return name == r.TokenName })
}

// Until is the end of life that the token's name gives; false without one.
func (r Lease) Until() (time.Time, bool) {
	if r.Legacy() {
		return time.Time{}, false
	}
	for _, text := range slices.Backward(append(slices.Clone(r.Names), r.TokenName)) {
		if name, ok := ParseName(text); ok {
			return name.End, true
		}
	}
	return time.Time{}, false
}

// Encode returns the lease as one line of JSON without a line end. It holds the
// token. What [Decode] would not take is [ErrNotLease]: nobody could revoke the token.
func (r Lease) Encode() ([]byte, error) { return r.encode(r.Token) }

// EncodeWithoutToken is [Lease.Encode] without the token.
func (r Lease) EncodeWithoutToken() ([]byte, error) { return r.encode(secret.String{}) }

func (r Lease) encode(token secret.String) ([]byte, error) {
	pending := ""
	if !r.PendingUntil.IsZero() {
		pending = r.PendingUntil.UTC().Format(time.RFC3339)
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	// Nothing in a wire can fail to encode.
	_ = e.Encode(wire{1, r.URL, r.Username, r.ForUser, r.Names, r.TokenName, r.TokenUUID, open{token}, r.ExpiresAt, pending, r.Version, r.Settings})
	line := bytes.TrimRight(out.Bytes(), "\n")
	if len(line) > SizeLimit || !r.valid() {
		return nil, ErrNotLease
	}
	return line, nil
}

// ErrNotLease is a lease that is not of the form that [Lease.Encode] writes.
var ErrNotLease = errors.New("not a lease of jenkins-token")

// Decode reads a lease. It is foreign data: whoever can write to the job's
// files can have written it, so everything in it is checked, and no credential
// but its own token is ever sent to its url.
func Decode(text []byte) (Lease, error) {
	if len(text) > SizeLimit {
		return Lease{}, ErrNotLease
	}
	var w wire
	if err := json.Unmarshal(text, &w); err != nil || w.V != 1 {
		return Lease{}, ErrNotLease
	}
	r := Lease{w.URL, w.Username, w.ForUser, w.Names, w.TokenName, w.TokenUUID, w.Token.String, w.ExpiresAt, time.Time{}, w.Version, w.Settings}
	if w.Pending != "" {
		var err error
		if r.PendingUntil, err = time.Parse(time.RFC3339, w.Pending); err != nil {
			return Lease{}, ErrNotLease
		}
		r.PendingUntil = r.PendingUntil.UTC().Truncate(time.Second)
	}
	root, err := settings.ParseRoot(w.URL, w.Settings.AllowHTTP)
	if err != nil || root.String() != w.URL || !r.valid() {
		return Lease{}, ErrNotLease
	}
	return r, nil
}

func (r Lease) valid() bool {
	plain := func(text string, limit int) bool {
		return len(text) <= limit && !strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c == 0x7f || c == 0xfffd })
	}
	if len(r.Names) == 0 || len(r.Names) > namesLimit || !r.Settings.Valid() {
		return false
	}
	for _, text := range r.Names {
		if _, ok := ParseName(text); !ok {
			return false
		}
	}
	if r.ExpiresAt != "" {
		if _, err := time.Parse(time.RFC3339, r.ExpiresAt); err != nil {
			return false
		}
	}
	if r.Version != "" && jenkins.ParseVersion(r.Version).String() != r.Version {
		return false
	}
	return len(r.URL) <= settings.URLLimit && plain(r.Username, settings.NameLimit) && plain(r.ForUser, settings.NameLimit) && plain(r.Token.Reveal(), 256) && !strings.Contains(r.Username, ":") &&
		(r.TokenUUID == "" || jenkins.IsUUID(r.TokenUUID)) && (r.TokenUUID == "") == (r.TokenName == "") &&
		(r.TokenName == "" || slices.Contains(r.Names, r.TokenName)) &&
		(r.Token.Empty() || r.TokenUUID != "" || r.Legacy()) && (!r.Legacy() || r.TokenUUID == "" && r.ForUser == "")
}
