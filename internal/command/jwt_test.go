package command_test

import (
	"crypto"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// TestWithoutAGateway: Jenkins itself accepts the ID token, by the plugin jwt-auth-filter,
// and from ID token to revoked token nothing is stored anywhere.
func TestWithoutAGateway(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, claim, want string
		created           int
	}{
		{"a claim that can name an account", "repository", "is revoked\n", 1},
		{"a claim that names no account", "ref", "the controller saw an anonymous user", 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOIDCWorld(t, ours)
			server := jenkinstest.Start(t, jenkinstest.WithUser("acme/web", "nobody knows it"),
				jenkinstest.WithClock(w.now), jenkinstest.WithJWTFilter(jenkinstest.JWTFilter{
					Keys: map[string]crypto.PublicKey{"1": &w.issuer.key.PublicKey}, Audience: "https://ci.example.com", UsernameClaim: row.claim,
				}))
			w.env["INPUT_URL"] = server.URL
			out, code := w.run("create")
			if row.created == 1 {
				if got := len(server.Tokens("acme/web")); code != 0 || got != 1 {
					t.Errorf("create: got %d and %d tokens: %s", code, got, out)
				}
				out, code = w.run("revoke")
			}
			if !strings.Contains(out, row.want) || (code == 0) != (row.created == 1) {
				t.Errorf("got %d and %q, want %q", code, out, row.want)
			}
			created := 0
			for _, r := range server.Requests() {
				if strings.HasSuffix(r.Path, "/generateNewToken") && r.Status == 200 {
					created++
				}
			}
			if created != row.created || len(server.Tokens("acme/web")) != 0 || server.RefusedLogins() != 0 {
				t.Errorf("got %d tokens created, %d left and %d refused logins", created, len(server.Tokens("acme/web")), server.RefusedLogins())
			}
			w.shown()
		})
	}
}
