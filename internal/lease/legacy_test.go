package lease_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// newOld is a world with a controller from before 2.129.
func newOld(t *testing.T, version string, options ...jenkinstest.Option) *world {
	t.Helper()
	return newWorld(t, append([]jenkinstest.Option{jenkinstest.WithVersion(version)}, options...)...)
}

// one is the value of the account's one token.
func (w *world) one() string { return w.Tokens(owner)[0].Value }

func (w *world) byPassword() *jenkins.Client { return w.client(jenkins.Password(owner, password)) }

// take takes the account's one token.
func (w *world) take(legacy string) lease.Lease {
	w.t.Helper()
	order := w.order()
	order.Legacy = legacy
	r, left, err := create(w.t.Context(), w.life(), w.byPassword(), order, &keeper{})
	if err != nil || left != nil {
		w.t.Fatal(err, left)
	}
	return r
}

func TestLegacyRefused(t *testing.T) {
	t.Parallel()
	byPassword := func(w *world) *jenkins.Client { return w.byPassword() }
	byToken := func(w *world) *jenkins.Client { return w.account() }
	for _, row := range []struct {
		name            string
		version, legacy string
		forUser         string
		account         func(*world) *jenkins.Client
		problem         lease.LegacyProblem
	}{
		{"by default, password", "2.107", "", "", byPassword, lease.LegacyRefused},
		{"by default, API token", "2.107", "", "", byToken, lease.LegacyRefused},
		{"by setting, API token that needs a crumb", "2.60", settings.LegacyRefuse, "", byToken, lease.LegacyRefused},
		{"for another", "2.107", settings.LegacyRead, "bob", func(w *world) *jenkins.Client {
			return w.client(jenkins.Password(owner, password), jenkins.WithUser("bob"))
		}, lease.LegacyForUser},
		{"the token to be changed is the credential", "2.107", settings.LegacyRotate, "", byToken, lease.LegacyRotates},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOld(t, row.version)
			before := w.one()
			order := w.order()
			order.Legacy, order.ForUser = row.legacy, row.forUser
			k := &keeper{w: w}
			_, left, err := create(t.Context(), w.life(), row.account(w), order, k)
			old, ok := errors.AsType[*lease.LegacyError](err)
			if !ok || old.Problem != row.problem || !strings.Contains(err.Error(), "Jenkins "+row.version) || left != nil {
				t.Errorf("got %v, %+v", err, left)
			}
			if _, ok := k.kept(); ok || w.one() != before {
				t.Error("something was kept, or changed")
			}
			w.wantLogins(0)
		})
	}
	// Where the version is not known to be old, a 404 is a 404.
	w := newWorld(t).inject("create:status=404")
	order := w.order()
	order.Legacy = settings.LegacyRotate
	if _, _, err := create(t.Context(), w.life(), w.account(), order, &keeper{w: w}); !isKind(err, jenkins.KindNotFound) {
		t.Errorf("got %v", err)
	}
}

func isKind(err error, kind jenkins.Kind) bool {
	failed, ok := errors.AsType[*jenkins.Error](err)
	return ok && failed.Kind == kind
}

// The one token is masked, recorded and tried in the order of every other, and
// belongs to a record that says what becomes of it.
func TestLegacyTaken(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.60", "2.107"} {
		for _, legacy := range []string{settings.LegacyRead, settings.LegacyRotate} {
			t.Run(version+" "+legacy, func(t *testing.T) {
				t.Parallel()
				w := newOld(t, version)
				order := w.order()
				order.Legacy = legacy
				k := &keeper{w: w}
				r, left, err := create(t.Context(), w.life(), w.byPassword(), order, k)
				if err != nil || left != nil {
					t.Fatal(err, left)
				}
				if k.told() != "intent, intent, mask 7, token" || r.Token.Reveal() != w.one() || r.TokenUUID != "" || r.TokenName != "" || r.Settings.Legacy != legacy || !r.Complete() || r.Unconfirmed() != nil {
					t.Errorf("told %s, record %+v", k.told(), r)
				}
				if _, known := r.Until(); known {
					t.Error("the token has no end, and the record gives one")
				}
				if back, err := lease.Decode(encoded(t, r)); err != nil || back.Token.Reveal() != w.one() {
					t.Errorf("the record cannot be read back: %v", err)
				}
				if again, err := lease.Decode(withoutToken(t, r)); err != nil || again.Complete() || !again.Legacy() {
					t.Errorf("without the token: %+v, %v", again, err)
				}
				w.wantRequests("GET /whoAmI/api/json 200", "GET /crumbIssuer/api/json 200", "POST generateNewToken 404", "GET /me/configure 200", "GET /whoAmI/api/json 200")
			})
		}
	}
}

// Whatever goes wrong with the taking, the token stays what it was and nothing
// is left to do.
func TestLegacyTakingThatFails(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"page:garbage", "page:login-page", "page:gateway-403", "page:refuse", "page:truncated", "page:huge", "page:hostile", "page:status=503*2", "page:drop-after",
		"whoami:refuse", "whoami:other-user=bob", "whoami:garbage", "whoami:status=500", "create:status=404", "create:drop-after", "create:500-acted", "crumb:status=404"} {
		t.Run(fault, func(t *testing.T) {
			t.Parallel()
			w := newOld(t, "2.107")
			before := w.one()
			w.inject(fault)
			order := w.order()
			order.Legacy = settings.LegacyRotate
			k := &keeper{w: w}
			r, left, err := create(t.Context(), w.life(), w.byPassword(), order, k)
			_, kept := k.kept()
			if left != nil || (err == nil) != kept || err == nil && r.Token.Reveal() != before || w.one() != before {
				t.Errorf("got %v, left %+v, kept %v", err, left, kept)
			}
			w.wantLogins(2)
			w.wantSilence(err)
		})
	}
	for n := range 4 {
		w := newOld(t, "2.107")
		before := w.one()
		order := w.order()
		order.Legacy = settings.LegacyRead
		_, left, err := create(t.Context(), w.life(), w.byPassword(), order, &keeper{w: w, fail: func(i int, what string) error {
			if i == n+1 && what != "drop" {
				return errFull
			}
			return nil
		}})
		if !errors.Is(err, errFull) || left != nil || w.one() != before {
			t.Errorf("call %d: %v, %+v", n+1, err, left)
		}
	}
}

func TestLegacyRead(t *testing.T) {
	t.Parallel()
	w := newOld(t, "2.107")
	r := w.take(settings.LegacyRead)
	w.Forget()
	if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Kept || left != nil {
		t.Errorf("got %v, %+v", ending, left)
	}
	w.wantRequests()
}

// Every end that a change can have, with the account's password at hand and
// without, with the token in the record and without: the token of before is
// dead, also after a restart, or the user is told.
func TestLegacyRotated(t *testing.T) {
	t.Parallel()
	whats := []string{"delay=1ms", "drop-before", "drop-after", "status=500", "status=502", "status=503", "status=404", "500-acted", "500-unsaved",
		"redirect=https://sso.example/", "login-page", "gateway-401", "gateway-403", "truncated", "huge", "garbage", "refuse"}
	for _, version := range []string{"2.60", "2.107"} {
		for _, what := range whats {
			for _, account := range []bool{true, false} {
				for _, token := range []bool{true, false} {
					if !account && !token {
						continue
					}
					t.Run(fmt.Sprintf("%s %s, account %v, token %v", version, what, account, token), func(t *testing.T) {
						t.Parallel()
						w := newOld(t, version)
						before := w.one()
						r := w.take(settings.LegacyRotate)
						r.Settings.Sweep = true // there is nothing to sweep, and nobody asks
						if !token {
							r = without(r)
						}
						w.inject("create:" + what)
						w.Forget()
						releaser := w.releaser(account)
						if account {
							releaser.Account = func(lease.Lease) (*jenkins.Client, error) { return w.byPassword(), nil }
						}
						ending, left := releaser.Revoke(t.Context(), r)
						w.wantLogins(2)
						w.wantSilence(left)
						if slices.ContainsFunc(w.requests(), func(r string) bool { return strings.Contains(r, "/me/configure") || strings.Contains(r, "generate") }) {
							t.Errorf("requests %q", w.requests())
						}
						alive := w.one() == before
						w.Restart()
						back := w.one() == before
						if what == "refuse" && ending == lease.Gone {
							return // a refused login is final, and a token that is refused is dead
						}
						if (alive || back) != (len(left) == 1) || (ending == lease.Revoked || ending == lease.Gone) == (len(left) == 1) {
							t.Errorf("%v, left %+v; alive %v, after a restart %v", ending, left, alive, back)
						}
						if account && what != "refuse" && what != "status=404" && !strings.HasPrefix(what, "gateway") && !strings.HasPrefix(what, "redirect") && what != "login-page" && (alive || back) {
							t.Errorf("the password was at hand: %v, %+v", ending, left)
						}
					})
				}
			}
		}
	}
}

// Two jobs of one account: the first to end takes the token from the other, whose
// own end then has nothing to do.
func TestLegacyRotatedTwice(t *testing.T) {
	t.Parallel()
	w := newOld(t, "2.107")
	first, second := w.take(settings.LegacyRotate), w.take(settings.LegacyRotate)
	if ending, left := w.releaser(false).Revoke(t.Context(), first); ending != lease.Revoked || left != nil {
		t.Errorf("first: %v, %+v", ending, left)
	}
	next := w.one()
	if ending, left := w.releaser(true).Revoke(t.Context(), second); ending != lease.Gone || left != nil || w.one() != next {
		t.Errorf("second: %v, %+v", ending, left)
	}
}

func TestLegacySweep(t *testing.T) {
	t.Parallel()
	w := newOld(t, "2.60")
	_, err := (&lease.Sweeper{Life: w.life(), Account: w.byPassword()}).Sweep(t.Context(), lease.Filter{}, false)
	if old, ok := errors.AsType[*lease.LegacyError](err); !ok || old.Problem != lease.LegacySweep {
		t.Errorf("got %v", err)
	}
}
