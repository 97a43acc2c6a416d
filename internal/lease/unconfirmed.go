package lease

import (
	"context"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// resolveUnconfirmed looks for the tokens that unconfirmed requests may have created, and
// revokes them. What stays unconfirmed stays in the lease, for the post step.
func (c *creation) resolveUnconfirmed(ctx context.Context) error {
	if len(c.unconfirmed) == 0 {
		return nil
	}
	client := c.own
	if client == nil || c.request.ForUser != "" {
		client = c.account
	}
	waits := c.life.backoff(c.life.Grace)
	found, err := c.life.search(ctx, client, c.lease.Unconfirmed())
	for limited(err) && waits.beforeRepeat(ctx, client, err) {
		found, err = c.life.search(ctx, client, c.lease.Unconfirmed())
	}
	if err != nil {
		c.life.Notice("tokens of earlier tries are looked for in the post step: " + err.Error())
		return nil
	}
	for name, state := range c.unconfirmed {
		token, listed := found[name]
		if listed && c.revokeUnconfirmed(ctx, client, token.UUID) || !listed && state == answered {
			c.drop(name)
			delete(c.unconfirmed, name)
		}
	}
	if len(c.lease.Names) == 0 {
		c.store.Clear()
		return nil
	}
	return c.save()
}

// revokeUnconfirmed revokes a token whose value nobody has. A 500 took it from the
// controller's memory; the next change of the account, at the latest the end of this
// token, takes it from its disk.
func (c *creation) revokeUnconfirmed(ctx context.Context, client *jenkins.Client, uuid string) bool {
	waits := c.life.backoff(c.life.Grace)
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

// drop removes a name from the lease.
func (c *creation) drop(name string) {
	c.lease.Names = slices.DeleteFunc(c.lease.Names, func(n string) bool { return n == name })
}

// undo revokes what a creation that failed has created, with the account's credential: a
// token that is not verified, or that logs in as somebody else, may get a 200 for a
// revocation that revoked nothing.
func (c *creation) undo(ctx context.Context) []Leftover {
	c.own = nil
	if c.state < requested || c.lease.Legacy() {
		// The one token of a legacy controller was there before, and nobody got it.
		c.store.Clear()
		return nil
	}
	var leftovers []Leftover
	if c.lease.Complete() {
		r := &revocation{life: c.life, policy: &policy{life: c.life}, account: c.account, lease: c.lease}
		outcome, err := r.revokeToken(ctx)
		if outcome != Revoked && outcome != Gone {
			leftovers = append(leftovers, r.leftover(outcome, err))
		} else {
			c.drop(c.lease.TokenName)
			c.lease.TokenName, c.lease.TokenUUID, c.lease.Token = "", "", secret.String{}
		}
	}
	if len(c.unconfirmed) > 0 {
		_ = c.resolveUnconfirmed(ctx) // the store has what finds the rest
		for name := range c.unconfirmed {
			leftovers = append(leftovers, Leftover{Lease: c.lease, Name: name, Outcome: Unknown, Version: c.account.Version()})
		}
	}
	switch {
	case len(leftovers) == 0:
		c.store.Clear()
	case len(c.lease.Names) > 0:
		// What is resolved needs no post step. The lease saved before finds the rest too.
		_ = c.store.Save(c.lease)
	}
	return leftovers
}
