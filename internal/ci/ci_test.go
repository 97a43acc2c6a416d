package ci_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
)

type texts = map[string]string

func lookup(env texts) func(string) (string, bool) {
	return func(name string) (string, bool) { text, ok := env[name]; return text, ok }
}

// broken is a stream that nobody reads.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

// lines is what was written to a stream, with the line ends of Unix: go-githubactions
// writes those of the system, and the runner takes both.
type lines struct{ bytes.Buffer }

func (l *lines) String() string { return unixLines(l.Buffer.String()) }

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

// stage is a CI around a test, with what was written to its streams and given to
// its tools.
type stage struct {
	out, err lines
	captured bool
	noTool   bool
	argv     []string // of all tools, with their environments
	stdin    bytes.Buffer
}

func (s *stage) surroundings(env texts) ci.Environment {
	return ci.Environment{
		Lookup: lookup(env), Stdout: &s.out, Stderr: &s.err, Hostname: "builder", Captured: s.captured,
		ReadFile: func(path string) ([]byte, error) {
			if text, ok := env["file:"+path]; ok {
				return []byte(text), nil
			}
			return nil, fs.ErrNotExist
		},
		Exists: func(path string) bool { _, ok := env["file:"+path]; return ok },
		Now:    time.Date(2026, 11, 23, 16, 0, 0, 0, time.FixedZone("", 3600)),
		Tool: func(name string, args, env []string, stdin []byte) error {
			if s.noTool {
				return ci.ErrNoTool
			}
			s.argv = append(append(append(s.argv, name), args...), env...)
			s.stdin.Write(stdin)
			return nil
		},
	}
}

func (s *stage) system(t testing.TB, override string, env texts) ci.System {
	t.Helper()
	system, err := ci.Detect(s.surroundings(env), override)
	if err != nil {
		t.Fatalf("system %q: %v", override, err)
	}
	return system
}

func (s *stage) github(t testing.TB, env texts) *ci.GitHub {
	t.Helper()
	return s.system(t, "github", env).Runner
}

func detect(t testing.TB, override string, env texts, out, err io.Writer, captured bool) ci.System {
	t.Helper()
	surroundings := (&stage{captured: captured}).surroundings(env)
	surroundings.Stdout, surroundings.Stderr = out, err
	system, wrong := ci.Detect(surroundings, override)
	if wrong != nil {
		t.Fatalf("system %q: %v", override, wrong)
	}
	return system
}

func TestDetect(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, override string
		env            texts
		want           string // with the others where several are found
	}{
		{"nothing around", "", nil, "plain"},
		{"a runner", "", texts{"GITHUB_ACTIONS": "true"}, "github"},
		{"something that sets another value", "", texts{"GITHUB_ACTIONS": "1"}, "plain"},
		{"a runner overridden", "plain", texts{"GITHUB_ACTIONS": "true"}, "plain"},
		{"a runner by order", "github", nil, "github"},
		{"a name that is not known", "travis", nil, "unknown"},
		{"a name in capitals", "GitHub", nil, "unknown"},
		{"some CI that is not known", "", texts{"CI": "true"}, "plain"},
		{"GitLab", "", texts{"GITLAB_CI": "true", "CI": "true"}, "gitlab"},
		{"Azure Pipelines", "", texts{"TF_BUILD": "True"}, "azure"},
		{"Buildkite", "", texts{"BUILDKITE": "true", "CI": "true"}, "buildkite"},
		{"CircleCI", "", texts{"CIRCLECI": "true"}, "circleci"},
		{"Bitbucket", "", texts{"BITBUCKET_BUILD_NUMBER": "7"}, "bitbucket"},
		{"Woodpecker", "", texts{"CI": "woodpecker", "DRONE_BUILD_NUMBER": "7"}, "woodpecker"},
		{"Woodpecker with DRONE set for a plugin", "", texts{"CI": "woodpecker", "DRONE": "true"}, "woodpecker"},
		{"Drone", "", texts{"DRONE": "true", "CI": "true"}, "drone"},
		{"an old Drone", "", texts{"CI": "drone"}, "drone"},
		{"Harness", "", texts{"HARNESS_BUILD_ID": "7", "HARNESS_PIPELINE_ID": "web", "DRONE_BUILD_NUMBER": "7"}, "drone"},
		{"TeamCity", "", texts{"TEAMCITY_VERSION": "2025.07"}, "teamcity"},
		{"a Jenkins build", "", texts{"BUILD_TAG": "jenkins-web-17", "JENKINS_URL": "https://ci.example/"}, "jenkins"},
		{"the setting JENKINS_URL", "", texts{"JENKINS_URL": "https://ci.example/", "JENKINS_HOME": "/var/jenkins_home"}, "plain"},
		{"something else that tags builds", "", texts{"BUILD_TAG": "v1"}, "plain"},
		{"a Jenkins agent in Kubernetes", "", texts{"BUILD_TAG": "jenkins-web-17", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "jenkins"},
		{"Tekton", "", texts{"file:/tekton/results": "", "KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "tekton"},
		{"Argo", "", texts{"ARGO_WORKFLOW_NAME": "web-x7", "ARGO_NODE_ID": "web-x7-1"}, "argo"},
		{"a variable of Argo CD", "", texts{"ARGOCD_SERVER": "argocd.example"}, "plain"},
		{"a resource of Concourse", "", texts{"ATC_EXTERNAL_URL": "https://ci.example", "BUILD_ID": "7"}, "concourse"},
		{"CodeBuild", "", texts{"CODEBUILD_BUILD_ID": "web:1"}, "codebuild"},
		{"Cloud Build", "", texts{"BUILDER_OUTPUT": "/builder/outputs"}, "cloudbuild"},
		{"GitHub's runner on CodeBuild", "", texts{"CODEBUILD_BUILD_ID": "web:1", "GITHUB_ACTIONS": "true"}, "github"},
		{"GitLab's runner on CodeBuild", "", texts{"CODEBUILD_BUILD_ID": "web:1", "GITLAB_CI": "true"}, "gitlab"},
		{"Buildkite's agent on CodeBuild", "", texts{"CODEBUILD_BUILD_ID": "web:1", "BUILDKITE": "true"}, "buildkite"},
		{"Gitea", "", texts{"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}, "github"},
		{"GitLab with a forged GitHub", "", texts{"GITLAB_CI": "true", "GITHUB_ACTIONS": "true"}, "plain github gitlab"},
		{"Azure with a forged GitHub", "", texts{"TF_BUILD": "True", "GITHUB_ACTIONS": "true"}, "plain github azure"},
		{"GitHub with a forged Azure", "", texts{"GITHUB_ACTIONS": "true", "TF_BUILD": "True"}, "plain github azure"},
		{"a forged Azure in Tekton", "", texts{"file:/tekton/results": "", "TF_BUILD": "True"}, "plain azure tekton"},
		{"CodeBuild with two forged systems", "", texts{"CODEBUILD_BUILD_ID": "web:1", "GITLAB_CI": "true", "TF_BUILD": "True"}, "plain gitlab azure"},
		{"several systems and the right one named", "gitlab", texts{"GITLAB_CI": "true", "GITHUB_ACTIONS": "true"}, "gitlab"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			system, err := ci.Detect((&stage{}).surroundings(row.env), row.override)
			got := "unknown"
			if system.Log != nil {
				got = system.Name
			}
			ambiguous, several := errors.AsType[*ci.AmbiguousError](err)
			if several {
				got += " " + strings.Join(ambiguous.Names, " ")
			}
			if got != row.want || (err != nil) != (several || system.Log == nil && errors.Is(err, ci.ErrUnknown)) {
				t.Errorf("got %q and error %v, want %q", got, err, row.want)
			}
		})
	}
	for _, name := range ci.Names() {
		if system, err := ci.Detect((&stage{}).surroundings(nil), name); err != nil || system.Name != name {
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
		{"Harness", texts{"HARNESS_BUILD_ID": "7", "HARNESS_PIPELINE_ID": "web"}, false, true, false},
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
		{"GitHub", "github", nil, ci.Run{Project: "github.com/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"an Enterprise Server on a port", "github", texts{"GITHUB_SERVER_URL": "https://ghes.example:8443"}, ci.Run{Project: "ghes.example:8443/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"act", "github", texts{"ACT": "true", "GITHUB_RUN_ID": "1", "GITHUB_RUN_ATTEMPT": "1"}, ci.Run{Project: "github.com/acme/web", ID: "1.1", Job: "deploy"}},
		{"Gitea", "github", texts{"GITEA_ACTIONS": "true", "GITHUB_SERVER_URL": "http://gitea.example:3000", "GITHUB_RUN_ATTEMPT": ""}, ci.Run{Project: "gitea.example:3000/acme/web", ID: "17263512.1", Job: "deploy"}},
		{"Forgejo", "github", texts{"FORGEJO_ACTIONS": "true", "GITHUB_SERVER_URL": "https://codeberg.org/"}, ci.Run{Project: "codeberg.org/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"a runner that says nothing", "github", texts{"GITHUB_SERVER_URL": "", "GITHUB_REPOSITORY": "", "GITHUB_RUN_ID": " ", "GITHUB_RUN_ATTEMPT": "", "GITHUB_JOB": ""}, ci.Run{Project: "github.com/unknown", ID: "0.1", Job: "job"}},
		{"a server that is no URL", "github", texts{"GITHUB_SERVER_URL": "://"}, ci.Run{Project: "github.com/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"plain", "plain", nil, ci.Run{Project: "builder", ID: "20261123T150000Z", Job: "shell"}},
		{"plain, named by the pipeline", "plain", texts{"JENKINS_TOKEN_PROJECT": "vela.example/acme/web", "JENKINS_TOKEN_RUN": "7"}, ci.Run{Project: "vela.example/acme/web", ID: "7", Job: "shell"}},
		{"GitHub names itself", "github", texts{"JENKINS_TOKEN_PROJECT": "elsewhere", "JENKINS_TOKEN_RUN": "7"}, ci.Run{Project: "github.com/acme/web", ID: "17263512.2", Job: "deploy"}},
		{"GitLab without its variables", "gitlab", nil, ci.Run{Project: "gitlab", ID: "20261123T150000Z", Job: "job"}},
		{"Woodpecker without its variables", "woodpecker", nil, ci.Run{Project: "woodpecker", ID: "20261123T150000Z", Job: "job"}},
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
			if got := s.system(t, row.system, env).Run; got != row.want {
				t.Errorf("got %+v, want %+v", got, row.want)
			}
		})
	}
	system, _ := ci.Detect(ci.Environment{Lookup: lookup(nil)}, "plain")
	if got := system.Run.Project; got != "unknown" {
		t.Errorf("a machine without a name: %q", got)
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	say := func(s ci.System) {
		s.Say(ci.Progress, "a 100 %s")
		s.Say(ci.Notice, "b 100 %s")
		s.Say(ci.Warning, "c\nd")
		s.Fail([]string{"e"}, []string{"f", "::g::"})
		s.Fail([]string{"h"}, nil)
	}
	const commands = "a 100 %s\n::notice::b 100 %25s\n::warning::c d\n::error::e%0Ahint: f%0Ahint: : :g::\n::error::h\n"
	for _, row := range []struct {
		name, system string
		captured     bool
		out, err     string
	}{
		{"on a runner", "github", false, commands, ""},
		{"on a runner with a lease on standard output", "github", true, "", commands},
		{"elsewhere", "plain", false, "", "a 100 %s\nnotice: b 100 %s\nwarning: c d\nerror: e\nhint: f\nhint: : :g::\nerror: h\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out, err lines
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

func TestNamesAreSorted(t *testing.T) {
	t.Parallel()
	if names := ci.Names(); !slices.IsSorted(names) {
		t.Errorf("%q: messages list them in order", names)
	}
}

// A local runner of Woodpecker or Drone names the run by what it knows, never by the id of
// a container.
func TestRepositoryOfALocalRunner(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		system string
		env    texts
		want   string
	}{
		"Woodpecker, an address":         {"woodpecker", texts{"CI_REPO_CLONE_URL": "https://user:pw@git.example/acme/web.git"}, "git.example/acme/web"},
		"Woodpecker, owner and name":     {"woodpecker", texts{"CI_SYSTEM_HOST": "ci.example", "CI_REPO_OWNER": "acme", "CI_REPO_NAME": "web"}, "ci.example/acme/web"},
		"Woodpecker, nothing":            {"woodpecker", texts{}, "woodpecker"},
		"Drone, an address":              {"drone", texts{"DRONE_REMOTE_URL": "https://git.example:8443/acme/web.git"}, "git.example:8443/acme/web"},
		"Drone, nothing":                 {"drone", texts{}, "drone"},
		"Drone, its host and no project": {"drone", texts{"DRONE_SYSTEM_HOST": "drone.example"}, "drone.example"},
	} {
		var s stage
		if got := s.system(t, row.system, row.env).Run.Project; got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}
