package lease

import (
	"context"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// saveAccount makes the controller write the account to its disk, after it failed to do
// so when it revoked the token: the token is gone until the controller restarts,
// and saying 200 to a second revocation it saves nothing (2.260 and later). What
// saves is another change: a token that is created and revoked.
func (r *revocation) saveAccount(ctx context.Context) (Outcome, error) {
	var lost []string
	defer func() { r.clear(ctx, lost) }()
	waits := r.life.backoff(r.life.Timeout)
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

// throwAway creates a token and revokes it. Once it was created the account is saved;
// should it not be revoked, its name says that it expires in an hour.
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
	err = r.policy.once(func() (err error) {
		token, err = r.account.CreateToken(ctx, jenkins.TokenRequest{Name: name.String(), Expires: name.End})
		return err
	})
	if err != nil {
		return name.String(), err
	}
	left := false
	err = r.policy.repeat(ctx, r.account, func() error {
		err := r.account.RevokeToken(ctx, token.UUID)
		if is(err, jenkins.KindServer) {
			left = true
			return nil // gone from memory; to repeat it would save nothing
		}
		return err
	})
	if err != nil || left {
		r.life.Notice("a token created to save the account may be left until a sweep revokes it: " + name.String())
	}
	return name.String(), nil
}

// clear revokes throw-away tokens of unconfirmed requests.
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
			if listed && r.policy.repeat(ctx, r.account, func() error { return r.account.RevokeToken(ctx, token.UUID) }) != nil {
				left = append(left, name)
			}
		}
	}
	if len(left) > 0 {
		r.life.Notice("tokens created to save the account may be left until a sweep revokes them: " + strings.Join(left, ", "))
	}
}
