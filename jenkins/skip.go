package jenkins

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// skip returns a tokenizer for what follows the piece of a page that was too large
// for z, and how many bytes of r were skipped. The piece is a tag, a comment, or a
// text; rawTag is the tag whose content the text is, where that is no markup. Where
// the piece ends is found as the tokenizer finds it, so that nothing inside it, such
// as a name that looks like a tag, is taken for a part of the page. At most most bytes
// are skipped; the error is io.EOF where the piece has no end within them.
func skip(z *html.Tokenizer, r *counter, last html.TokenType, rawTag string, most int64) (*html.Tokenizer, int64, error) {
	before := r.left
	piece := bytes.Clone(z.Raw())
	ahead := bytes.NewReader(bytes.Clone(z.Buffered()))
	rest := bufio.NewReader(io.MultiReader(ahead, io.LimitReader(r.unlimited(), most)))
	var err error
	switch {
	case len(piece) > 0:
		end := &tagEnd{}
		for _, b := range piece[1:] {
			end.feed(b)
		}
		for err == nil && !end.done {
			var b byte
			if b, err = rest.ReadByte(); err == nil {
				end.feed(b)
			}
		}
	// Texts and comments were handed over as far as they fit.
	case last == html.CommentToken:
		err = skipPast(rest, "-->")
	case rawTag != "":
		err = skipTo(rest, "</"+rawTag)
	default:
		err = skipTo(rest, "<")
	}
	// What was read ahead is not skipped.
	skipped := before - r.left - int64(rest.Buffered())
	next := html.NewTokenizer(io.MultiReader(io.LimitReader(rest, int64(rest.Buffered())), ahead, r))
	next.SetMaxBuf(attributeLimit)
	return next, max(0, skipped), err
}

// skipTo reads up to text, which stays to be read. It compares without case.
func skipTo(r *bufio.Reader, text string) error {
	for {
		_, err := r.ReadSlice(text[0])
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return err
		}
		_ = r.UnreadByte() // never fails after a byte was read
		next, err := r.Peek(len(text))
		if err != nil || strings.EqualFold(string(next), text) {
			return err
		}
		if err := discard(r, 1); err != nil {
			return err
		}
	}
}

func discard(r *bufio.Reader, n int) error { _, err := r.Discard(n); return err }

// skipPast reads up to text and over it.
func skipPast(r *bufio.Reader, text string) error {
	if err := skipTo(r, text); err != nil {
		return err
	}
	return discard(r, len(text))
}

// tagEnd finds the end of a tag, from the byte after its "<" on, by the rules of
// html.Tokenizer (readTag and what it calls): a quote counts only where a value
// begins.
type tagEnd struct {
	in   tagPart
	done bool
}

type tagPart int

const (
	inTagName tagPart = iota
	beforeKey
	inKey
	afterKey
	beforeValue
	inDoubleQuotes
	inSingleQuotes
	inValue
)

func (e *tagEnd) feed(b byte) {
	space := b == ' ' || b == '\n' || b == '\r' || b == '\t' || b == '\f'
	switch {
	case e.in == inDoubleQuotes:
		if b == '"' {
			e.in = beforeKey
		}
	case e.in == inSingleQuotes:
		if b == '\'' {
			e.in = beforeKey
		}
	case b == '>':
		e.done = true
	case e.in == beforeValue && !space:
		e.in = inValue
		switch b {
		case '"':
			e.in = inDoubleQuotes
		case '\'':
			e.in = inSingleQuotes
		}
	case e.in == inValue && space, e.in == inTagName && (space || b == '/'), e.in == inKey && b == '/', e.in == afterKey && b == '/':
		e.in = beforeKey
	case e.in == inKey && space:
		e.in = afterKey
	case (e.in == inKey || e.in == afterKey) && b == '=':
		e.in = beforeValue
	case (e.in == beforeKey || e.in == afterKey) && !space && b != '/':
		e.in = inKey
	}
}
