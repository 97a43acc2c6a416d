package lease

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Request is the token to create.
type Request struct {
	URL      string // root of the controller, for the lease
	Username string // owner; empty when only the controller knows (a bearer login)
	ForUser  string
	Project  string
	Run      string
	Label    string
	TTL      time.Duration
	Legacy   string // what to do with a controller before 2.129; empty is settings.LegacyRefuse
	Settings settings.Post
}

// Store keeps the lease while its token is created, so that whatever happens the token is
// found again.
type Store interface {
	// Save stores the lease instead of the one before.
	Save(Lease) error
	// Clear removes the lease: there is no token to find.
	Clear()
}

// Masker masks texts in the log of the CI system.
type Masker interface {
	// Mask masks the token, in all forms in which it can turn up.
	Mask([]secret.String) error
}

// Discard stores no lease and masks nothing: for a token that is passed to nobody and
// printed nowhere: its name is enough for a sweep.
type Discard struct{}

// Save implements [Store].
func (Discard) Save(Lease) error { return nil }

// Clear implements [Store].
func (Discard) Clear() {}

// Mask implements [Masker].
func (Discard) Mask([]secret.String) error { return nil }

// strayClock is how far off a controller's clock can be and still be a clock: an expiry
// by a Date farther off would be nonsense.
const strayClock = 2 * 365 * 24 * time.Hour

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

// StoreError is a lease, or a mask, that could not be written.
type StoreError struct{ Err error }

// Error implements error.
func (e *StoreError) Error() string { return "store the lease of the token: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *StoreError) Unwrap() error { return e.Err }

// ErrColon is an owner for whom a token would be of no use, and with a lease that the
// post step could not read: Basic authentication ends a user name at the colon.
var ErrColon = errors.New("the account's name has a colon, so no token of it can log in")

// ErrInterrupted is a command ended by a signal.
var ErrInterrupted = errors.New("interrupted by a signal")

// Create creates a token for the account of the client and verifies it. When it returns
// an error the token has been revoked again, or the leftovers say what may still be
// there; the lease in the store is enough to find it.
func Create(ctx context.Context, life Life, account *jenkins.Client, request Request, store Store, masker Masker) (Lease, []Leftover, error) {
	times := life.deadlines(ctx, life.Grace/2)
	defer times.end()
	c := &creation{life: life, account: account, request: request, store: store, masker: masker, signal: ctx, retries: times.retries}
	err := c.run(times.requests)
	if err == nil && ctx.Err() != nil {
		err = ErrInterrupted
	}
	if err == nil {
		return c.lease, nil, nil
	}
	undo, cancel := times.undo(life)
	defer cancel()
	return c.lease, c.undo(undo), err
}

// creationState is how far a creation has come:
//
//	started ─▶ identified ─▶ requested ─▶ created ─▶ stored ─▶ verified ─▶ ready
//	   │            │            │           │          │          │
//	   └── clear ───┘            └───────────┴─ undo ───┴──────────┘
//
// An error, or a signal, ends it in the row below: before a request may have left, the
// store is cleared; after that, what the request may have created is revoked.
type creationState int

const (
	started    creationState = iota
	identified               // the id of the account is known
	requested                // a name is in the store, and a request for it may have left
	created                  // the answer with the token has come
	stored                   // the token is masked, and in the store
	verified                 // the token logs in as its owner
	ready                    // nothing of earlier tries is left, as far as that can be known
)

// creation is one run of Create.
type creation struct {
	life    Life
	account *jenkins.Client
	request Request
	store   Store
	masker  Masker
	signal  context.Context // ends at a signal
	retries context.Context // see deadlines

	state creationState
	lease Lease
	own   *jenkins.Client // with the new token
	// unconfirmed are the names of requests that may have created a token.
	unconfirmed map[string]confirmation
}

// confirmation is what is known of an unconfirmed request.
type confirmation int

const (
	pending  confirmation = iota // without an answer: its token may appear later
	answered                     // by an error: its token exists by now, or never will
)

func (c *creation) run(ctx context.Context) error {
	c.unconfirmed = map[string]confirmation{}
	c.lease = Lease{URL: c.request.URL, Username: c.request.Username, ForUser: c.request.ForUser, Settings: c.request.Settings}
	if c.request.ForUser != "" {
		c.lease.Username = c.request.ForUser
	}
	for _, step := range []struct {
		do func(context.Context) error
		to creationState
	}{
		{c.identify, identified}, {c.createToken, created}, {c.storeToken, stored},
		{c.verify, verified}, {c.resolveUnconfirmed, ready},
	} {
		if err := step.do(ctx); err != nil {
			return err
		}
		c.state = step.to
	}
	return nil
}

// identify asks the controller for the id of the account. The name of a login with a
// password need not be one: directories take mail addresses and CORP\name too, and an
// API token works under the id alone, so with an API token the name given is the id.
//
// It is a request of its own, before the crumb and not beside it: a wrong password
// sent twice at once would be two refused logins.
func (c *creation) identify(ctx context.Context) error {
	if c.lease.Username != "" && (c.request.ForUser != "" || c.account.Credential().Kind() == jenkins.CredentialAPIToken) {
		return nil
	}
	waits := c.life.backoff(c.life.Timeout)
	for {
		who, err := c.account.WhoAmI(ctx)
		switch {
		case err == nil && who.Anonymous:
			return &IdentityError{Anonymous: true, Account: true}
		case err == nil && strings.Contains(who.Name, ":"):
			return ErrColon
		case err == nil:
			c.lease.Username = who.Name
			return nil
		case c.lease.Username != "" && blocked(err):
			return nil // the name given may be the id: the new token will tell
		case c.signal.Err() != nil:
			return ErrInterrupted
		case !retryable(err) || !waits.beforeRepeat(c.retries, c.account, err):
			return err
		}
	}
}

// createToken asks for a token until there is one. A request that provably never left is
// sent again as it was. After one that is unconfirmed the next has a new name, and the old
// one stays in the lease until it is known that no token has it.
func (c *creation) createToken(ctx context.Context) error {
	waits := c.life.backoff(c.life.Timeout)
	name, err := c.newName(c.life.Now())
	for {
		if err != nil {
			return err
		}
		if c.signal.Err() != nil {
			return ErrInterrupted
		}
		named, _ := ParseName(name)
		token, failed := c.account.CreateToken(ctx, jenkins.TokenRequest{Name: name, Expires: named.End})
		if failed == nil {
			c.lease.TokenName, c.lease.TokenUUID, c.lease.Token = name, token.UUID, secret.New(token.Value())
			if !token.Expires.IsZero() {
				c.lease.ExpiresAt = token.Expires.Format(time.RFC3339)
			}
			return nil
		}
		answer := failure(failed)
		unconfirmed := answer != nil && answer.Op == jenkins.OpCreate && answer.Unclear()
		if unconfirmed {
			c.unconfirmed[name] = pending
			if answer.Status == http.StatusInternalServerError {
				c.unconfirmed[name] = answered
			}
		}
		switch {
		case is(failed, jenkins.KindNotFound):
			if version := c.version(ctx); version.Legacy() {
				return c.legacyToken(ctx, version)
			}
			return failed
		case !retryable(failed), len(c.unconfirmed) >= createTries, !waits.beforeRepeat(c.retries, c.account, failed):
			return failed
		case unconfirmed:
			name, err = c.newName(c.life.Now())
		}
	}
}

// newName draws a name with an expiry of the TTL after now, and stores it before it is
// used.
func (c *creation) newName(now time.Time) (string, error) {
	nonce, err := NewNonce(c.life.Random)
	if err != nil {
		return "", err
	}
	name := Name{c.request.Project, c.request.Run, c.request.Label, nonce, now.Add(c.request.TTL).Truncate(time.Second)}.String()
	c.lease.Names = append(c.lease.Names, name)
	c.lease.PendingUntil = c.life.Now().Add(c.requestTime()).UTC().Truncate(time.Second).Add(time.Second)
	if err := c.store.Save(c.lease); err != nil {
		c.lease.Names = slices.Delete(c.lease.Names, len(c.lease.Names)-1, len(c.lease.Names))
		return "", &StoreError{err}
	}
	c.state = max(c.state, requested)
	return name, nil
}

// requestTime is how long asking for a token takes at most: one request with an API
// token, and one more for a crumb with anything else.
func (c *creation) requestTime() time.Duration {
	if c.account.Credential().Kind() == jenkins.CredentialAPIToken {
		return c.account.RequestTimeout()
	}
	return 2 * c.account.RequestTimeout()
}

// storeToken masks the token, stores it, and gives it the name that the controller's clock
// asks for.
func (c *creation) storeToken(ctx context.Context) error {
	if version := c.account.Version(); version.Known() {
		c.lease.Version = version.String()
	}
	c.own = c.account.WithCredential(jenkins.APIToken(c.lease.Username, c.lease.Token.Reveal()))
	if err := c.masker.Mask(secret.Masks(c.lease.Username, c.lease.Token)); err != nil {
		return &StoreError{err}
	}
	if err := c.save(); err != nil {
		return err
	}
	if c.lease.Legacy() {
		return nil
	}
	return c.fixNameForClock(ctx)
}

// save stores the lease as it is now.
func (c *creation) save() error {
	if err := c.store.Save(c.lease); err != nil {
		return &StoreError{err}
	}
	return nil
}

// fixNameForClock gives the token another name when the controller's clock is another:
// its expiry must be right on both.
func (c *creation) fixNameForClock(ctx context.Context) error {
	const tolerable = 2 * time.Minute
	offset, known := c.account.ClockOffset()
	if !known || offset.Abs() <= tolerable {
		return nil
	}
	if offset.Abs() > strayClock {
		// A name that was over long ago would be swept when that clock is mended.
		c.life.Notice("the controller's clock is years off; the expiry in the token's name is by the clock of this machine")
		return nil
	}
	name, err := c.newName(c.life.Now().Add(offset))
	if err != nil {
		return err
	}
	found, err := c.own.RenameToken(ctx, c.lease.TokenUUID, name)
	if err != nil || !found {
		// The name it has still finds it; a wrong end is no reason to go without.
		c.life.Notice("the clocks of this machine and of the controller differ, and the token could not be renamed")
		return c.save()
	}
	c.drop(c.lease.TokenName)
	c.lease.TokenName = name
	return c.save()
}

// verify logs in with the token, by a client of its own, without crumb or cookie. The
// controller's answer may be the first to name its version.
func (c *creation) verify(ctx context.Context) error {
	if err := c.logIn(ctx); err != nil {
		return err
	}
	version := c.own.Version()
	if !version.Known() || version.String() == c.lease.Version {
		return nil
	}
	c.lease.Version = version.String()
	return c.save()
}

func (c *creation) logIn(ctx context.Context) error {
	waits := c.life.backoff(c.life.Timeout)
	for {
		who, err := c.own.WhoAmI(ctx)
		switch {
		case err == nil && (who.Anonymous || !jenkins.SameUser(who.Name, c.lease.Username)):
			return &IdentityError{Anonymous: who.Anonymous}
		case err == nil && who.Name != c.lease.Username:
			c.lease.Username = who.Name
			return c.save()
		case err == nil:
			return nil
		case blocked(err):
			c.life.Warn("the new token could not be verified: " + err.Error())
			return nil
		case is(err, jenkins.KindRefused), is(err, jenkins.KindGateway), is(err, jenkins.KindRealm):
			return &NewTokenError{err}
		case !retryable(err) || !waits.beforeRepeat(c.retries, c.own, err):
			return fmt.Errorf("verify the new token: %w", err)
		}
	}
}
