package jenkins_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

func TestMoved(t *testing.T) {
	t.Parallel()
	const path = "/whoAmI/api/json"
	for _, test := range []struct{ name, location, want string }{
		{"none", "", ""},
		{"https", "https://HOST/ci" + path, "https://HOST/ci"},
		{"another host", "https://lb.example.com/ci" + path, "https://lb.example.com/ci"},
		{"another port", "https://lb.example.com:8443/ci" + path + "/", "https://lb.example.com:8443/ci"},
		{"without a context path", "https://lb.example.com" + path, "https://lb.example.com"},
		{"another context path", "/jenkins" + path, "http://HOST/jenkins"},
		{"a context path of two", "/a/b" + path, "http://HOST/a/b"},
		{"IPv6", "https://[2001:db8::1]:8443" + path, "https://[2001:db8::1]:8443"},
		{"query", "https://lb.example.com" + path + "?query-text", "https://lb.example.com"},
		{"user information", "https://bob:proxy-pa55@lb.example.com" + path, "https://lb.example.com"},
		{"the same address", "http://HOST/ci" + path, ""},
		{"login", "/ci/login?from=query-text", ""},
		{"single sign-on", "https://sso.example.com/authorize?client=query-text", ""},
		{"start page", "https://lb.example.com/ci/", ""},
		{"other scheme", "ftp://lb.example.com" + path, ""},
		{"dots", "/a/%2e%2e/b" + path, ""},
		{"path of no plain characters", "/a%0ab" + path, ""},
		{"long path", "/" + strings.Repeat("a", 65) + path, ""},
		{"deep path", strings.Repeat("/a", 7) + path, ""},
		{"IPv6 with a zone", "https://[fe80::1%25eth0]" + path, ""},
		{"host of no plain characters", "https://a'b" + path, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", strings.ReplaceAll(test.location, "HOST", r.Host))
				w.WriteHeader(http.StatusFound)
			})
			_, err := newClient(t, address+"/ci", jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
			got := failure(t, err, jenkins.KindRedirect).Moved
			want := strings.ReplaceAll(test.want, "HOST", strings.TrimPrefix(address, "http://"))
			if got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestMovedOfAPost(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308} {
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://lb.example.com"+r.URL.Path)
			w.WriteHeader(status)
		})
		c := newClient(t, address, jenkins.APIToken(user, tokenText))
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if got := failure(t, err, jenkins.KindRedirect).Moved; got != "https://lb.example.com" {
			t.Errorf("%d: got %q, want https://lb.example.com", status, got)
		}
	}
}
