package secret

import (
	"cmp"
	"encoding/base64"
	"slices"
)

// shortest is the length in bytes below which a text is not masked: a short
// mask hits words that are no secret and wrecks the logs and the outputs of
// the whole job.
const shortest = 8

// Masks returns the forms of an API token of username in which it can turn up
// in a log: the token itself; its last 32 characters, which Jenkins accepts alone
// (ApiTokenStore.findMatchingToken since 2.129); base64 of its whole three-byte
// groups at each of the three alignments, which is what is left of it inside a
// longer base64 text, and of all of it to its end, padded; and the value of its Basic
// header. The longest come first: whoever replaces one after the other leaves no end
// of a longer one.
//
// The GitHub runner derives some of these on its own, but only with padding at
// the end (actions/runner ValueEncoders.cs); act and other systems derive none.
func Masks(username string, token String) []String {
	text := token.Reveal()
	if len(text) < shortest {
		return nil
	}
	forms := append(make([]string, 0, 10), text)
	if n := len(text); n > 32 {
		forms = append(forms, text[n-32:])
	}
	for start := range 3 {
		whole := (len(text) - start) / 3 * 3
		forms = append(forms, encode(text[start:start+whole]))
		if start+whole < len(text) {
			forms = append(forms, encode(text[start:]))
		}
	}
	forms = append(forms, encode(username+":"+text))
	slices.SortStableFunc(forms, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	masks := make([]String, len(forms))
	for i, form := range forms {
		masks[i] = New(form)
	}
	return masks
}

func encode(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }
