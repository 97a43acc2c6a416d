package jenkinstest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// random values of the answers, which are compared by their form only.
var randomValues = []struct {
	pattern *regexp.Regexp
	form    string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`"tokenValue":"11[0-9a-f]{32}"`), `"tokenValue":"TOKEN"`},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), "CRUMB"},
	{regexp.MustCompile(`(T\d\d:\d\d:\d\d)(\.\d+)?Z`), "${1}Z"},
	{regexp.MustCompile(`JSESSIONID\.[0-9a-f]{8}=node0[0-9a-z]+\.node0`), "SESSION"},
	{regexp.MustCompile(`/static/[0-9a-f]{8}/`), "/static/HASH/"},
	{regexp.MustCompile(`((Expires|Date): .*\d\d:\d\d:)\d\d`), "${1}xx"},
}

func normalize(s string) string {
	for _, r := range randomValues {
		s = r.pattern.ReplaceAllString(s, r.form)
	}
	return s
}

// headers returns the headers of an answer for comparison; those that tell of
// the length or a moment are left out.
func headers(h http.Header) string {
	var list []string
	for k, values := range h {
		switch k {
		case "Content-Length", "Transfer-Encoding", "Connection", "Last-Modified", "Date":
			continue
		case "X-Jenkins-Session":
			values = []string{fmt.Sprint(len(values[0]), " characters")}
		}
		for _, v := range values {
			if k == "Content-Type" {
				v = strings.ToLower(v)
			}
			list = append(list, normalize(k+": "+v))
		}
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}

// compare compares the status, all headers but those of headers, and the body:
// JSON, XML and the pages of the container as they are, styled pages by title.
func compare(t *testing.T, x *exchange, got *http.Response, body string) {
	t.Helper()
	if got.StatusCode != x.resp.StatusCode {
		t.Errorf("status %d, want %d (%s)\n%s", got.StatusCode, x.resp.StatusCode, x.title, body)
	}
	if g, w := headers(got.Header), headers(x.resp.Header); g != w {
		t.Errorf("headers:\n%s\nwant:\n%s", g, w)
	}
	want := x.body
	if x.method == "HEAD" {
		want = ""
	}
	styled := strings.Contains(want, "<!DOCTYPE html>") || strings.Contains(want, "resURL=")
	switch {
	case styled:
		m := titleTag.FindStringSubmatch(want)
		g := titleTag.FindStringSubmatch(body)
		switch {
		case m == nil && x.whole:
			t.Errorf("no title in the recorded body")
		case m == nil: // cut before the title
		case g == nil || g[1] != m[1]:
			t.Errorf("title %q, want %q", g, m[1])
		}
		if x.whole && strings.Contains(want, "token-uuid-input") {
			comparePages(t, body, want)
		}
	case strings.HasPrefix(x.resp.Header.Get("Content-Type"), "image/"):
		if !strings.HasPrefix(body, want[:4]) {
			t.Errorf("image begins %q, want %q", body[:4], want[:4])
		}
	default:
		g, w := strings.TrimSpace(normalize(body)), strings.TrimSpace(normalize(want))
		if !x.whole && len(g) > len(w) {
			g = g[:len(w)]
		}
		if g != w {
			t.Errorf("body:\n%s\nwant:\n%s", g, w)
		}
	}
}
