package command

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/page"
	"github.com/jenkins-token/jenkins-token/internal/web"
)

// systemTable has the variables of each system, which are those of the file that
// bears its name.
func systemTable(t *testing.T, today string) string {
	words := page.Words(today)
	rows := [][]string{{"system", "variables and files read", "found by"}}
	for _, name := range ci.Names() {
		if words[quoted(name)] == "" {
			t.Errorf("%s: %s: got no word on how it is found", reference, name)
		}
		names := variables(t, "../ci/"+name+".go")
		rows = append(rows, []string{quoted(name), quotedAll(names), words[quoted(name)]})
	}
	return page.Table(rows...)
}

var variable = regexp.MustCompile(`^[A-Z][A-Z0-9_]*[A-Z0-9]$|^/[a-z/]+$`)

// variables are the names of variables, and the paths, in a source file. What
// looks like one and is none is listed here.
func variables(t *testing.T, path string) []string {
	t.Helper()
	others := []string{"LEASE", "ERROR", "WARNING", "TLS"} // key of the state, levels of TeamCity, a check
	for _, c := range app().Commands {
		others = append(others, c.Arguments)
		for _, f := range c.Flags {
			others = append(others, f.Value)
		}
	}
	var names []string
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if text, err := strconv.Unquote(lit.Value); err == nil && variable.MatchString(text) && !slices.Contains(others, text) {
				names = append(names, text)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// TestEveryVariableIsTold: a variable that any file of the program reads is on the
// page.
func TestEveryVariableIsTold(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	spans := page.Spans(string(content))
	for _, pattern := range []string{"../../*.go", "*.go", "../cli/*.go", "../ci/*.go", "../settings/*.go", "../process/*.go", "../secret/*.go"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for _, name := range variables(t, path) {
				if !slices.Contains(spans, name) && !strings.HasPrefix(name, "/") {
					t.Errorf("%s: %s is not on the page", path, name)
				}
			}
		}
	}
}

// TestSystemsAreFoundAsTold sets what the page says a system is found by, each
// alternative alone.
func TestSystemsAreFoundAsTold(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(content), "<!-- systems -->\n")
	section, _, _ = strings.Cut(section, "<!-- /systems -->\n")
	for name, words := range page.Words(section) {
		for _, way := range strings.Split(words, ", or ") {
			env, files := map[string]string{}, []string{}
			for _, span := range page.Spans(way) {
				name, value, given := strings.Cut(span, "=")
				switch {
				case strings.HasPrefix(span, "/"):
					files = append(files, span)
				case given:
					env[name] = strings.ReplaceAll(value, "…", "1")
				default:
					env[name] = "1"
				}
			}
			system, err := ci.Detect(ci.Environment{
				Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
				Exists: func(path string) bool { return slices.Contains(files, path) },
				Stdout: io.Discard, Stderr: io.Discard,
			}, "")
			if err != nil || quoted(system.Name) != name {
				t.Errorf("%s by %q: got %v, %v", name, way, system, err)
			}
		}
	}
}

// reservedHeaders are the names that no setting can choose: those in the function
// that says so, and the crumb's own.
func reservedHeaders(t *testing.T) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../web/web.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"Jenkins-Crumb"}
	ast.Inspect(file, func(n ast.Node) bool {
		f, ok := n.(*ast.FuncDecl)
		if !ok {
			return true
		}
		if f.Name.Name == "IsReserved" {
			ast.Inspect(f.Body, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					name, _ := strconv.Unquote(lit.Value)
					if !web.IsReserved(name) {
						t.Errorf("%s: got a header that can be set", name)
					}
					names = append(names, name)
				}
				return true
			})
		}
		return false
	})
	slices.Sort(names)
	return quotedAll(names) + "\n"
}
