package lease

import (
	"context"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// RevokeUUID revokes a token of the account by its uuid alone. Jenkins
// says 200 to the revocation of anything, so the token page is read before: a 200
// for a token that is listed is the proof, without a login that the end of the
// token could make a refused one. The outcome is Gone when the account has no such
// token, and Unknown when the page could not be read.
func RevokeUUID(ctx context.Context, life Life, account *jenkins.Client, uuid string) (outcome Outcome, name string, err error) {
	times := life.deadlines(ctx, life.Grace)
	defer times.end()
	ctx = times.requests
	r := &revocation{life: life, policy: &policy{life: life}, account: account, lease: Lease{TokenUUID: uuid}}
	unread := r.policy.repeat(ctx, account, func() error {
		return life.list(ctx, account, sweepBytes, func(token jenkins.ListedToken) {
			if token.UUID == uuid {
				name = token.Name
			}
		})
	})
	switch {
	case is(unread, jenkins.KindRefused):
		return Failed, "", unread
	case unread == nil && name == "":
		return Gone, "", nil
	}
	if err := r.sendByAccount(ctx); err != nil {
		return Failed, name, err
	}
	switch {
	case r.state == unsaved:
		outcome, err = r.saveAccount(ctx)
		return outcome, name, err
	case name == "":
		return Unknown, "", nil
	}
	return Revoked, name, nil
}
