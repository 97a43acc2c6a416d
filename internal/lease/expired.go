package lease

import (
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// overdue is how long a token's end must be past on both clocks before a sweep
// takes it: whoever uses it may have been given a clock that is a little off.
const overdue = 5 * time.Minute

// certainty is what the clocks say of a token's end.
type certainty int

const (
	living  certainty = iota // not past on every clock that can be seen
	undated                  // past on this machine's clock, and there is no other
	expired                  // past on this machine's clock and on the controller's
)

// judge says what the clocks know of end. This machine's alone can be wrong, and a
// living token of another job is not worth the risk.
func judge(life Life, client *jenkins.Client, end time.Time) certainty {
	now := life.Now().Add(-overdue)
	offset, known := client.ClockOffset()
	switch {
	case !now.After(end):
		return living
	case !known:
		return undated
	case now.Add(offset).After(end):
		return expired
	}
	return living
}

// tidying collects our own expired tokens of the lease's project.
type tidying struct {
	life  Life
	lease Lease
	uuids []string
}

func (t *tidying) consider(client *jenkins.Client, token jenkins.ListedToken) {
	name, ours := ParseName(token.Name)
	if !ours || len(t.uuids) == tidyTokens || token.UUID == t.lease.TokenUUID {
		return
	}
	mine, ok := ParseName(t.lease.TokenName)
	if ok && name.Project == mine.Project && (token.Expired || judge(t.life, client, name.End) == expired) {
		t.uuids = append(t.uuids, token.UUID)
	}
}
