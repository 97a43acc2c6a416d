package command

import (
	"net/http"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// Nothing on the way of a command shows a secret of it.
func TestInvocationsShowNoSecret(t *testing.T) {
	t.Parallel()
	const token, password, header = "1112f4a4654efa2bd11e3a9e97e2e230e1", "correct horse", "gateway-secret"
	environ := []string{"JENKINS_PASSWORD=" + password}
	lookup := func(name string) (string, bool) {
		if name == "JENKINS_PASSWORD" {
			return password, true
		}
		return "", false
	}
	p := &Program{Clock: Clock{Now: time.Now}, Args: []string{"jenkins-token", "exec"}, Env: Env{Environ: func() []string { return environ }, Lookup: lookup}}
	inv := &invocation{Program: p}
	s := &settings.Settings{
		Credential: settings.Credential{Kind: settings.Password, Secret: secret.New(password)},
		Headers:    secret.Hold(http.Header{"X-Gate": {header}}), ClientKey: secret.New(header),
	}
	record := lease.Lease{Token: secret.New(token), Names: []string{"a"}}
	store := &execStore{masks: secret.Masks("alice", record.Token)}
	for _, name := range ci.Names() {
		system, err := ci.Detect(surroundings(p, "exec", inv.input), name)
		if err != nil {
			t.Fatal(err)
		}
		inv.system = system
		secrettest.Hidden(t, "invocation on "+name, inv, token, password, header)
	}
	store.system = inv.system
	secrettest.Hidden(t, "store of exec", store, token, password, header)
	secrettest.Hidden(t, "store of create", &createStore{system: inv.system}, token, password, header)
	secrettest.Hidden(t, "saved lease", savedLease{lease: record}, token)
	secrettest.Hidden(t, "revocation", &revocation{settings: s, store: store, lease: record, leftovers: []lease.Leftover{{Lease: record}}}, token, password, header)
	secrettest.Hidden(t, "diagnosis", &diagnosis{inv: inv, settings: s}, token, password, header)
	secrettest.Hidden(t, "revoker", newRevoker(inv, s, false), token, password, header)
}
