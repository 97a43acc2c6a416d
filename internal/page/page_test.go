package page_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/page"
)

const document = "# A page\n\nSee [one](other.md#a-part), `[no](link.md)` and `` a `b` ``.\n\n" +
	"<!-- run -->\n```sh\n# not a heading\necho [no](link.md)\n```\n\n" +
	"- in a list:\n  ```yaml\n  a: 1\n  ```\n\n## Exit codes, by `command`\n\n## A page\n\n" +
	"<!-- words -->\n| a | b |\n| --- | --- |\n| x \\| y | said of x |\n<!-- /words -->\n"

func TestParts(t *testing.T) {
	t.Parallel()
	want := []page.Block{{"sh", "# not a heading\necho [no](link.md)\n", 7, "run"}, {"yaml", "a: 1\n", 13, ""}}
	if got := page.Blocks(document); !slices.Equal(got, want) {
		t.Errorf("blocks: got %+v, want %+v", got, want)
	}
	if got, want := page.Links(document), []string{"other.md#a-part"}; !slices.Equal(got, want) {
		t.Errorf("links: got %q, want %q", got, want)
	}
	if got, want := page.Anchors(document), []string{"a-page", "exit-codes-by-command", "a-page-1"}; !slices.Equal(got, want) {
		t.Errorf("anchors: got %q, want %q", got, want)
	}
	if got, want := page.Spans(document), []string{"[no](link.md)", "a `b`", "command"}; !slices.Equal(got, want) {
		t.Errorf("spans: got %q, want %q", got, want)
	}
	if got, want := page.Words(document)["x | y"], "said of x"; got != want {
		t.Errorf("words: got %q, want %q", got, want)
	}
}

// failures counts what Hold finds wrong.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Errorf(string, ...any) { f.n++ }
func (f *failures) Helper()               {}

func TestHold(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte(document), 0o600); err != nil {
		t.Fatal(err)
	}
	table := func(today string) string {
		return page.Table([]string{"a", "b"}, []string{"x | y", page.Words(today)["x | y"]}, []string{"z", "new"})
	}
	for _, test := range []struct {
		name    string
		section string
		update  bool
		want    int
	}{
		{"another content", "words", false, 1},
		{"no such section", "none", false, 1},
		{"written anew", "words", true, 0},
		{"as written", "words", false, 0},
	} {
		f := &failures{TB: t}
		page.Hold(f, path, test.update, map[string]func(string) string{test.section: table})
		if f.n != test.want {
			t.Errorf("%s: got %d failures, want %d", test.name, f.n, test.want)
		}
	}
}
