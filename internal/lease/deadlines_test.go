package lease_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// Every pause, like every request, ends with the timeout of the command.
func TestPausesEndWithTheTimeout(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]string{
		{"create:status=500*3"}, {"create:drop-before*2"}, {"create:status=503*2", "login:status=503*2"}, {"whoami:status=503*2"}, {"revoke:status=500*3"}, {"revoke:500-acted", "create:drop-before*2"},
	} {
		w := newWorld(t).inject(faults...)
		life := w.life()
		pauses := 0
		life.Pause = func(ctx context.Context, _ time.Duration) error {
			pauses++
			if _, ok := ctx.Deadline(); !ok {
				t.Errorf("%q: a pause without an end", faults)
			}
			return ctx.Err()
		}
		r, left, err := create(t.Context(), life, w.account(), w.order(), &keeper{w: w})
		if err != nil || left != nil {
			t.Fatal(err, left)
		}
		releaser := w.releaser(true)
		releaser.Life = life
		if ending, left := releaser.Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("%q: %v, %+v", faults, ending, left)
		}
		if pauses == 0 {
			t.Errorf("%q: no pause", faults)
		}
	}
}

// A signal ends a pause, and with it the trying.
func TestSignalInAPause(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"create:status=500", "create:status=503", "whoami:status=503", "whoami:drop-before"} {
		w := newWorld(t).inject(fault)
		ctx, cancel := context.WithCancel(t.Context())
		life := w.life()
		life.Pause = func(pause context.Context, _ time.Duration) error {
			cancel()
			<-pause.Done()
			return pause.Err()
		}
		k := &keeper{w: w}
		_, left, err := create(ctx, life, w.client(jenkins.Password(owner, password)), w.order(), k)
		if err == nil || w.count("/generateNewToken") > 1 {
			t.Errorf("%s: %v, requests %q", fault, err, w.requests())
		}
		if len(left) > 1 || len(left) == 0 && len(w.names()) > 0 {
			t.Errorf("%s: left %+v, on the server %q", fault, left, w.names())
		}
	}
}

// All records of one command share its timeout.
func TestReleasesShareTheTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first, second := w.acquire(nil), w.acquire(nil)
	w.inject("revoke:hold")
	w.Forget()
	releaser := w.releaser(false)
	releaser.Life.Timeout = 100 * time.Millisecond
	for _, r := range []lease.Lease{first, second} {
		ending, left := releaser.Revoke(t.Context(), r)
		if ending != lease.Failed || len(left) != 1 || !isKind(left[0].Err, jenkins.KindTimeout) {
			t.Errorf("%v, %+v", ending, left)
		}
	}
	if len(w.notices) > 0 {
		t.Errorf("said %q, and nothing was tried again", w.notices)
	}
	if requests := w.requests(); len(requests) != 1 {
		t.Errorf("requests %q, want the first alone", requests)
	}
}

// A controller without an answer costs a part of the time, and the user knows on
// what it was spent.
func TestRequestsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for op, fault := range map[string]string{"create token": "create:hold", "check identity": "whoami:hold", "revoke token": "revoke:hold"} {
		w := newWorld(t).inject(fault)
		r, left, err := create(t.Context(), w.life(), w.account(jenkins.WithRequestTimeout(200*time.Millisecond)), w.order(), &keeper{w: w})
		if err != nil || left != nil {
			t.Fatal(err, left)
		}
		releaser := w.releaser(false)
		releaser.Own = func(r lease.Lease) (*jenkins.Client, error) {
			return w.client(jenkins.APIToken(r.Username, r.Token.Reveal()), jenkins.WithRequestTimeout(200*time.Millisecond)), nil
		}
		// On a busy machine more requests than those that are held run out of time.
		ending, left := releaser.Revoke(t.Context(), r)
		if ending != lease.Revoked && ending != lease.Gone || left != nil {
			t.Errorf("%v, %+v", ending, left)
		}
		told := slices.ContainsFunc(w.notices, func(text string) bool {
			return strings.HasPrefix(text, op) && strings.Contains(text, "no answer in time; trying again until ")
		})
		if !told {
			t.Errorf("said %q, want why %s is tried again", w.notices, op)
		}
		w.wantNames()
	}
}

// With half of the time gone the post step no longer sweeps.
func TestTidyingNeedsHalfOfTheTime(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	w.AddToken(owner, old("ci/acme", "1.1", "deploy", "aaaaaaaa", time.Hour))
	records := []lease.Lease{w.acquire(nil), w.acquire(nil)}
	releaser := w.releaser(false)
	now := noon
	releaser.Life.Now = func() time.Time { return now }
	for i, want := range [][]string{
		{"GET /me/security/ 404", "GET /me/configure 200", "POST revoke 200", "POST revoke 200"}, {"POST revoke 200"},
	} {
		w.Forget()
		records[i].Settings.Sweep = true
		if ending, left := releaser.Revoke(t.Context(), records[i]); ending != lease.Revoked || left != nil {
			t.Errorf("%v, %+v", ending, left)
		}
		w.wantRequests(want...)
		now = now.Add(releaser.Life.Timeout / 2)
	}
}

// A signal ends the sweep, not what the release is about.
func TestSignalWhileTidying(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	for _, nonce := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc"} {
		w.AddToken(owner, old("ci/acme", "1.1", "deploy", nonce, time.Hour))
	}
	r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
	w.Forget()
	ctx, cancel := context.WithCancel(t.Context())
	w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
		if strings.HasSuffix(r.URL.Path, "/configure") {
			cancel()
		}
		w.ServeHTTP(rw, r)
	})
	if ending, left := w.releaser(false).Revoke(ctx, r); ending != lease.Revoked || left != nil {
		t.Errorf("%v, %+v", ending, left)
	}
	if slices.Contains(w.names(), r.TokenName) || len(w.names()) != 3 {
		t.Errorf("on the server %q", w.names())
	}
}

// What never left is sent again until the controller is there: a create by
// password and by token, and a release.
func TestControllerThatIsAway(t *testing.T) {
	t.Parallel()
	for _, byPassword := range []bool{true, false} {
		w := newWorld(t)
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		_ = listener.Close()
		w.url = "http://" + address
		pauses := 0
		life := w.life()
		life.Pause = func(ctx context.Context, _ time.Duration) error {
			if pauses++; pauses == 5 {
				if listener, err = net.Listen("tcp", address); err != nil {
					return err
				}
				go func() { _ = w.Serve(listener) }()
			}
			return ctx.Err()
		}
		account := w.account()
		if byPassword {
			account = w.client(jenkins.Password(owner, password))
		}
		k := &keeper{w: w}
		r, left, err := create(t.Context(), life, account, w.order(), k)
		if err != nil || left != nil || pauses != 5 || len(r.Names) != 1 {
			t.Fatalf("%v, %+v after %d pauses", err, left, pauses)
		}
		w.wantNames(r.TokenName)
	}
}

// A controller that starts for long costs time, not names: it is asked for its
// state, and each answer to create that came to nothing is one name.
func TestControllerThatStartsForLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.up(jenkinstest.PhaseLoading, 25)
	k := &keeper{w: w}
	r, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
	if err != nil {
		t.Fatal(err)
	}
	acquired(t, w, k, r, left, err)
	if n := w.count("/generateNewToken"); n > 5 {
		t.Errorf("%d tokens were asked for: %q", n, w.requests())
	}
	w.wantNames(r.TokenName)
	w.wantLogins(0)
}

// A notice says when an account is crowded, wherever its page was read.
func TestCrowdedAccount(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range lease.Crowded {
		w.AddToken(owner, "somebody's")
	}
	w.inject("create:500-acted")
	r := w.acquire(nil)
	if len(w.notices) != 1 || !strings.Contains(w.notices[0], "more than 500 tokens") {
		t.Errorf("create said %q", w.notices)
	}
	// The post step reads for two seconds of real time, in which a busy machine may not
	// come to the end of the page.
	for try := 1; ; try++ {
		w.notices = nil
		r.Settings.Sweep = true
		ending, left := w.releaser(false).Revoke(t.Context(), r)
		if ending != lease.Revoked || left != nil || len(w.notices) > 1 {
			t.Fatalf("%v, %+v; said %q", ending, left, w.notices)
		}
		if len(w.notices) == 1 {
			return
		}
		if try == 10 {
			t.Fatal("the post step said nothing")
		}
		r = w.acquire(nil)
	}
}

// The account finds lost names where the token itself cannot look any more.
func TestLostNamesOfATokenThatIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t).inject("create:500-acted", "page:gateway-403")
	r := w.acquire(nil)
	if err := w.account().RevokeToken(t.Context(), r.TokenUUID); err != nil {
		t.Fatal(err)
	}
	if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Gone || left != nil {
		t.Errorf("%v, %+v", ending, left)
	}
	w.wantNames()
	w.wantLogins(1)
}

// Refused logins are counted over everything that one command does.
func TestRefusedLoginsOfOneCommand(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	var records []lease.Lease
	for range 4 {
		records = append(records, w.acquire(func(o *lease.Request) { o.Settings.Sweep = true }))
	}
	w.AddToken(owner, old("ci/acme", "1.1", "deploy", "aaaaaaaa", time.Hour))
	w.inject("revoke:refuse*9", "page:refuse@0.5")
	w.Forget()
	releaser := w.releaser(true)
	for _, r := range records {
		_, _ = releaser.Revoke(t.Context(), r)
	}
	w.wantLogins(2)
}

func TestRevokeUUID(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		faults []string
		uuid   string // instead of that of the token
		ending lease.Outcome
		fails  bool
		gone   bool
	}{
		{"listed", nil, "", lease.Revoked, false, true},
		{"not listed", nil, uuid, lease.Gone, false, false},
		{"a page that cannot be read", []string{"page:gateway-403"}, "", lease.Unknown, false, true},
		{"a page that is not understood", []string{"page:garbage*2"}, "", lease.Unknown, false, true},
		{"not saved", []string{"revoke:500-unsaved"}, "", lease.Revoked, false, true},
		{"not saved, and it cannot be", []string{"revoke:500-unsaved", "create:gateway-403"}, "", lease.Undurable, true, true},
		{"refused", []string{"page:refuse"}, "", lease.Failed, true, false},
		{"forbidden", []string{"revoke:gateway-403"}, "", lease.Failed, true, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			made := w.AddToken(owner, "stray")
			w.inject(row.faults...)
			id := made.UUID
			if row.uuid != "" {
				id = row.uuid
			}
			ending, name, err := lease.RevokeUUID(t.Context(), w.life(), w.account(), id)
			if ending != row.ending || (err != nil) != row.fails || ending == lease.Revoked && name != "stray" {
				t.Errorf("got %v %q, %v", ending, name, err)
			}
			if row.gone == slices.Contains(w.names(), "stray") {
				t.Errorf("on the server %q", w.names())
			}
			w.wantLogins(1)
			w.wantSilence(err)
		})
	}
	// The credential may be that very token.
	w := newWorld(t)
	if ending, _, err := lease.RevokeUUID(t.Context(), w.life(), w.account(), w.token.UUID); ending != lease.Revoked || err != nil {
		t.Errorf("itself: %v, %v", ending, err)
	}
	w.wantLogins(0)
}

// The date that the controller gets covers the life that was asked for, wherever it
// stands and whenever the day ends there, and no more than two days besides; and the
// end is not after the one that is told.
func TestExpiryCoversTheLife(t *testing.T) {
	t.Parallel()
	for _, zone := range []int{-12, -8, 0, 9, 14} {
		for _, clock := range []int{0, 9, 23} {
			for _, life := range []time.Duration{time.Minute, time.Hour, 24 * time.Hour, 25 * time.Hour, 7 * 24 * time.Hour} {
				at := time.Date(2026, 11, 23, clock, 59, 30, 0, time.UTC)
				now := at
				w := newWorld(t, jenkinstest.WithVersion("2.548"), jenkinstest.WithZone(time.FixedZone("there", zone*3600)), jenkinstest.WithClock(func() time.Time { return now }))
				w.now = func() time.Time { return now }
				r := w.acquire(func(o *lease.Request) { o.TTL = life })
				tokens := w.Tokens(owner)
				ends := tokens[len(tokens)-1].Expires
				if ends.Before(at.Add(life)) || ends.After(at.Add(life+50*time.Hour)) {
					t.Errorf("zone %d at %d o'clock: a life of %v ends after %v", zone, clock, life, ends.Sub(at))
				}
				if told, err := time.Parse(time.RFC3339, r.ExpiresAt); err != nil || ends.After(told) {
					t.Errorf("zone %d at %d o'clock: told %s, ends %v", zone, clock, r.ExpiresAt, ends.UTC())
				}
				now = at.Add(life - time.Second)
				if _, err := w.client(jenkins.APIToken(owner, r.Token.Reveal())).WhoAmI(t.Context()); err != nil {
					t.Errorf("zone %d at %d o'clock: dead within %v: %v", zone, clock, life, err)
				}
			}
		}
	}
}

// A server that tells no time is taken to have ours, but for what a sweep may revoke.
func TestServerWithoutDate(t *testing.T) {
	t.Parallel()
	w := newStill(t, -time.Hour)
	over := old("ci/acme", "1.1", "deploy", "aaaaaaaa", time.Hour)
	w.AddToken(owner, over)
	w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) { w.ServeHTTP(undated{rw}, r) })
	r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
	if name, _ := lease.ParseName(r.TokenName); !name.End.Equal(noon.Add(time.Hour)) || w.count("/rename") != 0 {
		t.Errorf("name %s, requests %q", r.TokenName, w.requests())
	}
	if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
		t.Errorf("%v, %+v", ending, left)
	}
	w.wantNames(over)
}

// undated leaves the date out.
type undated struct{ http.ResponseWriter }

func (u undated) WriteHeader(status int) {
	u.Header()["Date"] = nil
	u.ResponseWriter.WriteHeader(status)
}

func TestSweepEndsWithASignal(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	for _, nonce := range []string{"aaaaaaaa", "bbbbbbbb", "cccccccc"} {
		w.AddToken(owner, old("ci/acme", "1.1", "deploy", nonce, time.Hour))
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
		if strings.HasSuffix(r.URL.Path, "/revoke") {
			cancel()
		}
		w.ServeHTTP(rw, r)
	})
	got, err := w.sweeper().Sweep(ctx, lease.Filter{}, false)
	if !errors.Is(err, lease.ErrInterrupted) || len(got.Found) != 3 || !got.Found[0].Revoked || got.Found[1].Revoked || len(w.names()) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What an acquisition that failed has dealt with is no longer in the record.
func TestRecordOfAFailureNamesWhatIsLeft(t *testing.T) {
	t.Parallel()
	w := newWorld(t).inject("create:drop-after", "whoami:other-user=bob*3", "page:gateway-403")
	k := &keeper{w: w}
	_, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
	if err == nil || len(left) != 1 || left[0].Outcome != lease.Unknown {
		t.Fatal(err, left)
	}
	kept, ok := k.kept()
	if !ok || kept.Complete() || !slices.Equal(kept.Names, []string{left[0].Name}) {
		t.Errorf("kept %+v", kept)
	}
	w.Forget()
	if ending, left := w.releaser(true).Revoke(t.Context(), longAgo(kept)); ending != lease.Revoked || left != nil {
		t.Errorf("%v, %+v", ending, left)
	}
	w.wantNames()
	w.wantLogins(0)
}

// The sweep of the post step costs no login of the account, whatever the page
// says to the token.
func TestTidyingByTheTokenAlone(t *testing.T) {
	t.Parallel()
	for _, fault := range []string{"page:gateway-403", "page:status=503", "page:drop-before"} {
		w := newStill(t, 0)
		r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
		w.inject(fault)
		w.Forget()
		if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("%v, %+v", ending, left)
		}
		if n := w.count("/security/") + w.count("/configure"); n != 1 {
			t.Errorf("%s: the page was read %d times: %q", fault, n, w.requests())
		}
	}
}

// A token that was refused counts as gone only when the controller was seen to be
// up, at once and a second later.
func TestRefusedTokenAndNoTimeToAsk(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.acquire(nil)
	w.inject("revoke:refuse")
	releaser := w.releaser(false)
	releaser.Life.Pause = func(context.Context, time.Duration) error { return context.DeadlineExceeded }
	if ending, left := releaser.Revoke(t.Context(), r); ending != lease.Failed || len(left) != 1 {
		t.Errorf("%v, %+v", ending, left)
	}
	w.wantNames(r.TokenName)
	w.wantLogins(1)
}
