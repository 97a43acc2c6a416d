package jenkins_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestUserNamesInBasic(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"alice@example.com", "Alice B. Carol", "José", "用户"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(name, "pä:ss wörd"))
			c := newClient(t, srv.URL, jenkins.Password(name, "pä:ss wörd"))
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if err != nil {
				t.Fatal(err)
			}
			who, err := c.WithCredential(jenkins.APIToken(name, token.Value())).WhoAmI(t.Context())
			if err != nil || who.Name != name || who.Anonymous {
				t.Errorf("identity: got %+v, %v, want %s", who, err, name)
			}
		})
	}
}

func TestCredentialsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		cred jenkins.Credential
		good bool
	}{
		{"no credential", jenkins.Credential{}, true},
		{"password", jenkins.Password(user, password), true},
		{"API token of any form", jenkins.APIToken(user, "x"), true},
		{"bearer", jenkins.Bearer("a.b.c"), true},
		{"colon in the user name", jenkins.Password("a:b", password), false},
		{"no user name", jenkins.APIToken("", tokenText), false},
		{"no password", jenkins.Password(user, ""), false},
		{"no API token", jenkins.APIToken(user, ""), false},
		{"no bearer token", jenkins.Bearer(""), false},
		{"bearer with a line break", jenkins.Bearer(password + "\r\nHost: x"), false},
		{"bearer with NUL", jenkins.Bearer(password + "\x00"), false},
		{"bearer with a control character", jenkins.Bearer(password + "\x1b"), false},
	} {
		_, err := jenkins.New(root(t, "https://ci.example.com"), test.cred)
		if (err == nil) != test.good {
			t.Errorf("%s: got %v, want good %t", test.name, err, test.good)
		}
		if err != nil {
			noSecrets(t, err)
		}
	}
}

func TestBearerIsAnonymousToJenkins(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Bearer(tokenText))
	if who, err := c.WhoAmI(t.Context()); err != nil || !who.Anonymous {
		t.Errorf("identity: got %+v, %v, want anonymous", who, err)
	}
	_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failed := failure(t, err, jenkins.KindAnonymous)
	if failed.Op != jenkins.OpCrumb || failed.Unclear() {
		t.Errorf("error: got %s, unclear %t, want %s, false", failed.Op, failed.Unclear(), jenkins.OpCrumb)
	}
	if got, want := srv.Requests()[0].Header.Get("Authorization"), "Bearer "+tokenText; got != want {
		t.Errorf("Authorization: got %q, want %q", got, want)
	}
	none := newClient(t, srv.URL, jenkins.Credential{})
	if _, err := none.WhoAmI(t.Context()); err != nil {
		t.Error(err)
	}
	if got := srv.Requests()[2].Header.Get("Authorization"); got != "" {
		t.Errorf("Authorization without a credential: got %q, want none", got)
	}
}

func TestPrintingFormsShowNoSecret(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	c := newClient(t, srv.URL, jenkins.Password(user, password))
	token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	own := c.WithCredential(jenkins.APIToken(user, token.Value()))
	if _, err := own.WhoAmI(t.Context()); err != nil { // so that connections have seen the token
		t.Fatal(err)
	}
	gated := newClient(t, srv.URL, own.Credential(), jenkins.WithHeaders(http.Header{"X-Gate": {password}}))
	show := []string{password, token.Value(), user + ":" + password, user + ":" + token.Value()}
	for name, client := range map[string]*jenkins.Client{"client": c, "client with a token": own, "client with a header": gated} {
		secrettest.Hidden(t, name, client, show...)
		secrettest.Hidden(t, "credential of "+name, client.Credential(), show...)
	}
	secrettest.Hidden(t, "token", token, show...)
	secrettest.Hidden(t, "bearer", jenkins.Bearer(password), show...)
	secrettest.Hidden(t, "all of them", struct {
		cred   jenkins.Credential
		token  jenkins.Token
		client *jenkins.Client
	}{own.Credential(), token, own}, show...)
	if got, want := fmt.Sprintf("%v %s", c.Credential(), own.Credential()), "password API token"; got != want {
		t.Errorf("credentials: got %q, want %q", got, want)
	}
	if got, want := fmt.Sprintf("%v", token), "token "+token.UUID; got != want {
		t.Errorf("token: got %q, want %q", got, want)
	}
	for kind, want := range map[jenkins.CredentialKind]string{jenkins.CredentialNone: "no credential", jenkins.CredentialBearer: "bearer token"} {
		if got := kind.String(); got != want {
			t.Errorf("kind: got %q, want %q", got, want)
		}
	}
	if got := own.Credential(); got.Kind() != jenkins.CredentialAPIToken || got.Username() != user {
		t.Errorf("credential: got %d of %s, want %d of %s", got.Kind(), got.Username(), jenkins.CredentialAPIToken, user)
	}
}

func TestIsAPIToken(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		tokenText: true, tokenText[2:]: true, "": false, tokenText + "\n": false, " " + tokenText: false, strings.ToUpper(tokenText): false,
		"12" + tokenText[2:]: false, tokenText[1:]: false, tokenText + "0": false, "11" + strings.Repeat("g", 32): false,
		"jenkins_apitoken_" + tokenText: true, "jenkins_apitoken_" + tokenText[2:]: true, "prefix_" + tokenText: true, "_" + tokenText: false, "a b_" + tokenText: false,
		"Bearer_" + tokenText: false, "alice:" + tokenText: false, strings.Repeat("a_", 33) + tokenText: false, "jenkins_apitoken_" + tokenText[3:]: false,
	} {
		if got := jenkins.IsAPIToken(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}

func TestBearerThatIsAskedFor(t *testing.T) {
	t.Parallel()
	refused := errors.New("no token today")
	for _, row := range []struct {
		name   string
		answer string
		err    error
		want   string // in the error
	}{
		{"a token", "abc", nil, ""},
		{"an error", "", refused, refused.Error()},
		{"a token of two lines", "abc\r\nX-Forwarded-User: admin", nil, "control character"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := jenkinstest.Start(t, jenkinstest.WithUser("alice", "secret"))
			asked := 0
			client := newClient(t, s.URL, jenkins.BearerFrom(func(context.Context) (string, error) {
				asked++
				return row.answer, row.err
			}))
			if asked != 0 {
				t.Error("it was asked before there was a request")
			}
			var err error
			for range 2 {
				_, err = client.WhoAmI(t.Context())
			}
			if asked != 2 {
				t.Errorf("got %d questions for 2 requests", asked)
			}
			if row.want == "" {
				if got := s.Requests()[1].Header.Get("Authorization"); err != nil || got != "Bearer abc" {
					t.Errorf("got error %v and Authorization %q", err, got)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.want) || row.err != nil && !errors.Is(err, row.err) || strings.Contains(err.Error(), "abc") {
				t.Errorf("got error %v, want %q", err, row.want)
			}
			if got := len(s.Requests()); got != 0 {
				t.Errorf("got %d requests, want none", got)
			}
		})
	}
}
