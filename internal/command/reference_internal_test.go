package command

import (
	"encoding/json"
	"flag"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/page"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

var update = flag.Bool("update", false, "write the marked sections of docs/reference.md anew")

const reference = "../../docs/reference.md"

// TestReference holds docs/reference.md to the code. What the code does not say,
// the last column of some tables, is written there by hand and kept.
func TestReference(t *testing.T) {
	t.Parallel()
	page.Hold(t, reference, *update, map[string]func(string) string{
		"commands":          func(string) string { return commandTable() },
		"flags":             func(string) string { return flagTable() },
		"settings":          func(string) string { return settingTable() },
		"spellings":         func(string) string { return spellingTable() },
		"exit codes":        func(string) string { return codeTable() },
		"record":            func(today string) string { return keyTable(t, today, recordKeys(t)) },
		"sweep":             func(today string) string { return keyTable(t, today, keys(reflect.TypeFor[sweepReport](), "")) },
		"doctor":            func(today string) string { return keyTable(t, today, keys(reflect.TypeFor[diagnosisReport](), "")) },
		"outputs":           func(string) string { return outputTable(t) },
		"systems":           func(today string) string { return systemTable(t, today) },
		"limits":            func(string) string { return limitTable(t) },
		"name of a token":   func(string) string { return "```text\n" + exampleName().String() + "\n```\n" },
		"name in a request": func(string) string { return "```text\n" + exampleAgent() + "\n```\n" },
	})
}

// quoted is text as code.
func quoted(text string) string { return "`" + text + "`" }

// quotedAll are texts as code, in one cell.
func quotedAll(texts []string) string {
	var b []string
	for _, text := range texts {
		b = append(b, quoted(text))
	}
	return strings.Join(b, ", ")
}

func commandTable() string {
	rows := [][]string{{"command", "what it does"}}
	for _, v := range verbs() {
		rows = append(rows, []string{quoted(strings.TrimSpace(v.name + " " + v.arguments)), v.text})
	}
	return page.Table(rows...)
}

func flagTable() string {
	rows := [][]string{{"command", "flag", "meaning"}}
	for _, v := range verbs() {
		for _, o := range v.options {
			rows = append(rows, []string{quoted(v.name), quoted(strings.TrimSpace("--" + o.name + " " + o.meta)), o.text})
		}
	}
	return page.Table(rows...)
}

// takers are the commands that take a setting.
func takers(s settings.Setting) []string {
	var names []string
	for _, v := range verbs() {
		if v.takes(s) && !slices.ContainsFunc(v.options, func(o option) bool { return o.name == s.Name }) {
			names = append(names, v.name)
		}
	}
	return names
}

func settingTable() string {
	rows := [][]string{{"setting", "default", "commands", "meaning"}}
	for _, s := range settings.All() {
		value := ""
		if s.Default != "" {
			value = quoted(s.Default)
		}
		rows = append(rows, []string{quoted(s.Name), value, strings.Join(takers(s), ", "), s.Description})
	}
	return page.Table(rows...)
}

// spelling is how a setting can be written.
type spelling struct{ flag, input, env, plugin []string }

func (s spelling) variables() []string { return slices.Concat(s.input, s.env, s.plugin) }

func spell(s settings.Setting) spelling {
	upper := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
	w := spelling{input: []string{"INPUT_" + strings.ToUpper(s.Name)}, env: slices.Clone(s.Env), plugin: []string{"PLUGIN_" + upper}}
	if own := "JENKINS_TOKEN_" + upper; s.Name == "url" {
		w.env = append([]string{own}, w.env...)
	}
	if !s.Secret {
		w.flag = []string{"--" + s.Name}
		return w
	}
	for _, names := range []*[]string{&w.env, &w.plugin} {
		for _, name := range slices.Clone(*names) {
			*names = append(*names, name+"_FILE")
		}
	}
	return w
}

func spellingTable() string {
	rows := [][]string{{"setting", "flag", "environment", "on a GitHub-like runner", "on Drone and Woodpecker"}}
	for _, s := range settings.All() {
		w := spell(s)
		rows = append(rows, []string{quoted(s.Name), quotedAll(w.flag), quotedAll(w.env), quotedAll(w.input), quotedAll(w.plugin)})
	}
	return page.Table(rows...)
}

// TestSpellings: the variables of the table are those that are looked up, no more
// and no fewer.
func TestSpellings(t *testing.T) {
	t.Parallel()
	asked := map[string]bool{}
	for _, s := range []settings.Spelling{settings.NoInputs, settings.Runner, settings.Plugin} {
		_, err := settings.Load(t.Context(), settings.Source{
			Spelling: s, ReadFile: os.ReadFile, Lookup: func(name string) (string, bool) { asked[name] = true; return "", false },
		}, settings.ForCreate)
		if err == nil {
			t.Fatal("got settings out of nothing")
		}
	}
	want := map[string]bool{}
	for _, s := range settings.All() {
		for _, name := range spell(s).variables() {
			want[name] = true
		}
	}
	if !maps.Equal(asked, want) {
		t.Errorf("got  %q\nwant %q", slices.Sorted(maps.Keys(asked)), slices.Sorted(maps.Keys(want)))
	}
	for _, v := range verbs() {
		for _, s := range settings.All() {
			f, err := parse(v.name, []string{"--" + s.Name + "=true"})
			if got := err == nil && f.text[s.Name] == "true"; got != (v.takes(s) && !s.Secret) && s.Name != "label" {
				t.Errorf("%s: --%s taken: got %t", v.name, s.Name, got)
			}
		}
	}
}

func codeTable() string {
	rows := [][]string{{"command", "exit code", "when"}}
	for _, v := range verbs() {
		for _, c := range v.codes {
			rows = append(rows, []string{quoted(v.name), c.number, c.meaning})
		}
	}
	return page.Table(rows...)
}

// TestEveryExitCodeIsTold: each constant is the exit code of some command.
func TestEveryExitCodeIsTold(t *testing.T) {
	t.Parallel()
	told := codeTable()
	for name, value := range constants(t, ".") {
		if text := value.ExactString(); strings.HasPrefix(name, "exit") && !regexp.MustCompile(`\b`+text+`\b`).MatchString(told) {
			t.Errorf("%s: %s is no exit code of any command", name, text)
		}
	}
}

// key is a key of a JSON object.
type key struct{ path, kind string }

// keys are those of a struct as encoding/json writes it, in order.
func keys(of reflect.Type, prefix string) []key {
	var all []key
	for field := range of.Fields() {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind, inner, path := kindOf(field.Type), field.Type, prefix+name
		for inner.Kind() == reflect.Pointer || inner.Kind() == reflect.Slice {
			if inner.Kind() == reflect.Slice {
				path += "[]"
			}
			inner = inner.Elem()
		}
		if strings.Contains(options, "omitempty") {
			kind += ", may be missing"
		}
		all = append(all, key{prefix + name, kind})
		if inner.Kind() == reflect.Struct {
			all = append(all, keys(inner, path+".")...)
		}
	}
	return all
}

func kindOf(of reflect.Type) string {
	switch of.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Float64:
		return "number"
	case reflect.Slice:
		return "array of " + kindOf(of.Elem()) + "s"
	case reflect.Pointer:
		return kindOf(of.Elem()) + " or null"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "string"
}

// recordKeys are the keys of a record, as it is written.
func recordKeys(t *testing.T) []key {
	var all []key
	d := json.NewDecoder(strings.NewReader(string(lease.Record{Names: []string{"a"}}.Encode())))
	depth := 0
	for isKey := true; ; {
		token, err := d.Token()
		if err != nil {
			break
		}
		switch delim, _ := token.(json.Delim); delim {
		case '{', '[':
			depth++
			isKey = delim == '{'
			continue
		case '}', ']':
			depth--
			isKey = true
			continue
		}
		if depth == 1 && isKey {
			all = append(all, key{token.(string), "string"})
		}
		isKey = !isKey
	}
	if len(all) == 0 || all[len(all)-1].path != "settings" {
		t.Fatalf("got the keys %v, want settings as the last", all)
	}
	kinds := map[string]string{"v": "number", "names": "array of strings", "settings": "object"}
	for i, k := range all {
		if kind := kinds[k.path]; kind != "" {
			all[i].kind = kind
		}
	}
	return append(all, keys(reflect.TypeFor[settings.Post](), "settings.")...)
}

func keyTable(t *testing.T, today string, keys []key) string {
	words := page.Words(today)
	rows := [][]string{{"key", "type", "meaning"}}
	for _, k := range keys {
		text := words[quoted(k.path)]
		if text == "" {
			t.Errorf("%s: %s: got no meaning", reference, k.path)
		}
		rows = append(rows, []string{quoted(k.path), k.kind, text})
	}
	return page.Table(rows...)
}

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
	for _, v := range verbs() {
		others = append(others, v.arguments)
		for _, o := range v.options {
			others = append(others, o.meta)
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
	for _, pattern := range []string{"../../*.go", "*.go", "../ci/*.go", "../settings/*.go", "../child/*.go", "../secret/*.go"} {
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
			system, err := ci.Detect(ci.Surroundings{
				Lookup: func(name string) (string, bool) { text, ok := env[name]; return text, ok },
				Exists: func(path string) bool { return slices.Contains(files, path) },
				Stdout: io.Discard, Stderr: io.Discard,
			}, "")
			if err != nil || quoted(system.Name()) != name {
				t.Errorf("%s by %q: got %v, %v", name, way, system, err)
			}
		}
	}
}

// outputTable has the outputs that the code sets, in the words of action.yml.
func outputTable(t *testing.T) string {
	content, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Outputs map[string]struct{ Description string } `yaml:"outputs"`
	}
	if err := yaml.Unmarshal(content, &action); err != nil {
		t.Fatal(err)
	}
	rows := [][]string{{"output", "meaning"}}
	for _, output := range outputsOf(lease.Record{}) {
		text := action.Outputs[output[0]].Description
		if text == "" {
			t.Errorf("action.yml: got no output %s", output[0])
		}
		rows = append(rows, []string{quoted(output[0]), text})
	}
	if got, want := len(action.Outputs), len(rows)-1; got != want {
		t.Errorf("action.yml: got %d outputs, want the %d of the code", got, want)
	}
	return page.Table(rows...)
}

func exampleName() lease.Name {
	return lease.Name{Where: "github.com/acme/web", Run: "17263512.1", Label: "deploy", Nonce: "7f3k9q2m", End: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)}
}

func exampleAgent() string {
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17263512", "GITHUB_RUN_ATTEMPT": "1"}
	system, _ := ci.Detect(ci.Surroundings{Lookup: func(name string) (string, bool) { return env[name], true }, Stdout: io.Discard, Stderr: io.Discard}, "")
	j := &job{Program: &Program{Version: "jenkins-token v1.2.3 (commit …)"}, system: system}
	return j.userAgent()
}

// limitTable has the limits by the constants that hold them.
func limitTable(t *testing.T) string {
	rows := [][]string{{"limit", "of what"}}
	byPackage := map[string]map[string]constant.Value{}
	for _, l := range limits() {
		if byPackage[l.dir] == nil {
			byPackage[l.dir] = constants(t, l.dir)
		}
		value, ok := byPackage[l.dir][l.name]
		if !ok {
			t.Errorf("%s has no constant %s", l.dir, l.name)
			continue
		}
		n, _ := constant.Int64Val(value)
		rows = append(rows, []string{amount(n, l.unit), l.of})
	}
	return page.Table(rows...)
}

type limit struct{ dir, name, unit, of string }

func limits() []limit {
	const core, client = "../lease", "../../jenkins"
	return []limit{
		{core, "Grace", "time", "for what goes on after SIGINT or SIGTERM, and for undoing when `timeout` is over"},
		{core, "refusals", "logins", "that Jenkins may refuse in one command; then nothing more is sent"},
		{core, "createTries", "names", "tried by one create"},
		{core, "overdue", "time", "by which a token's end must be past on both clocks before a sweep takes it"},
		{core, "tidyTime", "time", "for the sweep in the post step, and at most half of `timeout`"},
		{core, "tidyBytes", "bytes", "of a token page that it reads"},
		{core, "tidyTokens", "tokens", "that it revokes"},
		{core, "sweepBytes", "bytes", "of a token page that the command sweep, and a search for lost tokens, reads"},
		{".", "doctorBytes", "bytes", "of a token page that doctor reads"},
		{core, "Crowded", "tokens", "on an account, above which a notice says that they make the controller slow"},
		{core, "nameLimit", "bytes", "the name of a token"},
		{core, "RecordLimit", "bytes", "a record, and a file of records"},
		{core, "namesLimit", "names", "in a record"},
		{client, "answerLimit", "bytes", "an answer that is no page"},
		{client, "errorLimit", "bytes", "of an answer that is an error"},
		{client, "headerLimit", "bytes", "the headers of an answer"},
		{client, "attributeLimit", "bytes", "one piece of a token page"},
		{client, "legacyLimit", "bytes", "the page with the one token of servers before 2.129"},
		{".", "doctorExpiry", "time", "of validity left, below which doctor warns of a certificate"},
		{".", "doctorClock", "time", "between the clocks, above which doctor warns"},
		{".", "doctorTTL", "time", "`ttl` of the token that doctor --write makes and revokes"},
	}
}

func amount(n int64, unit string) string {
	switch {
	case unit == "time":
		d := time.Duration(n)
		switch {
		case d%(24*time.Hour) == 0:
			return strconv.Itoa(int(d/(24*time.Hour))) + " days"
		case d%time.Hour == 0:
			return strconv.Itoa(int(d/time.Hour)) + " h"
		case d%time.Minute == 0:
			return strconv.Itoa(int(d/time.Minute)) + " min"
		}
		return strconv.Itoa(int(d/time.Second)) + " s"
	case unit == "bytes" && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case unit == "bytes" && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}

// constants are the values of a package's integer constants, by name.
func constants(t *testing.T, dir string) map[string]constant.Value {
	t.Helper()
	clock := types.NewPackage("time", "time")
	for name, d := range map[string]time.Duration{"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour} {
		clock.Scope().Insert(types.NewConst(token.NoPos, clock, name, types.Typ[types.Int64], constant.MakeInt64(int64(d))))
	}
	clock.MarkComplete()
	scope := types.NewPackage("limits", "limits")
	scope.Scope().Insert(types.NewPkgName(token.NoPos, scope, "time", clock))
	found := map[string]constant.Value{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i < len(spec.Values) {
					value, err := types.Eval(token.NewFileSet(), scope, token.NoPos, types.ExprString(spec.Values[i]))
					if err == nil && value.Value != nil && value.Value.Kind() == constant.Int {
						found[name.Name] = value.Value
					}
				}
			}
			return true
		})
	}
	return found
}
