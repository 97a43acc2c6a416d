package jenkinstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"slices"
	"strings"
	"time"
)

// JWTFilter is the plugin jwt-auth-filter (Jenkins 2.528.3 and later; read in its source,
// commit 019af0a, not run): on some paths a request with a bearer JWT is a login, and
// needs no crumb. Like the plugin it looks at the signature, the audience and the times,
// and at no other claim: the issuer, the repository or the branch do not count.
type JWTFilter struct {
	// Keys by their id (kid): *rsa.PublicKey for RS256, *ecdsa.PublicKey for ES256. A
	// token with an unknown id, or none, is checked against FirstKey.
	Keys     map[string]crypto.PublicKey
	FirstKey string
	Audience string
	// UsernameClaim is the claim that holds the id of the user.
	UsernameClaim string
	// Paths are the beginnings of the paths below the root where the filter works; empty
	// means everywhere.
	Paths []string
}

// WithJWTFilter lets users log in with a JWT. A token that is not accepted leaves the
// request anonymous.
func WithJWTFilter(f JWTFilter) Option { return func(c *config) { c.jwt = &f } }

// user returns the user that a token names; nil when the filter does not accept it.
func (f *JWTFilter) user(c *call, token string) *user {
	path := strings.TrimPrefix(c.r.URL.Path, c.j.config.contextPath)
	if len(f.Paths) > 0 && !slices.ContainsFunc(f.Paths, func(p string) bool { return strings.HasPrefix(path, p) }) {
		return nil
	}
	claims, ok := f.verify(token, c.j.now())
	if !ok {
		return nil
	}
	name, _ := claims[f.UsernameClaim].(string)
	return c.j.user(name)
}

// verify returns the claims of a token with a good signature, audience and time.
func (f *JWTFilter) verify(token string, now time.Time) (claims map[string]any, ok bool) {
	signed, signature, _ := cutLast(token, ".")
	head, body, ok := strings.Cut(signed, ".")
	if !ok {
		return nil, false
	}
	var header struct{ Alg, Kid string }
	if !decodePart(head, &header) || !decodePart(body, &claims) {
		return nil, false
	}
	key := f.Keys[header.Kid]
	if key == nil {
		key = f.Keys[f.FirstKey]
	}
	raw, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !signedBy(key, header.Alg, []byte(signed), raw) {
		return nil, false
	}
	expiry, _ := claims["exp"].(float64)
	begin, _ := claims["nbf"].(float64)
	at := float64(now.Unix())
	return claims, at < expiry && at >= begin && hasAudience(claims["aud"], f.Audience)
}

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}

func decodePart(part string, into any) bool {
	raw, err := base64.RawURLEncoding.DecodeString(part)
	return err == nil && json.Unmarshal(raw, into) == nil
}

func signedBy(key crypto.PublicKey, alg string, signed, signature []byte) bool {
	sum := sha256.Sum256(signed)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	case *ecdsa.PublicKey:
		const size = 32
		return alg == "ES256" && len(signature) == 2*size &&
			ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

func hasAudience(claim any, audience string) bool {
	switch claim := claim.(type) {
	case string:
		return claim == audience
	case []any:
		return slices.Contains(claim, any(audience))
	}
	return false
}
