package lease_test

import (
	"path/filepath"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "marks")
	m := lease.OpenMarks(path)
	r := full()
	if m.IsRevoked(r) || m.IsPosted(r) {
		t.Error("got marks before there was any")
	}
	other := r
	other.TokenUUID = "99999999-2222-4333-8444-555555555555"
	// The token of one lease that revokes the token of another says nothing of itself.
	if err := m.Revoked(other.TokenUUID, r.Token); err != nil || m.IsRevoked(r) {
		t.Errorf("got %v, and the token marked %t", err, m.IsRevoked(r))
	}
	if err := m.Revoked(r.TokenUUID, secret.New("11"+tokenText[2:33]+"x")); err != nil || m.IsRevoked(r) {
		t.Errorf("got %v: only who has the token can mark it", err)
	}
	if err := m.Revoked(r.TokenUUID, r.Token); err != nil || !m.IsRevoked(r) || m.IsPosted(r) {
		t.Errorf("got %v, revoked %t, posted %t", err, m.IsRevoked(r), m.IsPosted(r))
	}
	if err := m.Posted(r); err != nil || !m.IsPosted(r) || m.IsPosted(intent(nextName)) {
		t.Errorf("got %v, posted %t", err, m.IsPosted(r))
	}
	none := lease.OpenMarks("")
	if err := none.Posted(r); err != nil || none.IsPosted(r) {
		t.Errorf("got %v and %t without a file", err, none.IsPosted(r))
	}
}
