package lease

import (
	"context"
	"fmt"
	"slices"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Crowded is the number of tokens from which an account makes Jenkins slow, and
// its changes fail more often.
const Crowded = 500

// list hands all tokens of the page to each, and tells the user when there are
// very many.
func (l Life) list(ctx context.Context, client *jenkins.Client, limit int64, each func(jenkins.ListedToken)) error {
	n, oversized := 0, 0
	var failed error
	for token, err := range client.Tokens(ctx, jenkins.WithPageLimit(limit)) {
		if err != nil {
			failed = err
			break
		}
		n++
		if token.Oversized {
			oversized++
		}
		each(token)
	}
	if oversized > 0 {
		l.Notice(fmt.Sprintf("skipped %d tokens of the account: their names are too long to read", oversized))
	}
	if n > Crowded {
		l.Notice(fmt.Sprintf("the account has more than %d tokens, which makes the controller slow: run jenkins-token sweep to revoke the expired ones created by jenkins-token", Crowded))
	}
	return failed
}

// search reads the token page for names. One reading serves them all.
func (l Life) search(ctx context.Context, client *jenkins.Client, names []string) (map[string]jenkins.ListedToken, error) {
	found := map[string]jenkins.ListedToken{}
	err := l.list(ctx, client, sweepBytes, func(token jenkins.ListedToken) {
		if slices.Contains(names, token.Name) {
			found[token.Name] = token
		}
	})
	return found, err
}
