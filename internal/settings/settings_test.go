package settings_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

type texts = map[string]string

// given is where the settings of a test come from.
type given struct {
	flags, env, files texts
	spelling          settings.Spelling
	action            bool
	inJenkins, fork   bool
	need              settings.Need
}

func (g given) load(t *testing.T) (*settings.Settings, error) {
	t.Helper()
	lookup := func(name string) (string, bool) { text, ok := g.env[name]; return text, ok }
	return settings.Load(t.Context(), settings.Source{
		Flags: g.flags, Lookup: lookup, Proxies: lookup,
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := g.files[path]; ok {
				return []byte(text), nil
			}
			if path == "/silent" {
				return nil, context.DeadlineExceeded
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		},
		Spelling: g.spelling, Action: g.action, InJenkins: g.inJenkins, Fork: g.fork,
	}, g.need)
}

func (g given) must(t *testing.T) *settings.Settings {
	t.Helper()
	s, err := g.load(t)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// problems loads and returns what is wrong, as "setting: text".
func (g given) problems(t *testing.T) []string {
	t.Helper()
	s, err := g.load(t)
	if err == nil {
		return nil
	}
	if s != nil {
		t.Error("settings beside an error")
	}
	wrong, ok := errors.AsType[*settings.Error](err)
	if !ok {
		t.Fatalf("error of type %T, want *settings.Error", err)
	}
	var all []string
	for _, p := range wrong.Problems {
		all = append(all, p.Setting+": "+p.Text)
	}
	return all
}

// with returns the maps as one; the last one wins.
func with(maps ...texts) texts {
	all := texts{}
	for _, m := range maps {
		for k, v := range m {
			all[k] = v
		}
	}
	return all
}

var (
	tokInput  = "11" + strings.Repeat("1", 32)
	tokPlugin = "11" + strings.Repeat("2", 32)

	byEnv    = texts{"JENKINS_URL": "https://env.example/ci/", "JENKINS_USERNAME": "alice", "JENKINS_PASSWORD": "pw-env"}
	byInput  = texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "INPUT_API-TOKEN": tokInput}
	byPlugin = texts{"PLUGIN_URL": "https://plugin.example", "PLUGIN_USERNAME": "carol", "PLUGIN_API_TOKEN": tokPlugin}
)

func TestDefaults(t *testing.T) {
	t.Parallel()
	got := given{env: byEnv}.must(t)
	if got.URL.String() != "https://env.example/ci" || got.Username != "alice" || got.Credential.Kind != settings.Password || got.Credential.Secret.Reveal() != "pw-env" {
		t.Errorf("url, account or credential: %v %q %v", got.URL, got.Username, got.Credential.Kind)
	}
	if got.TTL != settings.DefaultTTL || got.Timeout != settings.DefaultTimeout || !got.Revoke || !got.Sweep ||
		got.OnRevokeFailure != settings.Warn || got.Legacy != settings.LegacyRefuse || got.AllowHTTP ||
		got.Label != "" || got.ForUser != "" || got.CA != nil || !got.ClientKey.Empty() || len(got.Headers.Reveal()) != 0 || got.Notices != nil {
		t.Errorf("defaults: %+v", got)
	}
}

func TestOrderOfSources(t *testing.T) {
	t.Parallel()
	flags := texts{"label": "by-flag"}
	env := texts{"JENKINS_TOKEN_LABEL": "by-environment"}
	for _, row := range []struct {
		name string
		in   given
		want string
	}{
		{"a flag before everything", given{flags: flags, env: with(byInput, env, texts{"INPUT_LABEL": "by-input"}), spelling: settings.Runner}, "by-flag"},
		{"an input before the environment", given{env: with(byInput, env, texts{"INPUT_LABEL": "by-input"}), spelling: settings.Runner}, "by-input"},
		{"the environment before the default", given{env: with(byInput, env), spelling: settings.Runner}, "by-environment"},
		{"a blank flag is unset", given{flags: texts{"label": " \t"}, env: with(byEnv, env)}, "by-environment"},
		{"a blank input is unset", given{env: with(byInput, env, texts{"INPUT_LABEL": " "}), spelling: settings.Runner}, "by-environment"},
		{"a blank variable is unset", given{env: with(byEnv, texts{"JENKINS_TOKEN_LABEL": "\n"})}, ""},
		{"a plugin's setting before the environment", given{env: with(byPlugin, env, texts{"PLUGIN_LABEL": "by-plugin"}), spelling: settings.Plugin}, "by-plugin"},
		{"a flag before a plugin's setting", given{flags: flags, env: with(byPlugin, texts{"PLUGIN_LABEL": "by-plugin"}), spelling: settings.Plugin}, "by-flag"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.in.must(t).Label; got != row.want {
				t.Errorf("label %q, want %q", got, row.want)
			}
		})
	}
}

func TestSpellingOfInputs(t *testing.T) {
	t.Parallel()
	const fail = settings.Fail
	for _, row := range []struct {
		name     string
		spelling settings.Spelling
		base     texts
		variable string
		want     string
	}{
		{"a runner keeps the hyphen", settings.Runner, byInput, "INPUT_ON-REVOKE-FAILURE", fail},
		{"an underscore on a runner is from a later step", settings.Runner, byInput, "INPUT_ON_REVOKE_FAILURE", settings.Warn},
		{"a plugin's setting on a runner", settings.Runner, byInput, "PLUGIN_ON_REVOKE_FAILURE", settings.Warn},
		{"a plugin has no hyphens", settings.Plugin, byPlugin, "PLUGIN_ON_REVOKE_FAILURE", fail},
		{"a hyphen in a plugin's setting", settings.Plugin, byPlugin, "PLUGIN_ON-REVOKE-FAILURE", settings.Warn},
		{"an input where plugins run", settings.Plugin, byPlugin, "INPUT_ON-REVOKE-FAILURE", settings.Warn},
		{"an input where there are none", settings.NoInputs, byEnv, "INPUT_ON-REVOKE-FAILURE", settings.Warn},
		{"a plugin's setting where there are none", settings.NoInputs, byEnv, "PLUGIN_ON_REVOKE_FAILURE", settings.Warn},
		{"the environment everywhere", settings.Runner, byInput, "JENKINS_TOKEN_ON_REVOKE_FAILURE", fail},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := given{env: with(row.base, texts{row.variable: fail}), spelling: row.spelling}.must(t).OnRevokeFailure
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestNamesOfVariables(t *testing.T) {
	t.Parallel()
	base := texts{"JENKINS_URL": "https://one.example", "JENKINS_PASSWORD": "pw"}
	for _, row := range []struct {
		name         string
		in           given
		account, url string
	}{
		{"jenkins-cli's name of the account", given{env: with(base, texts{"JENKINS_USER_ID": "cli"})}, "cli", "https://one.example"},
		{"our name of the account goes first", given{env: with(base, texts{"JENKINS_USER_ID": "cli", "JENKINS_USERNAME": "ours"})}, "ours", "https://one.example"},
		{"a blank name gives way to jenkins-cli's", given{env: with(base, texts{"JENKINS_USER_ID": "cli", "JENKINS_USERNAME": " "})}, "cli", "https://one.example"},
		{"the long name of url goes first", given{env: with(byEnv, texts{"JENKINS_TOKEN_URL": "https://two.example"})}, "alice", "https://two.example"},
		{"inside Jenkins the long name counts", given{inJenkins: true, env: with(byEnv, texts{"JENKINS_TOKEN_URL": "https://two.example"})}, "alice", "https://two.example"},
		{"inside Jenkins the flag counts", given{inJenkins: true, env: byEnv, flags: texts{"url": "https://three.example"}}, "alice", "https://three.example"},
		{"blanks around a name are dropped", given{env: with(byEnv, texts{"JENKINS_USERNAME": " alice\n"})}, "alice", "https://env.example/ci"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := row.in.must(t)
			if got.Username != row.account || got.URL.String() != row.url {
				t.Errorf("%q at %s, want %q at %s", got.Username, got.URL, row.account, row.url)
			}
		})
	}
	got := given{env: byEnv, inJenkins: true}.problems(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "url: missing") || !strings.Contains(got[0], "JENKINS_TOKEN_URL") {
		t.Errorf("JENKINS_URL inside Jenkins: %q, want that url is missing", got)
	}
}

const pemText = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

// guarded are variables that decide where a credential goes, with what would
// show if one was read.
var guarded = texts{
	"JENKINS_TOKEN_CA_CERTIFICATE": pemText, "JENKINS_TOKEN_CLIENT_CERTIFICATE": pemText, "JENKINS_TOKEN_CLIENT_KEY": pemText,
	"JENKINS_TOKEN_HEADERS": "X-Evil: yes", "JENKINS_TOKEN_ALLOW_HTTP": "true", "JENKINS_TOKEN_FOR_USER": "mallory",
}

func trusted(s *settings.Settings) bool {
	return len(s.CA) > 0 || len(s.ClientCertificate) > 0 || !s.ClientKey.Empty() || len(s.Headers.Reveal()) > 0 || s.AllowHTTP || s.ForUser != ""
}

func TestCredentialAndURLOfOneSource(t *testing.T) {
	t.Parallel()
	env := with(guarded, texts{"JENKINS_TOKEN_URL": "https://evil.example", "JENKINS_URL": "https://evil.example"})
	for _, row := range []struct {
		name string
		in   given
		want string // start of the one problem; "" when the input's url is used
	}{
		{"input credential and input url", given{env: with(env, byInput)}, ""},
		{"input credential, url of the environment", given{env: with(env, texts{"INPUT_USERNAME": "bob", "INPUT_API-TOKEN": tokInput})}, "url: missing: set the input url"},
		{"input password, url of the environment", given{env: with(env, texts{"INPUT_USERNAME": "bob", "INPUT_PASSWORD": "t"})}, "url: missing: set the input url"},
		{"input bearer token, url of the environment", given{env: with(env, texts{"INPUT_BEARER-TOKEN": "t"})}, "url: missing: set the input url"},
		{"input audience, url of the environment", given{env: with(env, texts{"INPUT_OIDC-AUDIENCE": "t"})}, "url: missing: set the input url"},
		{"input url, api token of the environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "JENKINS_API_TOKEN": tokInput})}, "credential: missing: set the input api-token"},
		{"input url, password of the environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "JENKINS_PASSWORD": "t"})}, "credential: missing: set the input api-token"},
		{"input url, bearer token of the environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "JENKINS_TOKEN_BEARER_TOKEN": "t"})}, "credential: missing"},
		{"input url, audience of the environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "JENKINS_TOKEN_OIDC_AUDIENCE": "t"})}, "credential: missing"},
		{"input url, a credential's file of the environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "JENKINS_PASSWORD_FILE": "/pw"}), files: texts{"/pw": "t"}}, "credential: missing"},
		{"another credential in the environment is not a second one", given{env: with(env, byInput, texts{"JENKINS_PASSWORD": "t", "JENKINS_API_TOKEN": tokInput})}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for _, action := range []bool{true, false} {
				in := row.in
				in.spelling, in.action = settings.Runner, action
				if row.want == "" {
					s := in.must(t)
					if s.URL.String() != "https://input.example" || s.Credential.Secret.Reveal() != tokInput {
						t.Errorf("url %s", s.URL)
					}
					if trusted(s) {
						t.Errorf("a guarded setting of the environment was read beside inputs: %+v", s)
					}
					continue
				}
				if got := in.problems(t); len(got) != 1 || !strings.HasPrefix(got[0], row.want) {
					t.Errorf("problems %q, want one: %q", got, row.want)
				}
			}
		})
	}
}

func TestGuardedSettingsCountFromTheSourceOfTheCredential(t *testing.T) {
	t.Parallel()
	s := given{env: with(byEnv, guarded)}.must(t)
	if len(s.CA) == 0 || len(s.ClientCertificate) == 0 || s.ClientKey.Empty() || s.Headers.Reveal().Get("X-Evil") == "" || !s.AllowHTTP || s.ForUser != "mallory" {
		t.Errorf("a setting of the environment was not read: %+v", s)
	}
	inputs := texts{}
	for name, text := range guarded {
		name = strings.TrimPrefix(name, "JENKINS_TOKEN_")
		inputs["INPUT_"+strings.ReplaceAll(name, "_", "-")] = text
		inputs["PLUGIN_"+name] = text
	}
	s = given{env: with(byInput, inputs), spelling: settings.Runner, action: true}.must(t)
	if len(s.CA) == 0 || s.ClientKey.Empty() || s.Headers.Reveal().Get("X-Evil") == "" || !s.AllowHTTP || s.ForUser != "mallory" {
		t.Errorf("an input was not read: %+v", s)
	}
	s = given{env: with(byPlugin, inputs), spelling: settings.Plugin}.must(t)
	if len(s.CA) == 0 || s.ClientKey.Empty() || s.Headers.Reveal().Get("X-Evil") == "" || !s.AllowHTTP || s.ForUser != "mallory" {
		t.Errorf("a plugin's setting was not read: %+v", s)
	}
	s = given{env: with(byPlugin, guarded), spelling: settings.Plugin}.must(t)
	if trusted(s) {
		t.Errorf("a guarded setting of the environment was read beside a plugin's settings: %+v", s)
	}
	got := given{env: with(byEnv, texts{"PLUGIN_API_TOKEN": tokInput}), spelling: settings.Plugin}.problems(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "url: missing: set the setting url") {
		t.Errorf("a plugin's credential with the url of the environment: %q", got)
	}
}

func TestPostStepOfTheAction(t *testing.T) {
	t.Parallel()
	env := with(byEnv, guarded, texts{
		"JENKINS_API_TOKEN": "", "JENKINS_TOKEN_TIMEOUT": "1h", "JENKINS_TOKEN_SWEEP": "false", "JENKINS_TOKEN_LABEL": "x", "JENKINS_TOKEN_URL": "https://evil.example",
	})
	s := given{env: env, spelling: settings.Runner, action: true, need: settings.ForPost}.must(t)
	if s.URL != nil || s.Username != "" || s.Credential.Kind != settings.None || trusted(s) || s.Timeout != settings.DefaultTimeout || !s.Sweep || s.Label != "" {
		t.Errorf("the environment was read: %+v", s)
	}
	s = given{env: with(env, byInput), spelling: settings.Runner, action: true, need: settings.ForPost}.must(t)
	if s.URL.String() != "https://input.example" || s.Username != "bob" || s.Credential.Secret.Reveal() != tokInput || trusted(s) {
		t.Errorf("inputs of the post step: %+v", s)
	}
	s = given{env: byEnv, need: settings.ForPost}.must(t)
	if s.URL == nil || s.Credential.Secret.Reveal() != "pw-env" {
		t.Errorf("under the neutral name the environment counts: %+v", s)
	}
	if got := (given{need: settings.ForPost}).problems(t); got != nil {
		t.Errorf("nothing is required afterwards, got %q", got)
	}
}

func TestWhatIsRequired(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		in   given
		want []string
	}{
		{"nothing given", given{}, []string{
			"url: missing: set --url or JENKINS_URL",
			"credential: missing: set JENKINS_API_TOKEN or JENKINS_PASSWORD (or bearer-token, oidc-audience)",
			"username: missing: set --username or JENKINS_USERNAME",
		}},
		{"nothing given to the action", given{spelling: settings.Runner, action: true}, []string{
			"url: missing: set the input url",
			"credential: missing: set the input api-token or the input password (or bearer-token, oidc-audience)",
			"username: missing: set the input username",
		}},
		{"nothing given to a plugin", given{spelling: settings.Plugin}, []string{
			"url: missing: set the setting url",
			"credential: missing: set the setting api_token or the setting password (or bearer-token, oidc-audience)",
			"username: missing: set the setting username",
		}},
		{"a sweep needs the account as well", given{need: settings.ForAccount, env: texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "a"}}, []string{
			"credential: missing: set JENKINS_API_TOKEN or JENKINS_PASSWORD (or bearer-token, oidc-audience)",
		}},
		{"the url of the build's own controller", given{inJenkins: true, env: byEnv}, []string{
			"url: missing: set --url or JENKINS_TOKEN_URL (JENKINS_URL is the controller that runs this build)",
		}},
		{"a bearer token needs no name", given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_TOKEN_BEARER_TOKEN": "b"}}, nil},
		{"an audience needs no name", given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_TOKEN_OIDC_AUDIENCE": "b"}}, nil},
		{"two credentials", given{env: with(byEnv, texts{"JENKINS_API_TOKEN": tokInput})}, []string{"credential: api-token and password are set: set only one"}},
		{"four credentials", given{env: with(byEnv, texts{"JENKINS_API_TOKEN": tokInput, "JENKINS_TOKEN_BEARER_TOKEN": "c", "JENKINS_TOKEN_OIDC_AUDIENCE": "d"})}, []string{
			"credential: api-token and password and bearer-token and oidc-audience are set: set only one"}},
		{"a name with a colon", given{env: with(byEnv, texts{"JENKINS_USERNAME": "a:b"})}, []string{"username: has a colon, which a login over HTTP cannot carry"}},
		{"a name with a line break", given{env: with(byEnv, texts{"JENKINS_USERNAME": "a\nb"})}, []string{"username: holds a control character"}},
		{"another account's name with a line break", given{env: with(byEnv, texts{"JENKINS_TOKEN_FOR_USER": "a\nb"})}, []string{"username: holds a control character"}},
		{"plain http", given{env: with(byEnv, texts{"JENKINS_URL": "http://a.example"})}, []string{
			"url: is plain http to a host that is not loopback: write https://a.example, or set allow-http to true"}},
		{"plain http to loopback", given{env: with(byEnv, texts{"JENKINS_URL": "http://127.0.0.1:8080"})}, nil},
		{"plain http as wanted", given{env: with(byEnv, texts{"JENKINS_URL": "http://a.example", "JENKINS_TOKEN_ALLOW_HTTP": " True "})}, nil},
		{"a certificate without its key", given{env: with(byEnv, texts{"JENKINS_TOKEN_CLIENT_CERTIFICATE": pemText})}, []string{"client-certificate: must be set together with client-key"}},
		{"a key without its certificate", given{env: with(byEnv, texts{"JENKINS_TOKEN_CLIENT_KEY": pemText})}, []string{"client-certificate: must be set together with client-key"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := row.in.problems(t); !slices.Equal(got, row.want) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	base := texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "alice"}
	for _, row := range []struct {
		name string
		env  texts
		file string // content of /run/pw
		want string
	}{
		{"one newline is dropped", texts{"JENKINS_PASSWORD": "s3cret\n"}, "", "s3cret"},
		{"one newline of Windows is dropped", texts{"JENKINS_PASSWORD": "s3cret\r\n"}, "", "s3cret"},
		{"the second newline stays", texts{"JENKINS_PASSWORD": "s3cret\n\n"}, "", "s3cret\n"},
		{"blanks stay", texts{"JENKINS_PASSWORD": " s3 cret \t\n"}, "", " s3 cret \t"},
		{"a newline in front stays", texts{"JENKINS_PASSWORD": "\ns3cret"}, "", "\ns3cret"},
		{"nothing is expanded", texts{"JENKINS_PASSWORD": `$JENKINS_URL ${HOME} \$x %PATH%`}, "", `$JENKINS_URL ${HOME} \$x %PATH%`},
		{"a file", texts{"JENKINS_PASSWORD_FILE": "/run/pw"}, "from file\n", "from file"},
		{"a file with blanks around its path", texts{"JENKINS_PASSWORD_FILE": " /run/pw\n"}, "from file", "from file"},
		{"a blank variable beside a file", texts{"JENKINS_PASSWORD_FILE": "/run/pw", "JENKINS_PASSWORD": " "}, "from file", "from file"},
		{"a blank name of a file", texts{"JENKINS_PASSWORD_FILE": " ", "JENKINS_PASSWORD": "pw"}, "", "pw"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := given{env: with(base, row.env), files: texts{"/run/pw": row.file}}.must(t)
			if got := s.Credential.Secret.Reveal(); got != row.want || s.Credential.Kind != settings.Password {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
	for _, row := range []struct {
		name string
		in   given
		want []string
	}{
		{"both the secret and its file", given{env: with(base, texts{"JENKINS_PASSWORD": "a", "JENKINS_PASSWORD_FILE": "/run/pw"}), files: texts{"/run/pw": "b"}},
			[]string{"password: set twice: by JENKINS_PASSWORD and by JENKINS_PASSWORD_FILE"}},
		{"a pipe to which nothing is written", given{env: with(base, texts{"JENKINS_API_TOKEN_FILE": "/silent", "JENKINS_TOKEN_CA_CERTIFICATE": "/silent"})},
			[]string{"api-token: the file that JENKINS_API_TOKEN_FILE names is a pipe to which nothing was written in time", "ca-certificate: not PEM text, and nothing was written in time to the pipe at this path"}},
		{"a file that is not there", given{env: with(base, texts{"JENKINS_API_TOKEN_FILE": "/nowhere"})},
			[]string{"api-token: the file that JENKINS_API_TOKEN_FILE names cannot be read"}},
		{"a plugin's secret and its file", given{env: with(base, texts{"PLUGIN_URL": "https://a.example", "PLUGIN_PASSWORD": "a", "PLUGIN_PASSWORD_FILE": "/run/pw"}), files: texts{"/run/pw": "b"}, spelling: settings.Plugin},
			[]string{"password: set twice: by PLUGIN_PASSWORD and by PLUGIN_PASSWORD_FILE"}},
		{"a plugin's file that is not there", given{env: with(base, texts{"PLUGIN_URL": "https://a.example", "PLUGIN_PASSWORD_FILE": "/nowhere"}), spelling: settings.Plugin},
			[]string{"password: the file that PLUGIN_PASSWORD_FILE names cannot be read"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := slices.DeleteFunc(row.in.problems(t), func(p string) bool { return strings.HasPrefix(p, "credential: missing") })
			if !slices.Equal(got, row.want) {
				t.Errorf("got  %q\nwant %q", got, row.want)
			}
		})
	}
	got := given{env: with(byInput, texts{"INPUT_API-TOKEN": "", "INPUT_API-TOKEN_FILE": "/run/pw"}), files: texts{"/run/pw": "b"}, spelling: settings.Runner, action: true}.problems(t)
	if len(got) != 1 || !strings.HasPrefix(got[0], "credential: missing") {
		t.Errorf("an input that no action declares: %q, want that the credential is missing", got)
	}
	s := given{env: with(byPlugin, texts{"PLUGIN_API_TOKEN": "", "PLUGIN_API_TOKEN_FILE": "/run/pw"}), files: texts{"/run/pw": tokInput + "\n"}, spelling: settings.Plugin}.must(t)
	if s.Credential.Secret.Reveal() != tokInput {
		t.Error("a plugin's secret was not read from its file")
	}
}

func TestKindsOfCredentials(t *testing.T) {
	t.Parallel()
	const shape = "0123456789abcdef0123456789abcdef"
	for _, row := range []struct {
		name, variable, text string
		kind                 settings.Kind
		notice               bool
	}{
		{"an API token", "JENKINS_API_TOKEN", "11" + shape, settings.APIToken, false},
		{"an API token with the prefix that is planned", "JENKINS_API_TOKEN", "jenkins_apitoken_11" + shape, settings.APIToken, false},
		{"a password", "JENKINS_PASSWORD", "correct horse", settings.Password, false},
		{"a password of an API token's shape", "JENKINS_PASSWORD", "11" + shape + "\n", settings.APIToken, true},
		{"a password of a legacy token's shape", "JENKINS_PASSWORD", shape, settings.APIToken, true},
		{"a password of nearly that shape", "JENKINS_PASSWORD", "11" + shape[:31] + "G", settings.Password, false},
		{"a bearer token of an API token's shape", "JENKINS_TOKEN_BEARER_TOKEN", "11" + shape, settings.Bearer, false},
		{"an audience", "JENKINS_TOKEN_OIDC_AUDIENCE", " jenkins ", settings.OIDC, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := given{env: texts{"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "alice", row.variable: row.text}}.must(t)
			if s.Credential.Kind != row.kind || (len(s.Notices) == 1) != row.notice {
				t.Errorf("kind %v, notices %q", s.Credential.Kind, s.Notices)
			}
			if strings.Contains(fmt.Sprint(s.Notices), shape) {
				t.Errorf("a notice holds the secret: %q", s.Notices)
			}
			if row.kind == settings.OIDC && (s.Credential.Audience != "jenkins" || !s.Credential.Secret.Empty()) {
				t.Errorf("audience %q", s.Credential.Audience)
			}
		})
	}
}

func TestFormsOfValues(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	type row struct {
		setting, text string
		want          any // nil when it is refused
	}
	rows := []row{
		{"ttl", "36h", 36 * time.Hour}, {"ttl", "2d", 2 * day}, {"ttl", "1d12h", 36 * time.Hour}, {"ttl", " 90m\n", 90 * time.Minute},
		{"ttl", "1m", time.Minute}, {"ttl", "59s", nil}, {"ttl", "365d", 365 * day}, {"ttl", "365d1s", nil}, {"ttl", "0", nil},
		{"ttl", "-1h", nil}, {"ttl", "1d-1h", nil}, {"ttl", "1d1d", nil}, {"ttl", "d", nil}, {"ttl", "24", nil}, {"ttl", "1 d", nil},
		{"ttl", "99999d2562047h", nil}, {"ttl", "999999d", nil}, {"ttl", "one day", nil}, {"ttl", "1.5h", 90 * time.Minute}, {"ttl", "1h1d", nil},
		{"timeout", "1s", time.Second}, {"timeout", "999ms", nil}, {"timeout", "1h", time.Hour}, {"timeout", "61m", nil}, {"timeout", " 45s ", 45 * time.Second},
		{"revoke", "false", false}, {"revoke", " FALSE ", false}, {"revoke", "True", true}, {"revoke", "1", true}, {"revoke", "0", false}, {"revoke", "no", nil}, {"revoke", "yes", nil},
		{"sweep", "\tfalse\n", false}, {"sweep", "off", nil}, {"allow-http", "tRUE", true}, {"allow-http", "ja", nil},
		{"on-revoke-failure", " Fail ", settings.Fail}, {"on-revoke-failure", "warn", settings.Warn}, {"on-revoke-failure", "ignore", nil},
		{"legacy", "READ", settings.LegacyRead}, {"legacy", " rotate", settings.LegacyRotate}, {"legacy", "refuse", settings.LegacyRefuse}, {"legacy", "maybe", nil},
	}
	for _, row := range rows {
		t.Run(row.setting+" "+row.text, func(t *testing.T) {
			t.Parallel()
			in := given{env: byEnv, flags: texts{row.setting: row.text}}
			if row.want == nil {
				if got := in.problems(t); len(got) != 1 || !strings.HasPrefix(got[0], row.setting+": ") {
					t.Errorf("problems %q, want one of %s", got, row.setting)
				}
				return
			}
			s := in.must(t)
			got := map[string]any{
				"ttl": s.TTL, "timeout": s.Timeout, "revoke": s.Revoke, "sweep": s.Sweep, "allow-http": s.AllowHTTP,
				"on-revoke-failure": s.OnRevokeFailure, "legacy": s.Legacy,
			}[row.setting]
			if got != row.want {
				t.Errorf("got %v, want %v", got, row.want)
			}
		})
	}
	got := given{env: byEnv, flags: texts{"ttl": "1s", "timeout": "2h"}}.problems(t)
	want := []string{"ttl: not between 1m and 365d", "timeout: not between 1s and 1h"}
	if !slices.Equal(got, want) {
		t.Errorf("bounds: got %q, want %q", got, want)
	}
}

func TestPEM(t *testing.T) {
	t.Parallel()
	files := texts{"/ca.pem": pemText, "/empty.pem": "nothing"}
	for _, row := range []struct {
		name, text string
		want, ca   string // problem, or content
		action     bool
	}{
		{"text", pemText, "", pemText, false},
		{"text with blanks in front", "  " + pemText, "", "  " + pemText, false},
		{"path", " /ca.pem\n", "", pemText, false},
		{"no such file", "/nowhere.pem", "not PEM text, and there is no such file", "", false},
		{"no such file in the container", "/nowhere.pem", "not PEM text, and there is no such file in the action's container, which sees the workspace and runner.temp", "", true},
		{"a file of something else", "/empty.pem", "the file has no PEM text", "", false},
		{"several lines that are no PEM", "a\nb", "neither PEM text nor the path of a file", "", false},
		{"blank", " \n", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			in := given{env: with(byEnv, texts{"JENKINS_TOKEN_CA_CERTIFICATE": row.text}), files: files}
			if row.action {
				in = given{env: with(byInput, texts{"INPUT_CA-CERTIFICATE": row.text}), files: files, spelling: settings.Runner, action: true}
			}
			if row.want != "" {
				if got, want := in.problems(t), "ca-certificate: "+row.want; len(got) != 1 || got[0] != want {
					t.Errorf("got %q, want %q", got, want)
				}
				return
			}
			if got := string(in.must(t).CA); got != row.ca {
				t.Errorf("got %q, want %q", got, row.ca)
			}
		})
	}
	s := given{env: with(byEnv, texts{"JENKINS_TOKEN_CLIENT_CERTIFICATE": "/ca.pem", "JENKINS_TOKEN_CLIENT_KEY": "/ca.pem"}), files: files}.must(t)
	if string(s.ClientCertificate) != pemText || s.ClientKey.Reveal() != pemText {
		t.Error("client certificate and key were not read from their files")
	}
	s = given{env: with(byEnv, texts{"JENKINS_TOKEN_CLIENT_CERTIFICATE": "/ca.pem", "JENKINS_TOKEN_CLIENT_KEY_FILE": "/ca.pem"}), files: files}.must(t)
	if s.ClientKey.Reveal() != pemText {
		t.Error("the client key was not read from the file of its _FILE")
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	s := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": "cf-access-client-id: a:b\r\n\n  X-Two:  second \nX-Two: third\n"})}.must(t)
	if want := map[string][]string{"Cf-Access-Client-Id": {"a:b"}, "X-Two": {"second", "third"}}; !reflect.DeepEqual(map[string][]string(s.Headers.Reveal()), want) {
		t.Errorf("got %v, want %v", s.Headers.Reveal(), want)
	}
	for _, name := range []string{
		"Authorization", "authorization", "Cookie", "Host", "Content-Length", "Content-Type", "Transfer-Encoding", "Connection",
		"Referer", "Jenkins-Crumb", "Proxy-Authenticate", "proxy-connection",
	} {
		got := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": "X-A: b\n" + name + ": x"})}.problems(t)
		if len(got) != 1 || !strings.HasPrefix(got[0], "headers: line 2: ") {
			t.Errorf("%s: got %q, want that line 2 is refused", name, got)
		}
	}
	for _, line := range []string{"no colon", "X-A:", ": b", "X A: b", "Ünicode: b", "X-A: b\x00c", "X-A: b\x1b[2J", "X-A: b\x7f", strings.Repeat("x", 65) + ": b", "-X: b"} {
		got := given{env: with(byEnv, texts{"JENKINS_TOKEN_HEADERS": line})}.problems(t)
		if want := []string{"headers: line 1 is not of the form Name: value"}; !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", line, got, want)
		}
	}
}

// wrong are values that no setting takes. The marker must not turn up in an
// error; of a url only the host and the path may, as they are what is suggested.
func wrong(marker string) map[string][]string {
	return map[string][]string{
		"JENKINS_URL": {
			"https://" + marker + "@a.example", "https://u:" + marker + "@a.example", "https://a.example/?" + marker, "https://a.example/#" + marker,
			"https://a.example:" + marker + "/", "https://a.example/" + marker + ";x", "ftp://" + marker, "https:///" + marker, "https:" + marker, "u:" + marker + "@a.example",
		},
		"JENKINS_USERNAME":                 {marker + ":b", marker + "\x00"},
		"JENKINS_API_TOKEN":                {marker},
		"JENKINS_API_TOKEN_FILE":           {"/" + marker},
		"JENKINS_PASSWORD_FILE":            {"/" + marker, "/file-" + marker},
		"JENKINS_TOKEN_BEARER_TOKEN":       {marker},
		"JENKINS_TOKEN_OIDC_AUDIENCE":      {marker},
		"JENKINS_TOKEN_TTL":                {marker, "1" + marker, "999d" + marker},
		"JENKINS_TOKEN_TIMEOUT":            {marker},
		"JENKINS_TOKEN_REVOKE":             {marker},
		"JENKINS_TOKEN_SWEEP":              {marker},
		"JENKINS_TOKEN_ON_REVOKE_FAILURE":  {marker},
		"JENKINS_TOKEN_LEGACY":             {marker},
		"JENKINS_TOKEN_ALLOW_HTTP":         {marker},
		"JENKINS_TOKEN_CA_CERTIFICATE":     {marker, marker + "\n" + marker, "/file-" + marker},
		"JENKINS_TOKEN_CLIENT_CERTIFICATE": {marker, "-----BEGIN " + marker},
		"JENKINS_TOKEN_CLIENT_KEY":         {marker, marker + "\n" + marker, "-----BEGIN " + marker},
		"JENKINS_TOKEN_CLIENT_KEY_FILE":    {marker},
		"JENKINS_TOKEN_HEADERS":            {marker, "X-" + marker + ": \x01", "Cookie: " + marker, "Authorization: Basic " + marker, marker + " x: y", "X-A: b\n" + marker},
		"JENKINS_TOKEN_FOR_USER":           {marker + "\n" + marker},
	}
}

func TestErrorsHoldNoValues(t *testing.T) {
	t.Parallel()
	const marker = "zQ7marker7Qz"
	all := texts{}
	check := func(t *testing.T, in given) {
		t.Helper()
		_, err := in.load(t)
		if err == nil {
			t.Error("no error")
			return
		}
		wrong, _ := errors.AsType[*settings.Error](err)
		text := fmt.Sprintf("%s %v %+v %q %#v", err, wrong.Hints(), wrong.Problems, wrong.Problems, wrong.Problems)
		if strings.Contains(strings.ToLower(text), strings.ToLower(marker)) {
			t.Errorf("the error holds what was given: %s", text)
		}
	}
	files := texts{"/file-" + marker: marker}
	for variable, values := range wrong(marker) {
		all[variable] = values[0]
		for _, value := range values {
			env := with(byEnv, texts{variable: value})
			check(t, given{env: env, files: files})
			check(t, given{env: env, files: files, fork: true, inJenkins: true})
			if name, ok := strings.CutPrefix(variable, "JENKINS_"); ok {
				name = strings.TrimPrefix(name, "TOKEN_")
				check(t, given{env: with(byPlugin, texts{"PLUGIN_PASSWORD": "x", "PLUGIN_" + name: value}), files: files, spelling: settings.Plugin})
				if !strings.HasSuffix(name, "_FILE") {
					check(t, given{env: with(byInput, texts{"INPUT_PASSWORD": "x", "INPUT_" + strings.ReplaceAll(name, "_", "-"): value}), files: files, spelling: settings.Runner, action: true})
				}
			}
		}
	}
	check(t, given{env: all, files: files})
}

func TestAllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	got := given{
		env:   texts{"JENKINS_URL": "nonsense:", "JENKINS_USERNAME": "a:b", "JENKINS_API_TOKEN": tokInput, "JENKINS_PASSWORD": "b"},
		flags: texts{"ttl": "x", "timeout": "x", "revoke": "x", "sweep": "x", "on-revoke-failure": "x", "legacy": "x", "allow-http": "x", "ca-certificate": "x", "client-certificate": "x"},
	}.problems(t)
	var names []string
	for _, p := range got {
		name, _, _ := strings.Cut(p, ":")
		names = append(names, name)
	}
	want := []string{"allow-http", "url", "credential", "username", "ttl", "timeout", "revoke", "sweep", "on-revoke-failure", "legacy", "ca-certificate", "client-certificate"}
	if !slices.Equal(names, want) {
		t.Errorf("got  %q\nwant %q", names, want)
	}
	_, err := given{}.load(t)
	if text := err.Error(); !strings.HasPrefix(text, "wrong settings: url: missing") || strings.Contains(text, "\n") {
		t.Errorf("the text of the error: %q", text)
	}
}

func TestRunWithoutSecrets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		in   given
		want bool
	}{
		{"a credential is missing in a fork", given{fork: true, env: texts{"JENKINS_URL": "https://a.example"}}, true},
		{"a credential is missing elsewhere", given{env: texts{"JENKINS_URL": "https://a.example"}}, false},
		{"something else is wrong in a fork", given{fork: true, env: byEnv, flags: texts{"ttl": "x"}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := row.in.load(t)
			wrong, ok := errors.AsType[*settings.Error](err)
			if !ok || wrong.Withheld != row.want || (len(wrong.Hints()) > 0) != row.want || len(wrong.Hints()) > 2 {
				t.Errorf("%v: withheld %v, hints %q", err, wrong.Withheld, wrong.Hints())
			}
		})
	}
}

func TestPostTravels(t *testing.T) {
	t.Parallel()
	s := given{env: byEnv, flags: texts{
		"ca-certificate": pemText, "allow-http": "true", "revoke": "false", "on-revoke-failure": "fail", "sweep": "false", "timeout": "90s",
	}}.must(t)
	want := settings.Post{CA: pemText, AllowHTTP: true, Revoke: false, OnRevokeFailure: settings.Fail, Sweep: false, Timeout: "1m30s"}
	post := s.Post()
	if post != want || !post.Valid() || post.Deadline() != 90*time.Second {
		t.Errorf("got %+v, want %+v", post, want)
	}
	text, err := json.Marshal(post)
	var back settings.Post
	if err != nil || json.Unmarshal(text, &back) != nil || back != post {
		t.Errorf("%s came back as %+v", text, back)
	}
	if least := (given{env: byEnv}).must(t).Post(); !least.Valid() || !least.Revoke || !least.Sweep || least.Deadline() != settings.DefaultTimeout {
		t.Errorf("the defaults: %+v", least)
	}
	for _, timeout := range []string{"1s", "1h", "999ms", "2h", "", "x", "-1s"} {
		post := want
		post.Timeout = timeout
		if got, want := post.Valid(), timeout == "1s" || timeout == "1h"; got != want {
			t.Errorf("timeout %q: valid %v, want %v", timeout, got, want)
		}
		if post.Deadline() <= 0 {
			t.Errorf("timeout %q: deadline %v", timeout, post.Deadline())
		}
	}
	forged := want
	forged.OnRevokeFailure = "::error::"
	if forged.Valid() || (settings.Post{}).Valid() {
		t.Error("a value that Load never gives is valid")
	}
}

func TestTableOfSettings(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range settings.All() {
		for _, name := range append(slices.Clone(s.Env), s.Name) {
			if seen[name] || name == "" {
				t.Errorf("%s: %q is taken", s.Name, name)
			}
			seen[name] = true
		}
		if s.Name != strings.ToLower(s.Name) || strings.Contains(s.Name, "_") || len(s.Env) == 0 {
			t.Errorf("%s: %q", s.Name, s.Env)
		}
		if s.Boolean && s.Default != "true" && s.Default != "false" {
			t.Errorf("%s: default %q", s.Name, s.Default)
		}
	}
	var secrets []string
	for _, s := range settings.All() {
		if s.Secret {
			secrets = append(secrets, s.Name)
		}
	}
	if want := []string{"api-token", "password", "bearer-token", "client-key", "headers"}; !slices.Equal(secrets, want) {
		t.Errorf("secrets %q, want %q: whoever adds one adds it to the documents", secrets, want)
	}
}

// A pipe can be read only once, and can hold a certificate and its key.
func TestAFileIsReadOnce(t *testing.T) {
	t.Parallel()
	const both = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"
	for spelling, env := range map[settings.Spelling]texts{
		settings.NoInputs: {"JENKINS_URL": "https://a.example", "JENKINS_USERNAME": "alice", "JENKINS_PASSWORD_FILE": "/pw", "JENKINS_TOKEN_CLIENT_CERTIFICATE": "/tls", "JENKINS_TOKEN_CLIENT_KEY": "/tls"},
		settings.Plugin:   {"PLUGIN_URL": "https://a.example", "PLUGIN_USERNAME": "alice", "PLUGIN_PASSWORD_FILE": "/pw", "PLUGIN_CLIENT_CERTIFICATE": "/tls", "PLUGIN_CLIENT_KEY_FILE": "/tls"},
	} {
		pipes := texts{"/pw": "hunter2", "/tls": both}
		s, err := settings.Load(t.Context(), settings.Source{
			Spelling: spelling,
			Lookup:   func(name string) (string, bool) { text, ok := env[name]; return text, ok },
			ReadFile: func(path string) ([]byte, error) {
				text := pipes[path]
				delete(pipes, path)
				return []byte(text), nil
			},
		}, settings.ForCreate)
		if err != nil || s.Credential.Secret.Reveal() != "hunter2" || string(s.ClientCertificate) != both || s.ClientKey.Reveal() != both {
			t.Errorf("spelling %d: got %+v, %v", spelling, s, err)
		}
	}
}
