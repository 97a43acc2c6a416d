package lease

import (
	"context"
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
)

// overdue is how long a token's end must be past on both clocks before a sweep
// takes it: whoever uses it may have been given a clock that is a little off.
const overdue = 5 * time.Minute

// past reports whether end is past by this machine's clock and by the
// controller's.
func past(life Life, client *jenkins.Client, end time.Time) bool {
	now := life.Now()
	offset, known := client.ClockOffset()
	if !known {
		offset = 0
	}
	return now.Add(-overdue).After(end) && now.Add(offset).Add(-overdue).After(end)
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
	if ok && name.Where == mine.Where && past(t.life, client, name.End) {
		t.uuids = append(t.uuids, token.UUID)
	}
}

// revoke ends what was collected. What fails is left to the next run: nothing
// here may hold up the token that the run is about.
func (t *tidying) revoke(ctx context.Context, client *jenkins.Client) {
	for _, uuid := range t.uuids {
		if err := client.RevokeToken(ctx, uuid); err != nil && !is(err, jenkins.KindServer) {
			return
		}
	}
}

// Filter says which of our tokens a sweep takes. Empty fields take all.
type Filter struct {
	Where, Run, Label string // Run with or without the attempt
}

func (f Filter) takes(n Name) bool {
	run := f.Run == "" || n.Run == f.Run || len(n.Run) > len(f.Run) && n.Run[:len(f.Run)+1] == f.Run+"."
	return run && (f.Where == "" || n.Where == f.Where) && (f.Label == "" || n.Label == f.Label)
}

// Swept is one of our tokens as a sweep found it.
type Swept struct {
	UUID    string
	Name    Name
	Revoked bool
	Err     error
}

// Sweeping is what a sweep found and did.
type Sweeping struct {
	Listed int // tokens on the page, ours or not
	Found  []Swept
}

// Sweep revokes all tokens of our grammar that the filter takes and whose end is
// past, or all that it takes when it names a run: whoever names a run knows that
// it is over. With dryRun it revokes nothing. An error says that the page could
// not be read; what was read before it has been acted on, unless the page has
// no layout known.
func Sweep(ctx context.Context, life Life, client *jenkins.Client, filter Filter, dryRun bool) (Sweeping, error) {
	work, cancel := life.working(ctx)
	defer cancel()
	var s Sweeping
	err := (&release{life: life}).retry(work, func() error {
		s = Sweeping{}
		return client.Tokens(work, sweepBytes, func(token jenkins.ListedToken) bool {
			s.Listed++
			name, ours := ParseName(token.Name)
			if ours && filter.takes(name) && (filter.Run != "" || token.Expired || past(life, client, name.End)) {
				s.Found = append(s.Found, Swept{UUID: token.UUID, Name: name})
			}
			return true
		})
	}, true)
	if is(err, jenkins.KindPage) || dryRun {
		return s, err
	}
	r := &release{life: life}
	for i := range s.Found {
		one := &s.Found[i]
		one.Err = r.retry(work, func() error { return client.RevokeToken(work, one.UUID) }, true)
		one.Revoked = one.Err == nil
		if is(one.Err, jenkins.KindRefused) || is(one.Err, jenkins.KindRepeated) || work.Err() != nil {
			break
		}
	}
	return s, err
}
