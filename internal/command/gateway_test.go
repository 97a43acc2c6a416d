package command_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// claims are those of GitHub's ID tokens that matter here (docs.github.com,
// "OpenID Connect reference").
type claims struct {
	Issuer       string `json:"iss"`
	Audience     string `json:"aud"`
	Subject      string `json:"sub"`
	Repository   string `json:"repository"`
	RepositoryID string `json:"repository_id"`
	Ref          string `json:"ref"`
	Environment  string `json:"environment,omitempty"`
	NotBefore    int64  `json:"nbf"`
	Expires      int64  `json:"exp"`

	age    time.Duration // of the token when it is given
	forged bool          // signed with another key than the issuer shows
}

// issuer gives ID tokens to a job, as GitHub does at ACTIONS_ID_TOKEN_REQUEST_URL,
// and shows the key that they are signed with.
type issuer struct {
	*httptest.Server
	key *rsa.PrivateKey
	now func() time.Time
	job claims // of the job that asks
	mu  sync.Mutex
	// given are all tokens given.
	given []string
}

const requestToken = "the job's right to ask"

func newIssuer(t *testing.T, now func() time.Time, job claims) *issuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key, now: now, job: job}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /token", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+requestToken {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]string{"value": i.token(r.URL.Query().Get("audience"))})
	})
	mux.HandleFunc("GET /.well-known/jwks", func(w http.ResponseWriter, _ *http.Request) {
		exponent := big.NewInt(int64(key.E)).Bytes()
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": encode(key.N.Bytes()), "e": encode(exponent),
		}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func encode(text []byte) string { return base64.RawURLEncoding.EncodeToString(text) }

// token signs the claims of the job, for five minutes.
func (i *issuer) token(audience string) string {
	c := i.job
	c.Issuer, c.Audience = i.URL, audience
	from := i.now().Add(-c.age)
	c.NotBefore, c.Expires = from.Unix(), from.Add(5*time.Minute).Unix()
	body, _ := json.Marshal(c)
	text := encode([]byte(`{"alg":"RS256","kid":"1","typ":"JWT"}`)) + "." + encode(body)
	sum := sha256.Sum256([]byte(text))
	key := i.key
	if c.forged {
		key, _ = rsa.GenerateKey(rand.Reader, 2048)
	}
	signature, _ := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	text += "." + encode(signature)
	i.mu.Lock()
	defer i.mu.Unlock()
	i.given = append(i.given, text)
	return text
}

// tokens returns the tokens given so far.
func (i *issuer) tokens() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.given...)
}

// gateway is a reverse proxy that turns an ID token into a user of Jenkins, as
// docs/oidc.md asks for. It alone reaches the controller, which trusts its header.
type gateway struct {
	*httptest.Server
	issuer string
	want   claims // what a token must say, besides its times
	user   string
	now    func() time.Time
	// basic lets a login by an API token through; onLogin is called for each.
	basic   bool
	onLogin func(*http.Request)

	mu sync.Mutex
	// seen are the ID tokens that were accepted, in order.
	seen []string
	// refused counts those that were not.
	refused int
}

const userHeader = "X-Forwarded-User"

func newGateway(t *testing.T, controller string, g *gateway) {
	t.Helper()
	to, err := url.Parse(controller)
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) }}
	g.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Nobody but this proxy may say who the user is.
		r.Header.Del(userHeader)
		scheme, text, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		switch {
		case scheme == "Bearer":
			if err := g.check(t, text); err != nil {
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
				http.Error(w, "", http.StatusUnauthorized)
				return
			}
			r.Header.Del("Authorization")
			r.Header.Set(userHeader, g.user)
		case scheme == "Basic" && g.onLogin != nil:
			g.onLogin(r)
		}
		if scheme == "Basic" && !g.basic {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "", http.StatusUnauthorized)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(g.Close)
}

// check verifies a token, and notes it.
func (g *gateway) check(t *testing.T, text string) error {
	err := g.verify(t, text)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err != nil {
		g.refused++
		return err
	}
	g.seen = append(g.seen, text)
	return nil
}

func (g *gateway) verify(t *testing.T, text string) error {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return errors.New("not a JWT")
	}
	var head struct{ Alg, Kid string }
	var c claims
	for i, into := range []any{&head, &c} {
		part, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return err
		}
		if err := json.Unmarshal(part, into); err != nil {
			return err
		}
	}
	key, err := g.key(t, head.Kid)
	if err != nil {
		return err
	}
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if head.Alg != "RS256" || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) != nil {
		return errors.New("not signed by the issuer")
	}
	now := g.now().Unix()
	if now < c.NotBefore || now >= c.Expires {
		return errors.New("not valid now")
	}
	c.NotBefore, c.Expires, c.Subject = 0, 0, ""
	want := g.want
	want.Issuer = g.issuer
	if c != want {
		return errors.New("not a job that may log in")
	}
	return nil
}

// key fetches the issuer's key of that id.
func (g *gateway) key(t *testing.T, id string) (*rsa.PublicKey, error) {
	r, err := http.NewRequestWithContext(t.Context(), "GET", g.issuer+"/.well-known/jwks", nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	var set struct{ Keys []struct{ Kid, N, E string } }
	if err := json.NewDecoder(answer.Body).Decode(&set); err != nil {
		return nil, err
	}
	for _, key := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(key.N)
		if err != nil || key.Kid != id {
			continue
		}
		e, err := base64.RawURLEncoding.DecodeString(key.E)
		if err != nil {
			return nil, err
		}
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, errors.New("no such key")
}
