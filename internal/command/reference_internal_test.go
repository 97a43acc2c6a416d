package command

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/page"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

const reference = "../../docs/reference.md"

// TestReference compares docs/reference.md with the code. The last column of some
// tables is written there by hand and kept.
func TestReference(t *testing.T) {
	t.Parallel()
	update := flag.Lookup("update").Value.String() == "true" // of the tests outside of the package
	page.Hold(t, reference, update, map[string]func(string) string{
		"commands":          func(string) string { return commandTable() },
		"flags":             func(string) string { return flagTable() },
		"settings":          func(string) string { return settingTable() },
		"reserved":          func(string) string { return reservedHeaders(t) },
		"exit codes":        func(string) string { return codeTable() },
		"lease":             func(today string) string { return keyTable(t, today, leaseKeys(t)) },
		"sweep":             func(today string) string { return keyTable(t, today, keys(reflect.TypeFor[sweepReport](), "")) },
		"doctor":            func(today string) string { return keyTable(t, today, keys(reflect.TypeFor[diagnosisReport](), "")) },
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
	for _, v := range app().Commands {
		rows = append(rows, []string{quoted(strings.TrimSpace(v.Name + " " + v.Arguments)), v.Summary})
	}
	return page.Table(rows...)
}

// grouped has a row for each set of equal cells, with all commands that have it.
func grouped(head []string, rows [][]string) string {
	var order []string
	names := map[string][]string{}
	for _, row := range rows {
		cells := strings.Join(row[1:], "\x00")
		if names[cells] == nil {
			order = append(order, cells)
		}
		names[cells] = append(names[cells], row[0])
	}
	table := [][]string{head}
	for _, cells := range order {
		table = append(table, append([]string{quotedAll(names[cells])}, strings.Split(cells, "\x00")...))
	}
	return page.Table(table...)
}

func flagTable() string {
	var rows [][]string
	for _, v := range app().Commands {
		for _, o := range v.Flags {
			rows = append(rows, []string{v.Name, quoted(strings.TrimSpace("--" + o.Name + " " + o.Value)), o.Text})
		}
	}
	return grouped([]string{"command", "flag", "meaning"}, rows)
}

// takes reports whether a command takes a setting.
func takes(c Command, name string) bool {
	return slices.ContainsFunc(c.Settings, func(s cli.Flag) bool { return s.Name == name })
}

// takers are the commands that take a setting.
func takers(s settings.Setting) []string {
	var names []string
	for _, v := range app().Commands {
		if takes(v, s.Name) && !slices.ContainsFunc(v.Flags, func(o cli.Flag) bool { return o.Name == s.Name }) {
			names = append(names, v.Name)
		}
	}
	return names
}

func settingTable() string {
	all := takers(settings.All()[0])
	rows := [][]string{{"setting", "default", "commands", "flag", "environment"}}
	for _, s := range settings.All() {
		value, names := "", takers(s)
		if s.Default != "" {
			value = quoted(s.Default)
		}
		if slices.Equal(names, all) {
			names = []string{"all"}
		}
		w := spell(s)
		rows = append(rows, []string{quoted(s.Name), value, strings.Join(names, ", "), quotedAll(w.flag), quotedAll(w.env)})
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

// TestSpellings: the variables of the table are exactly those that are looked up.
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
	for _, v := range app().Commands {
		for _, s := range settings.All() {
			_, in, err := app().Parse(v.Name, []string{"--" + s.Name + "=true"})
			if got := err == nil && in.Text[s.Name] == "true"; got != (takes(v, s.Name) && !s.Secret) && s.Name != "label" {
				t.Errorf("%s: --%s taken: got %t", v.Name, s.Name, got)
			}
		}
	}
}

func codeTable() string {
	var rows [][]string
	for _, v := range app().Commands {
		for _, c := range v.ExitCodes {
			rows = append(rows, []string{v.Name, c.Number, c.Meaning})
		}
	}
	return grouped([]string{"command", "exit code", "when"}, rows)
}

// TestEveryExitCodeIsTold: each constant is the exit code of some command.
func TestEveryExitCodeIsTold(t *testing.T) {
	t.Parallel()
	told := codeTable()
	all := constants(t, ".")
	maps.Copy(all, constants(t, "../cli"))
	for name, value := range all {
		if text := value.ExactString(); strings.HasPrefix(strings.ToLower(name), "exit") && !regexp.MustCompile(`\b`+text+`\b`).MatchString(told) {
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

// leaseKeys are the keys of a lease, as it is written.
func leaseKeys(t *testing.T) []key {
	var all []key
	line, err := lease.Lease{
		Names: []string{"jenkins-token:ci/acme:1.1:deploy:aaaaaaaa:until-20261124T150000Z"}, PendingUntil: time.Unix(0, 0), Version: "2.426.2",
		Settings: settings.Post{OnRevokeFailure: settings.Warn, Timeout: "30s"},
	}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(line))
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
	kinds := map[string]string{"v": "number", "pendingUntil": "string, may be missing", "version": "string, may be missing", "names": "array of strings", "settings": "object"}
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

// TestOutputs: the outputs of action.yml are those that the code sets.
func TestOutputs(t *testing.T) {
	t.Parallel()
	content, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Outputs map[string]any `yaml:"outputs"`
	}
	if err := yaml.Unmarshal(content, &action); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, output := range outputsOf(lease.Lease{}) {
		names = append(names, output[0])
	}
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(action.Outputs)); !slices.Equal(got, names) {
		t.Errorf("action.yml: got the outputs %q, want %q", got, names)
	}
}

func exampleName() lease.Name {
	return lease.Name{Project: "github.com/acme/web", Run: "17263512.1", Label: "deploy", Nonce: "7f3k9q2m", End: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)}
}

func exampleAgent() string {
	env := map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17263512", "GITHUB_RUN_ATTEMPT": "1"}
	system, _ := ci.Detect(ci.Environment{Lookup: func(name string) (string, bool) { return env[name], true }, Stdout: io.Discard, Stderr: io.Discard}, "")
	return clients{system: system, version: "jenkins-token v1.2.3 (commit …)"}.userAgent()
}
