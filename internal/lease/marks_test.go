package lease_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

func TestMarks(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "marks")
	m := lease.OpenMarks(path)
	r, none := full(), secret.String{}
	if m.IsRevoked(r, none) || m.IsPosted(r.Names) {
		t.Error("got marks before there was any")
	}
	other := r
	other.TokenUUID = "99999999-2222-4333-8444-555555555555"
	// The token of one lease that revokes the token of another says nothing of itself.
	if err := m.Revoked(other.TokenUUID, r.Token); err != nil || m.IsRevoked(r, none) {
		t.Errorf("got %v, and the token marked %t", err, m.IsRevoked(r, none))
	}
	if err := m.Revoked(r.TokenUUID, secret.New("11"+strings.Repeat("0", 32))); err != nil || m.IsRevoked(r, none) {
		t.Errorf("got %v: only who has the token can mark it", err)
	}
	if err := m.Revoked(r.TokenUUID, r.Token); err != nil || !m.IsRevoked(r, none) || m.IsPosted(r.Names) || m.MayBeRevoked(r) {
		t.Errorf("got %v, revoked %t, posted %t, perhaps %t", err, m.IsRevoked(r, none), m.IsPosted(r.Names), m.MayBeRevoked(r))
	}
	unnamed := lease.OpenMarks("")
	if err := unnamed.Posted(r); err != nil || unnamed.IsPosted(r.Names) {
		t.Errorf("got %v and %t without a file", err, unnamed.IsPosted(r.Names))
	}
}

// A token has several names while a lost answer or another clock makes create try, and
// the post step can have been passed any of the records.
func TestPostedMarksEveryName(t *testing.T) {
	t.Parallel()
	renamed := intent(nextName)
	for _, posted := range []lease.Lease{intent(firstName), full(), renamed} {
		m := lease.OpenMarks(filepath.Join(t.TempDir(), "marks"))
		if err := m.Posted(posted); err != nil {
			t.Fatal(err)
		}
		for _, name := range posted.Names {
			if !m.IsPosted([]string{"another", name}) {
				t.Errorf("posted with %q: not found under %s", posted.Names, name)
			}
		}
		if m.IsPosted(nil) || m.IsPosted([]string{"another"}) {
			t.Errorf("posted with %q: found under another name", posted.Names)
		}
	}
}

func TestRevokedByTheAccount(t *testing.T) {
	t.Parallel()
	account, another := secret.New("11"+strings.Repeat("a", 32)), secret.New("11"+strings.Repeat("b", 32))
	password := secret.New("correct horse")
	r := full()
	for _, row := range []struct {
		by, post secret.String
		proved   bool
	}{
		{account, account, true},
		{account, another, false},
		{account, password, false},
		{account, secret.String{}, false},
		{password, password, false}, // its hash could be guessed
		{secret.String{}, account, false},
	} {
		path := filepath.Join(t.TempDir(), "marks")
		m := lease.OpenMarks(path)
		if err := m.RevokedBy(row.by, "99999999-2222-4333-8444-555555555555", r.TokenUUID); err != nil {
			t.Fatal(err)
		}
		if got := m.IsRevoked(r, row.post); got != row.proved || !m.MayBeRevoked(r) {
			t.Errorf("revoked by %q, looked at with %q: got proved %t and said %t, want %t and true", row.by.Reveal(), row.post.Reveal(), got, m.MayBeRevoked(r), row.proved)
		}
		if m.MayBeRevoked(lease.Lease{Names: r.Names}) {
			t.Error("a lease without a uuid is said to be revoked")
		}
	}
}

// The file can be read by every step, and a hash of a password tells who guesses it.
func TestMarksHoldNoHashOfAPassword(t *testing.T) {
	t.Parallel()
	password := secret.New("correct horse")
	path := filepath.Join(t.TempDir(), "marks")
	m := lease.OpenMarks(path)
	uuid := full().TokenUUID
	if err := errors.Join(m.Revoked(uuid, password), m.RevokedBy(password, uuid)); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil || string(content) != "revoked-by "+uuid+" unproved\n" {
		t.Errorf("got %q, %v, want the uuid alone", content, err)
	}
}
