package jenkins_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestVersion(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text                string
		known, least, older bool // known, at least 2.468, at least 2.60
	}{
		{"2.426.2", true, false, true},
		{"2.468", true, true, true},
		{"2.479.1", true, true, true},
		{"2.60", true, false, true},
		{"2.59.3", true, false, false},
		{"1.651.3", true, false, false},
		{"3.0", true, true, true},
		{"2.469-SNAPSHOT", true, true, true},
		{"2.504.3-cb-1+b", true, true, true},
		{"2.426.2 ", false, false, false},
		{"", false, false, false},
		{"2", false, false, false},
		{"2.", false, false, false},
		{".2", false, false, false},
		{"v2.468", false, false, false},
		{"2.468\n::error::", false, false, false},
		{"2.468<b>", false, false, false},
		{"99999.1", false, false, false},
		{"2.9999999999999999999", true, true, true},
		{"2.468" + strings.Repeat("9", 50), false, false, false},
	} {
		v := jenkins.ParseVersion(test.text)
		if v.Known() != test.known {
			t.Errorf("%q: got known %t, want %t", test.text, v.Known(), test.known)
			continue
		}
		if got := v.AtLeast(2, 60); got != test.older {
			t.Errorf("%q: got at least 2.60 %t, want %t", test.text, got, test.older)
		}
		if got := v.AtLeast(2, 468); got != test.least {
			t.Errorf("%q: got at least 2.468 %t, want %t", test.text, got, test.least)
		}
		want := ""
		if test.known {
			want = test.text
		}
		if got := v.String(); got != want {
			t.Errorf("%q: got text %q, want %q", test.text, got, want)
		}
	}
}

func TestVersionOfTheController(t *testing.T) {
	t.Parallel()
	srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.479.1"))
	c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
	if c.Version().Known() {
		t.Errorf("version before an answer: got %s, want none", c.Version())
	}
	if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"}); err != nil || c.Version().Known() {
		t.Errorf("version after create: got %s, %v, want none", c.Version(), err)
	}
	if _, err := c.WhoAmI(t.Context()); err != nil || c.Version().String() != "2.479.1" {
		t.Errorf("version: got %s, %v, want 2.479.1", c.Version(), err)
	}
	if got := c.WithCredential(jenkins.Credential{}).Version().String(); got != "2.479.1" {
		t.Errorf("version of With: got %s, want 2.479.1", got)
	}
	// An answer without a version, or with nonsense for one, takes nothing away.
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			w.Header().Set("X-Jenkins", "2.1\t<script>")
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-Jenkins", "2.300")
		w.WriteHeader(http.StatusNotFound)
	})
	c = newClient(t, address, jenkins.APIToken(user, tokenText))
	_, err := c.WhoAmI(t.Context())
	if got := failure(t, err, jenkins.KindNotFound).Version.String(); got != "2.300" {
		t.Errorf("version of an error: got %q, want 2.300", got)
	}
	if got := failure(t, c.RevokeToken(t.Context(), uuid), jenkins.KindServer).Version.String(); got != "2.300" {
		t.Errorf("version of a later error: got %q, want 2.300", got)
	}
}
