package jenkinstest

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// hostileRows are what the fault "hostile" adds to the tokens page: names that
// try to break out of a line of a log, of HTML, and of a parser.
func hostileRows() []Token {
	return []Token{
		{UUID: "00000000-0000-4000-8000-000000000bad", Name: "x\n::set-output name=token::pwned\r\n::add-mask::\x1b[2J"},
		{UUID: `"><script>alert(1)</script>`, Name: `"><input name="tokenUuid" value="11111111-1111-4111-8111-111111111111">`},
	}
}

// tokensPage is the page with the tokens of a user, in one of four layouts:
// a single field before 2.129, input rows before 2.505, cards after, and cards
// with expiry since 2.548.
func (c *call) tokensPage(u *user) *reply {
	if !c.login.canAdminister(u) {
		return c.denied("hudson.model.Hudson.Administer")
	}
	title := "Security [Jenkins]"
	if !c.j.rules.securityPage {
		title = "User ‘" + text(u.id) + "’ Configuration [Jenkins]"
		if c.locale() == "de" {
			title = "Benutzer „" + text(u.id) + "“ konfigurieren [Jenkins]"
		}
	}
	tokens := slices.Clone(u.memory)
	if c.hostile {
		tokens = append(tokens, hostileRows()...)
	}
	// The order is that of the names in lower case, in all versions.
	slices.SortStableFunc(tokens, func(a, b Token) int { return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	var b strings.Builder
	b.WriteString(`<form method="post" name="config" action="configSubmit"><section class="jenkins-section"><div class="jenkins-section__title">API Token</div>`)
	switch {
	case !c.j.rules.tokenStore:
		c.legacyField(&b, u)
	case !c.j.rules.cards:
		c.tokenRows(&b, u, tokens)
	default:
		c.tokenCards(&b, u, tokens)
	}
	b.WriteString(`</section></form>`)
	return c.page(http.StatusOK, title, b.String())
}

// methodURL is the address of a web method on the page. Jenkins writes it
// relative to the object that the page was asked of.
func (c *call) methodURL(method string) string {
	i := strings.LastIndexAny(strings.TrimSuffix(c.rawPath, "/"), "/")
	return text(c.rawPath[:i]) + "/descriptorByName/jenkins.security.ApiTokenProperty/" + method
}

// legacyField is the page before 2.129 (1.638: hidden from others).
func (c *call) legacyField(b *strings.Builder, u *user) {
	value := "Token is hidden"
	if c.login.user == u && len(u.memory) > 0 {
		value = u.memory[0].Value
	}
	fmt.Fprintf(b, `<td class="setting-main"><input name="_.apiToken" value="%s" id="apiToken" type="text" readonly="readonly" class="setting-input   "></td>`, value)
}

// tokenRows is structure A, 2.129 to 2.504.
func (c *call) tokenRows(b *strings.Builder, u *user, tokens []Token) {
	b.WriteString(`<div class="jenkins-form-item tr "><div class="jenkins-form-label help-sibling">Current token(s)</div><div class="setting-main">` +
		`<div class="token-list ignore-dirty-panel"><div class="token-list-item token-list-empty-item hidden-message">` +
		`<div class="list-empty-message">There are no registered tokens for this user.</div></div><div class="repeated-container">`)
	// The template of a new row has an input without a uuid.
	b.WriteString(`<div name="tokenStore" class="repeated-chunk to-be-removed"><div class="repeated-chunk__header"></div>` +
		`<div class="token-list-item token-list-new-item"><input name="tokenUuid" type="hidden" class="token-uuid-input">` +
		"\n   \n\n  \n  " + `<input name="tokenName" placeholder="Default name" type="text" class="jenkins-input   token-name" value=""> ` +
		`<span class="new-token-value"></span><span class="token-save"><button data-target-url="` + c.methodURL("generateNewToken") +
		`" id="api-token-property-token-save" type="button" class="jenkins-button">Generate</button></span></div></div>`)
	for _, t := range tokens {
		legacy := ""
		if t.Legacy {
			legacy = "legacy-token"
		}
		fmt.Fprintf(b, `<div name="tokenStore" class="repeated-chunk"><div class="repeated-chunk__header"></div>`+
			`<div class="token-list-item token-list-existing-item force-dirty-panel %s"><input name="tokenUuid" type="hidden" class="token-uuid-input" value="%s">`+
			"\n   \n\n  \n  "+`<input name="tokenName" placeholder="" type="text" class="jenkins-input   token-name" value="%s">`,
			legacy, pageText(t.UUID), pageText(t.Name))
		days := c.days(t.Created)
		age := "age-ok"
		switch {
		case days >= 365:
			age = "age-argh"
		case days >= 180:
			age = "age-mmmh"
		}
		fmt.Fprintf(b, `<span title="%s" class="token-creation %s">Created %d day(s) ago</span><span class="to-right">`, mediumDateTime(t.Created, c.locale()), age, days)
		if s := u.uses[t.UUID]; s.count > 0 {
			fmt.Fprintf(b, `<span title="%s" class="token-use-counter">Used <b>%d</b> time(s), last time was <b>%d</b> day(s) ago</span>`,
				mediumDateTime(s.last, c.locale()), s.count, c.days(s.last))
		} else {
			b.WriteString(`<span class="token-use-counter"><strong title="We strongly recommend that you revoke tokens which you do not plan to use">Never used</strong></span>`)
		}
		b.WriteString(`<a data-confirm-title="Revoke Token" data-target-url="` + c.methodURL("revoke") +
			`" href="#" class="jenkins-button api-token-property-token-revoke"></a></span></div></div>`)
	}
	b.WriteString(`<div class="repeatable-insertion-point"></div><button type="button" class="jenkins-button repeatable-add">Add new Token</button></div></div></div></div>`)
}

// tokenCards is structure B (2.505) and C (2.548).
func (c *call) tokenCards(b *strings.Builder, u *user, tokens []Token) {
	buttons := func(uuid string) string {
		data := ""
		if uuid != "" {
			data = ` data-token-uuid="` + pageText(uuid) + `"`
		}
		return `<div class="token-controls"><button data-target-url="` + c.methodURL("rename") +
			`" type="button" class="jenkins-button api-token-property-token-rename"></button><button data-target-url="` + c.methodURL("revoke") +
			`" type="button" class="jenkins-button api-token-property-token-revoke"` + data + `></button></div>`
	}
	if c.j.rules.expiry {
		b.WriteString(`<div id="api-token-add-template" class="jenkins-hidden"><div><input name="tokenName" placeholder="" type="text" class="jenkins-input   " value="">` +
			`<select class="jenkins-select__input" name="expirationDuration"><option value="7">7 Days</option><option value="30" selected="true">30 Days</option>` +
			`<option value="60">60 Days</option><option value="90">90 Days</option><option value="custom">Custom</option><option value="never">No Expiration</option></select>` +
			`<input type="date" name="tokenExpiration" class="jenkins-hidden jenkins-input token-expiration-date"></div></div>`)
	}
	// The template of a new card has neither id nor uuid, and an empty name.
	id := ` id=""`
	if c.j.rules.expiry {
		id = ""
	}
	b.WriteString(`<div class="jenkins-hidden" id="api-token-row-template"><div class="token-card"` + id + `><div class="token-card-inner"><div class="token-card__title">` +
		`<span class="token-name"></span></div><div class="token-stats"><span class="token-creation"></span><span class="token-last-used">Never used</span></div></div>` +
		buttons("") + `</div></div>`)
	b.WriteString(`<div class="jenkins-form-item tr "><div class="setting-main"><div class="token-list ignore-dirty-panel">` +
		`<div class="token-list-empty-item jenkins-hidden"></div><div id="api-tokens" class=""><div id="api-token-list">`)
	for _, t := range tokens {
		legacy := ""
		if t.Legacy {
			legacy = "legacy-token"
		}
		fmt.Fprintf(b, `<div id="%s" class="token-card %s"><div class="token-card-inner"><div tooltip="" class="token-card__title "><span class="token-name">%s</span></div><div class="token-stats">`,
			pageText(t.UUID), legacy, pageText(t.Name))
		created := mediumDateTime(t.Created, c.locale())
		switch {
		case !c.j.rules.expiry:
			fmt.Fprintf(b, `<span class="token-creation age-ok" tooltip="%s">Created %d days ago</span>`, created, c.days(t.Created))
		case t.Expires.IsZero():
			fmt.Fprintf(b, `<span tooltip="Created on %s" class="warning token-creation">This token does not expire</span>`, created)
		case t.expired(c.j.now()):
			fmt.Fprintf(b, `<span tooltip="Created on %s" class="error token-creation">This token has expired</span>`, created)
		default:
			class := ""
			if t.Expires.Before(endOfDay(c.j.now(), 7)) {
				class = "warning"
			}
			fmt.Fprintf(b, `<span tooltip="Created on %s" class="%s token-creation">Expires on %s</span>`, created, class, shortDate(t.lastDay(), c.locale()))
		}
		b.WriteString(`<span class="token-last-used">`)
		if s := u.uses[t.UUID]; s.count > 0 {
			fmt.Fprintf(b, `<span tooltip="%s">Last used today</span><span class="token-use-counter">%d</span>`, mediumDateTime(s.last, c.locale()), s.count)
		} else {
			b.WriteString(`<div tooltip="" class="token-never-used">Never used</div>`)
		}
		b.WriteString(`</span></div></div>` + buttons(t.UUID) + `</div>`)
	}
	b.WriteString(`</div><button data-target-url="` + c.methodURL("generateNewToken") +
		`" type="button" class="api-token-property-add jenkins-button">Add new token</button></div></div></div></div>`)
}

// pageText escapes a text as Jelly does; what XML cannot hold stays as it is.
func pageText(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#039;").Replace(s)
}

// days is the number of whole days since t.
func (c *call) days(t time.Time) int { return int(c.j.now().Sub(t).Hours() / 24) }
