package settings_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// What one part takes the other takes too: a header that only the client refused
// was an error without a line, found when the token was to be revoked.
func TestHeadersOfSettingsAndClientAreTheSame(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"Accept", "accept-encoding", "X-Forwarded-For", "Origin", "Via", "Te", "User-Agent", "If-Match", "Upgrade", "Range"} {
		got := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": name + ": x"})}.problems(t)
		if want := "headers: line 1: " + http.CanonicalHeaderKey(name) + " cannot be set"; len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %q, want %s", name, got, want)
		}
	}
	s := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": "X.Gate: a\tb"})}.must(t)
	if got := s.Headers.Reveal()["X.gate"]; !slices.Equal(got, []string{"a\tb"}) {
		t.Errorf("got %q, want what can be sent", s.Headers.Reveal())
	}
}

var headerProblem = regexp.MustCompile(`^(line [0-9]+( is not of the form Name: value|: [A-Za-z0-9.][A-Za-z0-9_.-]{0,63} cannot be set|: the value is a placeholder that was not replaced, of the form \S+( NAME \S+)?)|is a placeholder that was not replaced, of the form \S+( NAME \S+)?)$`)

// FuzzHeaders: what is taken goes out as one line each and changes no other part
// of a request, and what is not taken is never repeated.
func FuzzHeaders(f *testing.F) {
	for _, text := range []string{
		"cf-access-client-id: a:b\r\n\n  X-Two:  second \nX-Two: third\n", "Authorization: Basic x", "cookie: a=b", "X: a\rHost: b", "X: a\r\n b: c", "Host : x",
		"X-A: \u2028", "X-A: \xff\xfe", "X-A:\x00", "Ünicode: b", "Transfer-Encoding: chunked", "content-length: 0", "X-A: ::add-mask::x", "Expect: 100-continue",
		"Connection: close", "X.A: b", ".crumb: x", "$A", "${{ secrets.HEADERS }}", "X-A: $(TOKEN)", "X-\u212aey: x", "Proxy-X: x", strings.Repeat("a", 64) + ": " + strings.Repeat("b", 5000), ":authority: x", "Trailer: X",
	} {
		f.Add(text)
	}
	root, err := url.Parse("https://ci.example.com")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": text})}.load(t)
		if err != nil {
			wrong, ok := errors.AsType[*settings.Error](err)
			if !ok {
				t.Fatalf("got %T, want *settings.Error", err)
			}
			for _, p := range wrong.Problems {
				if p.Setting != "headers" || !headerProblem.MatchString(p.Text) {
					t.Errorf("%q: got %s: %q, want the number of a line", text, p.Setting, p.Text)
				}
			}
			return
		}
		if _, err := jenkins.New(root, jenkins.APIToken("alice", "x"), jenkins.WithHeaders(s.Headers.Reveal())); err != nil {
			t.Errorf("%q: the client refuses %q: %v", text, s.Headers.Reveal(), err)
		}
		plain, err := http.NewRequest(http.MethodPost, root.String(), strings.NewReader("a=b"))
		if err != nil {
			t.Fatal(err)
		}
		plain.SetBasicAuth("alice", "x")
		plain.Header.Set("User-Agent", "test")
		with := plain.Clone(t.Context())
		with.Body, plain.Body = http.NoBody, http.NoBody
		want, lines := 0, 0
		for name, values := range s.Headers.Reveal() {
			if plain.Header.Get(name) != "" {
				t.Errorf("%q: %s takes the place of a header of ours", text, name)
			}
			for _, value := range values {
				if value == "" || !strings.Contains(text, value) {
					t.Errorf("%q: got value %q, want one of the text", text, value)
				}
				with.Header.Add(name, value)
				want += len(name) + len(": ") + len(value) + len("\r\n")
				lines++
			}
		}
		if most := strings.Count(text, "\n") + 1; lines > most {
			t.Errorf("%q: got %d headers of %d lines", text, lines, most)
		}
		var before, after bytes.Buffer
		if err := errors.Join(plain.Write(&before), with.Write(&after)); err != nil {
			t.Fatal(err)
		}
		if got := after.Len() - before.Len(); got != want || bytes.Count(after.Bytes(), []byte("\n")) != bytes.Count(before.Bytes(), []byte("\n"))+lines {
			t.Errorf("%q: the request is %d bytes longer, want %d in %d lines:\n%q", text, got, want, lines, after.String())
		}
	})
}
