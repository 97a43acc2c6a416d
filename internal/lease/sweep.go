package lease

import (
	"context"
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

// overdue is how long a token's end must be past on both clocks before a sweep
// takes it: whoever uses it may have been given a clock that is a little off.
const overdue = 5 * time.Minute

// certainty is what the clocks say of a token's end.
type certainty int

const (
	living  certainty = iota // not past on every clock that can be seen
	undated                  // past on this machine's clock, and there is no other
	expired                  // past on this machine's clock and on the controller's
)

// judge says what the clocks know of end. This machine's alone can be wrong, and a
// living token of another job is not worth the risk.
func judge(life Life, client *jenkins.Client, end time.Time) certainty {
	now := life.Now().Add(-overdue)
	offset, known := client.ClockOffset()
	switch {
	case !now.After(end):
		return living
	case !known:
		return undated
	case now.Add(offset).After(end):
		return expired
	}
	return living
}

// Crowded is the number of tokens from which an account makes Jenkins slow, and
// its changes fail more often.
const Crowded = 500

// list hands all tokens of the page to each, and tells the user when there are
// very many.
func (l Life) list(ctx context.Context, client *jenkins.Client, limit int64, each func(jenkins.ListedToken)) error {
	n, oversized := 0, 0
	err := client.Tokens(ctx, limit, func(token jenkins.ListedToken) bool {
		n++
		if token.Oversized {
			oversized++
		}
		each(token)
		return true
	})
	if oversized > 0 {
		l.Notice(fmt.Sprintf("skipped %d of the account's tokens, whose names are too long to read", oversized))
	}
	if n > Crowded {
		l.Notice(fmt.Sprintf("more than %d tokens lie on the account, which makes the controller slow: jenkins-token sweep revokes those of ours that are over", Crowded))
	}
	return err
}

// search reads the token page for names. One reading serves them all.
func (l Life) search(ctx context.Context, client *jenkins.Client, names []string) (map[string]jenkins.ListedToken, error) {
	found := map[string]jenkins.ListedToken{}
	err := l.list(ctx, client, sweepBytes, func(token jenkins.ListedToken) {
		if slices.Contains(names, token.Name) {
			found[token.Name] = token
		}
	})
	return found, err
}

// tidying collects our own expired tokens of the record's place.
type tidying struct {
	life   Life
	record Record
	uuids  []string
}

func (t *tidying) consider(client *jenkins.Client, token jenkins.ListedToken) {
	name, ours := ParseName(token.Name)
	if !ours || len(t.uuids) == tidyTokens || token.UUID == t.record.TokenUUID {
		return
	}
	mine, ok := ParseName(t.record.TokenName)
	if ok && name.Where == mine.Where && (token.Expired || judge(t.life, client, name.End) == expired) {
		t.uuids = append(t.uuids, token.UUID)
	}
}

// Filter says which of our tokens a sweep takes. Empty fields take all. Its texts
// are those of the CI: they are compared as a name spells them.
type Filter struct {
	Where, Run, Label string // Run with or without the attempt
}

func (f Filter) takes(n Name) bool {
	run := Part(f.Run)
	return (f.Run == "" || n.Run == run || strings.HasPrefix(n.Run, run+".")) &&
		(f.Where == "" || n.Where == Part(f.Where)) && (f.Label == "" || n.Label == Part(f.Label))
}

// Swept is one of our tokens as a sweep found it.
type Swept struct {
	UUID    string
	Name    Name
	Revoked bool
	Err     error

	unsaved bool // a revocation was answered 500
}

// Sweeping is what a sweep found and did.
type Sweeping struct {
	Listed int // tokens on the page, ours or not
	Found  []Swept
	More   int // what another sweep has to take
	// Oversized are tokens with names that are too long to read: none of ours.
	Oversized int
	// Undated are tokens of ours that are past their end on this machine's clock,
	// where the controller has not told its own. They are not revoked.
	Undated int
}

// Sweep revokes all tokens of our grammar that the filter takes and whose end is
// past, or all that it takes when it names a run: whoever names a run knows that
// it is over. With dryRun it revokes nothing. An error says that the page could
// not be read; what was read before it has been acted on, unless the page has
// no layout known.
func Sweep(ctx context.Context, life Life, client *jenkins.Client, filter Filter, dryRun bool) (Sweeping, error) {
	span := life.span(ctx, life.Grace)
	defer span.end()
	work := span.work
	var s Sweeping
	r := &release{life: life, account: client}
	err := r.retry(work, func() error {
		s = Sweeping{}
		seen := map[string]bool{}
		return client.Tokens(work, sweepBytes, func(token jenkins.ListedToken) bool {
			s.Listed++
			name, ours := ParseName(token.Name)
			judged := expired // whoever names a run knows that it is over
			if ours && filter.Run == "" && !token.Expired {
				judged = judge(life, client, name.End)
			}
			switch {
			case token.Oversized:
				s.Oversized++
			case !ours, !filter.takes(name), seen[token.UUID], judged == living:
			case judged == undated:
				s.Undated++
			case len(s.Found) == sweepTokens:
				s.More++
			default:
				seen[token.UUID] = true
				s.Found = append(s.Found, Swept{UUID: token.UUID, Name: name})
			}
			return true
		})
	}, true)
	switch {
	case is(err, jenkins.KindPage) && client.Version().Legacy():
		return s, &LegacyError{client.Version(), LegacySweep}
	case is(err, jenkins.KindPage), dryRun:
		return s, err
	}
	s.revoke(ctx, work, r, client)
	s.save(work, r, client)
	if ctx.Err() != nil && slices.ContainsFunc(s.Found, func(one Swept) bool { return !one.Revoked && one.Err == nil }) {
		return s, ErrInterrupted
	}
	return s, err
}

// revoke tries every token once, and then those again that time can mend: one
// that fails for good must not use up the time of the others. After a signal it
// begins no more.
func (s *Sweeping) revoke(signalled, ctx context.Context, r *release, client *jenkins.Client) {
	waits := r.life.pauses(r.life.Timeout)
	for {
		var again error
		for i := range s.Found {
			one := &s.Found[i]
			if one.Revoked || one.Err != nil && !passing(one.Err) {
				continue
			}
			one.Err = r.retry(ctx, func() error { return client.RevokeToken(ctx, one.UUID) }, false)
			one.Revoked = one.Err == nil
			one.unsaved = one.unsaved || is(one.Err, jenkins.KindServer)
			if passing(one.Err) {
				again = one.Err
			}
			if is(one.Err, jenkins.KindRefused) || is(one.Err, jenkins.KindRepeated) || ctx.Err() != nil || signalled.Err() != nil {
				return
			}
		}
		if again == nil || !waits.wait(ctx, again) {
			return
		}
	}
}

// save has the account saved after answers of 500: the 200 that followed saved
// nothing. Tokens that may return are not revoked.
func (s *Sweeping) save(ctx context.Context, r *release, client *jenkins.Client) {
	undurable := func(one Swept) bool { return one.unsaved && one.Revoked }
	if !slices.ContainsFunc(s.Found, undurable) {
		return
	}
	r.account = client
	_, err := r.save(ctx)
	for i := range s.Found {
		if one := &s.Found[i]; err != nil && undurable(*one) {
			one.Revoked, one.Err = false, fmt.Errorf("dead now, but may return when the controller restarts: %w", err)
		}
	}
}
