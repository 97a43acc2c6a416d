package lease

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Ending is how a token ended.
type Outcome int

// The endings.
const (
	Failed    Outcome = iota // it could not be revoked
	Unknown                  // nobody knows whether it exists
	Undurable                // it is dead, and may be alive again after a restart of the controller
	Kept                     // it was to be left alone
	Gone                     // there was none any more
	Revoked
)

// Left is a token that may outlive its run.
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

// ErrNoCredential is a record that is not enough to revoke its token, with no
// credential of the account at hand.
var ErrNoCredential = errors.New("the record does not hold the token, and no credential of the account is given for its url")

// WithheldError is a credential of the account that is not used for a lease.
type WithheldError struct{ Why string }

// Error implements error.
func (e *WithheldError) Error() string { return "the account's credential is not used: " + e.Why }

// refusals is how many logins may be refused in one command: one more could lock
// the account.
const refusals = 2

// errRefusedTwice is said of what is not sent for that.
var errRefusedTwice = errors.New("not tried, two logins were refused before")

// Releaser revokes the tokens of records.
type Revoker struct {
	Life Life
	// Own makes a client that shows the record's own token.
	Own func(Lease) (*jenkins.Client, error)
	// Account makes a client with the account's credential, nil when none is given
	// for the record's url. It is called only when the record's own token is not
	// enough; an error says why the credential is not used, and is a notice.
	Account func(Lease) (*jenkins.Client, error)
	// Foreign says that another step of the job can have written the records. The
	// account's credential then revokes, or renames, only what the token page lists
	// under their names, and no uuid for which the record alone vouches.
	Foreign bool

	refused int   // logins refused so far
	span    *span // of all releases; its timers end it
}

// Release ends the token of a record, by the token itself where it can, and
// looks for the tokens of unclear tries. Before that it revokes our own expired
// tokens of the same place when the record's settings want it. What may be left
// is returned. All releases share one timeout, and one grace after a signal,
// which begin with the first.
func (s *Revoker) Revoke(ctx context.Context, record Lease) (Outcome, []Leftover) {
	r := &revocation{life: s.Life, lease: record, refused: s.refused, foreign: s.Foreign}
	if s.Account != nil {
		r.open = func() (*jenkins.Client, error) { return s.Account(record) }
	}
	if !record.Settings.Revoke || record.Settings.Legacy == settings.LegacyRead {
		return Kept, nil
	}
	if s.span == nil {
		s.span = s.Life.span(ctx, s.Life.Grace)
	}
	defer func() { s.refused = r.refused }()
	unusable := error(ErrNoCredential)
	if record.Complete() {
		if own, err := s.Own(record); err == nil {
			r.own = own
		} else {
			unusable = err
		}
	}
	if r.own == nil && r.useAccount() == nil {
		return Failed, []Leftover{r.leftover(Failed, cmp.Or(r.withheld, unusable))}
	}
	return r.run(s.span)
}

// Absent reports whether the account's credential shows that its token page does not list
// the token of a record. It is false where the credential is not used, or the page cannot
// be read.
func (s *Revoker) Absent(ctx context.Context, record Lease) bool {
	if s.Account == nil || record.TokenUUID == "" {
		return false
	}
	r := &revocation{life: s.Life, lease: record, refused: s.refused}
	defer func() { s.refused = r.refused }()
	var err error
	if r.account, err = s.Account(record); err != nil || r.account == nil {
		return false
	}
	if s.span == nil {
		s.span = s.Life.span(ctx, s.Life.Grace)
	}
	listed := false
	err = r.retry(s.span.work, func() error {
		return r.life.list(s.span.work, r.account, sweepBytes, func(token jenkins.ListedToken) { listed = listed || token.UUID == record.TokenUUID })
	}, false)
	return err == nil && !listed
}

// useAccount is the client with the account's credential, nil where there is none
// to use.
func (r *revocation) useAccount() *jenkins.Client {
	if r.account == nil && r.open != nil {
		r.account, r.withheld = r.open()
		r.open = nil
		if r.withheld != nil && r.own != nil {
			r.life.Notice(r.withheld.Error())
		}
	}
	return r.account
}

// release is one run of Release.
type revocation struct {
	life    Life
	own     *jenkins.Client // nil without the token
	account *jenkins.Client // see useAccount
	open    func() (*jenkins.Client, error)
	// withheld is why the account's credential is not used, nil where there is none.
	withheld error
	foreign  bool // see Releaser
	lease    Lease
	refused  int
	unsaved  error // a 500 to a revocation: dead in memory perhaps, on disk perhaps not
}

func (r *revocation) run(s *span) (Outcome, []Leftover) {
	var left []Leftover
	lost := r.lease.Unconfirmed()
	sweep := r.lease.Settings.Sweep && r.own != nil && !r.lease.Legacy() && s.again.Err() == nil && s.half(r.life) > 0
	revoked := 0
	if sweep || len(lost) > 0 {
		revoked, left = r.read(s, lost, sweep)
	}
	if r.lease.TokenUUID == "" && !r.lease.Legacy() {
		switch {
		case len(left) > 0:
			return left[0].Outcome, left
		case revoked > 0:
			return Revoked, nil
		}
		return Gone, nil
	}
	ending, err := r.revoke(s.work)
	if ending == Failed || ending == Undurable {
		left = append(left, r.leftover(ending, err))
	}
	return ending, left
}

// left is the record's token as one that may outlive its run.
func (r *revocation) leftover(ending Outcome, err error) Leftover {
	name := r.lease.TokenName
	if name == "" && len(r.lease.Names) > 0 {
		name = r.lease.Names[0]
	}
	return Leftover{r.lease, name, r.lease.TokenUUID, ending, err, r.version()}
}

func (r *revocation) version() jenkins.Version {
	for _, client := range []*jenkins.Client{r.own, r.account} {
		if client != nil && client.Version().Known() {
			return client.Version()
		}
	}
	return jenkins.Version{}
}

// lateAnswer is how long after the end of a request's own timeout a controller
// that is busy may still act on it. After that a name that is on no page never will
// be.
const lateAnswer = time.Minute

// ErrPending is why a name that is on no page may be on one later.
var ErrPending = errors.New("the controller may still be working on the request, and the token may appear later")

// read goes over the token page for the names of unconfirmed tries and for our
// expired tokens, and returns how many tokens of those names it revoked. The names
// must be found, so they are given the time they need, but for the half that a
// token which is known needs itself. While the request for one may be running it
// is looked for again.
func (r *revocation) read(s *span, lost []string, sweep bool) (revoked int, left []Leftover) {
	bounded, cancel := context.WithTimeout(s.again, min(tidyTime, max(0, s.half(r.life))))
	defer cancel()
	searching := s.work
	if r.lease.TokenUUID != "" {
		var cancel context.CancelFunc
		searching, cancel = context.WithTimeout(s.work, max(0, s.half(r.life)))
		defer cancel()
	}
	reading, limit := bounded, int64(tidyBytes)
	if len(lost) > 0 {
		reading, limit = searching, sweepBytes
	}
	expired := &tidying{life: r.life, lease: r.lease}
	var found map[string]string
	client := r.own
	if client == nil {
		client = r.useAccount()
	}
	list := func() error {
		return r.retry(reading, func() error {
			found, expired.uuids = map[string]string{}, nil
			return r.life.list(reading, client, limit, func(token jenkins.ListedToken) {
				if slices.Contains(lost, token.Name) {
					found[token.Name] = token.UUID
				} else if sweep {
					expired.consider(client, token)
				}
			})
		}, len(lost) > 0)
	}
	err := list()
	if err != nil && !is(err, jenkins.KindCut) && !is(err, jenkins.KindPage) && len(lost) > 0 && client == r.own && r.useAccount() != nil {
		client = r.account
		err = list()
	}
	waits := r.life.pauses(r.life.Timeout)
	// Once create had its token it looked for the others itself.
	pending := r.lease.TokenUUID == ""
	for err == nil && pending && len(found) < len(lost) && r.life.Now().Before(r.lease.PendingUntil) && waits.wait(searching, nil) {
		err = list()
	}
	pending = pending && r.life.Now().Before(r.lease.PendingUntil.Add(lateAnswer))
	for _, name := range lost {
		uuid := found[name]
		switch {
		case uuid != "" && uuid == r.lease.TokenUUID:
			// Renamed by a request whose answer was lost; its own end follows.
		case uuid != "":
			if err := r.retry(searching, func() error { return client.RevokeToken(searching, uuid) }, true); err != nil {
				left = append(left, Leftover{r.lease, name, uuid, Failed, err, r.version()})
				continue
			}
			revoked++
			r.life.Progress("token " + name + " is revoked: it was found by its name")
		case err != nil:
			left = append(left, Leftover{r.lease, name, "", Unknown, err, r.version()})
		case pending:
			left = append(left, Leftover{r.lease, name, "", Unknown, ErrPending, r.version()})
		}
	}
	if sweep && (err == nil || is(err, jenkins.KindCut)) {
		for _, uuid := range expired.uuids {
			// What fails is left to the next run: nothing here may hold up the token
			// that the run is about.
			err := r.retry(bounded, func() error { return client.RevokeToken(bounded, uuid) }, false)
			if err != nil && !is(err, jenkins.KindServer) {
				break
			}
		}
	}
	return revoked, left
}

// retry does f, and again while time can mend what failed, if it may. Nothing is
// sent once two logins were refused.
func (r *revocation) retry(ctx context.Context, f func() error, again bool) error {
	waits := r.life.pauses(r.life.Timeout)
	for {
		if r.refused >= refusals {
			return errRefusedTwice
		}
		err := f()
		if is(err, jenkins.KindRefused) {
			r.refused++
		}
		if err == nil || !again || !retryable(err) || !waits.again(ctx, cmp.Or(r.account, r.own), err) {
			return err
		}
	}
}

// revoke ends the record's token and says how that went.
func (r *revocation) revoke(ctx context.Context) (Outcome, error) {
	err := error(ErrNoCredential)
	if r.own != nil {
		var ending Outcome
		if ending, err = r.revokeSelf(ctx); ending != Failed {
			return ending, err
		}
	}
	if r.useAccount() == nil {
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
func (r *revocation) revokeSelf(ctx context.Context) (Outcome, error) {
	own := r.own
	waits := r.life.pauses(r.life.Timeout)
	for again, lost := true, false; ; {
		err := r.retry(ctx, func() error { return r.end(ctx, own) }, false)
		switch {
		case err == nil:
			return Revoked, nil
		case is(err, jenkins.KindRefused), is(err, jenkins.KindRepeated):
			// Final, but for a controller that is starting or stopping: it refuses good
			// tokens too.
			if !again && !lost || !r.life.starting(ctx, own) {
				if r.unsaved != nil {
					return Undurable, r.unsaved
				}
				return Gone, nil
			}
			if !again || !waits.awaitStart(ctx, own) {
				return Failed, err
			}
			again = false
			own = own.WithCredential(own.Credential())
		case is(err, jenkins.KindServer):
			r.unsaved = err
			if r.useAccount() != nil || !waits.again(ctx, own, err) {
				return Failed, err // the account proves that the token is gone, and has it saved
			}
			// The next answer tells: a token that is dead is refused, and one that is
			// alive, because the controller is starting for instance, ends for good.
		case unanswered(err):
			// The token may be dead by now, and to show a dead one is a refused login,
			// even where its answer is lost as well: once more, when answers come again.
			if !again || !waits.wait(ctx, err) || !waits.awaitStart(ctx, own) {
				return Failed, err
			}
			again, lost = false, true
		case !retryable(err) || !waits.again(ctx, own, err):
			return Failed, err
		}
	}
}

// unanswered reports whether the controller may have got a request of which no
// answer came.
func unanswered(err error) bool {
	failed := failure(err)
	return failed != nil && failed.Sent && failed.Status == 0
}

// revokeByAccount ends the token by the account's own credential. Jenkins says
// 200 to the revocation of anything, so the proof is that the token cannot be
// renamed any more. After a 500 to the token itself that may be so already.
func (r *revocation) revokeByAccount(ctx context.Context) (Outcome, error) {
	if r.foreign && !r.lease.Legacy() {
		switch listed, err := r.listed(ctx); {
		case err != nil:
			return Failed, err
		case !listed && r.unsaved != nil:
			return r.save(ctx)
		case !listed:
			return Gone, nil
		}
	}
	dead := r.unsaved != nil && !r.lease.Legacy()
	for {
		if !dead {
			if err := r.endByAccount(ctx); err != nil {
				return Failed, err
			}
			if r.lease.Legacy() {
				return Revoked, nil // a change that went well has saved the account
			}
		}
		var exists bool
		err := r.retry(ctx, func() (err error) {
			exists, err = r.account.TokenExists(ctx, r.lease.TokenUUID, r.lease.TokenName)
			return err
		}, true)
		switch {
		case err != nil:
			return Failed, fmt.Errorf("prove that the token is gone: %w", err)
		case exists && !dead:
			return Failed, errors.New("the controller said that the token is revoked, and still has it")
		case exists:
			dead = false
			r.unsaved = nil
		case r.unsaved != nil:
			return r.save(ctx)
		default:
			return Revoked, nil
		}
	}
}

// listed reports whether the token page lists the record's uuid under one of the
// record's names.
func (r *revocation) listed(ctx context.Context) (bool, error) {
	var found map[string]jenkins.ListedToken
	err := r.retry(ctx, func() (err error) {
		found, err = r.life.search(ctx, r.account, r.lease.Names)
		return err
	}, true)
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

// endByAccount asks for the end of the token by the account's own credential.
func (r *revocation) endByAccount(ctx context.Context) error {
	return r.retry(ctx, func() error {
		err := r.end(ctx, r.account)
		if is(err, jenkins.KindServer) {
			r.unsaved = err
		}
		return err
	}, true)
}

// save makes the controller write the account to its disk, after it failed to do
// so when it revoked the token: the token is dead until the controller restarts,
// and saying 200 to a second revocation it saves nothing (2.260 and later). What
// saves is another change: a token made and revoked.
func (r *revocation) save(ctx context.Context) (Outcome, error) {
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
		if len(lost) >= createTries || !retryable(err) || !waits.wait(ctx, err) {
			return Undurable, err
		}
	}
}

// throwAway makes a token and revokes it. Once it was made the account is saved;
// should it not be revoked, its name says that it is over in an hour.
func (r *revocation) throwAway(ctx context.Context) (string, error) {
	nonce, err := NewNonce(r.life.Random)
	if err != nil {
		return "", err
	}
	name := Name{"jenkins-token", "0", "save", nonce, r.life.Now().Add(time.Hour).Truncate(time.Second)}
	if of, ok := ParseName(r.lease.TokenName); ok {
		name.Project, name.Run = of.Project, of.Run
	}
	var token jenkins.Token
	err = r.retry(ctx, func() (err error) {
		token, err = r.account.CreateToken(ctx, jenkins.TokenRequest{Name: name.String(), Expires: name.End})
		return err
	}, false)
	if err != nil {
		return name.String(), err
	}
	unsaved := false
	err = r.retry(ctx, func() error {
		err := r.account.RevokeToken(ctx, token.UUID)
		if is(err, jenkins.KindServer) {
			unsaved = true
			return nil // dead in memory; to repeat it would save nothing
		}
		return err
	}, true)
	if err != nil || unsaved {
		r.life.Notice("a token made to save the account may be left until it is swept: " + name.String())
	}
	return name.String(), nil
}

// clear revokes throw-aways that unclear answers have left.
func (r *revocation) clear(ctx context.Context, names []string) {
	if len(names) == 0 {
		return
	}
	found, err := r.life.search(ctx, r.account, names)
	left := names
	if err == nil {
		left = nil
		for _, name := range names {
			token, listed := found[name]
			if listed && r.retry(ctx, func() error { return r.account.RevokeToken(ctx, token.UUID) }, true) != nil {
				left = append(left, name)
			}
		}
	}
	if len(left) > 0 {
		r.life.Notice("tokens made to save the account may be left until they are swept: " + strings.Join(left, ", "))
	}
}

// RevokeUUID ends a token of the account of which only the uuid is known. Jenkins
// says 200 to the revocation of anything, so the token page is read before: a 200
// for a token that is listed is the proof, without a login that the end of the
// token could make a refused one. The ending is Gone when the account has no such
// token, and Unknown when the page could not be read.
func RevokeUUID(ctx context.Context, life Life, account *jenkins.Client, uuid string) (ending Outcome, name string, err error) {
	span := life.span(ctx, life.Grace)
	defer span.end()
	r := &revocation{life: life, account: account, lease: Lease{TokenUUID: uuid}}
	unread := r.retry(span.work, func() error {
		return life.list(span.work, account, sweepBytes, func(token jenkins.ListedToken) {
			if token.UUID == uuid {
				name = token.Name
			}
		})
	}, true)
	switch {
	case is(unread, jenkins.KindRefused):
		return Failed, "", unread
	case unread == nil && name == "":
		return Gone, "", nil
	}
	if err := r.endByAccount(span.work); err != nil {
		return Failed, name, err
	}
	switch {
	case r.unsaved != nil:
		ending, err = r.save(span.work)
		return ending, name, err
	case name == "":
		return Unknown, "", nil
	}
	return Revoked, name, nil
}
