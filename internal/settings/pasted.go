package settings

import (
	"encoding/base64"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// flaw is what came along when a value was copied: what it is, and what to do about it.
// Both are put after the setting's name.
type flaw struct{ what, cure string }

var (
	flawBlanks    = flaw{"there are blanks or line breaks around it", "remove the blanks around the value"}
	flawInvisible = flaw{"it holds an invisible character (a byte order mark or a zero-width character)", "type the value instead of pasting it, or save its file without a byte order mark"}
	flawQuotes    = flaw{"there are quotes around it", "remove the quotes: docker --env-file and some loaders of .env files keep them"}
	flawBasic     = flaw{"it is the value of a header (Basic …)", "give the API token alone: without Basic, and not encoded"}
	flawBearer    = flaw{"it is the value of a header (Bearer …)", "give the token alone, without Bearer"}
	flawPair      = flaw{"it is of the form user:token", "give what is before the colon as username, and what is behind it as api-token"}
	flawEncoded   = flaw{"it is user:token, encoded as base64", "decode it; give what is before the colon as username, and what is behind it as api-token"}
	flawCapitals  = flaw{"its letters are capitals", "give it as Jenkins showed it, in lowercase"}
	flawLength    = flaw{"it has not 32 or 34 digits", "copy the API token whole: Jenkins shows it only once, so create another one at <url>/me/security/"}
	flawJWT       = flaw{"it is a JSON web token", "give the token of an identity provider as bearer-token"}
	flawOther     = flaw{`it may be a password, or another kind of token (a job's "authentication token" is not an API token)`, "create an API token at <url>/me/security/, or give the value as password"}
)

// quotes are the pairs that shells, loaders and word processors put around a text.
var quotes = [][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"„", "“"}, {"‘", "’"}, {"«", "»"}, {`\"`, `\"`}}

// unquoted drops a pair of quotes around text.
func unquoted(text string) (string, bool) {
	for _, q := range quotes {
		if len(text) >= len(q[0])+len(q[1]) && strings.HasPrefix(text, q[0]) && strings.HasSuffix(text, q[1]) {
			return text[len(q[0]) : len(text)-len(q[1])], true
		}
	}
	return text, false
}

// isInvisible reports whether r takes no room on a screen: format characters such as
// U+FEFF and U+200B, fillers and variation selectors.
func isInvisible(r rune) bool {
	return unicode.In(r, unicode.Cf, unicode.Variation_Selector) || strings.ContainsRune("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", r)
}

func visible(r rune) rune {
	if isInvisible(r) {
		return -1
	}
	return r
}

// wrapping are the flaws around a value, and what is left of it without them.
func wrapping(text string) (string, []flaw) {
	var found []flaw
	for {
		before := text
		if text = strings.TrimSpace(before); text != before {
			found = add(found, flawBlanks)
		}
		if plain := strings.Map(visible, text); plain != text && utf8.ValidString(text) {
			text, found = plain, add(found, flawInvisible)
		}
		if plain, ok := unquoted(text); ok {
			text, found = plain, add(found, flawQuotes)
		}
		if text == before {
			return text, found
		}
	}
}

func add(found []flaw, f flaw) []flaw {
	if slices.Contains(found, f) {
		return found
	}
	return append(found, f)
}

// header drops the name of a scheme that stands before a credential in a header.
func header(text string) (string, []flaw) {
	text = cutFold(text, "Authorization:")
	if rest := cutFold(text, "Basic "); rest != text {
		return rest, []flaw{flawBasic}
	}
	if rest := cutFold(text, "Bearer "); rest != text {
		return rest, []flaw{flawBearer}
	}
	return text, nil
}

func cutFold(text, prefix string) string {
	if len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix) {
		return strings.TrimSpace(text[len(prefix):])
	}
	return text
}

// tokenFlaws says why text does not have the form of an API token; nothing when it has.
func tokenFlaws(text string) []flaw {
	if jenkins.IsAPIToken(text) {
		return nil
	}
	text, found := wrapping(text)
	rest, scheme := header(text)
	found = append(found, scheme...)
	switch {
	case jenkins.IsAPIToken(rest):
	case scheme != nil && scheme[0] == flawBasic:
	case strings.HasPrefix(rest, "eyJ") && strings.Count(rest, ".") == 2:
		found = append(found, flawJWT)
	case scheme != nil:
	case strings.Contains(rest, ":"):
		found = append(found, flawPair)
	case isEncodedPair(rest):
		found = append(found, flawEncoded)
	case jenkins.IsAPIToken(strings.ToLower(rest)):
		found = append(found, flawCapitals)
	case len(rest) > 8 && strings.Trim(rest, "0123456789abcdef") == "":
		found = append(found, flawLength)
	default:
		found = append(found, flawOther)
	}
	return found
}

// isEncodedPair reports whether text is base64 of a name, a colon and more.
func isEncodedPair(text string) bool {
	text = strings.TrimRight(text, "=")
	for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		pair, err := encoding.DecodeString(text)
		if err != nil {
			continue
		}
		name, rest, ok := strings.Cut(string(pair), ":")
		if ok && name != "" && rest != "" && utf8.Valid(pair) && !strings.ContainsFunc(string(pair), func(r rune) bool { return !unicode.IsPrint(r) && r != '\n' }) {
			return true
		}
	}
	return false
}

// bearerFlaws says what cannot be a part of a bearer token (RFC 6750).
func bearerFlaws(text string) []flaw {
	text, found := wrapping(text)
	_, scheme := header(text)
	return append(found, scheme...)
}

// nameFlaws says what is around or in a name. Blanks around it are dropped.
func nameFlaws(text string) []flaw {
	_, found := wrapping(strings.TrimSpace(text))
	return found
}

// addressFlaws is nameFlaws for an address, which has no quote at either end.
func addressFlaws(text string) []flaw {
	text, found := wrapping(strings.TrimSpace(text))
	for _, q := range quotes {
		if strings.HasPrefix(text, q[0]) || strings.HasSuffix(text, q[1]) {
			return add(found, flawQuotes)
		}
	}
	return found
}

// Doubt says what is suspicious about a password that was refused, in two parts: what
// it is, and what to do. Both are empty when there is nothing. A password may be like
// that, so it is sent anyway.
func (c Credential) Doubt() (what, cure string) {
	if c.Kind != Password {
		return "", ""
	}
	text, found := wrapping(c.Secret.Reveal())
	_, scheme := header(text)
	found = append(found, scheme...)
	if len(found) == 0 {
		return "", ""
	}
	return texts(found), found[0].cure
}

// texts joins what flaws are.
func texts(found []flaw) string {
	all := make([]string, len(found))
	for i, f := range found {
		all[i] = f.what
	}
	return strings.Join(all, ", and ")
}
