package command

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/page"
)

// TestCommandLinesOfDocuments: every command line of ours in a document is one
// that the program understands.
func TestCommandLinesOfDocuments(t *testing.T) {
	t.Parallel()
	paths, err := page.All("../..")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		texts := page.Spans(string(content))
		for _, block := range page.Blocks(string(content)) {
			texts = append(texts, block.Text)
		}
		for _, text := range texts {
			for _, line := range commandLines(text) {
				found++
				if _, _, err := app().Parse(cli.CommandName(line[0]), line[1:]); err != nil {
					t.Errorf("%s: jenkins-token %s: %v", path, strings.Join(line, " "), err)
				}
			}
		}
	}
	if found == 0 {
		t.Error("got no command line")
	}
}

var (
	// call is our program as the first word of a simple command.
	call = regexp.MustCompile(`(?m)(?:^|[;&|(]|\b(?:exec|then|do|if|else|run:))[ \t-]*(?:[A-Z_]+=\S+ )*!?[ \t]*(?:\S*/)?jenkins-token[ \t]+([^\n;&|]*)`)
	word = regexp.MustCompile(`(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^\s"';&|<>()]|\$\([^)]*\)|\\.)+|[;&|<>()]+`)
)

// commandLines are the command lines of our program in shell, or in a YAML file
// that holds shell, without the program's name.
func commandLines(text string) [][]string {
	text = strings.ReplaceAll(text, "\\\n", " ")
	var lines [][]string
	for _, found := range call.FindAllStringSubmatch(text, -1) {
		var words []string
		for _, w := range word.FindAllString(found[1], -1) {
			if strings.ContainsAny(w[:1], ";&|<>()#") {
				break
			}
			words = append(words, strings.Trim(w, `"'`))
		}
		if len(words) > 0 && words[0] != "COMMAND" {
			lines = append(lines, words)
		}
	}
	return lines
}

func TestCommandLines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		want       []string // joined with a bar
	}{
		{"a line", "jenkins-token create --lease lease.json   # a new file", []string{"create|--lease|lease.json"}},
		{"two in a line", "jenkins-token create --lease a && ./jenkins-token revoke --lease a", []string{"create|--lease|a", "revoke|--lease|a"}},
		{"over two lines", "jenkins-token create \\\n  --ttl 2d", []string{"create|--ttl|2d"}},
		{"in YAML", "    run: jenkins-token exec -- make deploy\n    - jenkins-token doctor", []string{"exec|--|make|deploy", "doctor"}},
		{"with quotes and a redirection", `jenkins-token create --label "a b" --lease - > "$FILE"`, []string{"create|--label|a b|--lease|-"}},
		{"captured", `token=$(jenkins-token create --lease -)`, []string{"create|--lease|-"}},
		{"with variables", "JENKINS_URL=x jenkins-token sweep", []string{"sweep"}},
		{"as an argument", "cp jenkins-token /usr/local/bin; docker run example/jenkins-token:1 create", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var got []string
			for _, line := range commandLines(test.text) {
				got = append(got, strings.Join(line, "|"))
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
