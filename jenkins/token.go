package jenkins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

const descriptor = "/descriptorByName/jenkins.security.ApiTokenProperty/"

// Token is a token just created. Only [Token.Value] gives its secret.
type Token struct {
	UUID string
	Name string
	// Expires is when the controller itself ends the token: the end of a day,
	// counted in UTC here and in the controller's zone there. The zero time means
	// that it does not (before 2.548).
	Expires time.Time
	value   secret.String
}

// Value is the secret.
func (t Token) Value() string { return t.value.Reveal() }

// Format implements [fmt.Formatter]: all verbs print the uuid.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "token "+t.UUID) }

var (
	uuidForm = form(36, `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	// Wider than the form of today: a prefix is in discussion
	// (jenkinsci/jenkins pull request 11187).
	valueForm = form(256, `[A-Za-z0-9_]{16,}`)
)

// IsUUID reports whether text has the form of a token's uuid.
func IsUUID(text string) bool { return uuidForm.MatchString(text) }

// CreateToken makes a token for the client's user. The name must not be blank
// or hold control characters: U+0000, U+FFFE and U+FFFF in a name make Jenkins
// unable to save that user at all. A name need not be unique.
//
// The token lives days from now to the end of that day on servers that expire
// tokens (2.548 / LTS 2.555.1), and for ever on others, which ignore the
// parameter.
//
// After an error whose [Error.Unclear] is true the token may exist.
func (c *Client) CreateToken(ctx context.Context, name string, days int) (Token, error) {
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unnameable) || days < 0 {
		return Token{}, errors.New("create token: not a name or a number of days that Jenkins can keep")
	}
	var token Token
	r := request{op: OpCreate, path: c.self + descriptor + "generateNewToken", form: url.Values{
		"newTokenName": {name}, "expirationDuration": {strconv.Itoa(days)},
	}}
	err := c.post(ctx, r, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		var expires bool
		token, expires, err = readCreated(body, name)
		if err != nil && loginPage(answer, body) {
			return kindError(KindLoginPage)
		}
		if err == nil && token.Value() == c.cred.text.Reveal() {
			token = Token{}
			return kindError(KindAnswer)
		}
		if expires {
			now := c.now()
			if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil && date.Sub(now).Abs() <= StrayClock {
				now = date
			}
			token.Expires = now.UTC().Truncate(24*time.Hour).AddDate(0, 0, days+1)
		}
		return err
	})
	if err != nil {
		return Token{}, err
	}
	return token, nil
}

func unnameable(r rune) bool {
	return unicode.IsControl(r) || r == unicode.ReplacementChar || r&0xfffe == 0xfffe
}

// readCreated reads {"status":"ok","data":{…}}; unknown keys are passed over.
// expires is true when the controller has set an end of its own.
func readCreated(body []byte, name string) (token Token, expires bool, err error) {
	var answer struct {
		Status string `json:"status"`
		Data   struct {
			Name    string  `json:"tokenName"`
			UUID    string  `json:"tokenUuid"`
			Value   string  `json:"tokenValue"`
			Expires *string `json:"expirationDate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return Token{}, false, kindError(KindAnswer)
	}
	switch data := answer.Data; {
	case answer.Status == "error":
		return Token{}, false, kindError(KindRejected)
	case answer.Status != "ok", data.Name != name, !IsUUID(data.UUID), !valueForm.MatchString(data.Value):
		return Token{}, false, kindError(KindAnswer)
	default:
		// The date itself is in the language and short form of the request.
		expires = data.Expires != nil && *data.Expires != "" && *data.Expires != "never"
		return Token{UUID: data.UUID, Name: name, value: secret.New(data.Value)}, expires, nil
	}
}

// RevokeToken ends a token of the client's user. Jenkins answers 200 whether or
// not there is such a token (ApiTokenProperty.doRevoke), so nil means that it is
// gone only when the very token authenticated the request, or when
// [Client.TokenExists] said so before.
//
// After a 500 the token is dead in the controller's memory and may come back
// when the controller restarts; repeating the call does not mend that (2.260
// and later save only when something was removed).
func (c *Client) RevokeToken(ctx context.Context, uuid string) error {
	if !IsUUID(uuid) {
		return errors.New("revoke token: not the form of a uuid")
	}
	r := request{op: OpRevoke, path: c.self + descriptor + "revoke", form: url.Values{"tokenUuid": {uuid}}}
	return c.post(ctx, r, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		if loginPage(answer, body) {
			return kindError(KindLoginPage)
		}
		return kindError(KindAnswer)
	})
}

// RenameToken gives a token of the client's user another name and reports
// whether there is such a token. It changes nothing else.
func (c *Client) RenameToken(ctx context.Context, uuid, name string) (bool, error) {
	if !IsUUID(uuid) || strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unnameable) {
		return false, errors.New("rename token: not the form of a uuid or of a name")
	}
	var found bool
	r := request{op: OpRename, path: c.self + descriptor + "rename", form: url.Values{"tokenUuid": {uuid}, "newName": {name}}}
	err := c.post(ctx, r, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		found, err = readRenamed(body)
		if err != nil && loginPage(answer, body) {
			return kindError(KindLoginPage)
		}
		return err
	})
	return found, err
}

// readRenamed reads an empty body (before 2.505), {"status":"ok"}, or
// {"status":"error"}, which with a good uuid and name means "no such token".
func readRenamed(body []byte) (bool, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return true, nil
	}
	var answer struct {
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return false, kindError(KindAnswer)
	}
	switch answer.Status {
	case "ok":
		return true, nil
	case "error":
		return false, nil
	}
	return false, kindError(KindAnswer)
}

// TokenExists reports whether the client's user has the token uuid, which has to
// be called name. It renames the token to the name it has: of all web methods
// only rename tells an unknown uuid, and revoke says 200 to any.
func (c *Client) TokenExists(ctx context.Context, uuid, name string) (bool, error) {
	return c.RenameToken(ctx, uuid, name)
}

// Starting reports whether the controller is starting or stopping: for that time
// GET /login without credentials is 503, while good tokens may get a 401.
func (c *Client) Starting(ctx context.Context) (bool, error) {
	err := c.send(ctx, request{op: OpLogin, method: http.MethodGet, path: "/login", accept: "text/html", bare: true}, nil, func(*http.Response) error { return nil })
	var failed *Error
	if !errors.As(err, &failed) {
		return false, err
	}
	switch {
	case failed.Kind == KindUnavailable:
		return true, nil
	case failed.Status != 0:
		return false, nil
	}
	return false, err
}
