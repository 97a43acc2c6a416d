package jenkinstest

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// client makes the requests that a precondition needs.
type client struct {
	t *testing.T
	s *Server
}

func (c client) do(method, path, user, secret, cookie string, form url.Values) (int, http.Header, string) {
	c.t.Helper()
	req, _ := http.NewRequest(method, c.s.URL+path, strings.NewReader(form.Encode()))
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if user != "" {
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(user+":"+secret)))
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

// method calls a web method by token.
func (c client) method(want int, user, secret, object, name string, form url.Values) {
	c.t.Helper()
	got, _, body := c.do("POST", object+"/descriptorByName/jenkins.security.ApiTokenProperty/"+name, user, secret, "", form)
	if got != want {
		c.t.Fatalf("precondition: %s answers %d, want %d: %s", name, got, want, body)
	}
}

// crumb fetches a crumb and its cookie; users without Overall/Read take them
// from the page of /whoAmI.
func (c client) crumb(user string) (crumb, cookie string) {
	c.t.Helper()
	_, h, body := c.do("GET", "/whoAmI/", user, passwords[user], "", nil)
	m := headCrumb.FindStringSubmatch(body)
	if m == nil {
		c.t.Fatalf("no crumb in %s", body)
	}
	return m[1], cookieOf(h)
}

func (c client) login(user string) (cookie string) {
	c.t.Helper()
	_, h, _ := c.do("POST", "/j_spring_security_check", "", "", "", url.Values{"j_username": {user}, "j_password": {passwords[user]}})
	return cookieOf(h)
}

func cookieOf(h http.Header) string {
	first, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return first
}
