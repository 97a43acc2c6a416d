package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Bounds of a sweep in the post step, which must not hold up a job, and of the
// command.
const (
	tidyTime   = 2 * time.Second
	tidyBytes  = 2 << 20
	tidyTokens = 20
	sweepBytes = 32 << 20
	// sweepTokens bounds what one sweep takes, and so its memory.
	sweepTokens = 10_000
)

// Bounds of the token that a sweep creates for itself. Jenkins hashes a password
// for each request: a revocation takes 106 ms with the password of an account of
// 3,000 tokens, and 60 ms with a token. To create a token, try it and revoke it
// takes three requests, so it pays from six tokens on.
const (
	ownFrom = 6
	ownTTL  = time.Hour
	ownTime = 10 * time.Second // to create it
)

// failuresInARow is how many tokens a sweep tries in vain before it pauses: one that
// fails for good must not hold up the others, and a controller that is starting must
// not get a request for each of thousands.
const failuresInARow = 3

// Filter says which of our tokens a sweep takes. Empty fields take all. Its texts
// are those of the CI: they are compared as a name spells them.
type Filter struct {
	Project, Run, Label string // Run with or without the attempt
}

func (f Filter) takes(n Name) bool {
	run := Part(f.Run)
	return (f.Run == "" || n.Run == run || strings.HasPrefix(n.Run, run+".")) &&
		(f.Project == "" || n.Project == Part(f.Project)) && (f.Label == "" || n.Label == Part(f.Label))
}

// Swept is one of our tokens as a sweep found it. It was not tried when it is
// neither revoked nor has an error.
type Swept struct {
	UUID    string
	Name    Name
	Revoked bool
	Err     error

	unsaved bool // a revocation was answered 500
}

// Sweeping is what a sweep found and did.
type SweepResult struct {
	Listed int // tokens on the page, ours or not
	// Foreign are the tokens that are not ours, the oversized ones among them.
	Foreign int
	// Kept are ours, and not expired or not taken by the filter.
	Kept  int
	Found []Swept
	More  int // what another sweep has to take
	// Oversized are tokens with names that are too long to read, so jenkins-token did not create them.
	Oversized int
	// Undated are our tokens that are expired by this machine's clock,
	// where the controller has not told its own. They are not revoked.
	Undated int
	// Left is what the sweep created for itself and could not revoke.
	Leftovers []Leftover
}

// Counts are the tokens that a sweep revoked, those that it failed to revoke, and
// those that it found and did not try to revoke.
func (s SweepResult) Counts() (revoked, failed, notTried int) {
	for _, one := range s.Found {
		switch {
		case one.Revoked:
			revoked++
		case one.Err != nil:
			failed++
		default:
			notTried++
		}
	}
	return revoked, failed, notTried + s.More
}

// Sweeper revokes expired tokens of an account.
type Sweeper struct {
	Life    Life
	Account *jenkins.Client
	// Own is the token that a sweep of many tokens creates for itself when the
	// account's credential is a password: URL, Username, Project and Run count. It is
	// revoked at the end of the sweep, however that comes. With nil no token is
	// created.
	Own *Request
	// Advance is called after each try to revoke a token; it may be nil.
	Advance func(revoked, total int)
}

// Sweep revokes all tokens of our grammar that the filter takes and that have been
// past, or all that it takes when it names a run: whoever names a run knows that
// it is over. With dryRun it revokes nothing.
//
// The timeout bounds the reading of the token page, and then the time without a
// token revoked: while tokens are being revoked the sweep goes on.
//
// An error says that the page could not be read, or that a signal or refused logins
// ended the sweep. What was read of the page has been acted on, unless the page has
// no layout known.
func (s *Sweeper) Sweep(ctx context.Context, filter Filter, dryRun bool) (SweepResult, error) {
	times := s.Life.untilSignal(ctx, s.Life.Grace/2)
	defer times.end()
	w := &sweep{Sweeper: s, times: times, signal: ctx, policy: &policy{life: s.Life}}
	w.renew()
	defer func() { w.part.end() }()
	err := w.read(filter)
	switch {
	case err != nil && ctx.Err() != nil:
		return w.result, ErrInterrupted
	case is(err, jenkins.KindPage) && s.Account.Version().Legacy():
		return w.result, &LegacyError{s.Account.Version(), LegacySweep}
	case is(err, jenkins.KindPage), dryRun:
		return w.result, err
	}
	if err == nil || is(err, jenkins.KindCut) {
		w.createOwn()
		w.renew()
	}
	done, refused := w.revoke()
	if !w.revokeOwn(done) {
		w.save()
	}
	if _, _, notTried := w.result.Counts(); ctx.Err() != nil && notTried > w.result.More {
		return w.result, ErrInterrupted
	}
	if err == nil {
		err = refused
	}
	return w.result, err
}

// sweep is one run of Sweep.
type sweep struct {
	*Sweeper
	times  *deadlines // of everything
	part   *deadlines // since the last token revoked
	waits  *backoff
	signal context.Context // ends at a signal
	policy *policy
	result SweepResult

	lease Lease           // of the sweep's own token
	own   *jenkins.Client // with that token, nil when it is not to be used
	again bool            // own was refused by a controller that was starting, and tried again
}

// renew gives the sweep its time again.
func (w *sweep) renew() {
	if w.part != nil {
		w.part.end()
	}
	w.part, w.waits = w.times.within(w.Life.Timeout), w.Life.backoff(w.Life.Timeout)
}

// read collects the tokens to revoke.
func (w *sweep) read(filter Filter) error {
	ctx := w.part.retries // to read leaves nothing unconfirmed
	return w.policy.repeat(ctx, w.Account, func() error {
		var s SweepResult
		defer func() { w.result = s }()
		seen := map[string]bool{}
		for token, err := range w.Account.Tokens(ctx, jenkins.WithPageLimit(sweepBytes)) {
			if err != nil {
				return err
			}
			s.Listed++
			name, ours := ParseName(token.Name)
			judged := expired // whoever names a run knows that it is over
			if ours && filter.Run == "" && !token.Expired {
				judged = judge(w.Life, w.Account, name.End)
			}
			switch {
			case token.Oversized:
				s.Oversized++
				s.Foreign++
			case !ours:
				s.Foreign++
			case seen[token.UUID]:
			case !filter.takes(name), judged == living:
				s.Kept++
			case judged == undated:
				s.Undated++
			case len(s.Found) == sweepTokens:
				s.More++
			default:
				seen[token.UUID] = true
				s.Found = append(s.Found, Swept{UUID: token.UUID, Name: name})
			}
		}
		return nil
	})
}

// createOwn creates a token for the sweep where that pays. Without it the sweep goes
// on with the password.
func (w *sweep) createOwn() {
	if w.Own == nil || len(w.result.Found) < ownFrom || w.Account.Credential().Kind() != jenkins.CredentialPassword {
		return
	}
	request, life := *w.Own, w.Life
	request.Label, request.TTL = "sweep", ownTTL
	life.Timeout = min(life.Timeout, ownTime)
	own, leftovers, err := Create(w.signal, life, w.Account, request, Discard{}, Discard{})
	w.result.Leftovers = leftovers
	switch {
	case err == nil:
		w.lease = own
		w.own = w.Account.WithCredential(jenkins.APIToken(own.Username, own.Token.Reveal()))
	case w.signal.Err() == nil:
		w.Life.Notice("the sweep uses the password, because it could not create a token for itself: " + err.Error())
	}
}

// revoke revokes what was found, until no token has been revoked for the time of the
// timeout. What time can mend is tried again after all others. After a signal it
// begins no more. It reports whether nothing is open; the error says why nothing more
// may be sent.
func (w *sweep) revoke() (done bool, err error) {
	var open []*Swept
	for i := range w.result.Found {
		open = append(open, &w.result.Found[i])
	}
	revoked, failures := 0, 0 // failures since the last token revoked
	for len(open) > 0 && w.signal.Err() == nil {
		one := open[0]
		open = open[1:]
		err := w.try(one)
		if is(err, jenkins.KindRepeated) || errors.Is(err, errRefusedTwice) {
			return false, err
		}
		one.Err, one.Revoked = err, err == nil
		if one.Revoked {
			revoked, failures = revoked+1, 0
			w.renew()
		} else {
			failures++
		}
		if w.Advance != nil {
			w.Advance(revoked, len(w.result.Found))
		}
		if retryable(err) {
			open = append(open, one)
		}
		pause := retryable(err) && (failures%failuresInARow == 0 || failures >= len(open))
		if is(err, jenkins.KindRefused) || w.part.requests.Err() != nil || pause && !w.waits.wait(w.part.retries, err) {
			return false, nil
		}
	}
	return len(open) == 0, nil
}

// try revokes one token: with the sweep's own, or with the account's credential once
// that did not work. A controller that is starting refuses good tokens too, so it is
// waited for, once.
func (w *sweep) try(one *Swept) error {
	for {
		client := w.Account
		if w.own != nil {
			client = w.own
		}
		err := w.request(client, one.UUID)
		one.unsaved = one.unsaved || is(err, jenkins.KindServer)
		if err == nil || retryable(err) || w.own == nil || w.signal.Err() != nil {
			return err
		}
		w.own = nil
		if is(err, jenkins.KindRefused) && w.Life.starting(w.part.requests, client) {
			if w.again || !w.waits.awaitStart(w.part.retries, client) {
				return err
			}
			w.own, w.again = client.WithCredential(client.Credential()), true
		}
	}
}

// request asks for the end of one token. Without an answer it leaves time for others.
func (w *sweep) request(client *jenkins.Client, uuid string) error {
	ctx, cancel := context.WithTimeout(w.part.requests, max(time.Second, w.Life.Timeout/3))
	defer cancel()
	return w.policy.once(func() error { return client.RevokeToken(ctx, uuid) })
}

// revokeOwn revokes the sweep's own token, and reports whether that has saved the
// account.
//
// It has a time of its own: that of the timeout when the sweep is done, and that for
// undoing when it ended early.
func (w *sweep) revokeOwn(done bool) (saved bool) {
	if w.lease.TokenUUID == "" {
		return false
	}
	budget := w.Life.Grace
	if done {
		budget = max(budget, w.Life.Timeout)
	}
	ctx, cancel := context.WithTimeout(w.times.cleanup, budget)
	defer cancel()
	r := &revocation{life: w.Life, policy: w.policy, own: w.own, account: w.Account, lease: w.lease}
	outcome, leftovers := r.run(&deadlines{requests: ctx, retries: ctx, cleanup: ctx, begun: w.Life.Now(), budget: budget})
	w.result.Leftovers = append(w.result.Leftovers, leftovers...)
	return outcome == Revoked
}

// save has the account saved after answers of 500: the 200 that followed saved
// nothing. Tokens that may return are not revoked.
func (w *sweep) save() {
	undurable := func(one Swept) bool { return one.unsaved && one.Revoked }
	if !slices.ContainsFunc(w.result.Found, undurable) {
		return
	}
	ctx, cancel := context.WithTimeout(w.times.cleanup, w.Life.Timeout)
	defer cancel()
	r := &revocation{life: w.Life, policy: w.policy, account: w.Account}
	_, err := r.saveAccount(ctx)
	for i := range w.result.Found {
		if one := &w.result.Found[i]; err != nil && undurable(*one) {
			one.Revoked, one.Err = false, fmt.Errorf("revoked, but may be valid again after the controller restarts: %w", err)
		}
	}
}
