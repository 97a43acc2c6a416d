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
func TestJobsShowNoSecret(t *testing.T) {
	t.Parallel()
	const token, password, header = "1112f4a4654efa2bd11e3a9e97e2e230e1", "correct horse", "gateway-secret"
	environ := []string{"JENKINS_PASSWORD=" + password}
	p := &Program{Now: time.Now, Args: []string{"jenkins-token", "exec"}, Environ: func() []string { return environ }, Lookup: func(name string) (string, bool) {
		if name == "JENKINS_PASSWORD" {
			return password, true
		}
		return "", false
	}}
	j := &job{Program: p, name: "exec", account: &settings.Settings{
		Credential: settings.Credential{Kind: settings.Password, Secret: secret.New(password)},
		Headers:    secret.Hold(http.Header{"X-Gate": {header}}), ClientKey: secret.New(header),
	}}
	record := lease.Lease{Token: secret.New(token), Names: []string{"a"}}
	l := &execStore{job: j, masks: secret.Masks("alice", record.Token)}
	for _, name := range ci.Names() {
		system, err := ci.Detect(j.surroundings(), name)
		if err != nil {
			t.Fatal(err)
		}
		j.system = system
		secrettest.Hidden(t, "job on "+name, j, token, password, header)
	}
	secrettest.Hidden(t, "loan", l, token, password, header)
	secrettest.Hidden(t, "place", &createStore{job: j}, token, password, header)
	secrettest.Hidden(t, "kept", savedLease{lease: record}, token)
	secrettest.Hidden(t, "revocation", &revocation{job: j, loan: l, record: record, left: []lease.Leftover{{Lease: record}}}, token, password, header)
	secrettest.Hidden(t, "diagnosis", &diagnosis{j: j, settings: j.account}, token, password, header)
	secrettest.Hidden(t, "releaser", j.releaser(j.account, false), token, password, header)
}
