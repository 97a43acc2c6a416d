package child

import (
	"bytes"
	"cmp"
	"io"
	"slices"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// replacement stands where a secret was.
const replacement = "***"

// telling is the length in bytes from which the beginning of a secret is worth
// hiding, when the output ends in the middle of one.
const telling = 8

// redactor writes what it is given with secrets replaced, wherever the borders
// between its writes fall. It holds back only what may be the beginning of a
// secret: a line end never is, so no line waits for the next. Of secrets that
// overlap the first, and of those the longest, is replaced.
type redactor struct {
	w       io.Writer
	secrets [][]byte // longest first
	longest int
	held    []byte
	next    []int // where each secret is found next in the text at hand
	out     []byte
}

func newRedactor(w io.Writer, secrets []secret.String) *redactor {
	r := &redactor{w: w}
	for _, s := range secrets {
		if !s.Empty() {
			r.secrets = append(r.secrets, []byte(s.Reveal()))
		}
	}
	slices.SortStableFunc(r.secrets, func(a, b []byte) int { return cmp.Compare(len(b), len(a)) })
	if len(r.secrets) > 0 {
		r.longest = len(r.secrets[0])
	}
	r.next = make([]int, len(r.secrets))
	return r
}

// Write implements io.Writer.
func (r *redactor) Write(p []byte) (int, error) {
	text := append(r.held, p...)
	rest := r.replace(text, r.beginning)
	r.held = append(text[:0], text[rest:]...)
	return len(p), r.flush()
}

func (r *redactor) flush() error {
	if len(r.out) == 0 {
		return nil
	}
	_, err := r.w.Write(r.out)
	return err
}

// Close writes what is held back: no secret, for that is over, but perhaps the
// larger part of one.
func (r *redactor) Close() error {
	text := r.held
	rest := r.replace(text, func([]byte) int { return 0 })
	if n := r.beginning(text[:rest]); n >= telling && bytes.HasSuffix(r.out, text[rest-n:rest]) {
		r.out = append(r.out[:len(r.out)-n], replacement...)
	}
	r.held = nil
	return r.flush()
}

// replace fills out with the text that can be told, and returns where the rest
// begins, of which keep gives the length.
func (r *redactor) replace(text []byte, keep func([]byte) int) int {
	r.out = r.out[:0]
	for i := range r.next {
		r.next[i] = -1
	}
	rest := len(text) - keep(text)
	for from := 0; ; {
		at, n := r.find(text, from)
		if n == 0 || at >= rest {
			r.out = append(r.out, text[from:rest]...)
			return rest
		}
		r.out = append(r.out, text[from:at]...)
		r.out = append(r.out, replacement...)
		if from = at + n; from > rest {
			rest = len(text) - keep(text[from:])
		}
	}
}

// find returns the first secret at from or later, and its length; 0 for none.
// Each secret is looked for only once the last find of it is behind.
func (r *redactor) find(text []byte, from int) (at, n int) {
	at = len(text)
	for i, s := range r.secrets {
		if r.next[i] < from {
			r.next[i] = len(text)
			if j := bytes.Index(text[from:], s); j >= 0 {
				r.next[i] = from + j
			}
		}
		if r.next[i] < at {
			at, n = r.next[i], len(s)
		}
	}
	return at, n
}

// beginning is the length of the longest end of text with which a secret that
// is not whole may begin.
func (r *redactor) beginning(text []byte) int {
	for n := min(len(text), r.longest-1); n > 0; n-- {
		end := text[len(text)-n:]
		for _, s := range r.secrets {
			if len(s) > n && s[0] == end[0] && bytes.HasPrefix(s, end) {
				return n
			}
		}
	}
	return 0
}
