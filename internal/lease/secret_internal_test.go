package lease

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Nothing that holds a token shows it, but the JSON of a lease.
func TestLeasesShowNoSecret(t *testing.T) {
	t.Parallel()
	const token, password = "1112f4a4654efa2bd11e3a9e97e2e230e1", "correct horse"
	root, err := jenkins.ParseRoot("https://ci.example")
	if err != nil {
		t.Fatal(err)
	}
	account, err := jenkins.New(root, jenkins.Password("alice", password))
	if err != nil {
		t.Fatal(err)
	}
	own := account.WithCredential(jenkins.APIToken("alice", token))
	record := Lease{URL: "https://ci.example", Username: "alice", Token: secret.New(token)}
	written := wire{V: 1, Token: open{record.Token}}
	secrettest.Hidden(t, "lease", record, token)
	secrettest.Hidden(t, "leftover", Leftover{Lease: record, Err: &StoreError{ErrNotLease}}, token)
	secrettest.Hidden(t, "creation", creation{lease: record, own: own, account: account}, token, password)
	secrettest.Hidden(t, "revocation", revocation{lease: record, own: own, account: account}, token, password)
	secrettest.Hidden(t, "revoker", Revoker{Own: func(Lease) (*jenkins.Client, error) { return own, nil }}, token)
	secrettest.Hidden(t, "what JSON is made of", struct{ wire *wire }{&written}, token)
	text, err := json.Marshal(written)
	if err != nil || !strings.Contains(string(text), `"token":"`+token+`"`) {
		t.Errorf("got %s, %v, want the token in the JSON of a lease", text, err)
	}
}
