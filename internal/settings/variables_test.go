package settings_test

import (
	"slices"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// A variable that Load reads and Variables does not name would reach whatever
// exec starts.
func TestVariablesAreAllThatLoadReads(t *testing.T) {
	t.Parallel()
	read := map[string]bool{}
	for _, spelling := range []settings.Spelling{settings.NoInputs, settings.Runner, settings.Plugin} {
		for _, inJenkins := range []bool{false, true} {
			_, _ = settings.Load(t.Context(), settings.Source{
				Lookup:   func(name string) (string, bool) { read[name] = true; return "", false },
				Spelling: spelling, InJenkins: inJenkins,
			}, settings.ForCreate)
		}
	}
	named := settings.Variables()
	for name := range read {
		if !slices.Contains(named, name) {
			t.Errorf("%s is read, and not among the variables", name)
		}
	}
	for _, name := range named {
		if !read[name] {
			t.Errorf("%s is among the variables, and never read", name)
		}
	}
}
