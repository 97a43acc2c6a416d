package docs

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/jenkins-token/jenkins-token/internal/page"
)

// unseen are the texts that no user sees, each with the reason.
func unseen() map[string]string {
	const (
		kind  = "package jenkins turns it into a kind of its error, which has a text of its own"
		cause = "the cause of a ChannelError, which is not printed"
		first = "the first part of four texts, which are all explained"
		check = "settings refuse such a value first"
	)
	return map[string]string{
		"the proxy's answer":                  kind,
		"the proxy's address":                 kind,
		"the proxy requires a login":          kind,
		"the proxy refused the login":         kind,
		"the proxy forbids the target":        kind,
		"the proxy does not reach the target": kind,
		"older than TLS 1.2":                  kind,
		"stop":                                "stops reading a page",
		"not read":                            "doctor asks only whether there was an error",
		"no such program":                     "a warning says what that means for the system",
		"cannot write":                        cause,
		"the transport is nil":                "the program sets no transport",
		"a transport cannot be combined with certificates, a proxy or dial": "the program sets no transport",
		"a value is not one line":    cause,
		"… lines":                    "a warning says that the runner state file holds such lines",
		"…: the path cannot be sent": "paths are made of a root that was parsed, and of escaped parts",
		"an additional header has a name that cannot be set":                                            check,
		"an additional header has a form that cannot be sent":                                           check,
		"not the root of a controller":                                                                  check,
		"the credential is empty":                                                                       check,
		"cannot be read":                                                                                "go-envconfig fills only strings",
		"revoke token: not the form of a uuid":                                                          "command line and lease are checked first",
		"rename token: not the form of a uuid or of a name":                                             "a lease is checked first, and the program makes its names",
		"create token: not a name that Jenkins can keep":                                                "the program makes its names",
		"create token: not an expiry that Jenkins can keep":                                             "ttl is at most 365 days",
		"a user name with a colon cannot be sent (Basic authentication ends it there)":                  check,
		"this is Jenkins …, where an account has one API token for everything":                          first,
		"this system cannot protect the environment of a process from other processes of the same user": "part of a notice of exec that needs no action",
		"not a regular file":                                                                            "settings and the error of a lease have their own words",
		"the file is too large":                                                                         "settings and the error of a lease have their own words",
		"… from …":                                                                                      "doctor's address of a proxy and its variable, before what the proxy failed with",
	}
}

// TestEveryErrorIsExplained: each error and warning of the program is in the first
// column of a table of troubleshooting.md, with something to do, and nothing else
// is. Values are … or an example.
func TestEveryErrorIsExplained(t *testing.T) {
	t.Parallel()
	explained := map[string]bool{}
	for _, row := range page.Rows(read(t, "troubleshooting.md")) {
		for _, text := range page.Spans(row[0]) {
			explained[text] = false
		}
		if len(row) != 2 || row[1] == "" {
			t.Errorf("%s: got nothing to do", row[0])
		}
	}
	reasons, used := unseen(), map[string]bool{}
	for text, places := range messages(t) {
		if reasons[text] != "" {
			used[text] = true
			continue
		}
		// An error may come wrapped in others, and may wrap another.
		known := false
		said := regexp.MustCompile(`^(.*: )?` + strings.ReplaceAll(regexp.QuoteMeta(text), "…", ".*") + `(: …)?$`)
		for one := range explained {
			if said.MatchString(one) {
				known, explained[one] = true, true
			}
		}
		if !known {
			t.Errorf("%s: %q is not in troubleshooting.md", strings.Join(places, ", "), text)
		}
	}
	for one, found := range explained {
		if !found {
			t.Errorf("troubleshooting.md: %q is not a text of the program", one)
		}
	}
	for one := range reasons {
		if !used[one] {
			t.Errorf("unseen: %q is not a text of the program", one)
		}
	}
}

// messages are the texts of errors and warnings in the program's sources, with
// their places. Values are … in them.
func messages(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, pattern := range []string{"*.go", "jenkins/*.go", "internal/*/*.go"} {
		paths, err := filepath.Glob(filepath.Join("..", pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") || filepath.Base(filepath.Dir(path)) == "page" {
				continue
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, said := range texts(file) {
				if text, ok := shape(said); ok {
					place := fmt.Sprintf("%s:%d", strings.TrimPrefix(path, "../"), files.Position(said.Pos()).Line)
					found[text] = append(found[text], place)
				}
			}
		}
	}
	if len(found) < 50 {
		t.Fatalf("got %d texts: where are the others?", len(found))
	}
	return found
}

// texts are the expressions of a file that become the text of an error or a
// warning: arguments of the functions that create these, and texts in the methods
// of errors.
func texts(file *ast.File) []ast.Expr {
	// By function, which argument is the text.
	arguments := map[string]int{
		"errors.New": 0, "fmt.Errorf": 0, "Usage": 0, "problem": 1, "fail": 1, "Warn": 0, "Say": 1,
	}
	var all []ast.Expr
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := called(n.Fun)
			i, ok := arguments[name]
			if !ok {
				_, method, _ := strings.Cut(name, ".")
				i, ok = arguments[method]
			}
			if !ok || i >= len(n.Args) {
				return true
			}
			if strings.HasSuffix(name, "Say") && !strings.HasSuffix(called(n.Args[0]), "Warning") {
				return true // progress and notices need no action
			}
			all = append(all, n.Args[i])
		case *ast.FuncDecl:
			if n.Name.Name == "Error" && n.Recv != nil || n.Name.Name == "what" && n.Recv != nil || n.Name.Name == "leftoverText" {
				all = append(all, parts(n.Body)...)
			}
		}
		return true
	})
	return all
}

// called names a function as its call does: errors.New, cli.Usage, j.system.Say.
func called(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			return x.Name + "." + e.Sel.Name
		}
		return "." + e.Sel.Name
	}
	return ""
}

// parts are the largest expressions of text in a function's body, except those
// that are compared with something.
func parts(body ast.Node) []ast.Expr {
	var all []ast.Expr
	ast.Inspect(body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			if n.Op == token.ADD {
				all = append(all, n)
			}
			return false
		case *ast.BasicLit:
			if n.Kind == token.STRING {
				all = append(all, n)
			}
		}
		return true
	})
	return all
}

var verb = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)

// shape is a text with … for values. It is false if the text is not a sentence: too
// few letters, or the second part of one.
func shape(e ast.Expr) (string, bool) {
	text := regexp.MustCompile(`…+`).ReplaceAllString(verb.ReplaceAllString(flat(e), "…"), "…")
	text = strings.TrimSuffix(strings.TrimSuffix(strings.TrimSpace(text), ": …"), ":")
	letters := 0
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return text, letters >= 4 && !strings.ContainsAny(text[:1], " ;:,(") && text != "token …"
}

// flat is the text of an expression.
func flat(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if err == nil {
			return text
		}
	case *ast.BinaryExpr:
		return flat(e.X) + flat(e.Y)
	case *ast.CallExpr:
		if called(e.Fun) == "fmt.Sprintf" {
			return flat(e.Args[0])
		}
	}
	return "…"
}

// TestTextsAreFound: texts finds every form in which the program creates errors.
func TestTextsAreFound(t *testing.T) {
	t.Parallel()
	const source = `package p
		var errOne = errors.New("the first")
		func f() error { return fmt.Errorf("%d of %s: %w", 1, "x", err) }
		func g() error { return cli.Usage(name+": the second", "a hint") }
		func h() { f.problem(name, "the third, line %d", n); j.system.Say(ci.Warning, fmt.Sprintf("the fourth of %d", n)) }
		func i() { j.system.Say(ci.Notice, "a notice"); d.fail("name", "the fifth", nil) }
		func (e *E) Error() string {
			if e.Kind == "a kind" {
				return "the sixth"
			}
			return map[int]string{1: "the seventh", 2: "the eighth " + e.Name}[e.N]
		}
		func (e *E) what() string { text := "the ninth"; return text + ": and more" }`
	file, err := parser.ParseFile(token.NewFileSet(), "p.go", source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, said := range texts(file) {
		if text, ok := shape(said); ok {
			got = append(got, text)
		}
	}
	want := []string{
		"the first", "…: the second", "the third, line …", "the fourth of …", "the fifth", "the sixth", "the seventh", "the eighth …", "the ninth", "…: and more",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
