package ci_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

type texts = map[string]string

func lookup(env texts) func(string) (string, bool) {
	return func(name string) (string, bool) { text, ok := env[name]; return text, ok }
}

// broken is a stream that nobody reads.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// stage is a CI around a test, with what was written to its streams.
type stage struct{ out, err bytes.Buffer }

func (s *stage) system(t testing.TB, override string, env texts) ci.System {
	t.Helper()
	return detect(t, override, env, &s.out, &s.err, false)
}

func detect(t testing.TB, override string, env texts, out, err io.Writer, captured bool) ci.System {
	t.Helper()
	system, ok := ci.Detect(ci.Surroundings{
		Lookup: lookup(env), Stdout: out, Stderr: err, Hostname: "builder", Captured: captured,
		Now: time.Date(2026, 11, 23, 16, 0, 0, 0, time.FixedZone("", 3600)),
	}, override)
	if !ok {
		t.Fatalf("no system %q", override)
	}
	return system
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, override string
		env            texts
		want           string
	}{
		{"nothing around", "", nil, "plain"},
		{"a runner", "", texts{"GITHUB_ACTIONS": "true"}, "github"},
		{"something that sets another value", "", texts{"GITHUB_ACTIONS": "1"}, "plain"},
		{"a runner overridden", "plain", texts{"GITHUB_ACTIONS": "true"}, "plain"},
		{"a runner by order", "github", nil, "github"},
		{"a name that is not known", "teamcity", nil, ""},
		{"a name in capitals", "GitHub", nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			system, ok := ci.Detect(ci.Surroundings{Lookup: lookup(row.env), Stdout: io.Discard, Stderr: io.Discard}, row.override)
			got := ""
			if ok {
				got = system.Name()
			}
			if got != row.want || ok != (row.want != "") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	for _, name := range ci.Names() {
		if system, ok := ci.Detect(ci.Surroundings{Lookup: lookup(nil)}, name); !ok || system.Name() != name {
			t.Errorf("%s is a name that is not taken", name)
		}
	}
}

func TestWhereTheProgramRuns(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name                  string
		env                   texts
		runner, plugin, build bool
	}{
		{"nowhere", nil, false, false, false},
		{"GitHub", texts{"GITHUB_ACTIONS": "true", "CI": "true"}, true, false, false},
		{"Drone", texts{"DRONE": "true", "CI": "drone"}, false, true, false},
		{"Woodpecker", texts{"CI": "woodpecker"}, false, true, false},
		{"any other CI", texts{"CI": "true"}, false, false, false},
		{"a Jenkins agent with the controller's home", texts{"JENKINS_HOME": "/var/jenkins_home"}, false, false, true},
		{"a Jenkins build", texts{"BUILD_TAG": "jenkins-web-17"}, false, false, true},
		{"something else that tags builds", texts{"BUILD_TAG": "v1"}, false, false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := lookup(row.env)
			if ci.OnRunner(l) != row.runner || ci.OnPlugin(l) != row.plugin || ci.InJenkins(l) != row.build {
				t.Errorf("runner %v, plugin %v, Jenkins %v", ci.OnRunner(l), ci.OnPlugin(l), ci.InJenkins(l))
			}
		})
	}
}

func TestRunNames(t *testing.T) {
	t.Parallel()
	github := texts{"GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17263512", "GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "deploy"}
	for _, row := range []struct {
		name, system string
		change       texts
		want         ci.Run
	}{
		{"GitHub", "github", nil, ci.Run{Where: "github.com/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"an Enterprise Server on a port", "github", texts{"GITHUB_SERVER_URL": "https://ghes.example:8443"}, ci.Run{Where: "ghes.example:8443/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"act", "github", texts{"ACT": "true", "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}, ci.Run{Where: "github.com/acme/web", ID: "1.1", Job: "deploy"}},
		{"Gitea", "github", texts{"GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": "http://gitea.example:3000", "GITHUB_RUN_ATTEMPT": ""}, ci.Run{Where: "gitea.example:3000/acme/web", ID: "17263512.1", Job: "deploy"}},
		{"Forgejo", "github", texts{"FORGEJO_ACTIONS": "true", "GITHUB_SERVER_URL": "https://codeberg.org/"}, ci.Run{Where: "codeberg.org/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"a runner that says nothing", "github", texts{"GITHUB_SERVER_URL": "", "GITHUB_REPOSITORY": "", "GITHUB_RUN_ID": " ", "GITHUB_RUN_ATTEMPT": "", "GITHUB_JOB": ""}, ci.Run{Where: "github.com/unknown", ID: "0.1", Job: "job"}},
		{"a server that is no URL", "github", texts{"GITHUB_SERVER_URL": "://"}, ci.Run{Where: "github.com/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"plain", "plain", nil, ci.Run{Where: "builder", ID: "20261123T150000Z", Job: "shell"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env := texts{}
			for _, m := range []texts{github, row.change} {
				for k, v := range m {
					env[k] = v
				}
			}
			var s stage
			if got := s.system(t, row.system, env).Run(); got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
	system, _ := ci.Detect(ci.Surroundings{Lookup: lookup(nil)}, "plain")
	if got := system.Run().Where; got != "unknown" {
		t.Errorf("a machine without a name: %q", got)
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"plain words", "token of alice is ready: 100 %", "token of alice is ready: 100 %"},
		{"letters of other scripts", "größer 東京 🙂", "größer 東京 🙂"},
		{"a command at the start", "::error::x", ": :error::x"},
		{"a command after blanks", " \t ::error::x", ": :error::x"},
		{"a command after a no-break space", "\u00a0::error::x", ": :error::x"},
		{"a command after an ideographic space", "\u3000 ::error::x", ": :error::x"},
		{"a command after a zero-width space", "\u200b::error::x", ": :error::x"},
		{"colons inside", "a ::error::x", "a ::error::x"},
		{"an old command anywhere", "a ##[error]x ##[add-mask]y", "a ## [error]x ## [add-mask]y"},
		{"an old command after hashes", "####[error]x", "#### [error]x"},
		{"line breaks", "a\r\n::error::x\nb", "a  ::error::x b"},
		{"a line break in front", "\n::error::x", ": :error::x"},
		{"terminal escapes", "a\x1b[2Jb\x1b]0;t\ac", "a [2Jb ]0;t c"},
		{"C1 controls", "a\u009b2Jb\u0085c", "a 2Jb c"},
		{"nul and delete", "a\x00b\x7fc", "a b c"},
		{"separators of lines and paragraphs", "a\u2028b\u2029c", "a b c"},
		{"bidi controls", "a\u061cb\u200ec\u200fd\u202ae\u202ef\u2066g\u2069h", "a b c d e f g h"},
		{"bytes that are no UTF-8", "a\xffb\xc3", "a b "},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := ci.Clean(row.text); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// command is a line as actions/runner reads it (ActionCommand.cs, TryParseV2 and
// TryParse). Names that it does not know count here as well.
type command struct{ name, properties, data string }

func parse(line string) (command, bool) {
	// String.TrimStart of .NET takes white space of all Unicode.
	if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
		if info, data, ok := strings.Cut(rest, "::"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{name, properties, unescape(data)}, true
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, data, ok := strings.Cut(rest, "]"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{name, properties, data}, true
		}
	}
	return command{}, false
}

func unescape(data string) string {
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(data)
}

func TestParserOfTheTest(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"::error::x": "error", " \u00a0::error a=b::x": "error", "a ::error::x": "", "a ##[error]x": "error", "::error": "", "##[error": "", "::::": "",
	} {
		got, ok := parse(line)
		if got.name != want || want != "" && !ok {
			t.Errorf("%q: %q", line, got.name)
		}
	}
}

// FuzzCommandEscaping says any text at every level: one line comes out, and no
// runner reads a command in it but the one meant.
func FuzzCommandEscaping(f *testing.F) {
	for _, text := range []string{
		"", "ready", "::error::x", "\n::set-output name=token::x", "\r::add-mask::x", "a\u2028::error::x", "\u00a0::stop-commands::x", " ##[add-mask]x",
		"%0A::error::x", "%", "%25", "##\x00[error]x", ":\n:error::x", "\xff::error::x", "\u200b::error::x", "#\u202e#[error]x", "\x1b[2J", "\x85::error::x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := ci.Clean(text)
		if again := ci.Clean(clean); again != clean || !utf8.ValidString(clean) {
			t.Errorf("%q is cleaned to %q and again to %q", text, clean, again)
		}
		for _, c := range clean {
			if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == 0x2028 || c == 0x2029 {
				t.Errorf("%q holds %U", clean, c)
			}
		}
		for _, override := range ci.Names() {
			for level, name := range map[ci.Level]string{ci.Progress: "", ci.Notice: "notice", ci.Warning: "warning", -1: "error"} {
				var s stage
				system := s.system(t, override, nil)
				lines := 1
				want := clean
				switch {
				case level >= 0:
					system.Say(level, text)
				case override == "github":
					system.Fail(text, []string{text})
					want = clean + "\nhint: " + clean
				default:
					system.Fail(text, []string{text})
					lines = 2
				}
				printed := s.out.String() + s.err.String()
				if got := strings.Count(printed, "\n"); got != lines || !strings.HasSuffix(printed, "\n") || strings.Contains(printed, "\r") {
					t.Fatalf("%s, level %d: %q are %d lines, want %d", override, level, printed, got, lines)
				}
				for line := range strings.Lines(printed) {
					got, is := parse(strings.TrimSuffix(line, "\n"))
					wanted := override == "github" && name != ""
					switch {
					case is != wanted:
						t.Errorf("%s, level %d: %q is read as the command %+v", override, level, line, got)
					case is && (got.name != name || got.properties != "" || got.data != want):
						t.Errorf("%s, level %d: %q is read as %+v, want %s of %q", override, level, line, got, name, want)
					}
				}
			}
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	say := func(s ci.System) {
		s.Say(ci.Progress, "a 100 %s")
		s.Say(ci.Notice, "b 100 %s")
		s.Say(ci.Warning, "c\nd")
		s.Fail("e", []string{"f", "::g::"})
		s.Fail("h", nil)
	}
	const commands = "a 100 %s\n::notice::b 100 %25s\n::warning::c d\n::error::e%0Ahint: f%0Ahint: : :g::\n::error::h\n"
	for _, row := range []struct {
		name, system string
		captured     bool
		out, err     string
	}{
		{"on a runner", "github", false, commands, ""},
		{"on a runner with a record on standard output", "github", true, "", commands},
		{"elsewhere", "plain", false, "", "a 100 %s\nnotice: b 100 %s\nwarning: c d\nerror: e\nhint: f\nhint: : :g::\nerror: h\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out, err bytes.Buffer
			say(detect(t, row.system, nil, &out, &err, row.captured))
			if out.String() != row.out || err.String() != row.err {
				t.Errorf("standard output %q, want %q\nstandard error %q, want %q", out.String(), row.out, err.String(), row.err)
			}
		})
		t.Run(row.name+" into a broken pipe", func(t *testing.T) {
			t.Parallel()
			say(detect(t, row.system, nil, broken{}, broken{}, row.captured))
		})
	}
}

func TestPlainHasNoHandover(t *testing.T) {
	t.Parallel()
	var s stage
	if h := s.system(t, "plain", nil).Handover(); h != nil {
		t.Errorf("got %v", h)
	}
}

// command files of a step, empty.
func files(t *testing.T) (env texts, read func(variable string) string) {
	t.Helper()
	dir := t.TempDir()
	env = texts{}
	for _, variable := range []string{"GITHUB_STATE", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		env[variable] = filepath.Join(dir, strings.ToLower(variable))
		if err := os.WriteFile(env[variable], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return env, func(variable string) string {
		text, err := os.ReadFile(env[variable])
		if err != nil {
			t.Error(err)
		}
		return string(text)
	}
}

const delimiter = "_GitHubActionsFileCommandDelimeter_"

func TestHandoverByFiles(t *testing.T) {
	t.Parallel()
	env, read := files(t)
	var s stage
	h := s.system(t, "github", env).Handover()
	for _, err := range []error{h.Open(), h.Keep([]byte(`{"v":1}`)), h.Keep([]byte(`{"v":2}`)), h.Keep(nil), h.Output("token", "abc"), h.Output("expires-at", ""), h.Summary("# left\n\n* one"), h.Mask(secret.New("50%"))} {
		if err != nil {
			t.Error(err)
		}
	}
	for variable, want := range map[string]string{
		"GITHUB_STATE":        "LEASE<<" + delimiter + "\n{\"v\":1}\n" + delimiter + "\nLEASE<<" + delimiter + "\n{\"v\":2}\n" + delimiter + "\nLEASE<<" + delimiter + "\n\n" + delimiter + "\n",
		"GITHUB_OUTPUT":       "token<<" + delimiter + "\nabc\n" + delimiter + "\nexpires-at<<" + delimiter + "\n\n" + delimiter + "\n",
		"GITHUB_STEP_SUMMARY": "# left\n\n* one\n",
	} {
		if got := read(variable); got != want {
			t.Errorf("%s:\ngot  %q\nwant %q", variable, got, want)
		}
	}
	if got, want := s.out.String(), "::add-mask::50%25\n"; got != want || s.err.Len() != 0 {
		t.Errorf("printed %q, want %q", got, want)
	}
}

func TestHandoverByCommands(t *testing.T) {
	t.Parallel()
	for _, captured := range []bool{false, true} {
		var out, other bytes.Buffer
		h := detect(t, "github", nil, &out, &other, captured).Handover()
		for _, err := range []error{h.Open(), h.Keep([]byte(`{"v":1,"a":"50%"}`)), h.Output("token", "a::b"), h.Summary("nowhere"), h.Mask(secret.New("abc"))} {
			if err != nil {
				t.Error(err)
			}
		}
		want := "::save-state name=LEASE::{\"v\":1,\"a\":\"50%25\"}\n::set-output name=token::a::b\n::add-mask::abc\n"
		got, silent := out.String(), other.String()
		if captured {
			got, silent = silent, got
		}
		if got != want || silent != "" {
			t.Errorf("captured %v: got %q, want %q; the other stream %q", captured, got, want, silent)
		}
	}
}

func TestKept(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, state, want string
		ok                bool
	}{
		{"a record", `{"v":1}`, `{"v":1}`, true}, {"with a newline", "{}\n", "{}", true}, {"nothing", "", "", false}, {"blanks", " ", "", false},
	} {
		var s stage
		got, ok := s.system(t, "github", texts{"STATE_LEASE": row.state}).Handover().Kept()
		if got != row.want || ok != row.ok {
			t.Errorf("%s: %q %v", row.name, got, ok)
		}
	}
	var s stage
	if _, ok := s.system(t, "github", texts{"STATE_lease": "{}"}).Handover().Kept(); ok {
		t.Error("a key of another case is another key")
	}
}

func TestValuesThatAreNotOneLine(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a\nb", "a\r", "\n", "a\x00b", delimiter, "a" + delimiter + "b", "x\n" + delimiter + "\ntoken<<x\nforged\nx"} {
		for _, byFile := range []bool{true, false} {
			env, read := files(t)
			if !byFile {
				delete(env, "GITHUB_OUTPUT")
				delete(env, "GITHUB_STATE")
			}
			var s stage
			h := s.system(t, "github", env).Handover()
			wantChannel(t, h.Output("token", value), "step output", "GITHUB_OUTPUT", value)
			wantChannel(t, h.Keep([]byte(value)), "state", "GITHUB_STATE", value)
			wantChannel(t, h.Output("name\n"+value, "x"), "step output", "GITHUB_OUTPUT", value)
			if byFile && read("GITHUB_OUTPUT")+read("GITHUB_STATE") != "" || s.out.Len()+s.err.Len() != 0 {
				t.Errorf("%q was written", value)
			}
		}
	}
}

// wantChannel checks an error of a channel, whose text holds neither a value nor
// a path.
func wantChannel(t *testing.T, err error, channel, variable string, hidden ...string) {
	t.Helper()
	failed, ok := errors.AsType[*ci.ChannelError](err)
	if !ok {
		t.Errorf("got %v of type %T, want a *ci.ChannelError of %s", err, err, channel)
		return
	}
	if failed.Channel != channel || failed.Variable != variable || failed.Unwrap() == nil {
		t.Errorf("got %+v, want %s of %s", failed, channel, variable)
	}
	text := err.Error()
	if !strings.Contains(text, channel) || !strings.Contains(text, variable) {
		t.Errorf("%q names neither channel nor variable", text)
	}
	for _, word := range hidden {
		if len(word) > 1 && strings.Contains(text, word) {
			t.Errorf("%q holds %q", text, word)
		}
	}
}

func TestFilesThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		spoil func(t *testing.T, path string)
		cause error
	}{
		{"missing", func(t *testing.T, path string) {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrNotExist},
		{"a directory", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}, nil},
		{"not ours to write", func(t *testing.T, path string) {
			if os.Geteuid() == 0 {
				t.Skip("root may write to every file")
			}
			if err := os.Chmod(path, 0o400); err != nil {
				t.Fatal(err)
			}
		}, fs.ErrPermission},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, channel := range []struct {
				name, variable string
				write          func(ci.Handover) error
				opened         bool
			}{
				{"state", "GITHUB_STATE", func(h ci.Handover) error { return h.Keep([]byte("{}")) }, true},
				{"step output", "GITHUB_OUTPUT", func(h ci.Handover) error { return h.Output("token", "x") }, true},
				{"summary", "GITHUB_STEP_SUMMARY", func(h ci.Handover) error { return h.Summary("x") }, false},
			} {
				env, _ := files(t)
				row.spoil(t, env[channel.variable])
				var s stage
				h := s.system(t, "github", env).Handover()
				err := channel.write(h)
				wantChannel(t, err, channel.name, channel.variable, env[channel.variable])
				if row.cause != nil && !errors.Is(err, row.cause) {
					t.Errorf("%s: %v is not %v", channel.name, errors.Unwrap(err), row.cause)
				}
				if channel.opened {
					wantChannel(t, h.Open(), channel.name, channel.variable, env[channel.variable])
				} else if err := h.Open(); err != nil {
					t.Error(err)
				}
				if _, err := os.Stat(env[channel.variable]); row.cause == fs.ErrNotExist && !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s: the file was made", channel.name)
				}
				if s.out.Len()+s.err.Len() != 0 {
					t.Errorf("%s: printed %q", channel.name, s.out.String()+s.err.String())
				}
			}
		})
	}
}

func TestOpenWritesNothing(t *testing.T) {
	t.Parallel()
	env, read := files(t)
	if err := os.WriteFile(env["GITHUB_OUTPUT"], []byte("earlier\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var s stage
	if err := s.system(t, "github", env).Handover().Open(); err != nil {
		t.Error(err)
	}
	if read("GITHUB_OUTPUT") != "earlier\n" || read("GITHUB_STATE") != "" {
		t.Error("a file was changed")
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for _, captured := range []bool{false, true} {
		h := detect(t, "github", nil, broken{}, broken{}, captured).Handover()
		wantChannel(t, h.Mask(secret.New("hidden")), "mask", "", "hidden")
		wantChannel(t, h.Keep([]byte("hidden")), "state", "GITHUB_STATE", "hidden")
		wantChannel(t, h.Output("token", "hidden"), "step output", "GITHUB_OUTPUT", "hidden")
	}
}

func TestSideFile(t *testing.T) {
	t.Parallel()
	const state = "/run/job/set_env.txt"
	for _, row := range []struct {
		name string
		env  texts
		want string
	}{
		{"GitHub hands the state over", texts{"GITHUB_STATE": state, "GITHUB_ACTION": "one"}, ""},
		{"act", texts{"GITHUB_STATE": state, "GITHUB_ACTION": "one", "ACT": "true"}, "/run/job/jenkins-token-one.jsonl"},
		{"Gitea", texts{"GITHUB_STATE": state, "GITHUB_ACTION": "2", "GITEA_ACTIONS": "true"}, "/run/job/jenkins-token-2.jsonl"},
		{"Forgejo", texts{"GITHUB_STATE": state, "GITHUB_ACTION": "a-B_9", "FORGEJO_ACTIONS": "true"}, "/run/job/jenkins-token-a-B_9.jsonl"},
		{"act without a state", texts{"GITHUB_ACTION": "one", "ACT": "true"}, ""},
		{"no name of the step", texts{"GITHUB_STATE": state, "ACT": "true"}, "/run/job/jenkins-token-step.jsonl"},
		{"a name that climbs", texts{"GITHUB_STATE": state, "ACT": "true", "GITHUB_ACTION": "../../etc/x"}, "/run/job/jenkins-token-______etc_x.jsonl"},
		{"a name of other letters", texts{"GITHUB_STATE": state, "ACT": "true", "GITHUB_ACTION": "ü\n%s\x00"}, "/run/job/jenkins-token-___s_.jsonl"},
		{"a long name", texts{"GITHUB_STATE": state, "ACT": "true", "GITHUB_ACTION": strings.Repeat("x", 500)}, "/run/job/jenkins-token-" + strings.Repeat("x", 80) + ".jsonl"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var s stage
			if got := s.system(t, "github", row.env).Handover().SideFile(); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestPeculiarRunners(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name           string
		env            texts
		uncertain, one bool
	}{
		{"GitHub", nil, false, false},
		{"act", texts{"ACT": "true"}, false, true},
		{"Gitea", texts{"GITEA_ACTIONS": "true"}, true, false},
		{"Forgejo", texts{"FORGEJO_ACTIONS": "true"}, true, false},
	} {
		var s stage
		h := s.system(t, "github", row.env).Handover()
		if h.PostUncertain() != row.uncertain || h.EveryRunIsOne() != row.one {
			t.Errorf("%s: post uncertain %v, every run is one %v", row.name, h.PostUncertain(), h.EveryRunIsOne())
		}
	}
	var s stage
	if got := s.system(t, "github", texts{"RUNNER_TEMP": "/runner/temp"}).Handover().TempDir(); got != "/runner/temp" {
		t.Errorf("temporary directory %q", got)
	}
	if got := s.system(t, "github", nil).Handover().TempDir(); got == "" {
		t.Error("no temporary directory")
	}
}

func TestFork(t *testing.T) {
	t.Parallel()
	event := func(head, base string) string {
		return fmt.Sprintf(`{"number":1,"pull_request":{"head":{"repo":%s},"base":{"repo":%s}}}`, head, base)
	}
	const web, fork = `{"full_name":"acme/web"}`, `{"full_name":"mallory/web"}`
	for _, row := range []struct {
		name, kind, actor, event string
		want                     bool
	}{
		{"a push", "push", "alice", event(fork, web), false},
		{"a pull request of a fork", "pull_request", "mallory", event(fork, web), true},
		{"a pull request of the same repository", "pull_request", "alice", event(web, web), false},
		{"a pull request of a fork that is gone", "pull_request", "mallory", event("null", web), true},
		{"a review on a fork's pull request", "pull_request_review", "mallory", event(fork, web), true},
		{"Dependabot", "pull_request", "dependabot[bot]", event(web, web), true},
		{"Dependabot's push", "push", "dependabot[bot]", "", true},
		{"an event without a base", "pull_request", "alice", event(fork, "null"), false},
		{"an event without a pull request", "pull_request", "alice", `{}`, false},
		{"an event that is no JSON", "pull_request", "alice", `{`, false},
		{"an event of other types", "pull_request", "alice", `{"pull_request":[1]}`, false},
		{"no event", "pull_request", "alice", "", false},
		{"nothing known", "", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env := texts{"GITHUB_EVENT_NAME": row.kind, "GITHUB_ACTOR": row.actor, "GITHUB_EVENT_PATH": "/event.json"}
			got := ci.Fork(lookup(env), func(path string) ([]byte, error) {
				if path != "/event.json" || row.event == "" {
					return nil, fs.ErrNotExist
				}
				return []byte(row.event), nil
			})
			if got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
}

func TestIDToken(t *testing.T) {
	t.Parallel()
	const token, request, hidden = "eyJ.id.token", "request-secret", "hidden-answer"
	for _, row := range []struct {
		name, body string
		status     int
		unset      string // variable that is not there
		want       bool
	}{
		{"a token", `{"value":"` + token + `"}`, 200, "", true},
		{"refused", `{"message":"` + hidden + `"}`, 403, "", false},
		{"an error inside", hidden, 500, "", false},
		{"no JSON", hidden, 200, "", false},
		{"no token", `{"count":1,"x":"` + hidden + `"}`, 200, "", false},
		{"a token of two lines", `{"value":"` + hidden + `\n::error::x"}`, 200, "", false},
		{"a token with a blank", `{"value":"` + hidden + ` x"}`, 200, "", false},
		{"no address", "", 200, "ACTIONS_ID_TOKEN_REQUEST_URL", false},
		{"no right to ask", "", 200, "ACTIONS_ID_TOKEN_REQUEST_TOKEN", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Authorization"); got != "Bearer "+request {
					t.Errorf("Authorization %q", got)
				}
				if q := r.URL.Query(); q.Get("audience") != "jenkins & more" || q.Get("api-version") != "2.0" {
					t.Errorf("query %v", q)
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}))
			t.Cleanup(server.Close)
			env := texts{"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL + "/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": request}
			delete(env, row.unset)
			var s stage
			got, err := s.system(t, "github", env).(ci.Issuer).IDToken(t.Context(), server.Client(), "jenkins & more")
			if row.want {
				if err != nil || got.Reveal() != token || s.out.String() != "::add-mask::"+token+"\n" {
					t.Errorf("got error %v, printed %q", err, s.out.String())
				}
				return
			}
			if err == nil || !got.Empty() {
				t.Fatal("no error")
			}
			text := fmt.Sprintf("%v %+v %#v %v", err, err, err, errors.Unwrap(err)) + s.out.String() + s.err.String()
			for _, word := range []string{hidden, request, server.URL} {
				if strings.Contains(text, word) {
					t.Errorf("%q is shown: %s", word, text)
				}
			}
		})
	}
}

func TestIDTokenThatCannotBeMasked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"value":"abc"}`) }))
	t.Cleanup(server.Close)
	env := texts{"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
	_, err := detect(t, "github", env, broken{}, broken{}, false).(ci.Issuer).IDToken(t.Context(), server.Client(), "a")
	wantChannel(t, err, "mask", "", "abc")
}

func TestNamesAreSorted(t *testing.T) {
	t.Parallel()
	if names := ci.Names(); !slices.IsSorted(names) {
		t.Errorf("%q: messages list them in order", names)
	}
}
