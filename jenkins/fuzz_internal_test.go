package jenkins

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"golang.org/x/net/html"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/internal/web"
)

func FuzzTokenPage(f *testing.F) {
	files, err := filepath.Glob("testdata/*.html")
	if err != nil || len(files) == 0 {
		f.Fatalf("no pages: %v", err)
	}
	for _, file := range files {
		page, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		// What is around the list only slows the search down.
		at := bytes.Index(page, []byte("token-list"))
		f.Add(page[max(0, at-200):min(len(page), at+3000)], int64(5000))
	}
	const id = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	f.Add([]byte(`<html><div id="api-token-list"><div id="`+id+`" class="token-card"><span class="token-name">a&amp;b</span><span class="error token-creation"></div></html>`), int64(100))
	f.Add([]byte(`<div class=token-list><input name=tokenUuid value=`+id+`><input name=tokenName value=x></html>`), int64(1<<20))
	f.Add([]byte(`<div class="token-list"><svg><title/></svg><div id="`+id+`" class="token-card"><span class="token-name"><span>a</span>b<wbr>c<!-- --></span><svg/></div></html>`), int64(120))
	f.Add([]byte(`<DIV ID=api-token-list><input name=tokenUuid name=x value=`+id+` value=y><input name=tokenName value="&#0;&amp;amp; "></html>`), int64(90))
	f.Add([]byte(`<p class="token-list"><textarea><input name=tokenUuid></textarea><svg><script><b class=token-card id=`+id+`><i class=token-name>z</html>`), int64(70))
	f.Add([]byte("<script><!--<script>"), int64(3))
	f.Add([]byte(nil), int64(0))
	f.Fuzz(func(t *testing.T, page []byte, limit int64) {
		read := func(limit int64, most int) (all []ListedToken, err error) {
			err = readTokenPage(iotest.HalfReader(bytes.NewReader(page)), limit, func(token ListedToken) bool {
				all = append(all, token)
				return len(all) < most
			})
			return all, err
		}
		all, err := read(int64(len(page)), len(page)+1)
		var kind Kind
		if err != nil && (!errors.As(err, &kind) || kind != KindPage && kind != KindCut) {
			t.Errorf("error: got %v, want KindPage or KindCut", err)
		}
		// However the page comes in, it is read the same.
		var again []ListedToken
		for _, whole := range []io.Reader{bytes.NewReader(page), iotest.OneByteReader(bytes.NewReader(page)), iotest.DataErrReader(bytes.NewReader(page))} {
			again = nil
			same := readTokenPage(whole, int64(len(page)), func(token ListedToken) bool { again = append(again, token); return true })
			if !slices.Equal(again, all) || (same == nil) != (err == nil) {
				t.Errorf("in other pieces: got %+v, %v, want %+v, %v", again, same, all, err)
			}
		}
		// An empty list, and one that was cut, are not the same.
		if err == nil && !bytes.Contains(bytes.ToLower(page), []byte("</html")) {
			t.Error("got no error of a page without an end")
		}
		// Tokens stand in a list.
		if lower := bytes.ToLower(page); err == nil && !bytes.Contains(lower, []byte("token-list")) && !bytes.Contains(lower, []byte("&")) {
			t.Error("got no error of a page without a list")
		}
		names := 0
		for _, token := range all {
			if !IsUUID(token.UUID) || strings.TrimSpace(token.Name) == "" {
				t.Errorf("token: got %+v, want one of the page", token)
			}
			names += len(token.Name)
		}
		// An entity of five bytes stands for at most six.
		if len(all) > len(page)/36 || names > 2*len(page) {
			t.Errorf("got %d tokens with names of %d bytes, want at most what %d bytes hold", len(all), names, len(page))
		}
		before, err := read(limit, len(page)+1)
		if len(before) > len(all) || !slices.Equal(before, all[:len(before)]) {
			t.Errorf("limit %d: got %+v, want the first of %+v", limit, before, all)
		}
		if limit < int64(len(page)) && err == nil {
			t.Errorf("limit %d of %d: got no error, want one", limit, len(page))
		}
		if len(all) > 0 {
			if first, err := read(int64(len(page)), 1); err != nil || !slices.Equal(first, all[:1]) {
				t.Errorf("first: got %+v, %v, want %+v", first, err, all[:1])
			}
		}
	})
}

func FuzzCreateAnswer(f *testing.F) {
	const id, value = "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "110123456789abcdef0123456789abcdef"
	good := `{"status":"ok","data":{"tokenName":"x","tokenUuid":"` + id + `","tokenValue":"` + value + `"}}`
	f.Add([]byte(good), "x")
	f.Add([]byte(strings.Replace(good, `"data":{`, `"data":{"aboutToExpire":true,"expirationDate":"11/24/26",`, 1)), "x")
	// As 2.426 and 2.548 write it.
	f.Add([]byte(`{"status":"ok","data":{"tokenName":"ci","tokenUuid":"`+id+`","tokenValue":"`+value+`"}}`), "ci")
	f.Add([]byte(`{"status":"ok","data":{"aboutToExpire":false,"tokenName":"ci","tokenUuid":"`+id+`","tokenValue":"`+value+`","expirationDate":"never"}}`), "ci")
	f.Add([]byte(`{"status":"ok","data":{"tokenName":"y","tokenName":"x","tokenUuid":"`+id+`","tokenValue":"`+value+`\n","expirationDate":1}}`), "x")
	f.Add([]byte(`{"_class":"hudson.security.WhoAmI","anonymous":false,"authenticated":true,"authorities":["authenticated"],"name":"alice","toString":"Username [Protected]"}`), "x")
	f.Add([]byte(`{"status":"error","message":"Expiration date is in the past."}`), "x")
	f.Add([]byte(`{"STATUS":"ok","data":null,"data":[[[]]]}`), "")
	f.Fuzz(func(t *testing.T, body []byte, name string) {
		token, expires, err := readCreated(body, name)
		var kind Kind
		switch {
		case err == nil:
			if !json.Valid(body) {
				t.Error("got a token of what is no JSON")
			}
			if !IsUUID(token.UUID) || !valueForm.MatchString(token.Value()) || token.Name != name || !token.Expires.IsZero() {
				t.Errorf("token: got %v of value %q, want the strict forms", token, token.Value())
			}
			if len(token.UUID)+len(token.Value()) > len(body) {
				t.Errorf("token: got more than the %d bytes of the answer", len(body))
			}
		case !errors.As(err, &kind) || kind != KindAnswer && kind != KindRejected:
			t.Errorf("error: got %v, want KindAnswer or KindRejected", err)
		case token.UUID != "" || token.Value() != "" || expires:
			t.Errorf("token: got %v with an error, want none", token)
		}
		if _, err := readRenamed(body); err != nil && !errors.As(err, &kind) {
			t.Errorf("rename: got %v, want KindAnswer", err)
		}
		if found, err := readRenamed(body); err == nil && !found && !json.Valid(body) {
			t.Error("rename: got that there is no such token of what is no JSON")
		}
		if who, err := readIdentity(body); err == nil && (who.Name == "" || len(who.Name) > 1024 || strings.ContainsFunc(who.Name, unnameable)) {
			t.Errorf("identity: got %q, want a name", who.Name)
		}
	})
}

func FuzzCrumb(f *testing.F) {
	for _, field := range []string{"Jenkins-Crumb", ".crumb", "authorization", "Host", `a\r\nX`, "x-forwarded-for"} {
		f.Add([]byte(`{"_class":"x","crumb":"0a1b","crumbRequestField":"` + field + `"}`))
	}
	// As Jenkins writes it, with one made in a session.
	f.Add([]byte(`{"_class":"hudson.security.csrf.DefaultCrumbIssuer","crumb":"` + strings.Repeat("0a1b2c3d", 8) + `","crumbRequestField":"Jenkins-Crumb"}`))
	f.Add([]byte(`{"crumb":"a\r\nX: b","crumbRequestField":"Jenkins-Crumb"}`))
	f.Add([]byte(`{"crumb":1}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		field, value, err := readCrumb(body)
		var kind Kind
		if err != nil {
			if field != "" || value != "" || !errors.As(err, &kind) || kind != KindAnswer {
				t.Errorf("got %q, %q, %v, want nothing but KindAnswer", field, value, err)
			}
			return
		}
		plain, err := http.NewRequest(http.MethodPost, "http://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		plain.Header.Set("Authorization", "Basic x")
		plain.Header.Set("Cookie", "a=b")
		with := plain.Clone(t.Context())
		with.Header.Set(field, value)
		if http.CanonicalHeaderKey(field) == "Authorization" || len(with.Header) != len(plain.Header)+1 {
			t.Errorf("field: got %q, want no header that has a meaning", field)
		}
		var before, after bytes.Buffer
		if err := errors.Join(plain.Write(&before), with.Write(&after)); err != nil {
			t.Fatal(err)
		}
		if got, want := after.Len()-before.Len(), len(field)+len(value)+len(": \r\n"); got != want {
			t.Errorf("header %q: got %d bytes more, want %d", field, got, want)
		}
	})
}

func FuzzRoot(f *testing.F) {
	for _, raw := range []string{"https://ci.example.com/jenkins/", "http://localhost:8080", "https://[::1%25eth0]:1/", "https://a:b@h/?q#f", "h/p", "https://h/%2e%2e/%3b",
		"https://h/a%2Fb/", "https://h:/", "https://%41", "HTTPS://é/ü?", "//h", "https:h", "https://h/a b",
		"https://h/j/job/a", "https://h/login;j=1?from=%2F", "https://h/a%2Fb/%6ae/me/", "https://h/jenkins/builds", "http://h/api/json/job", "https://u@h/x/..;/job/%zz"} {
		f.Add(raw, false)
		f.Add(raw, true)
	}
	f.Fuzz(func(t *testing.T, raw string, allowHTTP bool) {
		u, err := parseRoot(raw, allowHTTP)
		if err != nil {
			var wrong *RootError
			if u != nil || !errors.As(err, &wrong) {
				t.Fatalf("%q: got %v, %T %v, want a RootError", raw, u, err, err)
			}
			if to, err := url.Parse(wrong.Suggestion); err != nil || to.User != nil || to.RawQuery != "" || to.Fragment != "" {
				t.Errorf("%q: got suggestion %q, want a bare address", raw, wrong.Suggestion)
			}
			if wrong.Problem == RootPage {
				if root, err := parseRoot(wrong.Suggestion, allowHTTP); err != nil || root.String() != wrong.Suggestion {
					t.Errorf("%q: got suggestion %q, which is %v, %v", raw, wrong.Suggestion, root, err)
				}
			}
			return
		}
		text := u.String()
		if u.Scheme != "https" && (u.Scheme != "http" || !allowHTTP && !web.IsLoopback(u.Hostname())) {
			t.Errorf("%q: got scheme %q, want https", raw, u.Scheme)
		}
		if u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || u.Opaque != "" || strings.HasSuffix(text, "/") {
			t.Errorf("%q: got %q, want scheme, host and path", raw, text)
		}
		for part := range strings.SplitSeq(u.Path, "/") {
			if part == "." || part == ".." || strings.ContainsAny(part, ";\\\r\n\x00") {
				t.Errorf("%q: got path %q, want a plain one", raw, u.Path)
			}
		}
		if again, err := parseRoot(text, allowHTTP); err != nil || again.String() != text {
			t.Errorf("%q: got %v, %v the second time, want %q", raw, again, err, text)
		}
		if req, err := http.NewRequest(http.MethodGet, text+"/whoAmI/api/json", nil); err != nil || req.URL.Host != u.Host || !strings.HasSuffix(req.URL.Path, "/whoAmI/api/json") {
			t.Errorf("%q: got %v, want a request to %q", raw, err, u.Host)
		}
		if utf8.ValidString(raw) && !utf8.ValidString(text) {
			t.Errorf("%q: got %q, want UTF-8", raw, text)
		}
	})
}

// FuzzTagEnd: the end of a tag is where the tokenizer sees it.
func FuzzTagEnd(f *testing.F) {
	for _, tag := range []string{`i>`, `input name="tokenName" value="a>b">x`, `a =">x`, `a b = 'c>"' / d>`, `a b=c"d>e`, `a/b="c>d">`, `b a= >x`, `a ==">x">`, `a b=">`} {
		f.Add(tag)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || text[0] < 'a' || text[0] > 'z' {
			return
		}
		z := html.NewTokenizer(strings.NewReader("<" + text))
		kind := z.Next()
		end := &tagEnd{}
		n := 0
		for n < len(text) && !end.done {
			end.feed(text[n])
			n++
		}
		if whole := kind != html.ErrorToken; whole != end.done || whole && n+1 != len(z.Raw()) {
			t.Errorf("%q: got the end at %d (%t), the tokenizer has it at %d (%v)", text, n+1, end.done, len(z.Raw()), kind)
		}
	})
}

// FuzzOversizedName: whatever a name of any size holds, the rows around it are read.
func FuzzOversizedName(f *testing.F) {
	f.Add(`"><input name="tokenUuid">`, 200_000, true)
	f.Add("a<b>&'", 131_000, false)
	f.Fuzz(func(t *testing.T, name string, size int, card bool) {
		if name == "" || size < 0 || size > 1<<20 {
			return
		}
		const id, big = "3f2504e0-4f89-41d3-9a0c-0305e82c3301", "3f2504e0-4f89-41d3-9a0c-0305e82c3302"
		row := func(id, name string) string {
			if card {
				return `<div id="` + id + `" class="token-card"><span class="token-name">` + name + `</span><span class="token-creation">x</span></div>`
			}
			return `<input name="tokenUuid" value="` + id + `"><input name="tokenName" value="` + name + `">`
		}
		long := html.EscapeString(strings.Repeat(name, size/len(name)+1))
		page := `<html><div class="token-list">` + row(id, "before") + row(big, long) + row(id, "after") + `</div></html>`
		var got []ListedToken
		if err := readTokenPage(strings.NewReader(page), 32<<20, func(token ListedToken) bool { got = append(got, token); return true }); err != nil {
			t.Fatalf("got %v, want no error", err)
		}
		for i, want := range []string{"before", "after"} {
			if at := i * (len(got) - 1); len(got) < 2 || got[at].UUID != id || got[at].Name != want {
				t.Fatalf("got %d rows, want one named %q", len(got), want)
			}
		}
		for _, token := range got[1 : len(got)-1] {
			if token.UUID != big {
				t.Errorf("got a row of %q, want none but that of the long name", token.UUID)
			}
		}
	})
}

func FuzzRetryAfter(f *testing.F) {
	for _, text := range []string{"", "7", " 7 ", "-1", "Tue, 24 Nov 2026 12:00:30 GMT", "99999999999999999999", "soon"} {
		f.Add(text, text)
	}
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, after, date string) {
		got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {after}, "Date": {date}}}, now)
		if got < 0 || got > 24*time.Hour {
			t.Errorf("got %s", got)
		}
	})
}

func FuzzCertificateName(f *testing.F) {
	f.Add("the root", "")
	f.Add("", "Example")
	f.Add("a\n::error::\"\x1b[2J\u202e", "\xff")
	f.Fuzz(func(t *testing.T, common, organization string) {
		got := certificateName(common, []string{organization})
		if utf8.RuneCountInString(got) > 64 || !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r == '"' || r < ' ' || r == 0x7f || r == 0x202e }) {
			t.Errorf("got %q", got)
		}
	})
}
