package ci

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// In host mode the variables name files of the runner's machine, which are not in the
// container of the action, or are mounted elsewhere.
func TestHostMode(t *testing.T) {
	t.Parallel()
	const mounted, volume, nothing = "mounted", "volume", "nothing"
	for _, row := range []struct {
		runner, act string
		files       bool // written to, else workflow commands
		fails       bool
		shared      string // directory of the side file and the marks
	}{
		{"ACT", mounted, true, false, "act/workflow"},
		{"ACT", volume, false, true, "machine/workflow"},
		{"ACT", nothing, false, true, "machine/workflow"},
		{"GITEA_ACTIONS", mounted, true, false, "act/workflow"},
		{"GITEA_ACTIONS", volume, false, false, "act"},
		{"GITEA_ACTIONS", nothing, false, false, "machine/workflow"},
		{"FORGEJO_ACTIONS", volume, false, false, "act"},
		{"", mounted, false, true, "machine/workflow"},
	} {
		t.Run(row.runner+" "+row.act, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			act := filepath.Join(dir, "act")
			files := map[string]string{stateFile: "statecmd.txt", outputFile: "outputcmd.txt", summaryFile: "SUMMARY.md"}
			env := map[string]string{"GITHUB_ACTIONS": "true", row.runner: "true"}
			for variable, name := range files {
				env[variable] = filepath.Join(dir, "machine", "workflow", name)
			}
			if row.act != nothing {
				if err := os.MkdirAll(act, 0o700); err != nil {
					t.Fatal(err)
				}
			}
			if row.act == mounted {
				for _, name := range files {
					if err := os.MkdirAll(filepath.Join(act, "workflow"), 0o700); err != nil {
						t.Fatal(err)
					}
					if err := os.WriteFile(filepath.Join(act, "workflow", name), nil, 0o600); err != nil {
						t.Fatal(err)
					}
				}
			}
			var out bytes.Buffer
			g := newGitHub(Environment{Stdout: &out, Stderr: &out, Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok }}, act)
			err := g.Open()
			if (err != nil) != row.fails {
				t.Fatalf("got %v, want an error: %t", err, row.fails)
			}
			if failed, ok := err.(*ChannelError); ok && strings.Contains(failed.Hint, "host mode") != (row.runner == "ACT") {
				t.Errorf("got the hint %q", failed.Hint)
			}
			if shared, err := filepath.Rel(dir, filepath.Dir(g.MarksFile())); err != nil || filepath.ToSlash(shared) != row.shared {
				t.Errorf("got the marks in %q, %v, want %q", shared, err, row.shared)
			}
			if row.fails {
				return
			}
			for _, write := range []func() error{
				func() error { return g.SaveState([]byte("a lease")) },
				func() error { return g.Output("token", "a token") },
				func() error { return g.Summary("a summary") },
			} {
				if err := write(); err != nil {
					t.Error(err)
				}
			}
			for variable, want := range map[string]string{stateFile: "a lease", outputFile: "a token", summaryFile: "a summary"} {
				text, _ := os.ReadFile(filepath.Join(act, "workflow", files[variable]))
				if strings.Contains(string(text), want) != row.files {
					t.Errorf("%s: got %q in the file", variable, text)
				}
				if _, err := os.Stat(env[variable]); err == nil {
					t.Errorf("%s: a file of the machine was made", variable)
				}
			}
			commands := "::save-state name=LEASE::a lease\n::set-output name=token::a token\n"
			if row.files {
				commands = ""
			}
			if got := strings.ReplaceAll(out.String(), "\r\n", "\n"); got != commands {
				t.Errorf("got the commands %q, want %q", got, commands)
			}
		})
	}
}
