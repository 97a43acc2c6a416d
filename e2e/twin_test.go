//go:build e2e

package e2e

import (
	"bufio"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTheTwinOfTheRunner runs steps that print what they get, and commands in every
// place where the runner obeys them.
func TestTheTwinOfTheRunner(t *testing.T) {
	script := filepath.Join(t.TempDir(), "step")
	if err := os.WriteFile(script, []byte(`#!/bin/sh
tr '\0' '\n' < /proc/1/environ > environment
case $0 in
/bin/revoke)
	echo 'token=2' >> "$GITHUB_OUTPUT"
	exit;;
esac
test -S /var/run/docker.sock || exit 9
echo '::add-mask::hunter2hunter2'
echo "see hunter2hunter2 $(printf hunter2hunter2 | base64)"
echo '  ::notice title=a%2Cb::one%0Atwo'
echo 'text ##[save-state name=LEGACY]1%5D'
echo '::save-state name=ERR::2' >&2
printf 'text\r::save-state name=CR::3\n'
echo 'text ::save-state name=NO::4'
echo '::unknown::5'
echo '::stop-commands::0123456789'
echo '::save-state name=NO::6'
echo '::0123456789::'
printf 'LEASE=a<<b\nlease=c\nLINES<<EOF\n1\n\n2\nEOF\n' >> "$GITHUB_STATE"
printf 'LATER=yes\nSTATE_LEASE=other\n' >> "$GITHUB_ENV"
printf 'token=1\nurl<<EOF\nx' >> "$GITHUB_OUTPUT"
echo '# hunter2hunter2' >> "$GITHUB_STEP_SUMMARY"
`), 0o755); err != nil {
		t.Fatal(err)
	}
	image, err := importImage(t.Context(), "jenkins-token-e2e-twin:1", nil, func(w *root) error {
		for _, name := range []string{"/bin/create", "/bin/revoke"} {
			if err := w.file(script, name); err != nil {
				return err
			}
		}
		return w.busybox()
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", image).Run() })

	r := newRunner(t, image, map[string]string{"url": "https://ci.example.com", "ca-certificate": ""})
	r.with["ca-certificate"] = r.workspace + "/ca.pem"
	r.with["headers"] = "A: b " + r.workspace
	r.host = []string{"JENKINS_URL=https://other.example.com", "RUNNER_DEBUG=1"}
	r.env["CI"] = "false"
	got := r.main()
	if got.code != 0 || len(got.errors) != 1 || !strings.Contains(got.errors[0], "GITHUB_OUTPUT: EOF marker") {
		t.Errorf("got exit code %d and %q, want 0 and an error about GITHUB_OUTPUT\n%s", got.code, got.errors, got.log)
	}
	if want := map[string]string{"token": "1"}; !maps.Equal(got.outputs, want) {
		t.Errorf("got outputs %q, want %q", got.outputs, want)
	}
	if want := map[string]string{"LEGACY": "1]", "ERR": "2", "CR": "3", "LEASE": "c", "LINES": "1\n\n2"}; !maps.Equal(r.state, want) {
		t.Errorf("got state %q, want %q", r.state, want)
	}
	for _, want := range []string{"see *** ***\n", "##[notice]one\ntwo\n", "text ::save-state name=NO::4\n", "::unknown::5\n", "::save-state name=NO::6\n"} {
		if !strings.Contains(got.log, want) {
			t.Errorf("got no %q in the log:\n%s", want, got.log)
		}
	}
	if want := "# ***\n"; got.summary != want {
		t.Errorf("got summary %q, want %q", got.summary, want)
	}

	first := environment(t, r)
	var names []string
	for name := range r.action.Inputs {
		names = append(names, "INPUT_"+strings.ToUpper(name))
	}
	names = slices.Concat(names, slices.Collect(maps.Keys(r.github)), slices.Collect(maps.Keys(r.system)), slices.Collect(maps.Keys(commandFiles)),
		[]string{"CI", "GITHUB_ACTION", "GITHUB_ACTIONS", "GITHUB_ACTION_REF", "GITHUB_ACTION_REPOSITORY", "HOME", "HOSTNAME", "PATH"})
	slices.Sort(names)
	if got := slices.Sorted(maps.Keys(first)); !slices.Equal(got, names) {
		t.Errorf("got the variables\n%q, want\n%q", got, names)
	}
	for name, want := range map[string]string{
		"INPUT_URL": "https://ci.example.com", "INPUT_TTL": "24h", "INPUT_PASSWORD": "", "INPUT_CA-CERTIFICATE": "/github/workspace/ca.pem",
		"INPUT_HEADERS": "A: b " + r.workspace, "HOME": "/github/home", "RUNNER_TEMP": "/github/runner_temp", "GITHUB_EVENT_PATH": "/github/workflow/event.json",
		"CI": "false", "GITHUB_ACTIONS": "true",
	} {
		if got := first[name]; got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}

	post := r.post()
	if post.failed() || len(post.outputs) > 0 {
		t.Errorf("post: got exit code %d, %q and outputs %q, want 0 and none\n%s", post.code, post.errors, post.outputs, post.log)
	}
	second := environment(t, r)
	for name, want := range map[string]string{"STATE_LEASE": "c", "LATER": "yes", "INPUT_TTL": "24h", "INPUT_URL": "https://ci.example.com"} {
		if got := second[name]; got != want {
			t.Errorf("%s in post: got %q, want %q", name, got, want)
		}
	}
	for name := range commandFiles {
		file, ok := strings.CutPrefix(first[name], "/github/file_commands/")
		if _, err := os.Stat(filepath.Join(r.dir("_runner_file_commands"), file)); !ok || err != nil || second[name] == first[name] {
			t.Errorf("%s: got %q and %q in post, want another file, and the first one left", name, first[name], second[name])
		}
	}
}

// environment is what the step of the twin's own test wrote.
func environment(t *testing.T, r *runner) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(r.workspace, "environment"))
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "="); ok {
			env[name] = value
		}
	}
	return env
}

// TestTheTwinsFilesOfTheRunner has the rows of the runner's own
// SetOutputFileCommandL0.cs, and what it refuses.
func TestTheTwinsFilesOfTheRunner(t *testing.T) {
	for name, row := range map[string]struct {
		text string
		want []pair
		err  string
	}{
		"empty":                         {"", nil, ""},
		"pairs":                         {"A=1\n\nB=\nC==x\nD=k<<y", []pair{{"A", "1"}, {"B", ""}, {"C", "=x"}, {"D", "k<<y"}}, ""},
		"a CR stays":                    {"A=1\r\n", []pair{{"A", "1\r"}}, ""},
		"several lines":                 {"A<<EOF\n1\n\n =2\nEOF\nB<<=x=\n=x=\n", []pair{{"A", "1\n\n =2"}, {"B", ""}}, ""},
		"the delimiter alone ends":      {"A<<EOF\n EOF\nEOF \nEOF", []pair{{"A", " EOF\nEOF "}}, ""},
		"one empty line":                {"A<<EOF\n\nEOF\n", []pair{{"A", ""}}, ""},
		"no delimiter":                  {"A=1\nB<<EOF\n2\n", []pair{{"A", "1"}}, "matching delimiter"},
		"no delimiter and no line":      {"B<<EOF\n", nil, "matching delimiter"},
		"no last newline":               {"B<<EOF\n2", nil, "missing new line"},
		"no name":                       {"<<EOF\n2\nEOF\n", nil, "must not be empty"},
		"an empty delimiter":            {"A<<\n2\n\n", nil, "must not be empty"},
		"neither a pair nor a heredoc":  {"A=1\ntext\nB=2\n", []pair{{"A", "1"}}, "invalid format"},
		"a delimiter inside of a value": {"A<<EOF\n1\nEOF\nB=2\nEOF\n", []pair{{"A", "1"}, {"B", "2"}}, "invalid format"},
	} {
		got, err := pairs(row.text)
		if !slices.Equal(got, row.want) || (err == nil) != (row.err == "") || err != nil && !strings.Contains(err.Error(), row.err) {
			t.Errorf("%s: got %q, %v, want %q and an error of %q", name, got, err, row.want, row.err)
		}
	}
}

func TestTheTwinsCommandsOfTheRunner(t *testing.T) {
	for line, want := range map[string]*command{
		"::warning::a%0Ab%250A":                    {"warning", "a\nb%0A", nil},
		"\t ::Error file=a%3Ab,LINE=2,x,=y,z=::m":  {"Error", "m", map[string]string{"file": "a:b", "line": "2"}},
		"::error file=a;b::%3B":                    {"error", "%3B", map[string]string{"file": "a;b"}},
		"text ##[error file=a%3Bb;line=2]m%5D%253": {"error", "m]%3", map[string]string{"file": "a;b", "line": "2"}},
		"::unknown::##[debug]x":                    {"debug", "x", nil},
		"::set-output name=a::b::c":                {"set-output", "b::c", map[string]string{"name": "a"}},
		"text ::error::m":                          nil,
		"::error":                                  nil,
		"##[unknown]##[error]m":                    nil,
		"##[error":                                 nil,
		"::internal-set-repo-path::x":              nil,
	} {
		got, ok := parseCommand(line, "")
		if ok != (want != nil) || ok && (got.name != want.name || got.data != want.data || !maps.Equal(got.properties, want.properties)) {
			t.Errorf("%q: got %+v, %v, want %+v", line, got, ok, want)
		}
	}
	lines := bufio.NewScanner(strings.NewReader("a\rb\r\n\nc\r"))
	lines.Split(splitLines)
	var got []string
	for lines.Scan() {
		got = append(got, lines.Text())
	}
	if want := []string{"a", "b", "", "c"}; !slices.Equal(got, want) {
		t.Errorf("got lines %q, want %q", got, want)
	}
}

func TestTheTwinsMasksOfTheRunner(t *testing.T) {
	for secret, row := range map[string][]string{
		"it's \"<a>&\" é": {
			"it's \"<a>&\" é", `it's \"<a>&\" é`, `it''s "<a>&" é`, `it%27s%20%22%3Ca%3E%26%22%20%C3%A9`, "it&apos;s &quot;&lt;a&gt;&amp;&quot; é",
			"aXQncyAiPGE+JiIgw6k=", "dCdzICI8YT4mIiDDqQ==", "J3MgIjxhPiYiIMOp",
		},
		`"quoted text"`:    {"quoted text", `\"quoted text\"`},
		"first&second&end": {"first&second&", "first&amp;second&amp;end"},
		"first&+second":    {"first&+", "econd"},
		"one&another":      {"another"},
		"line\nbreak":      {`line\nbreak`, "line%0Abreak"},
	} {
		m := &masker{}
		m.add(secret)
		for _, form := range row {
			if got := m.replace("<" + form + ">"); form != "econd" && got != "<***>" {
				t.Errorf("%q: got %q for %q, want it masked", secret, got, form)
			}
		}
	}
	m := &masker{}
	m.add("first&+second")
	if got, want := m.replace("econd one&ab"), "econd one&ab"; got != want {
		t.Errorf("got %q, want %q: what is shorter than six is not masked", got, want)
	}
	m.add("abcdef")
	m.add("defghi")
	if got, want := m.replace("xabcdefghi abcdefdefghi abc"), "x*** *** abc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
