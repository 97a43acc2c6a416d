package jenkins

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"

	"golang.org/x/net/html"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Before 2.129 (LTS 2.138.1) an account has one API token and no more. It has
// neither a name nor a uuid, it never ends, and all programs of the account
// share it. /me/configure shows it, and changeToken puts another in its place
// (ApiTokenProperty.doChangeToken, since 1.426).

// Legacy reports whether the version is known to be from before 2.129, when an
// account had one token.
func (v Version) Legacy() bool { return v.Known() && !v.AtLeast(2, 129) }

// legacyLimit bounds the page with the token, in bytes.
const legacyLimit = 4 << 20

var (
	// md5 of an encrypted seed (ApiTokenProperty.getApiTokenInsecure).
	legacyForm = regexp.MustCompile(`^[0-9a-f]{32}$`)
	// The page's script runs this header (validateButton in hudson-behavior.js).
	legacyScript = regexp.MustCompile(`^document\.getElementById\('apiToken'\)\.value='([0-9a-f]{32})'$`)
)

// LegacyToken reads the one token of the login's own account from
// /me/configure, which shows it to that account alone (since 1.638 / LTS
// 1.625.2). The token has neither UUID nor Name. In Jenkins 2.129 and later it is
// an error of [KindNotFound] or [KindPage].
func (c *Client) LegacyToken(ctx context.Context) (Token, error) {
	var token Token
	r := request{op: OpLegacy, method: http.MethodGet, path: "/me/configure", accept: "text/html"}
	err := c.send(ctx, r, nil, func(answer *http.Response) error {
		value, err := readLegacyToken(&counter{r: answer.Body, left: legacyLimit})
		token.value = secret.New(value)
		return err
	})
	if err != nil {
		return Token{}, err
	}
	return token, nil
}

// readLegacyToken finds <input name="_.apiToken" value="…">
// (ApiTokenProperty/config.jelly). A token that is hidden has another form.
func readLegacyToken(page io.Reader) (string, error) {
	z := html.NewTokenizer(page)
	z.SetMaxBuf(attributeLimit)
	for {
		switch z.Next() {
		case html.ErrorToken:
			switch err := z.Err(); {
			case errors.Is(err, errCut):
				return "", KindCut
			case errors.Is(err, io.EOF), errors.Is(err, html.ErrBufferExceeded):
				return "", KindPage
			default:
				return "", err
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			var name, value string
			for _, a := range t.Attr {
				switch a.Key {
				case "name":
					name = a.Val
				case "value":
					value = a.Val
				}
			}
			if t.Data != "input" || name != "_.apiToken" {
				continue
			}
			if !legacyForm.MatchString(value) {
				return "", KindPage
			}
			return value, nil
		}
	}
}

// ChangeLegacyToken puts another token in the place of the account's one token
// and returns it. The one before is dead then, for everybody who uses it.
//
// After an error with [Error.Unclear] true it may have been changed. After
// a 500 the change is in the controller's memory and perhaps not on its disk;
// another change saves it.
//
// Since 2.129 Jenkins answers 200 and changes nothing for an account without
// such a token, which is an error of [KindAnswer] here.
func (c *Client) ChangeLegacyToken(ctx context.Context) (Token, error) {
	var token Token
	r := request{op: OpChange, path: "/me" + descriptor + "changeToken", form: url.Values{}}
	err := c.post(ctx, r, func(answer *http.Response) error {
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		found := legacyScript.FindStringSubmatch(answer.Header.Get("script"))
		switch {
		case found != nil:
			token.value = secret.New(found[1])
			return nil
		case loginPage(answer, body):
			return KindLoginPage
		}
		return KindAnswer
	})
	if err != nil {
		return Token{}, err
	}
	return token, nil
}
