package jenkins_test

import (
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// As java.lang.String.toLowerCase(Locale.ENGLISH) has it.
func TestSameUser(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		a, b string
		want bool
	}{
		{"alice", "alice", true}, {"alice", "ALICE", true}, {"Zoë", "ZOË", true}, {"alice", "bob", false}, {"alice", "alice ", false},
		{"users", "u\u017fers", false}, {"kim", "\u212Aim", true}, {"İda", "i\u0307da", true}, {"İda", "ida", false}, {"ıda", "Ida", false},
		{"ΝΙΚΟΣ", "νικος", true}, {"ΝΙΚΟΣ", "νικοσ", false}, {"ΣΑΜ", "σαμ", true}, {"straße", "STRASSE", false},
	} {
		if got := jenkins.SameUser(row.a, row.b); got != row.want {
			t.Errorf("%q and %q: got %t, want %t", row.a, row.b, got, row.want)
		}
		if got := jenkins.SameUser(row.b, row.a); got != row.want {
			t.Errorf("%q and %q: got %t, want %t", row.b, row.a, got, row.want)
		}
	}
}
