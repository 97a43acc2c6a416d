package settings_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

func TestFrom(t *testing.T) {
	t.Parallel()
	env := texts{"JENKINS_URL": "https://env.example", "JENKINS_USER_ID": "alice", "JENKINS_API_TOKEN": tokInput}
	for _, test := range []struct {
		name string
		in   given
		want texts
	}{
		{"environment", given{env: env}, texts{"url": "JENKINS_URL", "username": "JENKINS_USER_ID", "api-token": "JENKINS_API_TOKEN"}},
		{"flags before environment", given{env: env, flags: texts{"url": "https://flag.example", "ttl": "2d"}},
			texts{"url": "--url", "ttl": "--ttl", "username": "JENKINS_USER_ID", "api-token": "JENKINS_API_TOKEN"}},
		{"inputs before environment", given{env: with(env, texts{"INPUT_URL": "https://input.example", "INPUT_USERNAME": "bob", "INPUT_PASSWORD": "b"}), spelling: settings.Runner},
			texts{"url": "input url", "username": "input username", "password": "input password"}},
		{"settings of a plugin", given{env: texts{"PLUGIN_URL": "https://plugin.example", "PLUGIN_USERNAME": "bob", "PLUGIN_PASSWORD_FILE": "/pw"}, files: texts{"/pw": "b"}, spelling: settings.Plugin},
			texts{"url": "PLUGIN_URL", "username": "PLUGIN_USERNAME", "password": "PLUGIN_PASSWORD_FILE"}},
		{"a file", given{env: with(env, texts{"JENKINS_API_TOKEN": " ", "JENKINS_API_TOKEN_FILE": "/token"}), files: texts{"/token": tokInput + "\n"}},
			texts{"url": "JENKINS_URL", "username": "JENKINS_USER_ID", "api-token": "JENKINS_API_TOKEN_FILE"}},
		{"a blank file is nothing", given{env: with(env, texts{"JENKINS_TOKEN_HEADERS_FILE": "/headers"}), files: texts{"/headers": "\n"}},
			texts{"url": "JENKINS_URL", "username": "JENKINS_USER_ID", "api-token": "JENKINS_API_TOKEN"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := test.in.must(t).From; !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

// TestMaking: what says whom to ask, with which login and by which way, matters
// to every command.
func TestMaking(t *testing.T) {
	t.Parallel()
	var got []string
	for _, s := range settings.All() {
		if s.Creates {
			got = append(got, s.Name)
		}
	}
	want := []string{"label", "ttl", "revoke", "on-revoke-failure", "sweep", "legacy"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
