package jenkinstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type jwtClaims map[string]any

// signJWT makes a token of a header and claims, with RS256 or ES256.
func signJWT(t *testing.T, key crypto.Signer, header string, claims jwtClaims) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	text := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + base64.RawURLEncoding.EncodeToString(body)
	sum := sha256.Sum256([]byte(text))
	var signature []byte
	if curve, ok := key.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, curve, sum[:])
		if err != nil {
			t.Fatal(err)
		}
		signature = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	} else if signature, err = key.Sign(rand.Reader, sum[:], crypto.SHA256); err != nil {
		t.Fatal(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestJWTFilter(t *testing.T) {
	t.Parallel()
	own, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	s := Start(t, WithUser("acme/web", "pw"), WithClock(func() time.Time { return now }), WithJWTFilter(JWTFilter{
		Keys: map[string]crypto.PublicKey{"1": own.Public(), "2": curve.Public()}, FirstKey: "1",
		Audience: "https://ci.example.com", UsernameClaim: "repository", Paths: []string{"/whoAmI", "/me/"},
	}))
	const header = `{"alg":"RS256","kid":"1"}`
	with := func(changes jwtClaims) jwtClaims {
		claims := jwtClaims{"aud": "https://ci.example.com", "repository": "acme/web", "nbf": now.Unix(), "exp": now.Unix() + 300}
		for name, value := range changes {
			claims[name] = value
		}
		return claims
	}
	for _, row := range []struct {
		name, token string
		path        string
		want        string // the user
	}{
		{"a token", signJWT(t, own, header, with(nil)), "/whoAmI/api/json", "acme/web"},
		{"of another issuer, whom nobody checks", signJWT(t, own, header, with(jwtClaims{"iss": "https://evil.example"})), "/whoAmI/api/json", "acme/web"},
		{"several audiences", signJWT(t, own, header, with(jwtClaims{"aud": []string{"a", "https://ci.example.com"}})), "/whoAmI/api/json", "acme/web"},
		{"an unknown key id, checked against the first key", signJWT(t, own, `{"alg":"RS256","kid":"9"}`, with(nil)), "/whoAmI/api/json", "acme/web"},
		{"ES256", signJWT(t, curve, `{"alg":"ES256","kid":"2"}`, with(nil)), "/whoAmI/api/json", "acme/web"},
		{"another key", signJWT(t, other, header, with(nil)), "/whoAmI/api/json", "anonymous"},
		{"a curve's signature under another algorithm", signJWT(t, curve, `{"alg":"RS256","kid":"2"}`, with(nil)), "/whoAmI/api/json", "anonymous"},
		{"no algorithm", signJWT(t, own, `{"alg":"none","kid":"1"}`, with(nil)), "/whoAmI/api/json", "anonymous"},
		{"another audience", signJWT(t, own, header, with(jwtClaims{"aud": "https://vault.example.com"})), "/whoAmI/api/json", "anonymous"},
		{"no audience", signJWT(t, own, header, with(jwtClaims{"aud": nil})), "/whoAmI/api/json", "anonymous"},
		{"expired", signJWT(t, own, header, with(jwtClaims{"exp": now.Unix()})), "/whoAmI/api/json", "anonymous"},
		{"not yet valid", signJWT(t, own, header, with(jwtClaims{"nbf": now.Unix() + 1})), "/whoAmI/api/json", "anonymous"},
		{"a user that does not exist", signJWT(t, own, header, with(jwtClaims{"repository": "evil/web"})), "/whoAmI/api/json", "anonymous"},
		{"no user", signJWT(t, own, header, with(jwtClaims{"repository": 7})), "/whoAmI/api/json", "anonymous"},
		{"not a token", "abc", "/whoAmI/api/json", "anonymous"},
		{"three parts that are not one", "a.b.c", "/whoAmI/api/json", "anonymous"},
		{"a path without the filter", signJWT(t, own, header, with(nil)), "/user/acme%2Fweb/whoAmI/api/json", ""},
	} {
		r, err := http.NewRequest(http.MethodGet, s.URL+row.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+row.token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		var who struct{ Name string }
		if err := json.Unmarshal(body, &who); err != nil && row.want != "" {
			t.Errorf("%s: %v", row.name, err)
		}
		if who.Name != row.want {
			t.Errorf("%s: got user %q, want %q", row.name, who.Name, row.want)
		}
	}
	// A login by a JWT needs no crumb; an anonymous request does.
	for token, want := range map[string]int{signJWT(t, own, header, with(nil)): http.StatusOK, "abc": http.StatusForbidden} {
		r, err := http.NewRequest(http.MethodPost, s.URL+"/me/descriptorByName/jenkins.security.ApiTokenProperty/generateNewToken", strings.NewReader("newTokenName=x"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("create: got %d, want %d", response.StatusCode, want)
		}
	}
}
