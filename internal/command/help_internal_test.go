package command

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// TestHelpOfEveryCommand holds a new command to what a help text owes its
// reader; the texts themselves are in testdata/script/help.txtar.
func TestHelpOfEveryCommand(t *testing.T) {
	t.Parallel()
	texts := map[string]string{"overview": overview()}
	for _, v := range commands() {
		texts[v.name] = v.help()
		if v.text == "" || v.about == "" || len(v.codes) == 0 || len(v.examples) != 2 {
			t.Errorf("%s: got a help text without a part, want two sentences, exit codes and two examples", v.name)
		}
		for _, s := range settings.All() {
			if got := strings.Contains(v.help(), s.Env[0]); got != v.takes(s) && s.Name != "label" {
				t.Errorf("%s: %s listed: got %t, want %t", v.name, s.Name, got, v.takes(s))
			}
		}
		for _, e := range v.examples {
			words := strings.Fields(strings.TrimPrefix(e.line, "jenkins-token "))
			f, err := parse(commandOf(words[0]), words[1:])
			if err != nil || f.set["help"] {
				t.Errorf("example %q: got %v, want a line that is understood", e.line, err)
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

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"create", "revoke", "sweep", "doctor", "dry-run", "client-key", "client-certificate", "ca-certificate", "ttl", "url", "uuid"}
	for _, test := range []struct{ name, typed, want string }{
		{"one letter missing", "creat", "create"},
		{"one letter too many", "sweeep", "sweep"},
		{"one letter changed", "rewoke", "revoke"},
		{"two letters swapped", "docotr", "doctor"},
		{"no hyphen", "dryrun", "dry-run"},
		{"underline", "client_key", "client-key"},
		{"capitals", "TTL", "ttl"},
		{"beginning", "rev", "revoke"},
		{"beginning of two", "client-", ""},
		{"as near to two", "utl", ""},
		{"another word", "hunter2", ""},
		{"one letter", "c", ""},
		{"nothing", "", ""},
		{"very long", strings.Repeat("create", 10), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := nearest(test.typed, names); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"label", "lable", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ca", "abc", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
