package lease

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// lateAnswer is how long after the end of a request's own timeout a controller
// that is busy may still act on it. After that a name that is on no page never will
// be.
const lateAnswer = time.Minute

// ErrPending is why a name that is on no page may be on one later.
var ErrPending = errors.New("the controller may still be working on the request, and the token may appear later")

// pageReading is one look at the token page for two things: the names of unconfirmed
// requests, and our expired tokens.
type pageReading struct {
	*revocation
	client *jenkins.Client
	names  []string
	sweep  bool // whether expired tokens are looked for

	// searching is for the names, which must be found: it has the time that the command
	// has, but for the half that a token which is known needs itself. sweeping is for the
	// expired tokens, which must not hold up the job.
	searching, sweeping context.Context

	found   map[string]string // uuids by name
	expired *tidying
}

// readPage reads the token page, revokes what it finds there, and returns how many tokens
// of the names it revoked.
func (r *revocation) readPage(times *deadlines, names []string, sweep bool) (revoked int, leftovers []Leftover) {
	sweeping, cancel := context.WithTimeout(times.retries, min(tidyTime, max(0, times.half(r.life))))
	defer cancel()
	searching := times.requests
	if r.lease.TokenUUID != "" {
		var cancel context.CancelFunc
		searching, cancel = context.WithTimeout(times.requests, max(0, times.half(r.life)))
		defer cancel()
	}
	p := &pageReading{revocation: r, client: r.own, names: names, sweep: sweep, searching: searching, sweeping: sweeping}
	if p.client == nil {
		p.client = r.useAccount()
	}
	err := p.read()
	revoked, leftovers = p.revokeFound(err)
	if sweep && (err == nil || is(err, jenkins.KindCut)) {
		p.revokeExpired()
	}
	return revoked, leftovers
}

// read reads the page with the token itself, or with the account's credential where that
// fails. While the request for a name may still be running it is looked for again.
func (p *pageReading) read() error {
	err := p.list()
	if err != nil && !is(err, jenkins.KindCut) && !is(err, jenkins.KindPage) && len(p.names) > 0 && p.client == p.own && p.useAccount() != nil {
		p.client = p.account
		err = p.list()
	}
	waits := p.life.backoff(p.life.Timeout)
	for err == nil && p.awaited() && len(p.found) < len(p.names) && p.life.Now().Before(p.lease.PendingUntil) && waits.wait(p.searching, nil) {
		err = p.list()
	}
	return err
}

// awaited reports whether names may appear on the page later: once create had its token it
// looked for the others itself.
func (p *pageReading) awaited() bool { return p.lease.TokenUUID == "" }

func (p *pageReading) list() error {
	ctx, limit, send := p.sweeping, int64(tidyBytes), p.policy.once
	if len(p.names) > 0 {
		ctx, limit = p.searching, sweepBytes
		send = func(list func() error) error { return p.policy.repeat(ctx, p.client, list) }
	}
	return send(func() error {
		p.found, p.expired = map[string]string{}, &tidying{life: p.life, lease: p.lease}
		return p.life.list(ctx, p.client, limit, func(token jenkins.ListedToken) {
			if slices.Contains(p.names, token.Name) {
				p.found[token.Name] = token.UUID
			} else if p.sweep {
				p.expired.consider(p.client, token)
			}
		})
	})
}

// revokeFound revokes the tokens of the names; unread is why the page was not read.
func (p *pageReading) revokeFound(unread error) (revoked int, leftovers []Leftover) {
	pending := p.awaited() && p.life.Now().Before(p.lease.PendingUntil.Add(lateAnswer))
	for _, name := range p.names {
		uuid := p.found[name]
		switch {
		case uuid != "" && uuid == p.lease.TokenUUID:
			// Renamed by a request whose answer was lost; it is revoked as the lease's token.
		case uuid != "":
			err := p.policy.repeat(p.searching, p.client, func() error { return p.client.RevokeToken(p.searching, uuid) })
			if err != nil {
				leftovers = append(leftovers, Leftover{p.lease, name, uuid, Failed, err, p.version()})
				continue
			}
			revoked++
			p.life.Progress("token " + name + " is revoked: it was found by its name")
		case unread != nil:
			leftovers = append(leftovers, Leftover{p.lease, name, "", Unknown, unread, p.version()})
		case pending:
			leftovers = append(leftovers, Leftover{p.lease, name, "", Unknown, ErrPending, p.version()})
		}
	}
	return revoked, leftovers
}

// revokeExpired revokes our expired tokens. What fails is left to the next run: nothing
// here may hold up the token that the run is about.
func (p *pageReading) revokeExpired() {
	for _, uuid := range p.expired.uuids {
		err := p.policy.once(func() error { return p.client.RevokeToken(p.sweeping, uuid) })
		if err != nil && !is(err, jenkins.KindServer) {
			return
		}
	}
}
