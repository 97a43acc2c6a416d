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
		return text + ", and only the account can read it: for-user needs 2.129"
	case LegacyRotates:
		return text + ": with legacy rotate the job would change the api-token that it uses"
	case LegacySweep:
		return text + ": there are no others to sweep"
	}
	return text + ": tokens with names need Jenkins 2.129 or later"
}

// version is the controller's version. Its answer to create does not give it, so
// it may have to be asked.
func (c *creation) version(ctx context.Context) jenkins.Version {
	if v := c.account.Version(); v.Known() {
		return v
	}
	// Without an answer the version stays unknown.
	_, _ = c.account.WhoAmI(ctx)
	return c.account.Version()
}

// legacyToken takes the one token that the account has, where the request asks for that.
// The lease in the store says so before it is read, and no longer names tokens.
func (c *creation) legacyToken(ctx context.Context, version jenkins.Version) error {
	switch {
	case c.request.Legacy != settings.LegacyRead && c.request.Legacy != settings.LegacyRotate:
		return &LegacyError{version, LegacyRefused}
	case c.request.ForUser != "":
		return &LegacyError{version, LegacyForUser}
	case c.request.Legacy == settings.LegacyRotate && c.account.Credential().Kind() == jenkins.CredentialAPIToken:
		return &LegacyError{version, LegacyRotates}
	}
	c.lease.Settings.Legacy = c.request.Legacy
	c.unconfirmed = nil
	if err := c.save(); err != nil {
		return err
	}
	waits := c.life.backoff(c.life.Timeout)
	for {
		token, err := c.account.LegacyToken(ctx)
		if err == nil {
			c.lease.Token = secret.New(token.Value())
			return nil
		}
		if !retryable(err) || !waits.wait(c.retries, err) {
			return err
		}
	}
}

// errUnchanged is an answer that says one thing and shows another.
var errUnchanged = errors.New("the controller says that the token is changed, but shows the same one")

// sendRevoke asks the controller to revoke the lease's token. Where an account has one token for
// everything, another is put in its place, and the answer shows which.
func (r *revocation) sendRevoke(ctx context.Context, client *jenkins.Client) error {
	if !r.lease.Legacy() {
		return client.RevokeToken(ctx, r.lease.TokenUUID)
	}
	next, err := client.ChangeLegacyToken(ctx)
	if err == nil && next.Value() == r.lease.Token.Reveal() {
		return errUnchanged
	}
	return err
}
