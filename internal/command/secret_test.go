package command_test

import (
	"encoding/base64"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// TestNoSecretIsShown runs every command under every fault and looks for the
// account's credential, and for the secret of every token that there ever was,
// in all that a command gives away: both streams, every file of the job, and the
// arguments and the environment of the programs it starts.
func TestNoSecretIsShown(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]struct {
		system   string
		byToken  bool
		commands [][]string
	}{
		"GitHub, password":  {"github", false, [][]string{{"create"}, {"sweep"}, {"revoke"}}},
		"GitHub, API token": {"github", true, [][]string{{"create"}, {"sweep"}, {"revoke"}}},
		"act, password":     {"act", false, [][]string{{"create"}, {"sweep"}, {"revoke"}}},
		"a shell": {"plain", true, [][]string{
			{"create", "--lease", "other"}, {"create", "--lease", "-"}, {"create"}, {"create", "--password", password},
			{"revoke", "--lease", "FILE"}, {"revoke", "--uuid", "01234567-89ab-cdef-0123-456789abcdef"},
			{"sweep"}, {"sweep", "--json", "--dry-run"}, {"doctor"}, {"doctor", "--write", "--json"}, {"help"}, {"version"},
		}},
		"Buildkite": {"buildkite", false, [][]string{{"create"}, {"doctor"}, {"revoke"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, what := range faults() {
				t.Run(what, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						s, network := newBubble(t)
						defer s.serve(network.pipes)()
						s.on(a.system, a.byToken)
						s.tell(s.runFirst())
						if strings.HasSuffix(what, "-connection") || strings.HasSuffix(what, "-host") {
							network.fail(what, true)
						} else {
							s.inject("any:" + what + "@1")
						}
						for _, args := range a.commands {
							s.tell(s.runIn(args))
						}
						s.wantNoSecret()
					})
				})
			}
		})
	}
}

// runFirst makes a token while all is well.
func (s *stage) runFirst() ran {
	if s.system == "plain" {
		return s.runIn([]string{"create", "--lease", "FILE"})
	}
	return s.runIn([]string{"create"})
}

// runIn runs a command as the action, or as the program with arguments.
func (s *stage) runIn(args []string) ran {
	args = slices.Clone(args)
	for i, arg := range args {
		switch arg {
		case "FILE":
			args[i] = s.path("lease")
		case "other":
			args[i] = s.path("other-lease")
		}
	}
	if s.system == "plain" || s.system == "buildkite" {
		args = append([]string{"jenkins-token"}, args...)
	}
	return s.run(args...)
}

// shown is what was given away, by where it was seen.
type shown struct {
	where, text string
	token       bool // a token may stand here, as it is
}

// tell keeps what a command has printed for wantNoSecret.
func (s *stage) tell(r ran) {
	var stdout strings.Builder
	for line := range strings.Lines(r.stdout) {
		// The runner reads these lines and shows none of them.
		if !strings.HasPrefix(line, "::add-mask::") {
			stdout.WriteString(line)
		}
	}
	what := strings.Join(r.args, " ")
	record := strings.HasSuffix(what, "create --lease -")
	s.shown = append(s.shown, shown{"standard output of " + what, stdout.String(), record}, shown{"standard error of " + what, r.stderr, false})
}

// wantNoSecret looks through everything.
func (s *stage) wantNoSecret() {
	s.t.Helper()
	all := s.shown
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		name := entry.Name()
		record := strings.HasSuffix(name, "lease") || strings.HasSuffix(name, ".json")
		all = append(all, shown{"file " + name, string(text), name == "STATE" || name == "OUTPUT" || record})
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	values := slices.Collect(maps.Keys(s.values))
	if len(values) == 0 {
		s.t.Error("there was no token, so nothing could be shown")
	}
	for _, one := range all {
		for _, secret := range []string{password, s.own.Value} {
			for _, form := range formsOf(secret) {
				if strings.Contains(one.text, form) {
					s.t.Errorf("%s shows the account's credential: %s", one.where, one.text)
				}
			}
		}
		for _, value := range values {
			text := one.text
			if one.token {
				text = strings.ReplaceAll(text, value, "")
			}
			for _, form := range formsOf(value) {
				if strings.Contains(text, form) {
					s.t.Errorf("%s shows a token: %s", one.where, one.text)
				}
			}
		}
	}
}

// formsOf are the forms in which a secret can turn up: itself, its last 32
// characters, which Jenkins accepts alone, as part of an address, and what is left
// of it in longer base64 at each of the three alignments. The last covers the
// value of a Basic header.
func formsOf(secret string) []string {
	forms := []string{secret, url.QueryEscape(secret), url.PathEscape(secret)}
	if n := len(secret); n > 32 {
		forms = append(forms, secret[n-32:])
	}
	for start := range 3 {
		whole := (len(secret) - start) / 3 * 3
		forms = append(forms, base64.StdEncoding.EncodeToString([]byte(secret[start:start+whole])))
	}
	return forms
}
