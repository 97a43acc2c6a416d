package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// cleanGo are the directories with Go sources that follow the rules: their string
// literals and the doc comments of their exported names are checked.
func cleanGo() []string {
	return []string{
		".", "bench", "bench/floor", "bench/meter", "cmd/demo", "cmd/jenkins-emulator", "e2e", "internal/ci", "internal/cli", "internal/file",
		"internal/lease", "internal/page", "internal/process", "internal/secret", "internal/secret/secrettest", "internal/settings", "jenkins", "jenkins/jenkinstest", "tools/release",
	}
}

// rule is a word or phrase not to use.
type rule struct {
	words  string // regular expression
	write  string // what to write instead
	except string // regular expression of what is right

	pattern, right *regexp.Regexp
}

func rules() []rule {
	all := []rule{
		// Home-made or inverted phrases.
		{words: `required, but with`, write: "required unless … is set"},
		{words: `no linux with docker`, write: "no Docker on your runner"},
		{words: `order is a promise`, write: "the steps always run in this order"},
		{words: `time for everything`, write: "timeout for the whole command"},
		{words: `\bin small letters`, write: "in lowercase"},
		{words: `lacks? its value`, write: "needs a value"},
		{words: `means nothing to`, write: "is not a flag of"},
		{words: `expected was`, write: "expected a …"},
		{words: `whatever way`, write: "however"},
		{words: `\b(tokens?|names?|those|nothing|none|records?) of ours\b|\bours and over`, write: "created by jenkins-token"},
		{words: `refused or could not be reached`, write: "refused the connection or is unreachable"},
		{words: `what now\?`, write: "what to do"},
		{words: `\bno place for\b`, write: "nowhere to …"},
		{words: `\b(is|are|was|were) none of\b`, write: "must not be, is not one of"},
		{words: `\b(is|are|was|were) no\b`, write: "is not a", except: `there (is|are|was|were) no\b|\b(is|are|was|were) no (longer|more)\b`},
		{words: `\bof which\b|\bwhose\b|\bthereby\b|\ball the same\b|\bat hand\b`, write: "a second sentence"},
		{words: `\bas such\b`, write: "nothing, or a second sentence"},
		{words: `\bbut for\b`, write: "except"},
		{words: `\bnothing but\b`, write: "only"},
		{words: `\banew\b`, write: "again"},
		{words: `\bparted by\b`, write: "separated by"},
		{words: `\bto be had\b|\bbe rid of\b|\bno good\b`, write: "a plain verb"},
		{words: `\bstands? (before|behind|beside|between|there)\b|\blies? (in|on|at|beside|below|where)\b`, write: "is"},
		{words: `\bone a line\b|\bone story a file\b|\bone file a (system|command)\b`, write: "one per line"},
		{words: `\btime-out`, write: "timeout"},
		{words: `\bin place of\b`, write: "instead of"},
		{words: `\bgo(es)? on (as|while|with|until|after)\b|\bgoes on$`, write: "continue"},
		{words: `\bfurther headers\b`, write: "additional headers"},
		{words: `\bthis tool\b`, write: "jenkins-token"},
		{words: `\b(older |old )?servers? (before|since|from) [0-9]`, write: "Jenkins before …"},
		// Programs are not people.
		{words: `\b(is|are) told\b|\bknows? of\b|\basks for\b|\bwants\b`, write: "what it does: gets, has, requests, needs", except: `\bwho wants\b`},
		// The glossary.
		{words: `\b(the|a|its|this|that|each|every|no|genuine) records?\b|\brecords of\b`, write: "lease"},
		{words: `\bside files?\b`, write: "runner state file"},
		{words: `\bhand(s|ed|ing)?( \w+){0,2} on\b|\b(is|are) handed\b`, write: "publish, set the output; gets", except: `\bby hand on\b`},
		{words: `\blen(d|ds|t|ding)\b|\bloans?\b`, write: "run a command with a temporary token"},
		{words: `\bma(ke|kes|de|king) (a|an|the|another|its|new|further)( \w+)? tokens?\b|\btokens? (that )?(\w+ )?(is|are|was|were) made\b`, write: "create"},
		{words: `\bend(s|ed|ing)? (a|the|that|this|its|no) tokens?\b|\btokens? ends?\b`, write: "revoke, expire"},
		{words: `\bpast (its|their) end\b|\bend is (past|over)\b|\btokens? (that )?(is|are) over\b`, write: "expired"},
		{words: `\bdoubtful\b`, write: "unconfirmed"},
		{words: `\bsurroundings\b`, write: "CI system"},
		{words: `\bdoors?\b`, write: "gateway"},
		{words: `\bhid(e|es|ing)\b`, write: "mask (in the runner's log), redact (in a command's output)"},
	}
	for i, r := range all {
		all[i].pattern = regexp.MustCompile(`(?i)` + r.words)
		if r.except != "" {
			all[i].right = regexp.MustCompile(`(?i)` + r.except)
		}
	}
	return all
}

// findings lists where a text breaks a rule.
func findings(rules []rule, text string) []string {
	var all []string
	for _, r := range rules {
		for _, at := range r.pattern.FindAllStringIndex(text, -1) {
			if r.right != nil && slices.ContainsFunc(r.right.FindAllStringIndex(text, -1), func(right []int) bool {
				return right[0] <= at[0] && at[1] <= right[1]
			}) {
				continue
			}
			around := strings.Fields(text[max(0, at[0]-30):min(len(text), at[1]+30)])
			line := 1 + strings.Count(text[:at[0]], "\n")
			all = append(all, fmt.Sprintf("%d: %q: write %s (…%s…)", line, text[at[0]:at[1]], r.write, strings.Join(around, " ")))
		}
	}
	return all
}

// TestStyle looks for words that readers stumble over, in everything that people
// read: documents, actions, examples, workflows, and Go sources of cleanGo.
func TestStyle(t *testing.T) {
	t.Parallel()
	rules := rules()
	texts := map[string]string{}
	for path, text := range documents(t) {
		texts[path] = words(text)
	}
	for _, pattern := range []string{
		"../action.yml", "../*/action.yml", "../.github/*/*.yml", "../examples/*/*", "../examples/*/.*.yml", "../Dockerfile",
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: got %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			if ext := filepath.Ext(path); ext != ".go" && ext != ".md" && filepath.Base(path) != "terraform" {
				texts[path] = unwrapped(read(t, path))
			}
		}
	}
	for path, text := range texts {
		for _, one := range findings(rules, text) {
			t.Errorf("%s:%s", path, one)
		}
	}
	for dir, texts := range goTexts(t) {
		clean, n := slices.Contains(cleanGo(), dir), 0
		for path, text := range texts {
			for _, one := range findings(rules, text) {
				n++
				if clean {
					t.Errorf("%s:%s", path, one)
				}
			}
		}
		if !clean {
			t.Logf("%s: not checked yet, %d findings", dir, n)
		}
	}
}

// words are a document without code, which has rules of its own, and without the
// sections that come from Go sources, which are checked there.
func words(document string) string {
	for _, section := range []string{"commands", "flags", "exit codes"} {
		before, rest, opened := strings.Cut(document, "<!-- "+section+" -->")
		inside, after, closed := strings.Cut(rest, "<!-- /"+section+" -->")
		if opened && closed {
			document = before + strings.Repeat("\n", strings.Count(inside, "\n")) + after
		}
	}
	return code.ReplaceAllStringFunc(document, func(code string) string {
		return strings.Repeat("\n", strings.Count(code, "\n"))
	})
}

// code is a fenced block or a code span.
var code = regexp.MustCompile("(?ms)^ *```.*?^ *```$|`` .+? ``|`[^`\n]+`")

var comment = regexp.MustCompile(`(\n\s*)(#|//) ?`)

// unwrapped is a text without the signs of comments, so that a phrase may go over a
// line end.
func unwrapped(text string) string { return comment.ReplaceAllString("\n"+text, "$1") }

// goTexts are the string literals and the doc comments of exported names in Go
// sources, by directory and place.
func goTexts(t *testing.T) map[string]map[string]string {
	t.Helper()
	all := map[string]map[string]string{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != ".." && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		dir := strings.TrimPrefix(strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), ".."), "/")
		if dir == "" {
			dir = "."
		}
		texts := all[dir]
		if texts == nil {
			texts = map[string]string{}
			all[dir] = texts
		}
		for pos, text := range told(file) {
			texts[fmt.Sprintf("%s:%d", path, files.Position(pos).Line)] += text + "\n"
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// told are the texts of a file that its users read.
func told(file *ast.File) map[token.Pos]string {
	texts := map[token.Pos]string{}
	doc := func(comment *ast.CommentGroup, exported bool) {
		if comment != nil && exported {
			texts[comment.Pos()] = comment.Text()
		}
	}
	doc(file.Doc, true)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec:
			return false
		case *ast.BasicLit:
			if text, err := strconv.Unquote(n.Value); n.Kind == token.STRING && err == nil {
				texts[n.Pos()] = text
			}
		case *ast.FuncDecl:
			doc(n.Doc, n.Name.IsExported())
		case *ast.GenDecl:
			doc(n.Doc, slices.ContainsFunc(n.Specs, exported))
		case *ast.TypeSpec:
			doc(n.Doc, n.Name.IsExported())
		case *ast.Field:
			doc(n.Doc, len(n.Names) == 0 || n.Names[0].IsExported())
		}
		return true
	})
	return texts
}

func exported(spec ast.Spec) bool {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Name.IsExported()
	case *ast.ValueSpec:
		return slices.ContainsFunc(spec.Names, (*ast.Ident).IsExported)
	}
	return false
}

// TestRules: each rule finds what it is for.
func TestRules(t *testing.T) {
	t.Parallel()
	rules := rules()
	for text, want := range map[string]int{
		"It is no flag.": 1,
		"There is no such file, and it is no longer needed.":    0,
		"The record of the token is handed on.":                 2, // one for each phrase,
		"The steps run in this order: mask, record, verify.":    0,
		"It makes a new token and lends it to one\ncommand.":    2,
		"It creates a token and runs a command with it.":        0,
		"Tokens whose end is past.":                             2,
		"A sweep hides nothing, all the same.":                  2,
		"Jenkins wants a crumb and asks for it.":                2,
		"If you want a token, ask for one.":                     0,
		"It stands beside the file.":                            1,
		"Once there are no tokens left, the account is no user": 1,
	} {
		if got := findings(rules, text); len(got) != want {
			t.Errorf("%q: got %q, want %d findings", text, got, want)
		}
	}
}
