package command

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// helpWidth is the width of a terminal that shows help texts.
const helpWidth = 100

// TestHelpOfEveryCommand holds a new command to what a help text owes its
// reader; the texts themselves are in testdata/script/help.txtar.
func TestHelpOfEveryCommand(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"overview": app().Overview()}
	for _, c := range app().Commands {
		text, err := app().Help(c.Name)
		if err != nil {
			t.Fatal(err)
		}
		texts[c.Name] = text
		if c.Summary == "" || c.About == "" || len(c.ExitCodes) == 0 || len(c.Examples) != 2 {
			t.Errorf("%s: got a help text without a part, want two sentences, exit codes and two examples", c.Name)
		}
		for _, s := range creationSettings() {
			if got := strings.Contains(text, s.Env[0]); got != takes(c, s.Name) && s.Name != "label" {
				t.Errorf("%s: %s listed: got %t, want %t", c.Name, s.Name, got, takes(c, s.Name))
			}
		}
		for _, e := range c.Examples {
			words := strings.Fields(strings.TrimPrefix(e.Line, "jenkins-token "))
			_, in, err := app().Parse(cli.CommandName(words[0]), words[1:])
			if err != nil || in.Help {
				t.Errorf("example %q: got %v, want a line that is understood", e.Line, err)
			}
		}
	}
	for name, text := range texts {
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			if utf8.RuneCountInString(line) > helpWidth || strings.TrimRight(line, " ") != line {
				t.Errorf("%s: got %q, want at most %d columns and no blank at the end", name, line, helpWidth)
			}
		}
	}
}
