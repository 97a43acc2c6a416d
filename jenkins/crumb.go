package jenkins

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/web"
)

// crumb is Jenkins' proof that a POST was meant: a value, the header it goes
// in, and the session it was made in, which counts since 2.186. The zero value
// says that the controller wants none.
type crumb struct {
	field string
	value secret.String
	from  string // URL it came from
	jar   secret.Value[http.CookieJar]
	lost  bool // the session's cookie is for another path, and will not be sent
}

func (k *crumb) off() bool { return k == nil || k.field == "" }

// addTo puts the crumb on a POST. The Referer is for strict-crumb-issuer, which
// can bind a crumb to the page it was fetched from.
func (k *crumb) addTo(r *http.Request) {
	if k == nil || k.jar.Empty() || r.Method != http.MethodPost {
		return
	}
	for _, cookie := range k.jar.Reveal().Cookies(r.URL) {
		r.AddCookie(cookie)
	}
	if k.off() {
		return
	}
	r.Header.Set(k.field, k.value.Reveal())
	r.Header.Set("Referer", k.from)
}

var (
	// A crumb is hexadecimal, of any length: MD5, SHA-256, or strict-crumb-issuer's.
	crumbValue = form(1000, `[A-Za-z0-9+/=_.:-]+`)
)

// fetchCrumb gets a crumb and its session, and keeps them for the next POST.
// 404 means that the controller wants none (getCrumbIssuer returns null).
func (c *Client) fetchCrumb(ctx context.Context) (*crumb, error) {
	const path = "/crumbIssuer/api/json"
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	fresh := &crumb{from: c.root.String() + path, jar: secret.Hold[http.CookieJar](jar)}
	err = c.send(ctx, request{op: OpCrumb, method: http.MethodGet, path: path}, nil, func(answer *http.Response) error {
		jar.SetCookies(answer.Request.URL, answer.Cookies())
		fresh.lost = slices.ContainsFunc(answer.Cookies(), func(cookie *http.Cookie) bool {
			return strings.HasPrefix(cookie.Name, "JSESSIONID") && cookie.Path != "" && !strings.HasPrefix(c.root.Path+"/", strings.TrimSuffix(cookie.Path, "/")+"/")
		})
		body, err := readAll(answer)
		if err != nil {
			return err
		}
		var value string
		fresh.field, value, err = readCrumb(body)
		fresh.value = secret.New(value)
		if err != nil && loginPage(answer, body) {
			return KindLoginPage
		}
		return err
	})
	var failed *Error
	if errors.As(err, &failed) && failed.Kind == KindNotFound {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.crumb = fresh
	c.mu.Unlock()
	return fresh, nil
}

// readCrumb reads the answer of the crumb issuer. The name of the field is the
// controller's to choose (hudson.security.csrf.requestfield), so it is checked:
// it becomes a header of a request that carries a credential.
func readCrumb(body []byte) (field, value string, err error) {
	var answer struct {
		Field string `json:"crumbRequestField"`
		Crumb string `json:"crumb"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return "", "", KindAnswer
	}
	if !web.IsHeader(answer.Field, "") || web.IsReserved(answer.Field) || !crumbValue.MatchString(answer.Crumb) {
		return "", "", KindAnswer
	}
	return answer.Field, answer.Crumb, nil
}
