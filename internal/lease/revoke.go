package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Outcome is how the revocation of a token ended.
type Outcome int

// The outcomes.
const (
	Failed    Outcome = iota // it could not be revoked
	Unknown                  // nobody knows whether it exists
	Undurable                // it is revoked, and may be valid again after a restart of the controller
	Kept                     // it was to be left alone
	Gone                     // there was none any more
	Revoked
)

// Leftover is a token that may outlive its run.
type Leftover struct {
	Lease   Lease
	Name    string
	UUID    string // empty when only the name is known
	Outcome Outcome
	Err     error
	// Version is the controller's, as far as an answer gave it: the page of the
	// tokens depends on it.
	Version jenkins.Version
}

// ErrNoCredential is a lease that is not enough to revoke its token, where no
// credential of the account is given.
var ErrNoCredential = errors.New("the lease does not hold the token, and no credential of the account is given for its url")

// WithheldError is a credential of the account that is not used for a lease.
type WithheldError struct{ Why string }

// Error implements error.
func (e *WithheldError) Error() string { return "the account's credential is not used: " + e.Why }

// Revoker revokes the tokens of leases.
type Revoker struct {
	Life Life
	// Own makes a client that shows the lease's own token.
	Own func(Lease) (*jenkins.Client, error)
	// Account makes a client with the account's credential, nil when none is given
	// for the lease's url. It is called only when the lease's own token is not
	// enough; an error says why the credential is not used, and is a notice.
	Account func(Lease) (*jenkins.Client, error)
	// Foreign says that another step of the job can have written the leases. The
	// account's credential then revokes, or renames, only what the token page lists
	// under their names, and no uuid for which the lease alone vouches.
	Foreign bool

	policy *policy
	times  *deadlines // of all revocations; its timers end it
}

// Revoke revokes the token of a lease, by the token itself where it can, and looks for
// the tokens of unconfirmed requests. Before that it revokes our own expired tokens of
// the same project where the lease's settings want it. All revocations share one timeout,
// and one grace after a signal, which begin with the first.
func (s *Revoker) Revoke(ctx context.Context, lease Lease) (Outcome, []Leftover) {
	if !lease.Settings.Revoke || lease.Settings.Legacy == settings.LegacyRead {
		return Kept, nil
	}
	s.begin(ctx)
	r := &revocation{life: s.Life, policy: s.policy, lease: lease, foreign: s.Foreign}
	if s.Account != nil {
		r.openAccount = func() (*jenkins.Client, error) { return s.Account(lease) }
	}
	unusable := error(ErrNoCredential)
	if lease.Complete() {
		if own, err := s.Own(lease); err == nil {
			r.own = own
		} else {
			unusable = err
		}
	}
	if r.own == nil && r.useAccount() == nil {
		return Failed, []Leftover{r.leftover(Failed, cmp.Or(r.withheld, unusable))}
	}
	return r.run(s.times)
}

// Absent reports whether the account's credential shows that its token page does not list
// the token of a lease. It is false where the credential is not used, or the page cannot
// be read.
func (s *Revoker) Absent(ctx context.Context, lease Lease) bool {
	if s.Account == nil || lease.TokenUUID == "" {
		return false
	}
	account, err := s.Account(lease)
	if err != nil || account == nil {
		return false
	}
	s.begin(ctx)
	listed := false
	err = s.policy.once(func() error {
		return s.Life.list(s.times.requests, account, sweepBytes, func(token jenkins.ListedToken) { listed = listed || token.UUID == lease.TokenUUID })
	})
	return err == nil && !listed
}

// begin starts the time of all revocations.
func (s *Revoker) begin(ctx context.Context) {
	if s.times == nil {
		s.times = s.Life.deadlines(ctx, s.Life.Grace)
		s.policy = &policy{life: s.Life}
	}
}

// tokenState is what is known of a token that is being revoked:
//
//	valid ──200──▶ revoked
//	valid ──500──▶ unsaved ──another change of the account──▶ revoked
//	                  └──the controller restarts──▶ valid
//
// A 500 takes a token from the controller's memory, and not from its disk.
type tokenState int

const (
	valid tokenState = iota
	unsaved
)

// revocation is one run of Revoke.
type revocation struct {
	life    Life
	policy  *policy
	own     *jenkins.Client // nil without the token
	account *jenkins.Client // see useAccount
	lease   Lease
	foreign bool // see Revoker

	openAccount func() (*jenkins.Client, error)
	withheld    error // why the account's credential is not used

	state       tokenState
	serverError error // the 500 of state unsaved
}

func (r *revocation) run(times *deadlines) (Outcome, []Leftover) {
	var leftovers []Leftover
	names := r.lease.Unconfirmed()
	sweep := r.lease.Settings.Sweep && r.own != nil && !r.lease.Legacy() && times.retries.Err() == nil && times.half(r.life) > 0
	revoked := 0
	if sweep || len(names) > 0 {
		revoked, leftovers = r.readPage(times, names, sweep)
	}
	if r.lease.TokenUUID == "" && !r.lease.Legacy() {
		switch {
		case len(leftovers) > 0:
			return leftovers[0].Outcome, leftovers
		case revoked > 0:
			return Revoked, nil
		}
		return Gone, nil
	}
	outcome, err := r.revokeToken(times.requests)
	if outcome == Failed || outcome == Undurable {
		leftovers = append(leftovers, r.leftover(outcome, err))
	}
	return outcome, leftovers
}

// revokeToken revokes the lease's token and says how that went.
func (r *revocation) revokeToken(ctx context.Context) (Outcome, error) {
	err := error(ErrNoCredential)
	if r.own != nil {
		var outcome Outcome
		if outcome, err = r.revokeSelf(ctx); outcome != Failed {
			return outcome, err
		}
	}
	if r.useAccount() == nil {
		return Failed, err
	}
	outcome, accountErr := r.revokeByAccount(ctx)
	if accountErr != nil {
		err = accountErr
	}
	return outcome, err
}

// selfRevocation is how far a token has come in revoking itself:
//
//	first ──401 of a controller that is starting──▶ afterStart
//	first ──no answer──▶ afterLostAnswer
//
// Each is entered once: to show a token that is gone is a refused login.
type selfRevocation int

const (
	first selfRevocation = iota
	afterStart
	afterLostAnswer
)

// revokeSelf lets the token revoke itself: no crumb, no cookie, and a 200 is proof,
// because the token logged in.
func (r *revocation) revokeSelf(ctx context.Context) (Outcome, error) {
	own := r.own
	waits := r.life.backoff(r.life.Timeout)
	for state := first; ; {
		err := r.policy.once(func() error { return r.sendRevoke(ctx, own) })
		switch {
		case err == nil:
			return Revoked, nil
		case is(err, jenkins.KindRefused), is(err, jenkins.KindRepeated):
			// Final, but for a controller that is starting or stopping: it refuses good
			// tokens too.
			switch {
			case state != afterStart && r.life.starting(ctx, own):
			case r.state == unsaved:
				return Undurable, r.serverError
			default:
				return Gone, nil
			}
			if state != first || !waits.awaitStart(ctx, own) {
				return Failed, err
			}
			state = afterStart
			own = own.WithCredential(own.Credential())
		case is(err, jenkins.KindServer):
			r.state, r.serverError = unsaved, err
			if r.useAccount() != nil || !waits.beforeRepeat(ctx, own, err) {
				return Failed, err // the account proves that the token is gone, and has it saved
			}
			// The next answer tells: a token that is revoked is refused, and one that is
			// valid, because the controller is starting for instance, is revoked for good.
		case unanswered(err):
			// The token may be revoked by now: once more, when answers come again.
			if state != first || !waits.wait(ctx, err) || !waits.awaitStart(ctx, own) {
				return Failed, err
			}
			state = afterLostAnswer
		case !retryable(err) || !waits.beforeRepeat(ctx, own, err):
			return Failed, err
		}
	}
}

// revokeByAccount revokes the token by the account's own credential. Jenkins says
// 200 to the revocation of anything, so the proof is that the token cannot be
// renamed any more.
func (r *revocation) revokeByAccount(ctx context.Context) (Outcome, error) {
	if r.foreign && !r.lease.Legacy() {
		switch listed, err := r.listed(ctx); {
		case err != nil:
			return Failed, err
		case !listed && r.state == unsaved:
			return r.saveAccount(ctx)
		case !listed:
			return Gone, nil
		}
	}
	for {
		send := r.state == valid || r.lease.Legacy()
		if send {
			if err := r.sendByAccount(ctx); err != nil {
				return Failed, err
			}
			if r.lease.Legacy() {
				return Revoked, nil // a change that went well has saved the account
			}
		}
		var exists bool
		err := r.policy.repeat(ctx, r.account, func() (err error) {
			exists, err = r.account.RenameToken(ctx, r.lease.TokenUUID, r.lease.TokenName)
			return err
		})
		switch {
		case err != nil:
			return Failed, fmt.Errorf("prove that the token is gone: %w", err)
		case exists && send:
			return Failed, errors.New("the controller says that the token is revoked, but still has it")
		case exists:
			r.state = valid
		case r.state == unsaved:
			return r.saveAccount(ctx)
		default:
			return Revoked, nil
		}
	}
}

// listed reports whether the token page lists the lease's uuid under one of the
// lease's names.
func (r *revocation) listed(ctx context.Context) (bool, error) {
	var found map[string]jenkins.ListedToken
	err := r.policy.repeat(ctx, r.account, func() (err error) {
		found, err = r.life.search(ctx, r.account, r.lease.Names)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for the token on its page: %w", err)
	}
	for _, token := range found {
		if token.UUID == r.lease.TokenUUID {
			return true, nil
		}
	}
	return false, nil
}

// sendByAccount revokes the token with the account's own credential.
func (r *revocation) sendByAccount(ctx context.Context) error {
	return r.policy.repeat(ctx, r.account, func() error {
		err := r.sendRevoke(ctx, r.account)
		if is(err, jenkins.KindServer) {
			r.state, r.serverError = unsaved, err
		}
		return err
	})
}

// useAccount is the client with the account's credential, nil where there is none
// to use.
func (r *revocation) useAccount() *jenkins.Client {
	if r.account == nil && r.openAccount != nil {
		r.account, r.withheld = r.openAccount()
		r.openAccount = nil
		if r.withheld != nil && r.own != nil {
			r.life.Notice(r.withheld.Error())
		}
	}
	return r.account
}

// leftover is the lease's token as one that may outlive its run.
func (r *revocation) leftover(outcome Outcome, err error) Leftover {
	name := r.lease.TokenName
	if name == "" && len(r.lease.Names) > 0 {
		name = r.lease.Names[0]
	}
	return Leftover{r.lease, name, r.lease.TokenUUID, outcome, err, r.version()}
}

func (r *revocation) version() jenkins.Version {
	for _, client := range []*jenkins.Client{r.own, r.account} {
		if client != nil && client.Version().Known() {
			return client.Version()
		}
	}
	return jenkins.Version{}
}
