package jenkins

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// Identity is whom a controller takes the client for.
type Identity struct {
	Name      string // as the security realm writes it; its case may differ from the login's
	Anonymous bool
}

// WhoAmI asks the controller who the client is. It needs no permission, not
// even Overall/Read, and no crumb (WhoAmI is an UnprotectedRootAction since
// 1.465).
func (c *Client) WhoAmI(ctx context.Context) (Identity, error) {
	return c.identity(ctx, whoAmI(false))
}

func whoAmI(bare bool) request {
	return request{op: OpWhoAmI, method: http.MethodGet, path: "/whoAmI/api/json", bare: bare}
}

func (c *Client) identity(ctx context.Context, r request) (Identity, error) {
	var who Identity
	err := c.send(ctx, r, nil, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		who, err = readIdentity(body)
		if err != nil && loginPage(answer, body) {
			return KindLoginPage
		}
		return err
	})
	if err == nil && !r.bare && !who.Anonymous {
		c.mu.Lock()
		c.trial.worked = true
		c.mu.Unlock()
		c.way.met.Store(true)
	}
	return who, err
}

func readIdentity(body []byte) (Identity, error) {
	var answer struct {
		Name      string `json:"name"`
		Anonymous *bool  `json:"anonymous"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Identity{}, KindAnswer
	}
	if answer.Anonymous == nil || answer.Name == "" || len(answer.Name) > 1024 || strings.ContainsFunc(answer.Name, unnameable) {
		return Identity{}, KindAnswer
	}
	return Identity{Name: answer.Name, Anonymous: *answer.Anonymous}, nil
}
