package jenkins

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// ListedToken is a token as the user's token page shows it. Its name is foreign
// data of any content, of up to 128 KiB.
type ListedToken struct {
	UUID    string
	Name    string
	Expired bool // the page calls it expired (2.548 and later)
	// Oversized says that the token has a longer name, which was skipped: Name is
	// empty, and UUID may be.
	Oversized bool
}

// attributeLimit is the largest piece of the page held in memory, in bytes:
// without it one attribute could be as large as the page.
const attributeLimit = 128 << 10

// skipFactor is how much of the page may lie in pieces that are skipped, as a
// multiple of the limit for the rest of it.
const skipFactor = 2

// errStop ends the reading of a page that the caller has seen enough of.
var errStop = errors.New("stop")

// PageOption changes how [Client.Tokens] reads the token page.
type PageOption func(*pageOptions)

type pageOptions struct{ limit int64 }

// WithPageLimit bounds the bytes that are read of the token page; the default is 32 MiB.
func WithPageLimit(bytes int64) PageOption {
	return func(o *pageOptions) { o.limit = bytes }
}

// Tokens lists the tokens of the client's user, in the order of the page. An error comes
// last, with a zero token. A page that is longer than the limit is an error of [KindCut],
// after all tokens before the limit. A page of another layout is [KindPage]. Any token can
// have a name of hundreds of kilobytes, so a piece of the page larger than 128 KiB is
// skipped and does not count: see [ListedToken].
//
// No other interface of Jenkins lists tokens. The page is /me/security/ since
// 2.468 (LTS 2.479.1) and /me/configure before; the wrong one is 404.
func (c *Client) Tokens(ctx context.Context, options ...PageOption) iter.Seq2[ListedToken, error] {
	o := pageOptions{limit: 32 << 20}
	for _, option := range options {
		option(&o)
	}
	return func(yield func(ListedToken, error) bool) {
		ended := false
		err := c.tokens(ctx, o.limit, func(token ListedToken) bool {
			ended = !yield(token, nil)
			return !ended
		})
		if err != nil && !ended {
			yield(ListedToken{}, err)
		}
	}
}

// tokens hands the tokens of the page to yield until it returns false.
func (c *Client) tokens(ctx context.Context, limit int64, yield func(ListedToken) bool) error {
	paths := []string{c.self + "/security/", c.self + "/configure"}
	if v := c.Version(); v.Known() && !v.AtLeast(2, 468) {
		slices.Reverse(paths)
	}
	var err error
	for _, path := range paths {
		err = c.send(ctx, request{op: OpPage, method: http.MethodGet, path: path, accept: "text/html"}, nil, func(answer *http.Response) error {
			return readTokenPage(answer.Body, limit, yield)
		})
		var failed *Error
		if !errors.As(err, &failed) || failed.Kind != KindNotFound {
			break
		}
	}
	return err
}

// readTokenPage reads a token page as [Client.Tokens] promises.
func readTokenPage(page io.Reader, limit int64, yield func(ListedToken) bool) error {
	counted := &counter{r: page, left: limit}
	z := html.NewTokenizer(counted)
	z.SetMaxBuf(attributeLimit)
	p := reader{yield: yield}
	skipLeft := limit * skipFactor
	last := html.ErrorToken
	for {
		kind := z.Next()
		switch kind {
		case html.ErrorToken:
			err := z.Err()
			if errors.Is(err, html.ErrBufferExceeded) {
				var skipped int64
				z, skipped, err = skip(z, counted, last, p.rawTag, skipLeft)
				counted.left += skipped
				skipLeft -= skipped
				if err == nil {
					if p.skip() != nil {
						return nil
					}
					continue
				}
			}
			switch {
			case errors.Is(err, errCut):
				return KindCut
			case !errors.Is(err, io.EOF):
				return err
			case !p.known:
				return KindPage
			case !p.ended:
				return KindCut
			}
			if err := p.flush(); err != nil && !errors.Is(err, errStop) {
				return err
			}
			return nil
		case html.StartTagToken, html.SelfClosingTagToken:
			if err := p.start(z, kind == html.StartTagToken); err != nil {
				return nil
			}
			if p.drawing > 0 {
				// The icons of the page hold <title/>, which is raw text without an
				// end to a tokenizer that does not know of SVG.
				z.NextIsNotRawText()
				p.rawTag = ""
			}
		case html.TextToken:
			p.text(z)
		case html.EndTagToken:
			p.end(z)
		}
		last = kind
	}
}

// reader collects a token from the pieces of the page that name it.
//
// Before 2.505 (LTS 2.516.1) a token is a hidden input tokenUuid followed by an
// input tokenName; from then on an element of class token-card whose id is the
// uuid, with the name in a span of class token-name. Rows without a uuid are
// the page's templates.
type reader struct {
	yield  func(ListedToken) bool
	known  bool // the page holds a list of tokens
	ended  bool // the page came to its end
	row    ListedToken
	naming int    // how many elements are open from the one that holds the name on
	holder string // its tag
	name   []byte // what it has held so far

	drawing int    // how many svg elements are open
	rawTag  string // the tag last read, where its content is no markup
}

// start reads a tag; opens says that an end tag follows. Of two attributes of one
// name the tokenizer keeps the first.
func (p *reader) start(z *html.Tokenizer, opens bool) error {
	tag, more := z.TagName()
	p.rawTag = ""
	switch string(tag) {
	case "svg":
		if opens {
			p.drawing++
		}
	case "iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "title", "textarea", "xmp":
		p.rawTag = string(tag)
	}
	if opens && p.naming > 0 && string(tag) == p.holder {
		p.naming++
	}
	// Strings are made of the few attributes that are kept.
	var id, called, value, class []byte
	for more {
		var key, text []byte
		key, text, more = z.TagAttr()
		switch string(key) {
		case "id":
			id = text
		case "name":
			called = text
		case "value":
			value = text
		case "class":
			class = text
		}
	}
	has := func(want string) bool {
		for one := range bytes.FieldsSeq(class) {
			if string(one) == want {
				return true
			}
		}
		return false
	}
	switch {
	case string(id) == "api-token-list" || has("token-list"):
		p.known = true
	case string(tag) == "input" && string(called) == "tokenUuid":
		if err := p.flush(); err != nil {
			return err
		}
		p.row.UUID = string(value)
	case string(tag) == "input" && string(called) == "tokenName":
		p.row.Name = string(value)
		return p.flush()
	case has("token-card"):
		if err := p.flush(); err != nil {
			return err
		}
		p.row.UUID = string(id)
	case has("token-name"):
		if p.naming == 0 && opens && string(tag) != "input" {
			p.naming, p.holder = 1, string(tag)
		}
	case has("token-creation"):
		p.row.Expired = has("error")
		if len(p.name) > 0 {
			return p.flush()
		}
	}
	return nil
}

// text collects a name, over tags inside it: a part of one could look like
// another.
func (p *reader) text(z *html.Tokenizer) {
	if p.naming > 0 && len(p.name) <= attributeLimit {
		p.name = append(p.name, z.Text()...)
	}
}

func (p *reader) end(z *html.Tokenizer) {
	name, _ := z.TagName()
	p.rawTag = ""
	if p.naming > 0 && string(name) == p.holder {
		p.naming--
	}
	switch string(name) {
	case "svg":
		p.drawing = max(0, p.drawing-1)
	case "html":
		p.ended = true
	}
}

// skip hands over the row of which a piece was too large. A piece outside of any row
// is of no token.
func (p *reader) skip() error {
	row := ListedToken{UUID: p.row.UUID, Oversized: true}
	p.row, p.name, p.naming = ListedToken{}, p.name[:0], 0
	if IsUUID(row.UUID) && !p.yield(row) {
		return errStop
	}
	return nil
}

// flush hands over the row collected so far, if it is a token. The name of a
// card may have blanks of the page around it; that of an input is what it is.
func (p *reader) flush() error {
	row := p.row
	if row.Name == "" {
		row.Name = string(bytes.Trim(p.name, " \t\r\n\f"))
	}
	p.row, p.name, p.naming = ListedToken{}, p.name[:0], 0
	if IsUUID(row.UUID) && strings.TrimSpace(row.Name) != "" && !p.yield(row) {
		return errStop
	}
	return nil
}

var errCut = errors.New("cut")

// counter fails at a page longer than left, where io.LimitReader would make it
// look whole.
type counter struct {
	r    io.Reader
	left int64
}

// unlimited reads on below the limit of c, counting all the same: left can become
// negative, and whoever reads has to stop at a limit of their own.
func (c *counter) unlimited() io.Reader { return unlimited{c} }

type unlimited struct{ c *counter }

func (u unlimited) Read(p []byte) (int, error) {
	n, err := u.c.r.Read(p)
	u.c.left -= int64(n)
	return n, err
}

func (c *counter) Read(p []byte) (int, error) {
	if c.left <= 0 {
		var one [1]byte
		if n, err := c.r.Read(one[:]); n == 0 {
			return 0, err
		}
		return 0, errCut
	}
	if int64(len(p)) > c.left {
		p = p[:c.left]
	}
	n, err := c.r.Read(p)
	c.left -= int64(n)
	return n, err
}
