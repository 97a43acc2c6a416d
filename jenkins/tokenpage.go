package jenkins

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// ListedToken is a token as the user's token page shows it. Its name is foreign
// data of any content, of up to a megabyte.
type ListedToken struct {
	UUID    string
	Name    string
	Expired bool // the page calls it expired (2.548 and later)
}

// attributeLimit is the largest piece of the page held in memory, in bytes:
// without it one attribute could be as large as the page.
const attributeLimit = 512 << 10

// errStop ends the reading of a page that the caller has seen enough of.
var errStop = errors.New("stop")

// Tokens hands the tokens of the client's user to yield, in the order of the
// page, until it returns false. At most limit bytes of the page are read; a
// longer page, and one with a piece larger than 512 KiB, is an error of [KindCut],
// after all tokens before that were handed over. A page of another layout is
// [KindPage].
//
// No other interface of Jenkins lists tokens. The page is /me/security/ since
// 2.468 (LTS 2.479.1) and /me/configure before; the wrong one is 404.
func (c *Client) Tokens(ctx context.Context, limit int64, yield func(ListedToken) bool) error {
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
	for {
		switch kind := z.Next(); kind {
		case html.ErrorToken:
			err := z.Err()
			switch {
			case errors.Is(err, errCut):
				return kindError(KindCut)
			case !errors.Is(err, io.EOF) && !errors.Is(err, html.ErrBufferExceeded):
				return err
			case !p.known:
				return kindError(KindPage)
			case !p.ended || errors.Is(err, html.ErrBufferExceeded):
				return kindError(KindCut)
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
			}
		case html.TextToken:
			p.text(z)
		case html.EndTagToken:
			p.end(z)
		}
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

	drawing int // how many svg elements are open
}

// start reads a tag; opens says that an end tag follows. Of two attributes of one
// name the tokenizer keeps the first.
func (p *reader) start(z *html.Tokenizer, opens bool) error {
	tag, more := z.TagName()
	if opens && string(tag) == "svg" {
		p.drawing++
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
