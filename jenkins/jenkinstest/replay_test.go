package jenkinstest

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// replayer brings a fresh emulator into the state before an exchange.
type replayer struct {
	client
	x     *exchange
	clock *testClock
	from  string // the address of the client
	after func() // checks the state behind the answer
}

// prepare makes the token that the request logs in with (a revoked one where
// 401 was answered), fetches the crumb and the session that it uses, and then
// runs the precondition of the single exchange.
func (r *replayer) prepare() {
	x := r.x
	name, secret, basic := x.credentials()
	special, known := preconditions[x.id]
	if basic && tokenValue.MatchString(secret) && !(known && special.ownToken) && passwords[name] != "" {
		uuid := ""
		if m := formUUID.FindStringSubmatch(x.form(r.t)); m != nil && (strings.Contains(x.title, "by itself") || strings.Contains(x.title, "by the token itself") || strings.Contains(x.title, "very token")) {
			uuid = m[1]
		}
		tok := r.s.AddTokenValue(name, "of the transcript", uuid, "11"+secret[2:])
		if uuid != "" && x.resp.StatusCode == http.StatusOK {
			r.after = func() {
				if len(r.s.Tokens(name)) != 0 || len(r.s.TokensOnDisk(name)) != 0 {
					r.t.Errorf("the token is not revoked")
				}
			}
		}
		if x.resp.StatusCode == http.StatusUnauthorized {
			r.method(200, name, tok.Value, "/me", "revoke", url.Values{"tokenUuid": {tok.UUID}})
		}
	}
	if known && special.before != nil {
		special.before(r)
	}
	withCrumb := crumbHeader.MatchString(x.get(crumbField)) || crumbInForm.MatchString(x.form(r.t))
	if !withCrumb && x.get("Cookie") == "" || known && special.ownSession {
		return
	}
	crumb, cookie := r.crumb(name)
	r.useCrumb(crumb, cookie)
}

// useCrumb puts a crumb and a session where the recorded request has them.
func (r *replayer) useCrumb(crumb, cookie string) {
	if crumbHeader.MatchString(r.x.get(crumbField)) {
		r.x.set(crumbField, crumb)
	}
	if r.x.get("Cookie") != "" {
		r.x.set("Cookie", cookie)
	}
	if crumbInForm.MatchString(r.x.form(r.t)) {
		r.x.set("X-Replay-Crumb", crumb)
	}
}

// victim gives a user the token whose uuid the request names, and has it
// checked that the request revokes it.
func victim(name string) precondition {
	return precondition{before: func(r *replayer) {
		uuid := formUUID.FindStringSubmatch(r.x.form(r.t))[1]
		r.s.AddTokenValue(name, "victim", uuid, "")
		r.after = func() {
			for _, tok := range append(r.s.Tokens(name), r.s.TokensOnDisk(name)...) {
				if tok.UUID == uuid {
					r.t.Errorf("the token of %s is not revoked", name)
				}
			}
		}
	}}
}

// survives gives a user a token and has it checked that it stays.
func survives(name string) precondition {
	return precondition{before: func(r *replayer) {
		tok := r.s.AddToken(name, "survivor")
		r.after = func() {
			if status, _, _ := r.do("GET", "/whoAmI/api/json", name, tok.Value, "", nil); status != 200 {
				r.t.Errorf("the token of %s is revoked", name)
			}
		}
	}}
}

type precondition struct {
	ownToken   bool // before makes the token of the login
	ownSession bool // before sets the crumb and the cookie
	before     func(*replayer)
}

// nonRevoking tries to revoke the token of the request, in vain.
func nonRevoking(change func(uuid string) string) precondition {
	return precondition{before: func(r *replayer) {
		name, _, _ := r.x.credentials()
		tok := r.s.Tokens(name)[0]
		r.method(200, name, tok.Value, "/me", "revoke", url.Values{"tokenUuid": {change(tok.UUID)}})
	}}
}

// poison gives the user of the request a name that cannot be saved.
func poison(char string) func(r *replayer) {
	return func(r *replayer) {
		name, secret, _ := r.x.credentials()
		r.method(500, name, secret, "/me", "generateNewToken", url.Values{"newTokenName": {"a" + char + "b"}})
	}
}

var preconditions = map[string]precondition{
	"B019": {ownToken: true, before: liveToken},
	"B021": {before: liveToken},
	"B017": {before: func(r *replayer) { r.s.AddToken("admin", "another") }},
	"C001": victim("alice"),
	"C013": survives("alice"),
	"C014": victim("alice"),
	"C018": survives("alice"),
	"C019": nonRevoking(strings.ToUpper),
	"C020": survives("alice"),
	"C021": nonRevoking(func(uuid string) string { return uuid + " " }),
	"C022": survives("alice"),
	"C025": victim("alice"),
	"C027": survives("bob"),
	"C029": victim("bob"),
	"C031": survives("admin"),
	"C036": victim("alice"),
	"C058": {ownToken: true, before: func(r *replayer) {
		name, secret, _ := r.x.credentials()
		r.s.AddTokenValue(name, "other", "", secret)
		keeper := r.s.AddToken(name, "keeper")
		r.method(200, name, keeper.Value, "/me", "revokeAllExcept", url.Values{"tokenUuid": {keeper.UUID}})
		if status, _, _ := r.do("GET", "/whoAmI/api/json", name, keeper.Value, "", nil); status != 200 {
			r.t.Error("the keeper is revoked")
		}
	}},
	"C061": {ownToken: true, before: func(r *replayer) {
		name, secret, _ := r.x.credentials()
		r.s.AddTokenValue(name, "keeper", "", secret)
		r.method(200, name, secret, "/me", "revokeAllExcept", url.Values{"tokenUuid": {"unknown"}})
	}},
	"C063": {ownToken: true, before: func(r *replayer) {
		name, secret, _ := r.x.credentials()
		r.s.AddTokenValue(name, "x", "", secret)
		r.method(200, name, secret, "/me", "revokeAll", url.Values{})
	}},
	"D008": victim("alice"),
	"G001": {ownToken: true, before: pageTokens},
	"H004": {ownSession: true, before: func(r *replayer) {
		crumb, cookie := r.crumb("alice")
		r.s.Restart()
		r.useCrumb(crumb, cookie)
	}},
	"H003": {before: func(r *replayer) { r.s.Restart() }},
	"H006": {before: func(r *replayer) { r.s.Restart() }},
	"H005": {ownSession: true, before: func(r *replayer) {
		r.x.set("Cookie", r.login("alice"))
		r.s.Restart()
	}},
	"J009": {before: poison("\x00")},
	"J010": {before: func(r *replayer) {
		poison("\x00")(r)
		r.s.AddTokenValue("bob", "other", formUUID.FindStringSubmatch(r.x.form(r.t))[1], "")
	}},
	"J012": {before: func(r *replayer) {
		poison("\x00")(r)
		tokens := r.s.Tokens("bob")
		r.x.command = strings.Replace(r.x.command, formUUID.FindStringSubmatch(r.x.command)[1], tokens[len(tokens)-1].UUID, 1)
	}},
	"J013": {before: func(r *replayer) {
		poison("\x00")(r)
		name, secret, _ := r.x.credentials()
		tokens := r.s.Tokens(name)
		r.method(200, name, secret, "/me", "revoke", url.Values{"tokenUuid": {tokens[len(tokens)-1].UUID}})
	}},
	"J016": {before: func(r *replayer) {
		r.s.AddTokenValue("alice", "good", formUUID.FindStringSubmatch(r.x.form(r.t))[1], "")
		poison("\uffff")(r)
		r.after = func() {
			if memory, disk := len(r.s.Tokens("alice")), len(r.s.TokensOnDisk("alice")); memory != 2 || disk != 2 {
				r.t.Errorf("%d tokens in memory, %d on disk, want 2 and 2", memory, disk)
			}
		}
	}},
	"J017": {ownToken: true, before: func(r *replayer) { revokeWhilePoisoned(r) }},
	"J018": {ownToken: true, before: func(r *replayer) {
		revokeWhilePoisoned(r)
		r.s.Restart()
	}},
	"J019": {before: func(r *replayer) {
		poison("\uffff")(r)
		r.s.Restart()
	}},
	"L001": {before: func(r *replayer) { r.from = "127.0.0.2" }},
	"L003": {ownSession: true, before: func(r *replayer) {
		crumb, _ := r.crumb("alice")
		_, cookie := r.crumb("alice")
		r.useCrumb(crumb, cookie)
	}},
	"L005": {ownSession: true, before: func(r *replayer) {
		crumb, cookie := r.crumb("alice")
		r.crumb("alice")
		r.useCrumb(crumb, cookie)
	}},
	"L007": {ownSession: true, before: func(r *replayer) {
		_, cookie := r.crumb("alice")
		r.x.set("Cookie", cookie)
	}},
	"L021": {ownSession: true, before: func(r *replayer) { r.x.set("Cookie", r.login("bob")) }},
	"L022": {ownSession: true, before: func(r *replayer) { r.x.set("Cookie", r.login("bob")) }},
	"L025": {before: func(r *replayer) {
		admin := r.s.AddToken("admin", "x")
		if status, _, _ := r.do("POST", "/quietDown", "admin", admin.Value, "", nil); status != 302 {
			r.t.Fatalf("quietDown answers %d", status)
		}
	}},
	"L027": {ownToken: true, before: func(r *replayer) {
		_, secret, _ := r.x.credentials()
		r.s.AddTokenValue("bob", "x", "", secret)
		r.s.DeleteUser("bob")
	}},
	"L028": {before: func(r *replayer) { r.s.DeleteUser("bob") }},
	"L029": {before: func(r *replayer) { r.inject("create:500-unsaved") }},
	"L030": {ownToken: true, before: func(r *replayer) {
		name, secret, _ := r.x.credentials()
		r.s.AddTokenValue(name, "x", formUUID.FindStringSubmatch(r.x.form(r.t))[1], secret)
		r.inject("revoke:500-unsaved")
		r.after = func() {
			if len(r.s.Tokens(name)) != 0 || len(r.s.TokensOnDisk(name)) != 1 {
				r.t.Error("the revocation is not in memory only")
			}
		}
	}},
	"L031": {ownToken: true, before: func(r *replayer) { revokeUnsaved(r) }},
	"L032": {before: func(r *replayer) {
		uuid := formUUID.FindStringSubmatch(r.x.form(r.t))[1]
		tok := r.s.AddTokenValue("alice", "x", uuid, "")
		r.inject("revoke:500-unsaved")
		r.method(500, "alice", tok.Value, "/me", "revoke", url.Values{"tokenUuid": {uuid}})
		r.after = func() {
			if len(r.s.TokensOnDisk("alice")) != 1 {
				r.t.Error("the second revocation saved the user")
			}
		}
	}},
	"L033": {ownToken: true, before: func(r *replayer) {
		revokeUnsaved(r)
		r.s.Restart()
	}},
	"N019": {ownToken: true, before: func(r *replayer) {
		r.clock.at = r.clock.at.AddDate(0, 0, -2)
		tok := r.s.AddExpiringToken("alice", "one", 1)
		if status, _, _ := r.do("GET", "/whoAmI/api/json", "alice", tok.Value, "", nil); status != 200 {
			r.t.Errorf("the token is not valid before its expiry")
		}
		r.clock.at = r.clock.at.AddDate(0, 0, 2)
		blob := basicHeader("alice", tok.Value)
		r.x.set("Authorization", blob)
	}},
}

func basicHeader(name, secret string) string {
	req, _ := http.NewRequest("GET", "http://x/", nil)
	req.SetBasicAuth(name, secret)
	return req.Header.Get("Authorization")
}

func (r *replayer) inject(spec string) {
	if err := r.s.Inject(spec); err != nil {
		r.t.Fatal(err)
	}
}

// liveToken is a token that the request spells wrongly.
func liveToken(r *replayer) {
	r.s.AddTokenValue("admin", "live", "", "11abd5956545114265d15a42af506ebadd")
}

func revokeWhilePoisoned(r *replayer) {
	name, secret, _ := r.x.credentials()
	tok := r.s.AddTokenValue(name, "good", "", secret)
	other := r.s.AddToken(name, "other")
	r.method(500, name, other.Value, "/me", "generateNewToken", url.Values{"newTokenName": {"a\uffffb"}})
	r.method(500, name, other.Value, "/me", "revoke", url.Values{"tokenUuid": {tok.UUID}})
}

func revokeUnsaved(r *replayer) {
	name, secret, _ := r.x.credentials()
	tok := r.s.AddTokenValue(name, "x", "", secret)
	r.inject("revoke:500-unsaved")
	r.method(500, name, secret, "/me", "revoke", url.Values{"tokenUuid": {tok.UUID}})
}

// pageTokens gives alice the tokens of the recorded page.
func pageTokens(r *replayer) {
	_, secret, _ := r.x.credentials()
	for i, row := range pageRows(r.x.body) {
		value := ""
		if i == 0 {
			value = secret
		}
		r.s.AddTokenValue("alice", html.UnescapeString(row[1]), row[0], value)
	}
}

var (
	rowPattern = regexp.MustCompile(`<input name="tokenUuid" type="hidden" class="token-uuid-input" value="([^"]*)">\s*` +
		`<input name="tokenName" placeholder="" type="text" class="jenkins-input   token-name" value="([^"]*)"><span title="[^"]*" class="token-creation age-ok">Created 0 day\(s\) ago</span>`)
	cardPattern = regexp.MustCompile(`<div id="([0-9a-f-]{36})" class="token-card "><div class="token-card-inner"><div tooltip="" class="token-card__title ">` +
		`<span class="token-name">([^<]*)</span></div><div class="token-stats"><span tooltip="Created on ([^"]*)" class="[a-z]* ?token-creation">([^<]*)</span><span class="token-last-used">`)
	templateRow = regexp.MustCompile(`<input name="tokenUuid" type="hidden" class="token-uuid-input">\s*<input name="tokenName" placeholder="Default name"`)
)

func pageRows(page string) [][]string {
	var list [][]string
	for _, m := range rowPattern.FindAllStringSubmatch(page, -1) {
		list = append(list, m[1:])
	}
	return list
}

// comparePages compares the rows of two pages of structure A.
func comparePages(t *testing.T, got, want string) {
	t.Helper()
	g, w := pageRows(got), pageRows(want)
	if len(w) == 0 || len(g) != len(w) {
		t.Fatalf("%d rows, want %d", len(g), len(w))
	}
	for i := range w {
		// The escapes &#039; and &apos; are the same for a parser.
		if g[i][0] != w[i][0] || html.UnescapeString(g[i][1]) != html.UnescapeString(w[i][1]) {
			t.Errorf("row %d: %q, want %q", i, g[i], w[i])
		}
	}
	if templateRow.MatchString(got) != templateRow.MatchString(want) {
		t.Error("the template of a new row differs")
	}
}
