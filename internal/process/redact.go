package process

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

// loose is how many bytes of a secret may stand at the end of a line without being
// hidden: a line that waits for the next because its last byte could begin a secret
// would be a nuisance.
const loose = 3

// redactor writes what it is given with secrets replaced, wherever the borders
// between its writes fall, and wherever the text is broken into lines: base64 wraps
// at column 76, and what it prints of a long text has a line end inside the secret.
// It holds back only what may be the beginning of a secret. Of secrets that overlap
// the first, and of those the longest, is replaced.
//
// A line end is \n, \r or \r\n. Two in a row, a blank line, are text: no secret goes
// on behind them. So what is held back is at most three times as long as the longest
// secret, whatever the command prints.
type redactor struct {
	w       io.Writer
	secrets [][]byte // longest first
	longest int
	held    []byte
	before  byte // the last byte in front of what is held, 0 at the beginning

	told int    // how many bytes at the beginning of flat were written before
	flat []byte // these, and the text at hand without its line ends
	cuts []int  // where in the text the line ends are
	next []int  // where in flat each secret is found next
	out  []byte
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
	rest := r.replace(text)
	if rest > 0 {
		r.before = text[rest-1]
	}
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
	r.out = append(r.out[:0], r.held...)
	r.squeeze(r.held)
	if r.beginning(0, 1) >= telling {
		r.out = append(r.out[:0], replacement...)
	}
	r.held = nil
	return r.flush()
}

// replace fills out with the text that can be told, and returns where the rest
// begins.
func (r *redactor) replace(text []byte) int {
	r.squeeze(text)
	r.out = r.out[:0]
	for i := range r.next {
		r.next[i] = -1
	}
	least := 1
	if n := len(text); n > 0 && (text[n-1] == '\n' || text[n-1] == '\r') {
		least = loose + 1
	}
	told, held := 0, r.beginning(0, least)
	for from := 0; ; {
		at, n := r.find(from)
		if len(r.flat)-held < from {
			held = r.beginning(from, least)
		}
		// A longer secret may begin before one that is whole.
		if held > 0 && len(r.flat)-held <= at {
			at = len(r.flat) - held
			n = 0
		}
		if n == 0 {
			rest := len(text)
			if at < len(r.flat) {
				rest = max(told, r.begin(at, len(r.flat)-at))
			}
			r.out = append(r.out, text[told:rest]...)
			// Of what stands before the rest, a few bytes may begin a secret all the same.
			before := at
			for before < len(r.flat) && r.origin(before) < rest {
				before++
			}
			keep := min(loose, before-from)
			r.told = copy(r.flat, r.flat[before-keep:before])
			return rest
		}
		begin := max(told, r.begin(at, n))
		r.out = append(r.out, text[told:begin]...)
		r.out = append(r.out, replacement...)
		told, from = r.origin(at+n-1)+1, at+n
	}
}

// squeeze makes flat and cuts of what was told before and a text.
func (r *redactor) squeeze(text []byte) {
	r.flat, r.cuts = r.flat[:r.told], r.cuts[:0]
	newline, carriage := -1, -1 // the next of each
	for from := 0; from < len(text); {
		newline, carriage = next(text, '\n', newline, from), next(text, '\r', carriage, from)
		cut := min(newline, carriage)
		r.flat = append(r.flat, text[from:cut]...)
		if cut == len(text) {
			return
		}
		before := r.before
		if cut > 0 {
			before = text[cut-1]
		}
		if blank := before == '\n' || before == '\r' && text[cut] == '\r'; blank {
			r.flat = append(r.flat, text[cut])
		} else {
			r.cuts = append(r.cuts, cut)
		}
		from = cut + 1
	}
}

// next is where in text a byte is found at from or later, the length of text for
// nowhere; at is where it was found last.
func next(text []byte, b byte, at, from int) int {
	if at >= from {
		return at
	}
	if n := bytes.IndexByte(text[from:], b); n >= 0 {
		return from + n
	}
	return len(text)
}

// origin is where in the text a byte of flat stands, negative for what was told
// before.
func (r *redactor) origin(at int) int {
	at -= r.told
	if at < 0 {
		return at
	}
	before, _ := slices.BinarySearchFunc(r.cuts, at+1, func(cut, at int) int {
		i, _ := slices.BinarySearch(r.cuts, cut)
		return cmp.Compare(cut-i, at)
	})
	return at + before
}

// begin is where in the text hiding a secret begins that has so many bytes from one of
// flat on: there, or behind the line end that follows on a few of them.
func (r *redactor) begin(at, length int) int {
	for n := min(loose, length-1); n > 0; n-- {
		if here := r.origin(at + n); here > r.origin(at+n-1)+1 || at+n == r.told {
			return here
		}
	}
	return max(0, r.origin(at))
}

// find returns the first secret in flat at from or later, and its length; the end of
// flat and 0 for none. Each secret is looked for only once the last find of it is
// behind.
func (r *redactor) find(from int) (at, n int) {
	at = len(r.flat)
	for i, s := range r.secrets {
		if r.next[i] < from {
			r.next[i] = len(r.flat)
			if j := bytes.Index(r.flat[from:], s); j >= 0 {
				r.next[i] = from + j
			}
		}
		if r.next[i] < at {
			at, n = r.next[i], len(s)
		}
	}
	return at, n
}

// beginning is the length of the longest end of flat, from an index on, with which a
// secret that is not whole may begin; 0 where it is shorter than least.
func (r *redactor) beginning(from, least int) int {
	for n := min(len(r.flat)-from, r.longest-1); n >= least; n-- {
		end := r.flat[len(r.flat)-n:]
		for _, s := range r.secrets {
			if len(s) > n && s[0] == end[0] && bytes.HasPrefix(s, end) {
				return n
			}
		}
	}
	return 0
}
