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
	text := token.text
	if len(text) < shortest {
		return nil
	}
	masks := []String{token}
	if n := len(text); n > 32 {
		masks = append(masks, String{text[n-32:]})
	}
	for start := range 3 {
		whole := (len(text) - start) / 3 * 3
		masks = append(masks, String{base64.StdEncoding.EncodeToString([]byte(text[start : start+whole]))})
		if start+whole < len(text) {
			masks = append(masks, String{base64.StdEncoding.EncodeToString([]byte(text[start:]))})
		}
	}
	masks = append(masks, String{base64.StdEncoding.EncodeToString([]byte(username + ":" + text))})
	slices.SortStableFunc(masks, func(a, b String) int { return cmp.Compare(len(b.text), len(a.text)) })
	return masks
}
