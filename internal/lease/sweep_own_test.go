package lease_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// byOwn sweeps with the account's password, and may create a token for itself.
func (w *world) byOwn() *lease.Sweeper {
	w.t.Helper()
	order := w.order()
	return &lease.Sweeper{Life: w.life(), Account: w.byPassword(), Own: &order}
}

// addOver gives the account n tokens of ours that are over.
func (w *world) addOver(n int) {
	for i := range n {
		w.AddToken(owner, old("ci/acme", fmt.Sprintf("%d.1", i), "deploy", "aaaaaaaa", time.Hour))
	}
}

// own are the tokens that a sweep created for itself and has left.
func (w *world) own() (names []string) {
	for _, name := range w.names() {
		if strings.Contains(name, ":sweep:") {
			names = append(names, name)
		}
	}
	return names
}

// A sweep of thousands by password takes one login by password for each request before
// its own token, and none after.
func TestSweepWithATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	w.addOver(2000)
	for i := range 500 {
		w.AddToken(owner, fmt.Sprintf("somebody's %d", i))
	}
	var told []int
	s := w.byOwn()
	s.Advance = func(revoked, total int) {
		told = append(told, revoked)
		if total != 2000 {
			t.Errorf("told of %d tokens", total)
		}
	}
	w.Forget()
	got, err := s.Sweep(t.Context(), lease.Filter{}, false)
	revoked, failed, notTried := got.Counts()
	if err != nil || revoked != 2000 || failed != 0 || notTried != 0 || got.Listed != 2501 || got.Foreign != 501 || got.Kept != 0 || got.Leftovers != nil {
		t.Errorf("%d revoked, %d failed, %d not tried of %d, %d foreign, left %+v, %v", revoked, failed, notTried, got.Listed, got.Foreign, got.Leftovers, err)
	}
	if len(w.names()) != 500 || len(told) != 2000 || told[1999] != 2000 {
		t.Errorf("%d tokens left, told %d times", len(w.names()), len(told))
	}
	requests := w.Requests()
	want := []string{"GET /me/security/ 404", "GET /me/configure 200", "GET /whoAmI/api/json 200", "GET /crumbIssuer/api/json 200", "POST generateNewToken 200", "GET /whoAmI/api/json 200"}
	if all := w.requests(); len(all) != len(want)+2001 || !slices.Equal(all[:len(want)], want) {
		t.Errorf("%d requests, the first %q", len(all), all[:len(want)])
	}
	for _, r := range requests[5:] {
		if r.Via != jenkinstest.ViaToken {
			t.Fatalf("%s %s by %s", r.Method, r.Path, r.Via)
		}
	}
	name, ok := lease.ParseName(requests[4].Form.Get("newTokenName"))
	if !ok || name.Project != "ci/acme" || name.Label != "sweep" || !name.End.Equal(noon.Add(time.Hour)) {
		t.Errorf("the sweep's own token is called %s", name)
	}
	w.wantSilence(got)
}

// No token is created where it does not pay, or would not be the account's.
func TestSweepWithoutATokenOfItsOwn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		tokens int
		change func(*world, *lease.Sweeper)
		dryRun bool
	}{
		{name: "five tokens", tokens: 5},
		{name: "by API token", tokens: 9, change: func(w *world, s *lease.Sweeper) { s.Account = w.account() }},
		{name: "for another user", tokens: 9, change: func(_ *world, s *lease.Sweeper) { s.Own = nil }},
		{name: "dry run", tokens: 9, dryRun: true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newStill(t, 0)
			w.addOver(row.tokens)
			s := w.byOwn()
			if row.change != nil {
				row.change(w, s)
			}
			got, err := s.Sweep(t.Context(), lease.Filter{}, row.dryRun)
			revoked, _, notTried := got.Counts()
			if err != nil || w.count("/generateNewToken") != 0 || len(got.Found) != row.tokens || row.dryRun && notTried != row.tokens || !row.dryRun && revoked != row.tokens {
				t.Errorf("%d revoked, %d not tried, %v, requests %q", revoked, notTried, err, w.requests())
			}
		})
	}
	t.Run("six tokens", func(t *testing.T) {
		t.Parallel()
		w := newStill(t, 0)
		w.addOver(6)
		if _, err := w.byOwn().Sweep(t.Context(), lease.Filter{}, false); err != nil || w.count("/generateNewToken") != 1 {
			t.Errorf("%v, requests %q", err, w.requests())
		}
	})
}

// Whatever happens to the creation, to the trial or to a use of the sweep's own token,
// the sweep goes on with the password, and leaves no token of its own.
func TestSweepWhoseOwnTokenFails(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		faults []string
		logins int // refused
		after  int // revocations before the faults
	}{
		{faults: []string{"create:status=403"}},
		{faults: []string{"create:gateway-403"}},
		{faults: []string{"create:status=500@1"}},
		{faults: []string{"create:500-acted@1"}},
		{faults: []string{"create:drop-after@1"}},
		{faults: []string{"create:garbage*3"}},
		{faults: []string{"create:drop-after*2"}},
		{faults: []string{"whoami:other-user=bob"}, logins: 1},
		{faults: []string{"whoami:status=500@1"}},
		{faults: []string{"revoke:refuse"}, logins: 1},
		{faults: []string{"revoke:gateway-403"}},
		{faults: []string{"revoke:login-page"}},
		{faults: []string{"revoke:refuse"}, logins: 1, after: 5},
		{faults: []string{"revoke:500-acted"}, after: 8},
		{faults: []string{"revoke:status=503*2"}, after: 8},
		{faults: []string{"revoke:drop-before"}, after: 8},
	} {
		t.Run(fmt.Sprint(row.faults, row.after), func(t *testing.T) {
			t.Parallel()
			w := newStill(t, 0)
			w.addOver(8)
			s := w.byOwn()
			if row.after == 0 {
				w.inject(row.faults...)
			}
			s.Advance = func(revoked, _ int) {
				if row.after > 0 && revoked == row.after {
					w.inject(row.faults...)
				}
			}
			got, err := s.Sweep(t.Context(), lease.Filter{}, false)
			if revoked, _, _ := got.Counts(); err != nil || revoked != 8 || got.Leftovers != nil {
				t.Errorf("%d revoked, left %+v, %v", revoked, got.Leftovers, err)
			}
			w.wantNames()
			w.wantLogins(row.logins)
			w.wantSilence(got, err)
		})
	}
}

// A signal at any request ends the sweep, and leaves no token of its own: those whose
// creation was not confirmed are looked for by their names.
func TestSignalAtEveryRequestOfASweep(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"", "create:drop-after", "create:500-acted", "whoami:status=500"} {
		for n := 1; ; n++ {
			w := newStill(t, 0)
			w.addOver(8)
			s := w.byOwn()
			if fault != "" {
				w.inject(fault)
			}
			ctx, cancel := context.WithCancel(t.Context())
			var requests atomic.Int64
			w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
				if requests.Add(1) == int64(n) {
					cancel()
				}
				w.ServeHTTP(rw, r)
			})
			s.Account, s.Life.Grace = w.byPassword(), patience
			got, err := s.Sweep(ctx, lease.Filter{}, false)
			if own := w.own(); len(own) > 0 || got.Leftovers != nil {
				t.Errorf("%q, signal at request %d of %q: left %q, %+v", fault, n, w.requests(), own, got.Leftovers)
			}
			if ctx.Err() == nil {
				break
			}
			revoked, failed, notTried := got.Counts()
			if failed != 0 || len(w.names()) != 8-revoked || (revoked < 8) != errors.Is(err, lease.ErrInterrupted) {
				t.Errorf("%q, signal at request %d: %d revoked, %d failed, %d not tried, on the server %d, %v", fault, n, revoked, failed, notTried, len(w.names()), err)
			}
		}
	}
}

// A controller that is stopping refuses good tokens. The sweep waits until it is up
// again, and shows the password to none that refuses.
func TestSweepOverARestart(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	w.addOver(20)
	s := w.byOwn()
	s.Advance = func(revoked, _ int) {
		if revoked == 10 {
			w.inject("revoke:refuse", "login:status=503*3")
		}
	}
	got, err := s.Sweep(t.Context(), lease.Filter{}, false)
	if revoked, _, _ := got.Counts(); err != nil || revoked != 20 || got.Leftovers != nil {
		t.Errorf("%d revoked, left %+v, %v", revoked, got.Leftovers, err)
	}
	w.wantNames()
	w.wantLogins(1)
	for _, r := range w.Requests()[5:] {
		if r.Via == jenkinstest.ViaPassword {
			t.Errorf("%s %s by password", r.Method, r.Path)
		}
	}
}

// After two refused logins nothing more is sent, and what is left of the sweep itself is
// reported.
func TestSweepIsRefusedTwice(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	w.addOver(20)
	s := w.byOwn()
	s.Advance = func(revoked, _ int) {
		if revoked == 10 {
			w.inject("revoke:refuse@1")
		}
	}
	got, err := s.Sweep(t.Context(), lease.Filter{}, false)
	revoked, failed, notTried := got.Counts()
	if err != nil || revoked != 10 || failed != 1 || notTried != 9 {
		t.Errorf("%d revoked, %d failed, %d not tried, %v", revoked, failed, notTried, err)
	}
	if own := w.own(); len(own) != 1 || len(got.Leftovers) != 1 || got.Leftovers[0].Name != own[0] || got.Leftovers[0].UUID == "" || got.Leftovers[0].Lease.URL == "" {
		t.Errorf("on the server %q, left %+v", own, got.Leftovers)
	}
	w.wantLogins(2)
}
