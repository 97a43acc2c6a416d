package jenkinstest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// quote writes a JSON string as json-lib does: "</" is broken up, and only the
// characters below U+0020 are escaped.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	last := rune(0)
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '/' && last == '<':
			b.WriteString(`\/`)
		case r == '\b':
			b.WriteString(`\b`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\f':
			b.WriteString(`\f`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < ' ':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		last = r
	}
	b.WriteByte('"')
	return b.String()
}

func (c *call) json(body string) *reply {
	return c.plain(http.StatusOK, "application/json;charset=utf-8", body)
}

// jsonError is HttpResponses.errorJSON, whose status is 200.
func (c *call) jsonError(message string) *reply {
	return c.json(`{"status":"error","message":` + quote(message) + `}`)
}

// empty is HttpResponses.ok() or forbidden(): a status and nothing else.
func (c *call) empty(status int) *reply { return c.plain(status, "", "") }

// descriptor is …/descriptorByName/<class>/<method>; u is nil at the root.
func (c *call) descriptor(u *user, segs []string) (*reply, bool) {
	if len(segs) < 2 {
		return c.notFound(), false
	}
	if segs[0] != "jenkins.security.ApiTokenProperty" && segs[0] != "ApiTokenProperty" {
		return c.notFound(), false
	}
	var do func(*user) *reply
	since := true
	switch segs[1] {
	case "generateNewToken":
		do, since = c.generate, c.j.rules.tokenStore
	case "revoke":
		do, since = c.revoke, c.j.rules.tokenStore
	case "rename":
		do, since = c.rename, c.j.rules.tokenStore
	case "addFixedToken":
		do, since = c.addFixed, c.j.rules.fixedToken
	case "revokeAll":
		do, since = c.revokeAll, c.j.rules.fixedToken
	case "revokeAllExcept":
		do, since = c.revokeAllExcept, c.j.rules.fixedToken
	case "changeToken":
		do = c.changeToken
	case "addFixedNewToken", "tokenList", "api":
		// Names that seem to exist: a Java method and getters without a URL.
		return c.notFound(), true
	default:
		return c.notFound(), false
	}
	switch {
	case !since:
		return c.notFound(), true
	case c.r.Method != "POST":
		return c.methodNotAllowed(), true
	case u == nil && c.login.user == nil:
		return c.empty(http.StatusForbidden), true
	case u == nil:
		// No user above the descriptor: NullPointerException.
		return c.oops(), true
	}
	if _, _, err := c.webParam("tokenUuid"); err != nil {
		return c.oops(), true
	}
	return do(u), true
}

// mayCreate is canCurrentUserControlObject: the very user, or with the flag an
// administrator.
func (c *call) mayCreate(u *user) bool {
	return c.login.user != nil && (c.login.user == u || c.login.user.admin && c.j.config.adminCanGenerate)
}

// mayChange is User.checkPermission(ADMINISTER): the user or an administrator.
func (c *call) mayChange(u *user) *reply {
	if c.login.canAdminister(u) {
		return nil
	}
	return c.denied("hudson.model.Hudson.Administer")
}

// saved ends a change: the user's file is written unless a fault forbids that,
// and a failure is a 500 although the change stays in memory.
func (c *call) saved(u *user, ok *reply) *reply {
	if c.unsaved || !u.save() {
		ok = c.oops()
	}
	ok.acted = true
	return ok
}

func (c *call) generate(u *user) *reply {
	if !c.mayCreate(u) {
		return c.empty(http.StatusForbidden)
	}
	name, _, err := c.webParam("newTokenName")
	if err != nil {
		return c.oops()
	}
	if blank(name) {
		name = c.defaultName(c.j.rules.localizedName)
	}
	t := Token{UUID: c.j.random.uuid(), Name: name, Value: c.j.random.token(), Created: c.j.now()}
	if c.j.rules.expiry {
		expires, past, err := c.expiration()
		switch {
		case err != nil:
			return c.oops()
		case past:
			return c.jsonError("Expiration date is in the past.")
		}
		t.Expires = expires
	}
	u.memory = append(u.memory, t)
	if c.hostile {
		// The answer alone is hostile: the token itself can be found and revoked.
		t.UUID += "\n::set-output name=uuid::x\r\n::add-mask::"
		t.Value += "\n::stop-commands::x\r\n::error::pwned\x1b[2J\x00"
	}
	return c.saved(u, c.created(t))
}

// created is the answer of generateNewToken; the keys are in the order of a
// Java HashMap.
func (c *call) created(t Token) *reply {
	if !c.j.rules.expiry {
		return c.json(fmt.Sprintf(`{"status":"ok","data":{"tokenName":%s,"tokenUuid":%s,"tokenValue":%s}}`,
			quote(t.Name), quote(t.UUID), quote(t.Value)))
	}
	date, soon := "never", false
	if !t.Expires.IsZero() {
		date = shortDate(t.lastDay(), c.locale())
		soon = t.Expires.Before(endOfDay(c.j.now(), 7))
	}
	return c.json(fmt.Sprintf(`{"status":"ok","data":{"aboutToExpire":%t,"tokenName":%s,"tokenUuid":%s,"tokenValue":%s,"expirationDate":%s}}`,
		soon, quote(t.Name), quote(t.UUID), quote(t.Value), quote(date)))
}

// blank is StringUtils.isBlank.
func blank(s string) bool { return strings.TrimFunc(s, unicode.IsSpace) == "" }

func (c *call) defaultName(localized bool) string {
	at := c.j.now().Format("2006-01-02T15:04:05.999999999Z07:00")
	if localized && c.locale() == "ja" {
		return at + "に作成されたトークン"
	}
	return "Token created on " + at
}

var fixedValue = regexp.MustCompile(`^11[0-9a-fA-F]{32}$`)

// addFixed is addFixedToken (2.260): the caller chooses the value. A past date
// is accepted, and the value is stored in lower case.
func (c *call) addFixed(u *user) *reply {
	if !c.mayCreate(u) {
		return c.empty(http.StatusForbidden)
	}
	name, _, err := c.webParam("newTokenName")
	if err != nil {
		return c.oops()
	}
	value, _, err := c.webParam("newTokenPlainValue")
	if err != nil || !fixedValue.MatchString(value) {
		return c.oops()
	}
	if blank(name) {
		name = c.defaultName(false)
	}
	t := Token{UUID: c.j.random.uuid(), Name: name, Value: strings.ToLower(value), Created: c.j.now()}
	if c.j.rules.expiry {
		if t.Expires, _, err = c.expiration(); err != nil {
			return c.oops()
		}
	}
	u.memory = append(u.memory, t)
	return c.saved(u, c.json(fmt.Sprintf(`{"status":"ok","data":{"tokenName":%s,"tokenUuid":%s}}`, quote(t.Name), quote(t.UUID))))
}

const noUUID = "The tokenUuid cannot be empty"

// revoke answers 200 for every uuid that is not blank, and only the exact one
// revokes; for another one nothing is saved since 2.260.
func (c *call) revoke(u *user) *reply {
	if r := c.mayChange(u); r != nil {
		return r
	}
	uuid, _, _ := c.webParam("tokenUuid")
	if blank(uuid) {
		return c.containerError(http.StatusBadRequest, noUUID, "Stapler")
	}
	if i := u.index(uuid); i >= 0 {
		u.memory = slices.Delete(slices.Clone(u.memory), i, i+1)
	} else if c.j.rules.revokeQuiet {
		return c.empty(http.StatusOK)
	}
	return c.saved(u, c.empty(http.StatusOK))
}

func (c *call) revokeAll(u *user) *reply {
	if r := c.mayChange(u); r != nil {
		return r
	}
	u.memory = nil
	return c.saved(u, c.empty(http.StatusOK))
}

// revokeAllExcept revokes all tokens when the uuid is unknown.
func (c *call) revokeAllExcept(u *user) *reply {
	if r := c.mayChange(u); r != nil {
		return r
	}
	uuid, _, _ := c.webParam("tokenUuid")
	if blank(uuid) {
		return c.containerError(http.StatusBadRequest, noUUID, "Stapler")
	}
	u.memory = slices.DeleteFunc(slices.Clone(u.memory), func(t Token) bool { return t.UUID != uuid })
	return c.saved(u, c.empty(http.StatusOK))
}

// rename tells of errors with status 200; since 2.505 that of a missing uuid,
// too, and success is JSON.
func (c *call) rename(u *user) *reply {
	if r := c.mayChange(u); r != nil {
		return r
	}
	name, _, err := c.webParam("newName")
	if err != nil {
		return c.oops()
	}
	uuid, _, _ := c.webParam("tokenUuid")
	if blank(name) {
		return c.jsonError("The name cannot be empty")
	}
	if blank(uuid) {
		if c.j.rules.renameJSON {
			return c.jsonError(noUUID)
		}
		return c.containerError(http.StatusBadRequest, noUUID, "Stapler")
	}
	i := u.index(uuid)
	if i < 0 {
		return c.jsonError("No token found, try refreshing the page")
	}
	u.memory = slices.Clone(u.memory)
	u.memory[i].Name = name
	ok := c.empty(http.StatusOK)
	if c.j.rules.renameJSON {
		ok = c.json(`{"status":"ok"}`)
	}
	return c.saved(u, ok)
}

// changeToken replaces the legacy token: the one token of a user before 2.129;
// later only for those who still have one.
func (c *call) changeToken(u *user) *reply {
	if r := c.mayChange(u); r != nil {
		return r
	}
	div := func(message string) *reply {
		return c.plain(http.StatusOK, "text/html;charset=utf-8", "<div>"+message+"</div>\n")
	}
	i := slices.IndexFunc(u.memory, func(t Token) bool { return t.Legacy })
	if i < 0 {
		return div("Capability to generate a legacy token without an existing one is currently disabled in the security configuration")
	}
	u.memory = slices.Clone(u.memory)
	t := &u.memory[i]
	t.Value, t.Created, t.Expires = c.j.random.hex(16), c.j.now(), time.Time{}
	message, shown := "Updated. See the new token in the field above", t.Value
	if c.login.user != u {
		message, shown = "Updated. You need to login as the user to see the token", "Token is hidden"
	}
	ok := div(message)
	if c.j.rules.buttonHeader {
		ok.header.Set("X-Jenkins-ValidateButton-Callback", `{"callback":"changeTokenCallback","arguments":["`+t.Value+`"]}`)
	} else {
		ok.header.Set("script", "document.getElementById('apiToken').value='"+shown+"'")
	}
	return c.saved(u, ok)
}
