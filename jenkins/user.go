package jenkins

import (
	"strings"
	"unicode"
)

// SameUser reports whether two ids are those of one user. Jenkins compares them by
// toLowerCase(Locale.ENGLISH) of Java (IdStrategy.CaseInsensitive; since 2.576 and LTS
// 2.568.2, SECURITY-3924): ſ is not s, İ is an i with a dot above it, and Σ at the end of
// a word is ς.
func SameUser(a, b string) bool { return lower(a) == lower(b) }

func lower(id string) string {
	runes := []rune(id)
	var b strings.Builder
	for i, r := range runes {
		switch r {
		case 'İ':
			b.WriteString("i\u0307")
		case 'Σ':
			before := i > 0 && unicode.IsLetter(runes[i-1])
			after := i+1 < len(runes) && unicode.IsLetter(runes[i+1])
			if before && !after {
				b.WriteRune('ς')
			} else {
				b.WriteRune('σ')
			}
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}
