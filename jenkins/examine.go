package jenkins

import (
	"context"
	"errors"
	"net/http"
)

// trials is how many requests may show a credential that has never worked, whatever
// comes back: each may be a failed login at a directory that locks accounts.
const trials = 3

// trial is what the answers so far say of a client's credential.
type trial struct {
	worked   bool   // an answer showed that the controller accepts it
	sent     int    // requests that showed it while it had not worked
	examined bool   // see [Client.examine]
	last     *Error // the failure before this request
	verdict  Kind   // why it is not sent any more, 0 while it is
}

// barred says why r must not show the credential, nil when it may.
func (c *Client) barred(r request) error {
	c.mu.Lock()
	known := c.trial
	c.mu.Unlock()
	switch {
	case known.verdict == KindRefused:
		return c.fail(r, KindRepeated)
	case known.verdict != 0:
		final := c.fail(r, known.verdict)
		final.Status = known.last.Status
		return final
	case !known.worked && known.sent >= trials:
		spent := c.fail(r, KindSpent)
		spent.Err = known.last
		return spent
	}
	return nil
}

// afresh makes the next request use a new connection when it is the last that may show
// a credential that has not worked: on one that was used before, the transport may send
// a GET twice.
func (c *Client) afresh() {
	c.mu.Lock()
	last := !c.trial.worked && c.trial.sent == trials-1
	c.mu.Unlock()
	if last {
		c.Close()
	}
}

// judge keeps what the outcome of a request with the credential says about it, and
// examines one that Jenkins would not give. It returns the outcome, or a better one.
func (c *Client) judge(ctx context.Context, r request, err error) error {
	failed, _ := errors.AsType[*Error](err)
	if err != nil && failed == nil {
		return err // not sent
	}
	c.mu.Lock()
	t := &c.trial
	switch {
	case failed == nil:
		t.worked = t.worked || r.op != OpWhoAmI // [Client.identity] knows whom it named
	case failed.accepted():
		t.worked = true
	case failed.Kind == KindRefused:
		t.verdict = KindRefused
	}
	if failed != nil && (failed.Sent || failed.written > 0) {
		t.sent += max(1, failed.written)
		t.last = failed
	}
	examine := !t.worked && !t.examined && failed != nil && failed.doubtful() && ctx.Err() == nil
	t.examined = t.examined || examine
	if t.worked {
		c.way.met.Store(true)
	}
	c.mu.Unlock()
	if !examine {
		return err
	}
	return c.examine(ctx, r, failed)
}

// accepted reports whether an answer is one that Jenkins gives only to a login that
// it took: its filter for logins stands before everything else.
func (e *Error) accepted() bool {
	switch e.Kind {
	case KindPermission, KindCrumb, KindRejected:
		return true
	}
	return e.settled() && e.named // without the header any web server can answer like that
}

// doubtful reports whether something else than Jenkins may have answered, or the
// credential may be the reason why no good answer came.
func (e *Error) doubtful() bool {
	switch e.Kind {
	case KindServer, KindAnswer:
		return true
	case KindConnection, KindTimeout:
		return e.Sent
	}
	return e.settled() && !e.named
}

// Proven reports whether an answer has shown that the controller accepts the client's
// credential. One that is not proven is sent three times at most; see [KindSpent].
func (c *Client) Proven() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.trial.worked
}

// examine finds out, once, what an unexpected answer to the credential means. It asks
// the same server without the credential who it is: whoAmI answers everybody.
//
// Some realms throw at a credential that they do not know (azure-ad-plugin, issues 27
// and 54): then each request with it is a 500, and the same without it is not.
func (c *Client) examine(ctx context.Context, r request, failed *Error) error {
	_, err := c.identity(ctx, whoAmI(true))
	bare, _ := errors.AsType[*Error](err)
	switch {
	case err == nil && !failed.settled():
		return c.examineLogin(ctx, r, failed)
	case bare != nil && !c.way.met.Load() && failed.other() && bare.other() && !c.serves(ctx):
		failed.Kind = KindOther
		c.conclude(KindOther)
	}
	return failed
}

// serves reports whether Jenkins shows its login page, which has its header: a gateway
// may block whoAmI alone.
func (c *Client) serves(ctx context.Context) bool {
	named := false
	err := c.send(ctx, request{op: OpLogin, method: http.MethodGet, path: "/login", accept: "text/html", bare: true}, nil, func(answer *http.Response) error {
		named = ParseVersion(answer.Header.Get("X-Jenkins")).Known()
		return nil
	})
	failed, _ := errors.AsType[*Error](err)
	return named || failed != nil && failed.named
}

// settled reports whether a failure is final whatever the credential is worth.
func (e *Error) settled() bool {
	switch e.Kind {
	case KindOwner, KindPage, KindCut, KindForbidden, KindMethod, KindNotFound:
		return true
	}
	return false
}

// examineLogin asks once more who the client is, with the credential. After requests
// that can end the very token that they show it does not: that would be a refused
// login.
func (c *Client) examineLogin(ctx context.Context, r request, failed *Error) error {
	switch r.op {
	case OpRevoke, OpRename, OpChange:
		return failed
	}
	_, err := c.identity(ctx, whoAmI(false))
	answer, _ := errors.AsType[*Error](err)
	switch {
	case answer == nil:
	case answer.Kind == KindServer && failed.Kind == KindServer:
		failed.Kind = KindRealm
		c.conclude(KindRealm)
	case answer.Kind == KindRefused:
		return answer
	}
	return failed
}

// other reports whether something else than Jenkins has answered. JSON that is cut
// short may be Jenkins'.
func (e *Error) other() bool {
	if e.named || e.json {
		return false
	}
	switch e.Kind {
	case KindAnswer, KindLoginPage:
		return true
	}
	return e.settled()
}

// conclude ends the sending of the credential.
func (c *Client) conclude(verdict Kind) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trial.verdict = verdict
}
