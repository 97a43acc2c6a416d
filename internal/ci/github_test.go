package ci_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

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
		return unixLines(string(text))
	}
}

const delimiter = "_GitHubActionsFileCommandDelimeter_"

func TestGitHubByFiles(t *testing.T) {
	t.Parallel()
	env, read := files(t)
	var s stage
	h := s.github(t, env)
	for _, err := range []error{h.Open(), h.SaveState([]byte(`{"v":1}`)), h.SaveState([]byte(`{"v":2}`)), h.SaveState(nil), h.Output("token", "abc"), h.Output("expires-at", ""), h.Summary("# left\n\n* one"), h.Mask(secret.New("50%"))} {
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

func TestGitHubByCommands(t *testing.T) {
	t.Parallel()
	for _, captured := range []bool{false, true} {
		var out, other lines
		h := detect(t, "github", nil, &out, &other, captured).Runner
		for _, err := range []error{h.Open(), h.SaveState([]byte(`{"v":1,"a":"50%"}`)), h.Output("token", "a::b"), h.Summary("nowhere"), h.Mask(secret.New("abc"))} {
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
		got, ok := s.github(t, texts{"STATE_LEASE": row.state}).SavedState()
		if got != row.want || ok != row.ok {
			t.Errorf("%s: %q %v", row.name, got, ok)
		}
	}
	var s stage
	if _, ok := s.github(t, texts{"STATE_lease": "{}"}).SavedState(); ok {
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
			h := s.github(t, env)
			wantChannel(t, h.Output("token", value), "step output", "GITHUB_OUTPUT", value)
			wantChannel(t, h.SaveState([]byte(value)), "state", "GITHUB_STATE", value)
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
				write          func(*ci.GitHub) error
				opened         bool
			}{
				{"state", "GITHUB_STATE", func(h *ci.GitHub) error { return h.SaveState([]byte("{}")) }, true},
				{"step output", "GITHUB_OUTPUT", func(h *ci.GitHub) error { return h.Output("token", "x") }, true},
				{"summary", "GITHUB_STEP_SUMMARY", func(h *ci.GitHub) error { return h.Summary("x") }, false},
			} {
				env, _ := files(t)
				row.spoil(t, env[channel.variable])
				var s stage
				h := s.github(t, env)
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
	if err := s.github(t, env).Open(); err != nil {
		t.Error(err)
	}
	if read("GITHUB_OUTPUT") != "earlier\n" || read("GITHUB_STATE") != "" {
		t.Error("a file was changed")
	}
}

func TestBrokenStreams(t *testing.T) {
	t.Parallel()
	for _, captured := range []bool{false, true} {
		h := detect(t, "github", nil, broken{}, broken{}, captured).Runner
		wantChannel(t, h.Mask(secret.New("hidden")), "mask", "", "hidden")
		wantChannel(t, h.SaveState([]byte("hidden")), "state", "GITHUB_STATE", "hidden")
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
			if got := filepath.ToSlash(s.github(t, row.env).StateFile()); got != row.want {
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
		{"Gitea, before post steps", texts{"GITEA_ACTIONS": "true", "GITEA_ACTIONS_RUNNER_VERSION": "v2.2.9"}, true, false},
		{"Gitea, with post steps", texts{"GITEA_ACTIONS": "true", "GITEA_ACTIONS_RUNNER_VERSION": "v2.3.0"}, false, false},
		{"Gitea, later", texts{"GITEA_ACTIONS": "true", "GITEA_ACTIONS_RUNNER_VERSION": "10.0.1"}, false, false},
		{"Gitea, a build without a number", texts{"GITEA_ACTIONS": "true", "GITEA_ACTIONS_RUNNER_VERSION": "dev"}, true, false},
		{"Forgejo", texts{"FORGEJO_ACTIONS": "true"}, true, false},
		{"Forgejo, which sets Gitea's variables too", texts{"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true", "FORGEJO_ACTIONS_RUNNER_VERSION": "v12.1.0", "GITEA_ACTIONS_RUNNER_VERSION": "v12.1.0"}, true, false},
	} {
		var s stage
		h := s.github(t, row.env)
		if h.PostUncertain() != row.uncertain || h.EveryRunIsOne() != row.one {
			t.Errorf("%s: post uncertain %v, every run is one %v", row.name, h.PostUncertain(), h.EveryRunIsOne())
		}
	}
	for name, want := range map[string]bool{"__jenkins-token_jenkins-token": true, "__self": true, "jenkins": false, "_jenkins": false} {
		var s stage
		if got := s.github(t, texts{"GITHUB_ACTION": name}).OutputsDropped(); got != want {
			t.Errorf("step %s: got its outputs dropped %t, want %t", name, got, want)
		}
	}
	var s stage
	if got := s.system(t, "github", texts{"RUNNER_TEMP": "/runner/temp"}).Files.Private; got != "/runner/temp" {
		t.Errorf("temporary directory %q", got)
	}
	if got := s.system(t, "github", nil).Files.Private; got == "" {
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
		{"a run of the base repository for a fork's pull request", "pull_request_target", "mallory", event(fork, web), false},
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
			got, err := s.system(t, "github", env).IDToken(t.Context(), http.DefaultTransport, "jenkins & more")
			if row.want {
				if err != nil || got.Reveal() != token || s.out.String() != "::add-mask::"+token+"\n" {
					t.Errorf("got error %v, printed %q", err, s.out.String())
				}
				return
			}
			if err == nil || !got.Empty() {
				t.Fatal("no error")
			}
			if none, ok := errors.AsType[*ci.IDTokenError](err); !ok || none.Unoffered != (row.unset != "") {
				t.Errorf("got error %#v, want one that says whether the job may ask", err)
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

// The request carries the runner's token: a redirect would give it to somebody else.
func TestIDTokenEndpointThatRedirects(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		followed := 0
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			followed++
			_, _ = io.WriteString(w, `{"value":"abc"}`)
		}))
		t.Cleanup(other.Close)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL, status)
		}))
		t.Cleanup(server.Close)
		var s stage
		env := texts{"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
		_, err := s.system(t, "github", env).IDToken(t.Context(), http.DefaultTransport, "a")
		if none, ok := errors.AsType[*ci.IDTokenError](err); !ok || none.Status != status || followed > 0 {
			t.Errorf("%d: got %v and %d requests elsewhere, want an error that names the status, and none", status, err, followed)
		}
	}
}

func TestIDTokenErrorNamesTheCause(t *testing.T) {
	t.Parallel()
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	refusing := httptest.NewServer(http.NotFoundHandler())
	missing := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(missing.Close)
	refusing.Close()
	for url, want := range map[string]string{
		secure.URL:   "oidc-audience: GitHub gave no ID token: the certificate of the endpoint is signed by an unknown authority",
		refusing.URL: "oidc-audience: GitHub gave no ID token: no connection to the endpoint",
		missing.URL:  "oidc-audience: GitHub gave no ID token: the endpoint answered 404",
	} {
		var s stage
		env := texts{"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
		_, err := s.system(t, "github", env).IDToken(t.Context(), http.DefaultTransport, "a")
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestIDTokenThatCannotBeMasked(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, `{"value":"abc"}`) }))
	t.Cleanup(server.Close)
	env := texts{"ACTIONS_ID_TOKEN_REQUEST_URL": server.URL, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x"}
	_, err := detect(t, "github", env, broken{}, broken{}, false).IDToken(t.Context(), http.DefaultTransport, "a")
	wantChannel(t, err, "mask", "", "abc")
}
