package process

import (
	"bytes"
	"cmp"
	"io"
	"slices"
	"sort"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

const (
	// replacement is written in place of a secret.
	replacement = "***"

	// maxVisible is how many bytes at the beginning of a secret may appear at the end of
	// a line. A line whose last byte could begin a secret need not wait for the next.
	maxVisible = 3

	// minPartial is how many bytes of a secret are worth redacting when the output ends
	// before the rest of it.
	minPartial = 8
)

// Redactor is a writer that replaces secrets by *** in what it passes on.
//
//   - No secret gets through, however the text is divided into writes, and neither if
//     line ends divide the secret: base64 wraps at column 76. A line end is \n, \r or
//     \r\n; a blank line ends a secret. If a line ends after the first one to three bytes
//     of a secret, these bytes remain.
//   - Of secrets that overlap it replaces the first one, and of several at the same
//     place the longest.
//   - It holds back only an end of the text that may begin a secret: at most three times
//     the length of the longest secret. A complete line waits only if at least four
//     bytes at its end may begin a secret.
//   - It changes nothing else.
//
// Printing a Redactor shows no secret. It is for one goroutine.
type Redactor struct{ state secret.Value[*redactor] }

// NewRedactor returns a Redactor that passes text on to w. It ignores empty secrets, and
// expects no line ends in the others.
func NewRedactor(w io.Writer, secrets []secret.String) *Redactor {
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
	return &Redactor{secret.Hold(r)}
}

// Write implements [io.Writer]. It returns the errors of the writer below.
func (r *Redactor) Write(p []byte) (int, error) { return len(p), r.state.Reveal().write(p) }

// Close ends the text and writes what is held back. That is not a whole secret; if it is
// eight bytes of one or more, it is replaced, too.
func (r *Redactor) Close() error { return r.state.Reveal().close() }

// redactor works on flat, the text without its line ends, and translates positions back
// to the text.
type redactor struct {
	w       io.Writer
	secrets [][]byte // the longest first
	longest int

	held []byte // what was not passed on yet
	last byte   // the byte in front of held, 0 at the beginning

	context  int    // bytes at the beginning of flat that were passed on before
	flat     []byte // context, and the text without its line ends
	lineEnds []int  // positions in the text of the bytes that flat leaves out
	next     []int  // positions in flat where each secret occurs next
	out      []byte
}

func (r *redactor) write(p []byte) error {
	text := append(r.held, p...)
	rest := r.redact(text)
	if rest > 0 {
		r.last = text[rest-1]
	}
	r.held = append(text[:0], text[rest:]...)
	return r.flush()
}

func (r *redactor) close() error {
	r.out = append(r.out[:0], r.held...)
	r.flatten(r.held)
	if r.partial(0, 1) >= minPartial {
		r.out = append(r.out[:0], replacement...)
	}
	r.held = nil
	return r.flush()
}

func (r *redactor) flush() error {
	if len(r.out) == 0 {
		return nil
	}
	_, err := r.w.Write(r.out)
	return err
}

// redact sets out to the redacted text, as far as it can be passed on, and returns the
// position of the rest.
func (r *redactor) redact(text []byte) int {
	r.flatten(text)
	r.out = r.out[:0]
	for i := range r.next {
		r.next[i] = -1
	}
	least := 1
	if n := len(text); n > 0 && (text[n-1] == '\n' || text[n-1] == '\r') {
		least = maxVisible + 1
	}
	done := 0 // text before this position is in out
	partial := r.partial(0, least)
	for from := 0; ; {
		at, length := r.find(from)
		if len(r.flat)-partial < from {
			partial = r.partial(from, least)
		}
		// A longer secret may begin before one that is complete.
		if partial > 0 && len(r.flat)-partial <= at {
			at, length = len(r.flat)-partial, 0
		}
		if length == 0 {
			rest := max(done, r.start(at, len(r.flat)-at))
			r.out = append(r.out, text[done:rest]...)
			r.keepContext(from, at, rest)
			return rest
		}
		start := max(done, r.start(at, length))
		r.out = append(r.out, text[done:start]...)
		r.out = append(r.out, replacement...)
		from = at + length
		done = r.position(from-1) + 1
	}
}

// keepContext keeps the last bytes in front of rest: the beginning of a secret may be
// visible there. Nothing before from belongs to it, and at is a position in flat that is
// not behind rest.
func (r *redactor) keepContext(from, at, rest int) {
	end := at
	for r.position(end) < rest {
		end++
	}
	n := min(maxVisible, end-from)
	r.context = copy(r.flat, r.flat[end-n:end])
}

// flatten sets flat and lineEnds for a text that follows the context.
func (r *redactor) flatten(text []byte) {
	r.flat, r.lineEnds = r.flat[:r.context], r.lineEnds[:0]
	newline, carriage := -1, -1 // the next of each
	for from := 0; ; {
		newline, carriage = indexByte(text, '\n', newline, from), indexByte(text, '\r', carriage, from)
		end := min(newline, carriage)
		r.flat = append(r.flat, text[from:end]...)
		if end == len(text) {
			return
		}
		previous := r.last
		if end > 0 {
			previous = text[end-1]
		}
		if blank := previous == '\n' || previous == '\r' && text[end] == '\r'; blank {
			r.flat = append(r.flat, text[end]) // no secret has such a byte
		} else {
			r.lineEnds = append(r.lineEnds, end)
		}
		from = end + 1
	}
}

// indexByte returns the first position of b in text at from or later, and the length of
// text if there is none. A known position saves the search if it is not before from.
func indexByte(text []byte, b byte, known, from int) int {
	if known >= from {
		return known
	}
	if n := bytes.IndexByte(text[from:], b); n >= 0 {
		return from + n
	}
	return len(text)
}

// position translates a position in flat to one in the text; it is negative in the
// context.
func (r *redactor) position(at int) int {
	at -= r.context
	if at < 0 {
		return at
	}
	before := sort.Search(len(r.lineEnds), func(i int) bool { return r.lineEnds[i]-i > at })
	return at + before
}

// start returns the position in the text where the replacement of a secret of that
// length at a position in flat begins. Up to maxVisible bytes in front of a line end
// stay outside: they may have been passed on already.
func (r *redactor) start(at, length int) int {
	for n := min(maxVisible, length-1); n > 0; n-- {
		if here := r.position(at + n); here > r.position(at+n-1)+1 || at+n == r.context {
			return here
		}
	}
	return max(0, r.position(at))
}

// find returns position and length of the first secret in flat at from or later, or the
// length of flat and 0. It searches for a secret only when the position known for it has
// been passed.
func (r *redactor) find(from int) (at, length int) {
	at = len(r.flat)
	for i, s := range r.secrets {
		if r.next[i] < from {
			r.next[i] = len(r.flat)
			if n := bytes.Index(r.flat[from:], s); n >= 0 {
				r.next[i] = from + n
			}
		}
		if r.next[i] < at {
			at, length = r.next[i], len(s)
		}
	}
	return at, length
}

// partial returns the length of the longest end of flat, at from or later, that is the
// beginning of a secret but not all of it; 0 if it is shorter than least.
func (r *redactor) partial(from, least int) int {
	for n := min(len(r.flat)-from, r.longest); n >= least; n-- {
		end := r.flat[len(r.flat)-n:]
		for _, s := range r.secrets {
			if len(s) > n && s[0] == end[0] && bytes.HasPrefix(s, end) {
				return n
			}
		}
	}
	return 0
}
