package jenkinstest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody is the largest request body that is read, in bytes.
const maxBody = 16 << 20

// call is a request on its way through the controller.
type call struct {
	j       *Jenkins
	r       *http.Request
	rawPath string
	query   string
	body    []byte
	segs    []string // decoded path segments below the context path
	slash   bool     // the path ends in a slash
	login   identity
	sess    *session
	cookie  string // Set-Cookie of a session that is new
	unsaved bool   // a fault: changes stay in memory
	hostile bool   // a fault: nasty names and values
	other   string // a fault: the name that /whoAmI answers
}

func newCall(j *Jenkins, r *http.Request) *call {
	c := &call{j: j, r: r, login: identity{via: ViaNone}}
	target := r.RequestURI
	if target == "" {
		target = r.URL.RequestURI()
	}
	if i := strings.Index(target, "://"); i > 0 && !strings.HasPrefix(target, "/") {
		target = target[i+3:]
		if i := strings.IndexAny(target, "/?"); i >= 0 {
			target = target[i:]
		} else {
			target = "/"
		}
	}
	c.rawPath, c.query, _ = strings.Cut(target, "?")
	if r.Body != nil {
		// The rest of a cut body does not matter; and without reading to the end
		// the server would not notice that the client goes.
		c.body, _ = io.ReadAll(io.LimitReader(r.Body, maxBody))
	}
	return c
}

func (c *call) entry() *Request {
	e := &Request{Method: c.r.Method, Path: c.rawPath, Form: url.Values{}, Via: ViaNone, Header: c.r.Header.Clone()}
	if c.query != "" {
		e.Path += "?" + c.query
	}
	e.Conn, _ = c.r.Context().Value(connKey{}).(int)
	for _, s := range []string{c.query, c.formBody()} {
		values, _ := url.ParseQuery(s)
		for k, v := range values {
			e.Form[k] = append(e.Form[k], v...)
		}
	}
	for k, v := range c.multipart() {
		e.Form[k] = append(e.Form[k], v...)
	}
	return e
}

// contentType returns the media type of the body.
func (c *call) contentType() (string, map[string]string) {
	t, params, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return t, params
}

// formBody returns the body when Jetty reads parameters from it.
func (c *call) formBody() string {
	t, _ := c.contentType()
	if t != "application/x-www-form-urlencoded" || (c.r.Method != "POST" && c.r.Method != "PUT") {
		return ""
	}
	return string(c.body)
}

// multipart returns the fields of a multipart form. Their bytes are taken as
// ISO-8859-1 unless the part says otherwise, as Stapler 2.426.2 does.
func (c *call) multipart() url.Values {
	t, params := c.contentType()
	if t != "multipart/form-data" || c.r.Method != "POST" {
		return nil
	}
	v := url.Values{}
	m := multipart.NewReader(bytes.NewReader(c.body), params["boundary"])
	for {
		p, err := m.NextPart()
		if err != nil {
			return v
		}
		b, err := io.ReadAll(p)
		if err != nil {
			return v
		}
		if p.FormName() == "" || p.FileName() != "" {
			continue
		}
		text := string(b)
		_, part, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if !strings.EqualFold(part["charset"], "utf-8") {
			text = latin1(b)
		}
		v.Add(p.FormName(), text)
	}
}

func latin1(b []byte) string {
	r := make([]rune, len(b))
	for i, x := range b {
		r[i] = rune(x)
	}
	return string(r)
}

// errForm is a query or a body that Jetty cannot decode; Jenkins answers 500.
var errForm = errors.New("not UTF-8 in percent encoding")

// param returns a parameter as the servlet container does: the query before
// the body. Crumbs are looked for there.
func (c *call) param(name string) (string, bool, error) {
	for _, s := range []string{c.query, c.formBody()} {
		for _, field := range strings.Split(s, "&") {
			k, v, _ := strings.Cut(field, "=")
			k, err := formDecode(k)
			if err != nil {
				return "", false, err
			}
			v, err = formDecode(v)
			if err != nil {
				return "", false, err
			}
			if k == name {
				return v, true, nil
			}
		}
	}
	return "", false, nil
}

// webParam returns a parameter as Stapler does: multipart forms count, too.
func (c *call) webParam(name string) (string, bool, error) {
	v, ok, err := c.param(name)
	if ok || err != nil {
		return v, ok, err
	}
	if m := c.multipart(); m.Has(name) {
		return m.Get(name), true, nil
	}
	return "", false, nil
}

func formDecode(s string) (string, error) {
	return percentDecode(strings.ReplaceAll(s, "+", " "))
}

func percentDecode(s string) (string, error) {
	d, err := url.PathUnescape(s)
	if err != nil || !utf8.ValidString(d) {
		return "", errForm
	}
	return d, nil
}

// splitPath sets the decoded segments of the path below the context path;
// false means that the path is outside of it.
func (c *call) splitPath() bool {
	rest, ok := strings.CutPrefix(c.rawPath, c.j.config.contextPath)
	if !ok || (rest != "" && rest[0] != '/') {
		return false
	}
	c.segs, c.slash = nil, strings.HasSuffix(rest, "/")
	for _, raw := range strings.Split(rest, "/") {
		if !c.j.rules.semicolon400 {
			raw, _, _ = strings.Cut(raw, ";")
		}
		switch raw {
		case "", ".":
			continue
		case "..":
			if len(c.segs) == 0 {
				return false
			}
			c.segs = c.segs[:len(c.segs)-1]
			continue
		}
		d, err := percentDecode(raw)
		if err != nil {
			// No name holds it, so that the path is a 404.
			d = "\ufffd"
		}
		c.segs = append(c.segs, d)
	}
	return true
}

// rootURL returns the root URL without a slash at the end as Jetty derives it
// from the request (F015, F016 of the recorded exchanges).
func (c *call) rootURL() string {
	scheme, host := "http", c.r.Host
	if c.r.TLS != nil {
		scheme = "https"
	}
	if p := firstOf(c.r.Header.Get("X-Forwarded-Proto")); p != "" {
		scheme = p
	}
	if h := firstOf(c.r.Header.Get("X-Forwarded-Host")); h != "" {
		host = h
	}
	return scheme + "://" + host + c.j.config.contextPath
}

func firstOf(list string) string {
	first, _, _ := strings.Cut(list, ",")
	return strings.TrimSpace(first)
}
