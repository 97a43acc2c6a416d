package lease

import (
	"context"
	"errors"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// LegacyProblem says why nothing was done with a controller before 2.129.
type LegacyProblem int

// The problems.
const (
	LegacyRefused LegacyProblem = iota // the setting legacy does not allow it
	LegacyForUser                      // the account's one token is shown to nobody else
	LegacyRotates                      // the token to be changed is the credential itself
	LegacySweep                        // there is no list of tokens
)

// LegacyError is a controller from before 2.129, where an account has one token.
type LegacyError struct {
	Version jenkins.Version
	Problem LegacyProblem
}

// Error names the version.
func (e *LegacyError) Error() string {
	text := "this is Jenkins " + e.Version.String() + ", where an account has one API token for everything"
	switch e.Problem {
	case LegacyForUser:
		return text + " and nobody else can read it: for-user needs 2.129"
	case LegacyRotates:
		return text + ": with legacy rotate the job would end the api-token that it was given"
	case LegacySweep:
		return text + ": there are no others to sweep"
	}
	return text + ": tokens that can be made and revoked exist since 2.129"
}

// version is the controller's version. Its answer to create does not give it, so
// it may have to be asked.
func (a *creation) version(ctx context.Context) jenkins.Version {
	if v := a.account.Version(); v.Known() {
		return v
	}
	// Without an answer the version stays unknown.
	_, _ = a.account.WhoAmI(ctx)
	return a.account.Version()
}

// legacy takes the one token that the account has, where the order wants that.
// The record says so before it is read, and no longer looks for names.
func (a *creation) legacy(ctx context.Context, version jenkins.Version) error {
	switch {
	case a.request.Legacy != settings.LegacyRead && a.request.Legacy != settings.LegacyRotate:
		return &LegacyError{version, LegacyRefused}
	case a.request.ForUser != "":
		return &LegacyError{version, LegacyForUser}
	case a.request.Legacy == settings.LegacyRotate && a.account.Credential().Kind() == jenkins.CredentialAPIToken:
		return &LegacyError{version, LegacyRotates}
	}
	a.lease.Settings.Legacy = a.request.Legacy
	a.unconfirmed = nil
	if err := a.store.Save(a.lease); err != nil {
		return &StoreError{err}
	}
	waits := a.life.pauses(a.life.Timeout)
	for {
		token, err := a.account.LegacyToken(ctx)
		if err == nil {
			a.lease.Token = secret.New(token.Value())
			break
		}
		if !retryable(err) || !waits.wait(a.again, err) {
			return err
		}
	}
	if err := a.secure(); err != nil {
		return err
	}
	return a.verify(ctx)
}

// errUnchanged is an answer that says one thing and shows another.
var errUnchanged = errors.New("the controller said that the token is changed, and shows the same one")

// end asks for the end of the record's token. Where an account has one token for
// everything, another is put in its place, and the answer shows which.
func (r *revocation) end(ctx context.Context, client *jenkins.Client) error {
	if !r.lease.Legacy() {
		return client.RevokeToken(ctx, r.lease.TokenUUID)
	}
	next, err := client.ChangeLegacyToken(ctx)
	if err == nil && next.Value() == r.lease.Token.Reveal() {
		return errUnchanged
	}
	return err
}
