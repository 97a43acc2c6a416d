package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Ending is how a token ended.
type Ending int

// The endings.
const (
	Failed    Ending = iota // it could not be revoked
	Unknown                 // nobody knows whether it exists
	Undurable               // it is dead, and may be alive again after a restart of the controller
	Kept                    // it was to be left alone
	Gone                    // there was none any more
	Revoked
)

// Left is a token that may outlive its run.
type Left struct {
	Record Record
	Name   string
	UUID   string // empty when only the name is known
	Ending Ending
	Err    error
}

func leftOf(r Record, ending Ending, err error) Left {
	name := r.TokenName
	if name == "" && len(r.Names) > 0 {
		name = r.Names[0]
	}
	return Left{r, name, r.TokenUUID, ending, err}
}

// ErrNoCredential is a record that is not enough to revoke its token, with no
// credential of the account at hand.
var ErrNoCredential = errors.New("the record does not hold the token, and no credential of the account is given for its url")

// errRefusedTwice ends logins: a third one refused could lock the account.
var errRefusedTwice = errors.New("not tried, two logins were refused before")

// Releaser revokes the tokens of records.
type Releaser struct {
	Life Life
	// Own makes a client that shows the record's own token.
	Own func(Record) (*jenkins.Client, error)
	// Account makes a client with the account's credential, nil when none is given
	// for the record's url.
	Account func(Record) (*jenkins.Client, error)

	refused int // logins refused so far
}

// Release ends the token of a record, by the token itself where it can, and
// looks for the tokens of unclear tries. Before that it revokes our own expired
// tokens of the same place when the record's settings want it. What may be left
// is returned.
func (s *Releaser) Release(ctx context.Context, record Record) (Ending, []Left) {
	if !record.Settings.Revoke {
		return Kept, nil
	}
	work, cancel := s.Life.working(ctx)
	defer cancel()
	r := &release{life: s.Life, record: record, refused: s.refused}
	defer func() { s.refused = r.refused }()
	var err error
	if record.Complete() {
		if r.own, err = s.Own(record); err != nil {
			return Failed, []Left{leftOf(record, Failed, err)}
		}
	}
	if r.account, err = s.Account(record); err != nil {
		return Failed, []Left{leftOf(record, Failed, err)}
	}
	if r.own == nil && r.account == nil {
		return Failed, []Left{leftOf(record, Failed, ErrNoCredential)}
	}
	return r.run(ctx, work)
}

// release is one run of Release.
type release struct {
	life    Life
	own     *jenkins.Client // nil without the token
	account *jenkins.Client // nil without a credential
	record  Record
	refused int
	unsaved error // a 500 to a revocation: dead in memory perhaps, on disk perhaps not
}

func (r *release) run(signalled, ctx context.Context) (Ending, []Left) {
	var left []Left
	lost := r.record.Lost()
	if r.record.Settings.Sweep && r.own != nil && signalled.Err() == nil || len(lost) > 0 {
		left = r.read(ctx, lost)
	}
	if r.record.TokenUUID == "" {
		if len(left) > 0 {
			return left[0].Ending, left
		}
		return Gone, nil
	}
	ending, err := r.revoke(ctx)
	if ending == Failed || ending == Undurable {
		left = append(left, leftOf(r.record, ending, err))
	}
	return ending, left
}

// read goes over the token page once, for the names of unclear tries and for our
// expired tokens.
func (r *release) read(ctx context.Context, lost []string) []Left {
	client := r.own
	if client == nil {
		client = r.account
	}
	tidy := &tidying{life: r.life, record: r.record}
	limit := int64(tidyBytes)
	if len(lost) > 0 {
		limit = sweepBytes
	}
	reading, cancel := ctx, func() {}
	if len(lost) == 0 {
		reading, cancel = context.WithTimeout(ctx, tidyTime)
	}
	defer cancel()
	found := map[string]string{}
	for _, name := range lost {
		found[name] = ""
	}
	err := r.retry(reading, func() error {
		return client.Tokens(reading, limit, func(token jenkins.ListedToken) bool {
			if _, wanted := found[token.Name]; wanted {
				found[token.Name] = token.UUID
			} else if r.record.Settings.Sweep {
				tidy.consider(client, token)
			}
			return true
		})
	}, len(lost) > 0)
	r.count(err)
	var left []Left
	for _, name := range lost {
		uuid := found[name]
		switch {
		case uuid != "" && uuid == r.record.TokenUUID:
			// Renamed by a request whose answer was lost; its own end follows.
		case uuid != "":
			if err := r.retry(ctx, func() error { return client.RevokeToken(ctx, uuid) }, true); err != nil {
				left = append(left, Left{r.record, name, uuid, Failed, err})
			}
		case err != nil:
			left = append(left, Left{r.record, name, "", Unknown, err})
		}
	}
	if err == nil || is(err, jenkins.KindCut) {
		tidy.revoke(reading, client)
	}
	return left
}

// retry does f again while time can mend what failed.
func (r *release) retry(ctx context.Context, f func() error, again bool) error {
	waits := r.life.pauses(r.life.Timeout)
	for {
		err := f()
		if err == nil || !again || !passing(err) || !waits.wait(ctx) {
			return err
		}
	}
}

func (r *release) count(err error) {
	if is(err, jenkins.KindRefused) {
		r.refused++
	}
}

// revoke ends the record's token and says how that went.
func (r *release) revoke(ctx context.Context) (Ending, error) {
	err := error(ErrNoCredential)
	if r.own != nil {
		var ending Ending
		if ending, err = r.revokeSelf(ctx); ending != Failed {
			return ending, err
		}
	}
	if r.account == nil {
		return Failed, err
	}
	ending, accountErr := r.revokeByAccount(ctx)
	if accountErr != nil {
		err = accountErr
	}
	return ending, err
}

// revokeSelf ends the token by itself: no crumb, no cookie, and a 200 is proof,
// because the token logged in.
func (r *release) revokeSelf(ctx context.Context) (Ending, error) {
	own := r.own
	waits := r.life.pauses(r.life.Timeout)
	for again := true; ; {
		if r.refused >= 2 {
			return Failed, errRefusedTwice
		}
		err := own.RevokeToken(ctx, r.record.TokenUUID)
		r.count(err)
		switch {
		case err == nil:
			return Revoked, nil
		case is(err, jenkins.KindRefused), is(err, jenkins.KindRepeated):
			// Final, but for a controller that is starting or stopping: it refuses good
			// tokens too.
			if !again || !r.life.starting(ctx, own) {
				if r.unsaved != nil {
					return Undurable, r.unsaved
				}
				return Gone, nil
			}
			again = false
			if !r.life.awaitStart(ctx, own) {
				return Failed, err
			}
			own = own.With(own.Credential())
		case is(err, jenkins.KindServer):
			r.unsaved = err
			if r.account != nil {
				return Failed, err // it proves that the token is gone, and has it saved
			}
			// A controller that is starting answers 500 as well, and has not acted.
			if starting, unknown := own.Starting(ctx); !starting && unknown == nil {
				return Undurable, err
			}
			if !again || !r.life.awaitStart(ctx, own) {
				return Failed, err
			}
			again = false
		case !passing(err) || !waits.wait(ctx):
			return Failed, err
		}
	}
}

// revokeByAccount ends the token by the account's own credential. Jenkins says
// 200 to the revocation of anything, so the proof is that the token cannot be
// renamed any more.
func (r *release) revokeByAccount(ctx context.Context) (Ending, error) {
	if r.refused >= 2 {
		return Failed, errRefusedTwice
	}
	err := r.retry(ctx, func() error {
		err := r.account.RevokeToken(ctx, r.record.TokenUUID)
		if is(err, jenkins.KindServer) {
			r.unsaved = err
		}
		return err
	}, true)
	r.count(err)
	if err != nil {
		return Failed, err
	}
	name := r.record.TokenName
	var exists bool
	err = r.retry(ctx, func() (err error) {
		exists, err = r.account.TokenExists(ctx, r.record.TokenUUID, name)
		return err
	}, true)
	switch {
	case err != nil:
		return Failed, fmt.Errorf("prove that the token is gone: %w", err)
	case exists:
		return Failed, errors.New("the controller said that the token is revoked, and still has it")
	case r.unsaved != nil:
		return r.save(ctx)
	}
	return Revoked, nil
}

// save makes the controller write the account to its disk, after it failed to do
// so when it revoked the token: the token is dead until the controller restarts,
// and saying 200 to a second revocation it saves nothing (2.260 and later). What
// saves is another change: a token made and revoked.
func (r *release) save(ctx context.Context) (Ending, error) {
	var lost []string
	defer func() { r.clear(ctx, lost) }()
	waits := r.life.pauses(r.life.Timeout)
	for {
		name, err := r.throwAway(ctx)
		if err == nil {
			return Revoked, nil
		}
		if answer := failure(err); answer != nil && answer.Unclear() {
			lost = append(lost, name)
		}
		r.count(err)
		if !passing(err) || !waits.wait(ctx) {
			return Undurable, err
		}
	}
}

// throwAway makes a token and revokes it. Once it was made the account is saved;
// should it not be revoked, its name says that it is over in an hour.
func (r *release) throwAway(ctx context.Context) (string, error) {
	nonce, err := NewNonce(r.life.Random)
	if err != nil {
		return "", err
	}
	name := Name{"jenkins-token", "0", "save", nonce, r.life.Now().Add(time.Hour).Truncate(time.Second)}
	if of, ok := ParseName(r.record.TokenName); ok {
		name.Where, name.Run = of.Where, of.Run
	}
	token, err := r.account.CreateToken(ctx, name.String(), 1)
	if err != nil {
		return name.String(), err
	}
	if err := r.retry(ctx, func() error { return r.account.RevokeToken(ctx, token.UUID) }, true); err != nil {
		r.life.Notice("a token made to save the account is left until it is swept: " + name.String())
	}
	return name.String(), nil
}

// clear revokes throw-aways that unclear answers have left.
func (r *release) clear(ctx context.Context, names []string) {
	if len(names) == 0 {
		return
	}
	found, err := search(ctx, r.account, names)
	for _, token := range found {
		if failed := r.retry(ctx, func() error { return r.account.RevokeToken(ctx, token.UUID) }, true); failed != nil {
			err = failed
		}
	}
	if err != nil {
		r.life.Notice("tokens made to save the account may be left until they are swept")
	}
}
