package jenkins_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// On servers before 2.129 the account's one token is read from the page and put
// away for another, with a password and with the token itself.
func TestLegacyToken(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.60", "2.107"} {
		for _, byToken := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s by token %v", version, byToken), func(t *testing.T) {
				t.Parallel()
				srv := jenkinstest.Start(t, jenkinstest.WithVersion(version), jenkinstest.WithUser(user, password))
				before := srv.Tokens(user)[0].Value
				cred := jenkins.Password(user, password)
				if byToken {
					cred = jenkins.APIToken(user, before)
				}
				c := newClient(t, srv.URL, cred)
				read, err := c.LegacyToken(t.Context())
				if err != nil || read.Value() != before || read.UUID != "" || read.Name != "" || !c.Version().Legacy() {
					t.Fatalf("read %v, %v; version %s", read.Value() == before, err, c.Version())
				}
				changed, err := c.ChangeLegacyToken(t.Context())
				if err != nil || changed.Value() == before || changed.Value() != srv.TokensOnDisk(user)[0].Value {
					t.Errorf("changed %v", err)
				}
				if strings.Contains(fmt.Sprintf("%v %+v %#v", changed, changed, changed), changed.Value()) {
					t.Error("printing the token shows it")
				}
				if _, err := newClient(t, srv.URL, jenkins.APIToken(user, before)).WhoAmI(t.Context()); !isKind(err, jenkins.KindRefused) {
					t.Errorf("the token of before: %v", err)
				}
				if _, err := newClient(t, srv.URL, jenkins.APIToken(user, changed.Value())).WhoAmI(t.Context()); err != nil {
					t.Errorf("the token of now: %v", err)
				}
			})
		}
	}
}

func isKind(err error, kind jenkins.Kind) bool {
	failed, ok := errors.AsType[*jenkins.Error](err)
	return ok && failed.Kind == kind
}

func TestLegacyTokenOnNewServers(t *testing.T) {
	t.Parallel()
	for version, kind := range map[string]jenkins.Kind{"2.129": jenkins.KindPage, "2.426.2": jenkins.KindPage, "2.548": jenkins.KindNotFound} {
		srv := jenkinstest.Start(t, jenkinstest.WithVersion(version), jenkinstest.WithUser(user, password))
		c := newClient(t, srv.URL, jenkins.Password(user, password))
		if _, err := c.LegacyToken(t.Context()); !isKind(err, kind) || c.Version().Legacy() {
			t.Errorf("%s: %v", version, err)
		}
		if _, err := c.ChangeLegacyToken(t.Context()); !isKind(err, jenkins.KindAnswer) {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestLegacyAnswers(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef0123456789abcdef"
	field := func(value string) string {
		return `<html><body><td class="setting-main"><input name="_.apiToken" value="` + value + `" id="apiToken" type="text" readonly="readonly"/></td>`
	}
	const script = "document.getElementById('apiToken').value='" + token + "'"
	for _, row := range []struct {
		name         string
		page, script string
		read, change jenkins.Kind
	}{
		{"hidden", field("Token is hidden"), "document.getElementById('apiToken').value='Token is hidden'", jenkins.KindPage, jenkins.KindAnswer},
		{"no field", "<html></html>", "", jenkins.KindPage, jenkins.KindAnswer},
		{"upper case", field(strings.ToUpper(token)), strings.ToUpper(script), jenkins.KindPage, jenkins.KindAnswer},
		{"a value of another form", field(token + `&#10;::error::`), script + ";alert(1)", jenkins.KindPage, jenkins.KindAnswer},
		{"a login page", `<html><form action="/login"></form></html>`, "", jenkins.KindPage, jenkins.KindLoginPage},
		{"an attribute without an end", `<html><input name="` + strings.Repeat("a", 1<<20), "", jenkins.KindPage, jenkins.KindAnswer},
		{"a page without an end", strings.Repeat("<p>padding</p>", 400_000), "", jenkins.KindCut, jenkins.KindAnswer},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html;charset=UTF-8")
				if r.Method == http.MethodPost {
					w.Header().Set("script", row.script)
				}
				_, _ = io.WriteString(w, row.page)
			})
			c := newClient(t, url, jenkins.APIToken(user, token))
			if _, err := c.LegacyToken(t.Context()); !isKind(err, row.read) {
				t.Errorf("read: %v", err)
			}
			_, err := c.ChangeLegacyToken(t.Context())
			if !isKind(err, row.change) {
				t.Errorf("change: %v", err)
			}
			if failed, _ := errors.AsType[*jenkins.Error](err); row.change == jenkins.KindAnswer && !failed.Unclear() {
				t.Error("it may have been changed, and the error says no")
			}
		})
	}
}
