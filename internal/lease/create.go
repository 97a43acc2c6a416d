package lease

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Order is the token wanted.
type Request struct {
	URL      string // root of the controller, for the record
	Username string // owner; empty when only the controller knows (a bearer login)
	ForUser  string
	Project  string
	Run      string
	Label    string
	TTL      time.Duration
	Legacy   string // what to do with a controller before 2.129; empty is settings.LegacyRefuse
	Settings settings.Post
}

// Keeper takes what must not be lost, and hides what must not be seen, while a
// token is acquired.
type Store interface {
	// Keep stores the record in place of the one before.
	Save(Lease) error
	// Drop says that there is nothing to find: the record kept last is void.
	Clear()
	// Mask hides the token in the log, in all forms in which it can turn up.
	Mask([]secret.String) error
}

// Discard keeps no record and masks nothing: for a token that is passed to nobody and
// printed nowhere, whose name is enough for a sweep.
type Discard struct{}

// Keep implements [Keeper].
func (Discard) Save(Lease) error { return nil }

// Drop implements [Keeper].
func (Discard) Clear() {}

// Mask implements [Keeper].
func (Discard) Mask([]secret.String) error { return nil }

// createTries bounds the tokens asked for in one command.
const createTries = 12

// IdentityError is a new token that logs in as somebody else than its owner.
type IdentityError struct {
	Anonymous bool
	Account   bool // it is the account's own login that is anonymous
}

// Error implements error.
func (e *IdentityError) Error() string {
	if e.Account {
		return "the login did not arrive: the controller saw an anonymous user"
	}
	if e.Anonymous {
		return "the new token was not accepted as a login: the controller saw an anonymous user"
	}
	return "the new token logs in as another user than its owner"
}

// NewTokenError is a new token that Jenkins, or a gateway in front of it, refused as a
// login. The token was revoked again unless it is reported as left.
type NewTokenError struct{ Err error }

// Error implements error.
func (e *NewTokenError) Error() string { return "the new token was refused: " + e.Err.Error() }

// Unwrap returns the refusal.
func (e *NewTokenError) Unwrap() error { return e.Err }

// KeepError is a record, or a mask, that could not be written.
type StoreError struct{ Err error }

// Error implements error.
func (e *StoreError) Error() string { return "the record of the token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// ErrColon is an owner for whom a token would be of no use, and whose record the
// post step could not read: Basic authentication ends a user name at the colon.
var ErrColon = errors.New("the name of the account holds a colon, with which no token can log in")

// ErrInterrupted is a command ended by a signal.
var ErrInterrupted = errors.New("interrupted by a signal")

// Acquire makes a token for the account of the client and tries it. When it
// returns an error the token has been revoked again, or Left says what may be
// there still; the record that the keeper holds is enough to find it.
func Create(ctx context.Context, life Life, account *jenkins.Client, order Request, keeper Store) (Lease, []Leftover, error) {
	span := life.span(ctx, life.Grace/2)
	defer span.end()
	a := &creation{life: life, account: account, request: order, store: keeper, signalled: ctx, again: span.again}
	err := a.run(span.work)
	if err == nil && ctx.Err() != nil {
		err = ErrInterrupted
	}
	if err == nil {
		return a.lease, nil, nil
	}
	clean, cancel := span.cleaning(life)
	defer cancel()
	return a.lease, a.undo(clean), err
}

// acquisition is one run of Acquire.
type creation struct {
	life      Life
	account   *jenkins.Client
	request   Request
	store     Store
	signalled context.Context
	again     context.Context // for further tries

	lease Lease
	own   *jenkins.Client // with the new token
	// doubtful are the names under which a request left without a clear answer;
	// true where the answer was complete, so that the token exists by now or never
	// will.
	unconfirmed map[string]bool
}

func (a *creation) run(ctx context.Context) error {
	a.unconfirmed = map[string]bool{}
	a.lease = Lease{
		URL: a.request.URL, Username: a.request.Username, ForUser: a.request.ForUser, Settings: a.request.Settings,
	}
	if a.request.ForUser != "" {
		a.lease.Username = a.request.ForUser
	}
	if err := a.identify(ctx); err != nil {
		return err
	}
	err := a.create(ctx)
	if is(err, jenkins.KindNotFound) {
		if version := a.version(ctx); version.Legacy() {
			return a.legacy(ctx, version)
		}
	}
	if err != nil {
		return err
	}
	if err := a.secure(); err != nil {
		return err
	}
	if err := a.fixNameForClock(ctx); err != nil {
		return err
	}
	if err := a.verify(ctx); err != nil {
		return err
	}
	if err := a.noteVersion(); err != nil {
		return err
	}
	return a.resolveUnconfirmed(ctx)
}

// identify asks the controller for the id of the account. The name of a login with a
// password need not be one: directories take mail addresses and CORP\name too, and an
// API token works under the id alone, so with an API token the name given is the id.
//
// It is a request of its own, before the crumb and not beside it: a wrong password
// sent twice at once would be two refused logins.
func (a *creation) identify(ctx context.Context) error {
	if a.lease.Username != "" && (a.request.ForUser != "" || a.account.Credential().Kind() == jenkins.CredentialAPIToken) {
		return nil
	}
	waits := a.life.pauses(a.life.Timeout)
	for {
		who, err := a.account.WhoAmI(ctx)
		switch {
		case err == nil && who.Anonymous:
			return &IdentityError{Anonymous: true, Account: true}
		case err == nil && strings.Contains(who.Name, ":"):
			return ErrColon
		case err == nil:
			a.lease.Username = who.Name
			return nil
		case a.lease.Username != "" && blocked(err):
			return nil // the name given may be the id: the new token will tell
		case a.signalled.Err() != nil:
			return ErrInterrupted
		case !retryable(err) || !waits.again(a.again, a.account, err):
			return err
		}
	}
}

// blocked reports whether something forbids the path of a request.
func blocked(err error) bool {
	return is(err, jenkins.KindForbidden) || is(err, jenkins.KindPermission) || is(err, jenkins.KindNotFound) || is(err, jenkins.KindMethod)
}

// create asks for a token until there is one. A request that provably never left
// is sent again as it was; after an unclear end the next one has a new name, and
// the old one stays in the record until it is known to be nothing.
func (a *creation) create(ctx context.Context) error {
	waits := a.life.pauses(a.life.Timeout)
	name, err := a.newName(a.life.Now())
	for {
		if err != nil {
			return err
		}
		if a.signalled.Err() != nil {
			return ErrInterrupted
		}
		named, _ := ParseName(name)
		token, failed := a.account.CreateToken(ctx, jenkins.TokenRequest{Name: name, Expires: named.End})
		if failed == nil {
			a.lease.TokenName, a.lease.TokenUUID, a.lease.Token = name, token.UUID, secret.New(token.Value())
			if !token.Expires.IsZero() {
				a.lease.ExpiresAt = token.Expires.Format(time.RFC3339)
			}
			return nil
		}
		answer := failure(failed)
		if answer == nil || !retryable(failed) {
			if answer != nil && answer.Unclear() {
				a.unconfirmed[name] = false
			}
			return failed
		}
		unclear := answer.Op == jenkins.OpCreate && answer.Unclear()
		if unclear {
			a.unconfirmed[name] = answer.Status == 500
		}
		if len(a.unconfirmed) >= createTries || !waits.again(a.again, a.account, answer) {
			return failed
		}
		if unclear {
			name, err = a.newName(a.life.Now())
		}
	}
}

// newName draws a name that ends a life after now, and records it before it is
// used.
func (a *creation) newName(now time.Time) (string, error) {
	nonce, err := NewNonce(a.life.Random)
	if err != nil {
		return "", err
	}
	name := Name{a.request.Project, a.request.Run, a.request.Label, nonce, now.Add(a.request.TTL).Truncate(time.Second)}.String()
	a.lease.Names = append(a.lease.Names, name)
	a.lease.PendingUntil = a.life.Now().Add(a.requestTime()).UTC().Truncate(time.Second).Add(time.Second)
	if err := a.store.Save(a.lease); err != nil {
		a.lease.Names = slices.Delete(a.lease.Names, len(a.lease.Names)-1, len(a.lease.Names))
		return "", &StoreError{err}
	}
	return name, nil
}

// requestTime is how long asking for a token takes at most: one request with an API
// token, and one more for a crumb with anything else.
func (a *creation) requestTime() time.Duration {
	if a.account.Credential().Kind() == jenkins.CredentialAPIToken {
		return a.account.RequestTimeout()
	}
	return 2 * a.account.RequestTimeout()
}

// noteVersion records the controller's version when an answer after the creation was the
// first to name it.
func (a *creation) noteVersion() error {
	version := a.own.Version()
	if !version.Known() || version.String() == a.lease.Version {
		return nil
	}
	a.lease.Version = version.String()
	if err := a.store.Save(a.lease); err != nil {
		return &StoreError{err}
	}
	return nil
}

// secure hides and records the token.
func (a *creation) secure() error {
	if version := a.account.Version(); version.Known() {
		a.lease.Version = version.String()
	}
	a.own = a.account.WithCredential(jenkins.APIToken(a.lease.Username, a.lease.Token.Reveal()))
	if err := a.store.Mask(secret.Masks(a.lease.Username, a.lease.Token)); err != nil {
		return &StoreError{err}
	}
	if err := a.store.Save(a.lease); err != nil {
		return &StoreError{err}
	}
	return nil
}

// correct gives the token another name when the controller's clock is another:
// its end must be right on both.
func (a *creation) fixNameForClock(ctx context.Context) error {
	const tolerable = 2 * time.Minute
	offset, known := a.account.ClockOffset()
	if !known || offset.Abs() <= tolerable {
		return nil
	}
	if offset.Abs() > jenkins.StrayClock {
		// A name that was over long ago would be swept when that clock is mended.
		a.life.Notice("the controller's clock is years off; the token's name gives its end by the clock of this machine")
		return nil
	}
	name, err := a.newName(a.life.Now().Add(offset))
	if err != nil {
		return err
	}
	found, err := a.own.RenameToken(ctx, a.lease.TokenUUID, name)
	if err != nil || !found {
		// The name it has still finds it; a wrong end is no reason to go without.
		a.life.Notice("the clocks of this machine and of the controller differ, and the token could not be renamed")
		if err := a.store.Save(a.lease); err != nil {
			return &StoreError{err} // revoked in the meantime, perhaps
		}
		return nil
	}
	a.drop(a.lease.TokenName)
	a.lease.TokenName = name
	if err := a.store.Save(a.lease); err != nil {
		return &StoreError{err}
	}
	return nil
}

// verify tries the token with a client of its own, without crumb or cookie.
func (a *creation) verify(ctx context.Context) error {
	waits := a.life.pauses(a.life.Timeout)
	for {
		who, err := a.own.WhoAmI(ctx)
		switch {
		case err == nil && (who.Anonymous || !jenkins.SameUser(who.Name, a.lease.Username)):
			return &IdentityError{Anonymous: who.Anonymous}
		case err == nil && who.Name != a.lease.Username:
			a.lease.Username = who.Name
			if err := a.store.Save(a.lease); err != nil {
				return &StoreError{err}
			}
			return nil
		case err == nil:
			return nil
		case blocked(err):
			a.life.Warn("the new token could not be tried: " + err.Error())
			return nil
		case is(err, jenkins.KindRefused), is(err, jenkins.KindGateway), is(err, jenkins.KindRealm):
			return &NewTokenError{err}
		case !retryable(err) || !waits.again(a.again, a.own, err):
			return fmt.Errorf("try the new token: %w", err)
		}
	}
}

// settle looks for the tokens that unclear answers may have left, and revokes
// them. What it cannot settle stays in the record for the post step.
func (a *creation) resolveUnconfirmed(ctx context.Context) error {
	if len(a.unconfirmed) == 0 {
		return nil
	}
	client := a.own
	if client == nil || a.request.ForUser != "" {
		client = a.account
	}
	waits := a.life.pauses(a.life.Grace)
	found, err := a.life.search(ctx, client, a.lease.Unconfirmed())
	for limited(err) && waits.again(ctx, client, err) {
		found, err = a.life.search(ctx, client, a.lease.Unconfirmed())
	}
	if err != nil {
		a.life.Notice("tokens of earlier tries are looked for in the post step: " + err.Error())
		return nil
	}
	for name, answered := range a.unconfirmed {
		token, listed := found[name]
		if listed && a.revokeUnconfirmed(ctx, client, token.UUID) || !listed && answered {
			a.drop(name)
			delete(a.unconfirmed, name)
		}
	}
	if len(a.lease.Names) == 0 {
		a.store.Clear()
		return nil
	}
	if err := a.store.Save(a.lease); err != nil {
		return &StoreError{err}
	}
	return nil
}

// revokeLost revokes a token that nobody has the secret of. A 500 took it from
// the controller's memory; the next change of the account, at the latest the end
// of this token, takes it from its disk.
func (a *creation) revokeUnconfirmed(ctx context.Context, client *jenkins.Client, uuid string) bool {
	waits := a.life.pauses(a.life.Grace)
	for {
		err := client.RevokeToken(ctx, uuid)
		if err == nil {
			return true
		}
		if !retryable(err) || !waits.wait(ctx, err) {
			return false
		}
	}
}

func (a *creation) drop(name string) {
	a.lease.Names = slices.DeleteFunc(a.lease.Names, func(n string) bool { return n == name })
}

// undo revokes what an acquisition that failed has made, with the account's
// credential: a token that was not tried, or that logs in as somebody else, may
// get a 200 for a revocation that revoked nothing.
func (a *creation) undo(ctx context.Context) []Leftover {
	var left []Leftover
	a.own = nil
	if a.lease.Legacy() {
		// The token was there before, and nobody was given it.
		a.store.Clear()
		return nil
	}
	if a.lease.Complete() {
		r := &revocation{life: a.life, account: a.account, lease: a.lease}
		ending, err := r.revoke(ctx)
		if ending != Revoked && ending != Gone {
			left = append(left, r.leftover(ending, err))
		} else {
			a.drop(a.lease.TokenName)
			a.lease.TokenName, a.lease.TokenUUID, a.lease.Token = "", "", secret.String{}
		}
	}
	if len(a.unconfirmed) > 0 {
		_ = a.resolveUnconfirmed(ctx)
		for name := range a.unconfirmed {
			left = append(left, Leftover{Lease: a.lease, Name: name, Outcome: Unknown, Version: a.account.Version()})
		}
	}
	switch {
	case len(left) == 0:
		a.store.Clear()
	case len(a.lease.Names) > 0:
		// What is dealt with needs no post step. The record kept before finds the
		// rest too.
		_ = a.store.Save(a.lease)
	}
	return left
}
