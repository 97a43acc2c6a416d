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
	// Expires bounds when the token expires in Jenkins: no later than this,
	// by the controller's clock, in whichever time zone it runs. The end itself is up
	// to 26 hours earlier. The zero time means that the controller does not end the
	// token, or was not asked to.
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

// TokenRequest is the token that [Client.CreateToken] creates.
type TokenRequest struct {
	// Name must not be blank or hold control characters: U+0000, U+FFFE and U+FFFF
	// in a name make Jenkins unable to save that user at all. It need not be unique.
	Name string
	// Expires is until when the controller has to accept the token, at least. The zero
	// time means no expiry.
	Expires time.Time
}

// CreateToken creates a token for the client's user.
//
// Controllers that expire tokens (2.548 / LTS 2.555.1 and later) do so by the day:
// a token is valid until the midnight after its date in the controller's time zone,
// which no answer names (ApiTokenProperty.doGenerateNewToken and
// ApiTokenStore.HashedToken.isExpired of 2.548). So the date sent is the earliest
// one that ends no sooner than r.Expires in every zone from UTC-12 to UTC+14. A
// controller with a clock ahead of that date answers {"status":"error"} and
// creates nothing. It is then asked once more, for the next day, or for a later one
// if its Date needs that. Older controllers ignore the date.
//
// After an error with [Error.Unclear] true the token may exist.
func (c *Client) CreateToken(ctx context.Context, r TokenRequest) (Token, error) {
	if strings.TrimSpace(r.Name) == "" || strings.ContainsFunc(r.Name, unnameable) {
		return Token{}, errors.New("create token: not a name that Jenkins can keep")
	}
	if r.Expires.IsZero() {
		return c.createToken(ctx, r.Name, time.Time{})
	}
	day := lastDay(r.Expires)
	if !dated(day) {
		return Token{}, errors.New("create token: not an expiry that Jenkins can keep")
	}
	start := c.now()
	token, err := c.createToken(ctx, r.Name, day)
	if failed, ok := errors.AsType[*Error](err); ok && failed.Kind == KindRejected {
		day = day.AddDate(0, 0, 1)
		if ahead, known := c.ClockOffset(); known && ahead > 0 {
			if there := lastDay(r.Expires.Add(ahead)); there.After(day) && dated(there) {
				day = there
			}
		}
		// Both requests take no longer than one may, with one for a crumb.
		limit := c.timeout
		if c.cred.needsCrumb() {
			limit *= 2
		}
		again, cancel := context.WithTimeout(ctx, min(limit, limit-c.now().Sub(start)))
		defer cancel()
		return c.createToken(again, r.Name, day)
	}
	return token, err
}

// lastDay is the earliest date whose end is not before t in any zone: it ends first
// at UTC+14.
func lastDay(t time.Time) time.Time {
	return t.UTC().Add(14*time.Hour - time.Nanosecond).Truncate(24 * time.Hour)
}

// latestEnd is the end of a day where it ends last, at UTC-12.
func latestEnd(day time.Time) time.Time { return day.AddDate(0, 0, 1).Add(12 * time.Hour) }

// dated reports whether day, the next one and their ends have years of four digits,
// as ISO 8601 and RFC 3339 write them.
func dated(day time.Time) bool { return day.Year() >= 0 && day.Year() < 9999 }

// createToken sends one request, with a date unless day is zero.
func (c *Client) createToken(ctx context.Context, name string, day time.Time) (Token, error) {
	r := request{op: OpCreate, path: c.self + descriptor + "generateNewToken", form: url.Values{"newTokenName": {name}}}
	if !day.IsZero() {
		r.form.Set("expirationDuration", "custom")
		r.form.Set("tokenExpiration", day.Format(time.DateOnly))
	}
	var token Token
	err := c.post(ctx, r, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		var expires bool
		token, expires, err = readCreated(body, name)
		switch {
		case err != nil && loginPage(answer, body):
			return KindLoginPage
		case err == nil && token.Value() == c.cred.text.Reveal():
			return KindAnswer
		case expires && !day.IsZero():
			token.Expires = latestEnd(day)
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
		return Token{}, false, KindAnswer
	}
	switch data := answer.Data; {
	case answer.Status == "error":
		return Token{}, false, KindRejected
	case answer.Status != "ok", data.Name != name, !IsUUID(data.UUID), !valueForm.MatchString(data.Value):
		return Token{}, false, KindAnswer
	default:
		// The date itself is in the language and short form of the request.
		expires = data.Expires != nil && *data.Expires != "" && *data.Expires != "never"
		return Token{UUID: data.UUID, Name: name, value: secret.New(data.Value)}, expires, nil
	}
}

// RevokeToken revokes a token of the client's user. Jenkins answers 200 whether or
// not there is such a token (ApiTokenProperty.doRevoke), so nil means that it is
// gone only when the very token authenticated the request, or when
// [Client.RenameToken] says afterwards that there is no such token.
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
			return KindLoginPage
		}
		return KindAnswer
	})
}

// RenameToken gives a token of the client's user another name and reports
// whether there is such a token. It changes nothing else. With the name that the token
// has it is the proof that a token is gone: of all web methods only rename tells an
// unknown uuid, and revoke says 200 to any.
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
			return KindLoginPage
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
		return false, KindAnswer
	}
	switch answer.Status {
	case "ok":
		return true, nil
	case "error":
		return false, nil
	}
	return false, KindAnswer
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
