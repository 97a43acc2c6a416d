package jenkins_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

func TestParseRoot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, raw string
		http      bool
		want      string
	}{
		{"host", "https://ci.example.com", false, "https://ci.example.com"},
		{"slash at the end", "https://ci.example.com/", false, "https://ci.example.com"},
		{"slashes at the end", "https://ci.example.com/jenkins///", false, "https://ci.example.com/jenkins"},
		{"context path", "https://ci.example.com/a/b", false, "https://ci.example.com/a/b"},
		{"port", "https://ci.example.com:8443/jenkins/", false, "https://ci.example.com:8443/jenkins"},
		{"blanks around", " \thttps://ci.example.com/ \n", false, "https://ci.example.com"},
		{"scheme in capitals", "HTTPS://ci.example.com", false, "https://ci.example.com"},
		{"empty port", "https://ci.example.com:/j", false, "https://ci.example.com/j"},
		{"IPv6", "https://[2001:db8::1]:8443/x", false, "https://[2001:db8::1]:8443/x"},
		{"escaped path", "https://ci.example.com/a%20b", false, "https://ci.example.com/a%20b"},
		{"not ASCII", "https://ci.example.com/größe", false, "https://ci.example.com/gr%C3%B6%C3%9Fe"},
		{"loopback name", "http://localhost:8080", false, "http://localhost:8080"},
		{"loopback address", "http://127.0.0.1:8080/jenkins/", false, "http://127.0.0.1:8080/jenkins"},
		{"loopback IPv6", "http://[::1]:8080", false, "http://[::1]:8080"},
		{"a name for continuous integration", "https://example.com/ci", false, "https://example.com/ci"},
		{"a context path that begins like a page", "https://example.com/jobs/viewer/meadow/userland", false, "https://example.com/jobs/viewer/meadow/userland"},
		{"a context path in other letters", "https://example.com/Job/LOGIN", false, "https://example.com/Job/LOGIN"},
		{"a gateway that mounts below /api", "https://example.com/api/jenkins", false, "https://example.com/api/jenkins"},
		{"a gateway that mounts below /me", "https://example.com/me/ci/", false, "https://example.com/me/ci"},
		{"the blue half of a deployment", "https://example.com/blue/jenkins", false, "https://example.com/blue/jenkins"},
		{"a context path called builds", "https://example.com/builds/", false, "https://example.com/builds"},
		{"a context path called cloud", "https://example.com/cloud/queue", false, "https://example.com/cloud/queue"},
		{"plain http allowed", "http://ci.example.com", true, "http://ci.example.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			parse := jenkins.ParseRoot
			if test.http {
				parse = jenkins.ParseInsecureRoot
			}
			u, err := parse(test.raw)
			if err != nil {
				t.Fatal(err)
			}
			if got := u.String(); got != test.want {
				t.Errorf("root: got %s, want %s", got, test.want)
			}
		})
	}
}

func TestParseRootRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, raw  string
		problem    jenkins.RootProblem
		suggestion string
	}{
		{"nothing", "", jenkins.RootEmpty, ""},
		{"blanks", " \n", jenkins.RootEmpty, ""},
		{"control character", "https://ci.example.com/\x01", jenkins.RootSyntax, "https://HOST/CONTEXT-PATH"},
		{"bad port", "https://ci.example.com:port", jenkins.RootSyntax, "https://HOST/CONTEXT-PATH"},
		{"secret for a port", "https://alice:Pa55-of-alice/x@ci.example.com", jenkins.RootSyntax, "https://HOST/CONTEXT-PATH"},
		{"no scheme", "ci.example.com/jenkins/", jenkins.RootScheme, "https://ci.example.com/jenkins"},
		{"no scheme, but a query", "ci.example.com/jenkins/?q=query-text", jenkins.RootScheme, "https://ci.example.com/jenkins"},
		{"no scheme, but a user", "alice:Pa55-of-alice@ci.example.com", jenkins.RootScheme, ""},
		{"other scheme", "ftp://ci.example.com", jenkins.RootScheme, ""},
		{"file", "file:///etc/passwd", jenkins.RootScheme, ""},
		{"no host", "https:///jenkins", jenkins.RootHost, "https://HOST/CONTEXT-PATH"},
		{"port only", "https://:8443", jenkins.RootHost, "https://HOST/CONTEXT-PATH"},
		{"opaque", "https:ci.example.com", jenkins.RootHost, "https://HOST/CONTEXT-PATH"},
		{"IPv6 with a zone", "https://[fe80::1%25eth0]:8443/j", jenkins.RootZone, ""},
		{"IPv6 loopback with a zone", "http://[::1%25lo]:8080", jenkins.RootZone, ""},
		{"user", "https://alice@ci.example.com/j/", jenkins.RootUserInfo, "https://ci.example.com/j"},
		{"user and password", "https://alice:Pa55-of-alice@ci.example.com", jenkins.RootUserInfo, "https://ci.example.com"},
		{"query", "https://ci.example.com/j/?token=query-text", jenkins.RootQuery, "https://ci.example.com/j"},
		{"empty query", "https://ci.example.com/?", jenkins.RootQuery, "https://ci.example.com"},
		{"fragment", "https://ci.example.com/#query-text", jenkins.RootQuery, "https://ci.example.com"},
		{"empty fragment", "https://ci.example.com/#", jenkins.RootQuery, "https://ci.example.com"},
		{"dots", "https://ci.example.com/a/../b", jenkins.RootPath, ""},
		{"one dot", "https://ci.example.com/./b", jenkins.RootPath, ""},
		{"escaped dots", "https://ci.example.com/%2e%2e/b", jenkins.RootPath, ""},
		{"semicolon", "https://ci.example.com/a;b", jenkins.RootPath, ""},
		{"escaped semicolon", "https://ci.example.com/a%3bb", jenkins.RootPath, ""},
		{"backslash", `https://ci.example.com/a\b`, jenkins.RootPath, ""},
		{"escaped line break", "https://ci.example.com/a%0ab", jenkins.RootPath, ""},
		{"a job", "https://ci.example.com/job/deploy/", jenkins.RootPage, "https://ci.example.com"},
		{"a job in a folder, below a context path", "https://ci.example.com/jenkins/job/team/job/deploy/12/console", jenkins.RootPage, "https://ci.example.com/jenkins"},
		{"a job called as the context path", "https://ci.example.com/jenkins/job/jenkins", jenkins.RootPage, "https://ci.example.com/jenkins"},
		{"a job with a semicolon", "https://ci.example.com/job/a;b", jenkins.RootPage, "https://ci.example.com"},
		{"a job, escaped", "https://ci.example.com/a%20b/%6aob/x%2Fy", jenkins.RootPage, "https://ci.example.com/a%20b"},
		{"the login page", "https://ci.example.com/login", jenkins.RootPage, "https://ci.example.com"},
		{"the login page with its query", "https://ci.example.com/jenkins/login?from=%2Fquery-text", jenkins.RootPage, "https://ci.example.com/jenkins"},
		{"the login page with a session", "https://ci.example.com/login;jsessionid=query-text?from=%2F", jenkins.RootPage, "https://ci.example.com"},
		{"a page with a fragment", "https://ci.example.com/manage/#query-text", jenkins.RootPage, "https://ci.example.com"},
		{"a page with many slashes", "https://ci.example.com//me///", jenkins.RootPage, "https://ci.example.com"},
		{"the user's own page", "https://ci.example.com/me/", jenkins.RootPage, "https://ci.example.com"},
		{"the user's tokens", "https://ci.example.com:8443/me/security/", jenkins.RootPage, "https://ci.example.com:8443"},
		{"another user", "https://ci.example.com/user/alice/configure", jenkins.RootPage, "https://ci.example.com"},
		{"a view", "https://ci.example.com/view/all/", jenkins.RootPage, "https://ci.example.com"},
		{"builds of a view", "https://ci.example.com/view/all/builds", jenkins.RootPage, "https://ci.example.com"},
		{"builds below a context path", "https://ci.example.com/my-jenkins/builds", jenkins.RootPage, "https://ci.example.com/my-jenkins"},
		{"who am I", "https://ci.example.com/whoAmI/api/json?tree=name", jenkins.RootPage, "https://ci.example.com"},
		{"the API", "https://ci.example.com/jenkins/api/json", jenkins.RootPage, "https://ci.example.com/jenkins"},
		{"the page of the API", "https://ci.example.com/api/", jenkins.RootPage, "https://ci.example.com"},
		{"an API that is mounted, and a page behind", "https://example.com/api/jenkins/job/a", jenkins.RootPage, "https://example.com/api/jenkins"},
		{"the crumb issuer", "https://ci.example.com/crumbIssuer/api/xml", jenkins.RootPage, "https://ci.example.com"},
		{"Blue Ocean", "https://ci.example.com/blue/organizations/jenkins/pipelines/", jenkins.RootPage, "https://ci.example.com"},
		{"the console for scripts", "https://ci.example.com/script", jenkins.RootPage, "https://ci.example.com"},
		{"the nodes", "https://ci.example.com/computer/(built-in)/", jenkins.RootPage, "https://ci.example.com"},
		{"the security realm", "https://ci.example.com/securityRealm/commenceLogin?from=%2F", jenkins.RootPage, "https://ci.example.com"},
		{"people", "https://ci.example.com/asynchPeople/", jenkins.RootPage, "https://ci.example.com"},
		{"the page for a failed login", "https://ci.example.com/loginError", jenkins.RootPage, "https://ci.example.com"},
		{"a page and a user", "https://alice:Pa55-of-alice@ci.example.com/j/job/deploy/", jenkins.RootUserInfo, "https://ci.example.com/j"},
		{"a page without a scheme", "ci.example.com/j/login?from=%2F", jenkins.RootScheme, "https://ci.example.com/j"},
		{"a page and plain http", "http://ci.example.com/j/job/deploy/", jenkins.RootPlainHTTP, "https://ci.example.com/j"},
		{"a page, a query and plain http", "http://ci.example.com/j/login?from=query-text", jenkins.RootPlainHTTP, "https://ci.example.com/j"},
		{"a page and dots", "https://ci.example.com/a/../job/deploy/", jenkins.RootPath, ""},
		{"plain http", "http://ci.example.com/j/", jenkins.RootPlainHTTP, "https://ci.example.com/j"},
		{"plain http to a name like loopback", "http://localhost.example.com", jenkins.RootPlainHTTP, "https://localhost.example.com"},
		{"plain http to all addresses", "http://0.0.0.0:8080", jenkins.RootPlainHTTP, "https://0.0.0.0:8080"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u, err := jenkins.ParseRoot(test.raw)
			wrong, ok := errors.AsType[*jenkins.RootError](err)
			if !ok {
				t.Fatalf("error: got %v, %v, want a RootError", u, err)
			}
			if wrong.Problem != test.problem || wrong.Suggestion != test.suggestion {
				t.Errorf("error: got problem %d, suggestion %q, want %d, %q", wrong.Problem, wrong.Suggestion, test.problem, test.suggestion)
			}
			if text := err.Error(); text == "" || strings.HasPrefix(text, ":") {
				t.Errorf("text: got %q, want words", text)
			}
			noSecrets(t, err)
		})
	}
}
