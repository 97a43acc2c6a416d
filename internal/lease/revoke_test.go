package lease_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// without is a record as a side file holds it.
func without(r lease.Lease) lease.Lease { r.Token = secret.String{}; return r }

func TestRelease(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		account  bool
		change   func(*world, *lease.Lease)
		ending   lease.Outcome
		left     error // of the one token that is left
		gone     bool
		requests []string
	}{
		{"by itself", false, nil, lease.Revoked, nil, true, []string{"POST revoke 200"}},
		{"by itself, the account at hand", true, nil, lease.Revoked, nil, true, []string{"POST revoke 200"}},
		{"by the account", true, func(_ *world, r *lease.Lease) { *r = without(*r) }, lease.Revoked, nil, true, []string{"POST revoke 200", "POST rename 200"}},
		{"with nothing that can", false, func(_ *world, r *lease.Lease) { *r = without(*r) }, lease.Failed, lease.ErrNoCredential, false, nil},
		{"to be left alone", true, func(_ *world, r *lease.Lease) { r.Settings.Revoke = false }, lease.Kept, nil, false, nil},
		{"after a sweep of the same place", false, func(_ *world, r *lease.Lease) { r.Settings.Sweep = true }, lease.Revoked, nil, true,
			[]string{"GET /me/security/ 404", "GET /me/configure 200", "POST revoke 200"}},
		{"revoked by somebody else", true, func(w *world, r *lease.Lease) {
			if err := w.account().RevokeToken(w.t.Context(), r.TokenUUID); err != nil {
				w.t.Error(err)
			}
			w.Forget()
		}, lease.Gone, nil, true, []string{"POST revoke 401", "GET /login 200", "GET /login 200"}},
		{"an intent that came to nothing", true, func(w *world, r *lease.Lease) {
			_ = w.account().RevokeToken(w.t.Context(), r.TokenUUID)
			*r = longAgo(unanswered(*r))
			w.Forget()
		}, lease.Gone, nil, true, []string{"GET /me/security/ 404", "GET /me/configure 200"}},
		{"an intent that did not", true, func(_ *world, r *lease.Lease) { *r = unanswered(*r) },
			lease.Revoked, nil, true, []string{"GET /me/security/ 404", "GET /me/configure 200", "POST revoke 200"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.acquire(nil)
			w.Forget()
			if row.change != nil {
				row.change(w, &r)
			}
			ending, left := w.releaser(row.account).Revoke(t.Context(), r)
			if ending != row.ending || (row.left != nil) != (len(left) == 1) || len(left) == 1 && !errors.Is(left[0].Err, row.left) {
				t.Errorf("got %v, %+v, want %v", ending, left, row.ending)
			}
			if row.gone {
				w.wantNames()
			} else {
				w.wantNames(r.TokenName)
			}
			w.wantLogins(1)
			w.wantSilence(left)
			w.wantRequests(row.requests...)
		})
	}
}

func TestReleaseTwiceIsSilent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	records := []lease.Lease{w.acquire(nil), w.acquire(nil), w.acquire(nil), w.acquire(nil)}
	for _, r := range records {
		if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("first: %v %v", ending, left)
		}
	}
	w.Forget()
	// The tokens are another login each; a third one refused could lock the
	// account all the same.
	releaser := w.releaser(true)
	for i, r := range records {
		ending, left := releaser.Revoke(t.Context(), r)
		if i < 2 && (ending != lease.Gone || left != nil) || i >= 2 && (ending != lease.Failed || len(left) != 1) {
			t.Errorf("record %d: %v %+v", i+1, ending, left)
		}
	}
	if n := w.RefusedLogins(); n != 2 {
		t.Errorf("%d refused logins, want 2", n)
	}
	if len(w.notices)+len(w.warned) > 0 {
		t.Errorf("said %q %q", w.notices, w.warned)
	}
}

// Every fault that can meet a release, once: with the account's credential the
// token is gone, and stays so after a restart; without it, it is gone or said.
func TestReleaseWithFaults(t *testing.T) {
	t.Parallel()
	whats := []string{
		"drop-before", "drop-after", "delay=1ms", "status=500", "status=502", "status=503", "status=404", "500-acted", "500-unsaved",
		"redirect=https://sso.example/", "login-page", "gateway-401", "gateway-403", "truncated", "huge", "garbage", "refuse",
	}
	for _, op := range []string{"revoke", "page", "rename", "create", "login"} {
		for _, what := range whats {
			for _, account := range []bool{true, false} {
				for _, token := range []bool{true, false} {
					if strings.HasPrefix(what, "500-") && (op == "page" || op == "login") || !account && !token {
						continue
					}
					t.Run(fmt.Sprintf("%s %s, account %v, token %v", op, what, account, token), func(t *testing.T) {
						t.Parallel()
						w := newWorld(t)
						r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
						if !token {
							r = without(r)
						}
						if op == "create" || op == "login" {
							// Only what saves the account creates, and only a 500 asks for the login
							// page.
							w.inject("revoke:500-unsaved")
						}
						w.inject(op + ":" + what)
						w.Forget()
						ending, left := w.releaser(account).Revoke(t.Context(), r)
						w.wantLogins(2)
						w.wantSilence(left)
						alive := slices.Contains(w.names(), r.TokenName)
						w.Restart()
						back := slices.ContainsFunc(w.Tokens(owner), func(token jenkinstest.Token) bool { return token.UUID == r.TokenUUID })
						if what == "refuse" && ending == lease.Gone {
							return // a refused login is final, and a token that is refused is dead
						}
						if (alive || back) && len(left) == 0 {
							t.Errorf("%v, nothing left; alive %v, after a restart %v", ending, alive, back)
						}
						if ending == lease.Revoked && (alive || back) {
							t.Errorf("said to be revoked; alive %v, after a restart %v", alive, back)
						}
					})
				}
			}
		}
	}
}

func TestRevocationThatWasNotSaved(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		account, token bool
		fault          string
		ending         lease.Outcome
		alive          bool // after a restart
	}{
		{"saved by the account", true, true, "revoke:500-unsaved", lease.Revoked, false},
		{"saved by the account, by which it was revoked", true, false, "revoke:500-unsaved", lease.Revoked, false},
		{"nobody to save it", false, true, "revoke:500-unsaved", lease.Undurable, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t).inject(row.fault)
			r := w.acquire(nil)
			if !row.token {
				r = without(r)
			}
			ending, left := w.releaser(row.account).Revoke(t.Context(), r)
			if ending != row.ending || (len(left) > 0) != row.alive {
				t.Errorf("got %v, %+v, want %v", ending, left, row.ending)
			}
			w.wantNames()
			w.Restart()
			if row.alive {
				w.wantNames(r.TokenName)
			} else {
				w.wantNames()
			}
		})
	}
}

// Throw-aways whose answers are lost are not left behind.
func TestThrowAwaysAreFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.acquire(nil)
	w.inject("revoke:500-acted", "create:500-acted*2", "create:drop-after")
	if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
		t.Errorf("got %v, %+v", ending, left)
	}
	w.wantNames()
}

// up ends a phase of the controller after a number of requests.
func (w *world) up(phase jenkinstest.Phase, after int) {
	w.Forget()
	w.SetPhase(phase)
	w.OnDone(func(jenkinstest.Request) {
		if len(w.Requests()) == after {
			w.SetPhase(jenkinstest.PhaseUp)
		}
	})
}

func TestReleaseWhileTheControllerRestarts(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		phase jenkinstest.Phase
		after int
	}{
		{"it stops", jenkinstest.PhaseRestarting, 3}, {"it stops for long", jenkinstest.PhaseRestarting, 9},
		{"it starts", jenkinstest.PhaseLoading, 2}, {"it starts for long", jenkinstest.PhaseLoading, 10},
	} {
		for _, account := range []bool{true, false} {
			for _, token := range []bool{true, false} {
				if !account && !token {
					continue
				}
				t.Run(fmt.Sprintf("%s, account %v, token %v", row.name, account, token), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t)
					r := w.acquire(nil)
					if !token {
						r = without(r)
					}
					w.up(row.phase, row.after)
					ending, left := w.releaser(account).Revoke(t.Context(), r)
					w.wantLogins(2)
					alive := slices.Contains(w.names(), r.TokenName)
					if alive && (ending == lease.Revoked || ending == lease.Gone || len(left) != 1) {
						t.Errorf("got %v, %+v, and the token is alive", ending, left)
					}
					// An account's credential that is refused is final, even then.
					if alive && token {
						t.Errorf("the token is alive: %v, %+v", ending, left)
					}
				})
			}
		}
	}
	t.Run("it never comes back", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		r := w.acquire(nil)
		w.up(jenkinstest.PhaseRestarting, -1)
		ending, left := w.releaser(true).Revoke(t.Context(), r)
		if ending != lease.Failed || len(left) != 1 || left[0].UUID != r.TokenUUID || left[0].Name != r.TokenName {
			t.Errorf("got %v, %+v", ending, left)
		}
		w.wantLogins(2)
	})
}

func TestTokenThatTheControllerEnded(t *testing.T) {
	t.Parallel()
	now := time.Now()
	w := newWorld(t, jenkinstest.WithVersion("2.548"), jenkinstest.WithClock(func() time.Time { return now }))
	made := w.AddExpiringToken(owner, firstName, -1)
	r := full()
	r.URL, r.Names, r.TokenName, r.TokenUUID, r.Token = w.url, []string{firstName}, firstName, made.UUID, secret.New(made.Value)
	for _, sweep := range []bool{false, true} {
		w.Forget()
		r.Settings.Sweep = sweep
		if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Gone || left != nil {
			t.Errorf("sweep %v: %v, %+v", sweep, ending, left)
		}
		w.wantLogins(1)
	}
}

func TestLostTokensAreFoundAndRevoked(t *testing.T) {
	t.Parallel()
	for _, account := range []bool{true, false} {
		w := newWorld(t).inject("create:500-acted*2", "page:gateway-403")
		r := w.acquire(nil)
		if len(w.names()) != 3 || len(r.Unconfirmed()) != 2 || len(w.notices) != 1 {
			t.Errorf("%d tokens, lost %q, notices %q", len(w.names()), r.Unconfirmed(), w.notices)
		}
		if ending, left := w.releaser(account).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("got %v, %+v", ending, left)
		}
		w.wantNames()
	}
	w := newWorld(t).inject("create:500-acted", "page:gateway-403*2")
	r := w.acquire(nil)
	ending, left := w.releaser(false).Revoke(t.Context(), r)
	if ending != lease.Revoked || len(left) != 1 || left[0].Outcome != lease.Unknown || left[0].Name != r.Unconfirmed()[0] || left[0].Err == nil {
		t.Errorf("a page that cannot be read: %v, %+v", ending, left)
	}
	w.wantNames(r.Unconfirmed()...)
}

func TestClientsThatCannotBeMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.acquire(nil)
	w.Forget()
	no := func(lease.Lease) (*jenkins.Client, error) { return nil, errFull }
	for name, releaser := range map[string]*lease.Revoker{
		"neither":     {Life: w.life(), Own: no, Account: no},
		"no own":      {Life: w.life(), Own: no},
		"own at hand": {Life: w.life(), Own: w.releaser(false).Own, Account: no},
	} {
		record := r
		if name == "own at hand" {
			record = without(r)
		}
		if ending, left := releaser.Revoke(t.Context(), record); ending != lease.Failed || len(left) != 1 || !errors.Is(left[0].Err, errFull) {
			t.Errorf("%s: got %v, %+v", name, ending, left)
		}
	}
	w.wantRequests()
}

// A lease's own token needs no account, so trouble with that costs nothing.
func TestTroubleWithTheAccountLeavesTheOwnTokenItsWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.acquire(nil)
	w.Forget()
	releaser := &lease.Revoker{Life: w.life(), Own: w.releaser(false).Own, Account: func(lease.Lease) (*jenkins.Client, error) { return nil, errFull }}
	if ending, left := releaser.Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
		t.Errorf("got %v, %+v", ending, left)
	}
	w.wantRequests("POST revoke 200")
	if len(w.notices) > 0 {
		t.Errorf("got notices %q, want none: the account was not needed", w.notices)
	}
}

// unanswered is a lease as it was before its request.
func unanswered(r lease.Lease) lease.Lease {
	r.TokenName, r.TokenUUID, r.Token = "", "", secret.String{}
	return r
}

// longAgo is a lease whose last request ended long ago.
func longAgo(r lease.Lease) lease.Lease {
	r.PendingUntil = time.Time{}
	return r
}

func TestTokenWhoseRequestMayStillBeRunning(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		appears int // after how many pauses; 0 never
		ending  lease.Outcome
		left    error
	}{
		"it appears":         {3, lease.Revoked, nil},
		"it never does":      {0, lease.Unknown, lease.ErrPending},
		"it was there first": {-1, lease.Revoked, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			now := noon
			w.now = func() time.Time { return now }
			name := old("ci/acme", "7.1", "deploy", "bbbbbbbb", time.Hour)
			r := lease.Lease{URL: w.url, Username: owner, Names: []string{name}, PendingUntil: noon.Add(10 * time.Second), Settings: post()}
			releaser := w.releaser(true)
			pauses := 0
			if row.appears < 0 {
				w.AddToken(owner, name)
			}
			releaser.Life.Pause = func(ctx context.Context, d time.Duration) error {
				now = now.Add(d)
				if pauses++; pauses == row.appears {
					w.AddToken(owner, name)
				}
				return ctx.Err()
			}
			ending, left := releaser.Revoke(t.Context(), r)
			if ending != row.ending || (row.left != nil) != (len(left) == 1) || len(left) == 1 && !errors.Is(left[0].Err, row.left) {
				t.Errorf("got %v, %+v, want %v", ending, left, row.ending)
			}
			w.wantNames()
			if row.appears == 0 && now.Before(r.PendingUntil) {
				t.Errorf("it was given up %s before the request's own end", r.PendingUntil.Sub(now))
			}
			if pauses > 12 {
				t.Errorf("%d pauses, want few that grow", pauses)
			}
			// Long after the request nothing can come of it any more.
			w.Forget()
			now = r.PendingUntil.Add(2 * time.Minute)
			if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Gone || left != nil {
				t.Errorf("later: got %v, %+v, want %v", ending, left, lease.Gone)
			}
			if n := w.count("/configure"); n != 1 {
				t.Errorf("later: the page was read %d times, want once", n)
			}
		})
	}
}

// Another step can have written the lease: the account's credential then touches
// only what the page lists under the lease's names.
func TestForeignLeaseDoesNotLeadTheAccountToAnotherToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	victim := w.AddToken(owner, "victim")
	name := old("ci/acme", "7.1", "deploy", "bbbbbbbb", time.Hour)
	r := lease.Lease{URL: w.url, Username: owner, Names: []string{name}, TokenName: name, TokenUUID: victim.UUID, Settings: post()}
	releaser := w.releaser(true)
	releaser.Foreign = true
	if ending, left := releaser.Revoke(t.Context(), r); ending != lease.Gone || left != nil {
		t.Errorf("got %v, %+v", ending, left)
	}
	w.wantNames("victim")
	if n := w.count("/revoke") + w.count("/rename"); n != 0 {
		t.Errorf("got %d requests that write, want none: %q", n, w.requests())
	}
}

// A page that never comes leaves time for the token itself.
func TestTokenIsRevokedWhenThePageNeverComes(t *testing.T) {
	t.Parallel()
	for _, lost := range []bool{false, true} {
		w := newWorld(t)
		r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
		if lost {
			r.Names = append(r.Names, old("ci/acme", "7.1", "deploy", "bbbbbbbb", -time.Hour))
		}
		w.inject("page:hold*9")
		releaser := w.releaser(false)
		releaser.Life.Timeout = 400 * time.Millisecond
		ending, left := releaser.Revoke(t.Context(), r)
		if ending != lease.Revoked || (len(left) == 1) != lost {
			t.Errorf("with a name lost %t: got %v, %+v", lost, ending, left)
		}
		w.wantNames()
	}
}
