package ci_test

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

var update = flag.Bool("update", false, "write the golden files anew")

// environments are what each system sets, as its documentation has it. A name
// that begins with file: is a file.
func environments() map[string]texts {
	return map[string]texts{
		"plain": {},
		"github": {
			"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17263512",
			"GITHUB_RUN_ATTEMPT": "2", "GITHUB_JOB": "deploy", "RUNNER_TEMP": "/home/runner/work/_temp",
		},
		"gitlab": {
			"GITLAB_CI": "true", "CI": "true", "CI_SERVER_FQDN": "gitlab.example:8443", "CI_SERVER_HOST": "gitlab.example", "CI_PROJECT_PATH": "acme/web",
			"CI_PIPELINE_ID": "4711", "CI_JOB_ID": "90210", "CI_JOB_NAME": "deploy", "CI_PROJECT_DIR": "/builds/acme/web", "RUNNER_TEMP_PROJECT_DIR": "/builds/acme/web.tmp",
		},
		"azure": {
			"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/", "SYSTEM_TEAMPROJECT": "Web Shop", "BUILD_BUILDID": "812",
			"SYSTEM_JOBATTEMPT": "1", "SYSTEM_JOBNAME": "deploy", "AGENT_TEMPDIRECTORY": "/agent/_work/_temp", "PIPELINE_WORKSPACE": "/agent/_work/1",
		},
		"buildkite": {
			"BUILDKITE": "true", "CI": "true", "BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "web", "BUILDKITE_BUILD_NUMBER": "1514",
			"BUILDKITE_RETRY_COUNT": "0", "BUILDKITE_STEP_KEY": "deploy", "BUILDKITE_LABEL": ":rocket: Deploy", "BUILDKITE_JOB_ID": "e44f9784-e20e-4b93-a21d-f41fd5869db9",
			"BUILDKITE_BUILD_CHECKOUT_PATH": "/var/lib/buildkite-agent/builds/one/acme/web", "PATH": "/usr/bin:/bin", "JENKINS_API_TOKEN": "long-lived",
			"BUILDKITE_AGENT_JOB_API_SOCKET": "/run/job.sock", "BUILDKITE_AGENT_JOB_API_TOKEN": "job-api",
		},
		"circleci": {
			"CIRCLECI": "true", "CI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "web", "CIRCLE_WORKFLOW_ID": "2e9f61e0-0000-4000-8000-5f1b2c3d4e5f",
			"CIRCLE_BUILD_NUM": "33", "CIRCLE_JOB": "deploy", "CIRCLE_WORKING_DIRECTORY": "~/project", "HOME": "/home/circleci", "BASH_ENV": "/tmp/.bash_env-33",
		},
		"bitbucket": {
			"CI": "true", "BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_REPO_FULL_NAME": "acme/web", "BITBUCKET_STEP_RUN_NUMBER": "2", "BITBUCKET_DEPLOYMENT_ENVIRONMENT": "production",
			"BITBUCKET_CLONE_DIR": "/opt/atlassian/pipelines/agent/build", "BITBUCKET_PIPELINES_VARIABLES_PATH": "/opt/atlassian/pipelines/agent/variables",
		},
		"woodpecker": {
			"CI": "woodpecker", "CI_SYSTEM_HOST": "ci.example", "CI_REPO": "acme/web", "CI_PIPELINE_NUMBER": "8", "CI_PIPELINE_RERUNS": "1",
			"CI_WORKFLOW_NAME": "release", "CI_STEP_NAME": "deploy", "CI_WORKSPACE": "/woodpecker/src/acme/web", "DRONE_REPO": "acme/web",
		},
		"drone": {
			"CI": "true", "DRONE": "true", "DRONE_SYSTEM_HOST": "drone.example", "DRONE_REPO": "acme/web", "DRONE_BUILD_NUMBER": "9",
			"DRONE_STAGE_NAME": "release", "DRONE_STEP_NAME": "deploy", "DRONE_OUTPUT": "/tmp/engine/output.env",
		},
		"teamcity": {
			"TEAMCITY_VERSION": "2025.07 (build 186000)", "TEAMCITY_PROJECT_NAME": "Web", "TEAMCITY_BUILDCONF_NAME": "Deploy", "BUILD_NUMBER": "41",
			"BUILD_URL": "https://teamcity.example/build/1234",
		},
		"jenkins": {
			"BUILD_TAG": "jenkins-acme-web-12", "BUILD_URL": "https://ci.example/job/acme/job/web/12/", "JOB_NAME": "acme/web", "BUILD_NUMBER": "12", "JOB_BASE_NAME": "web",
			"STAGE_NAME": "Deploy", "WORKSPACE": "/agent/workspace/web", "WORKSPACE_TMP": "/agent/workspace/web@tmp", "JENKINS_URL": "https://ci.example/",
		},
		"tekton": {
			"file:/tekton/results": "", "file:/var/run/secrets/kubernetes.io/serviceaccount/namespace": "pipelines\n", "JENKINS_TOKEN_RUN": "release-x7k2p",
		},
		"argo": {
			"ARGO_WORKFLOW_NAME": "release-x7k2p", "ARGO_NODE_ID": "release-x7k2p-1049", "ARGO_CONTAINER_NAME": "main",
			"file:/var/run/secrets/kubernetes.io/serviceaccount/namespace": "workflows",
			"file:/var/run/argo/template":                                  `{"name":"deploy","outputs":{"parameters":[{"name":"uuid","valueFrom":{"path":"/tmp/uuid"}}],"artifacts":[{"name":"report","path":"/tmp/report"}]}}`,
		},
		"concourse": {
			"ATC_EXTERNAL_URL": "https://concourse.example", "BUILD_ID": "5551", "BUILD_NAME": "12", "BUILD_JOB_NAME": "deploy", "BUILD_PIPELINE_NAME": "web", "BUILD_TEAM_NAME": "acme",
		},
		"codebuild": {
			"CODEBUILD_BUILD_ID": "web:b1e6661e-e4f2-4156-9ab9-82a19EXAMPLE", "AWS_REGION": "eu-central-1", "CODEBUILD_SRC_DIR": "/codebuild/output/src1/src/web",
		},
		"cloudbuild": {
			"BUILDER_OUTPUT": "/builder/outputs", "PROJECT_ID": "acme", "BUILD_ID": "6d1c2f0e-0000-4000-8000-1a2b3c4d5e6f", "TRIGGER_NAME": "web-main",
		},
	}
}

// TestGolden shows all that a system is and writes, for every system.
func TestGolden(t *testing.T) {
	t.Parallel()
	for _, name := range ci.Names() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, ok := environments()[name]
			if !ok {
				t.Fatal("no environment")
			}
			var b bytes.Buffer
			for _, key := range slices.Sorted(maps.Keys(env)) {
				fmt.Fprintf(&b, "%s=%s\n", key, env[key])
			}
			var s stage
			system := s.system(t, "", env)
			run, files := system.Run, system.Files
			fmt.Fprintf(&b, "\nname: %s\nproject: %s\nrun: %s\njob: %s\n", system.Name, run.Project, run.ID, run.Job)
			if files.Private != "" {
				fmt.Fprintf(&b, "record: %s\n", filepath.ToSlash(files.LeaseFile("7f3k9q2m")))
			}
			for _, public := range files.Public {
				fmt.Fprintf(&b, "refused: %s (%s)\n", public.Path, public.What)
			}
			fmt.Fprintf(&b, "way: %s\n", files.Way)
			show := func(what string, act func()) {
				s.out.Reset()
				s.err.Reset()
				s.argv = nil
				s.stdin.Reset()
				act()
				fmt.Fprintf(&b, "\n# %s\n", what)
				for _, stream := range []struct{ name, text string }{
					{"stdout", s.out.String()}, {"stderr", s.err.String()}, {"tool", strings.Join(s.argv, " ")}, {"its stdin", s.stdin.String()},
				} {
					for line := range strings.Lines(stream.text) {
						fmt.Fprintf(&b, "%s: %s\n", stream.name, strings.TrimRight(line, "\n"))
					}
				}
			}
			show("progress", func() { system.Say(ci.Progress, "token a'b;c]d|e of 100 % is ready") })
			show("notice", func() { system.Say(ci.Notice, "a'b;c]d|e 100 %") })
			show("warning", func() { system.Say(ci.Warning, "a'b;c]d|e 100 %") })
			show("fail", func() { system.Fail([]string{"größer\n##vso[task.complete]"}, []string{"first", "::second::"}) })
			check := func(err error) {
				if err != nil {
					t.Error(err)
				}
			}
			if system.Mask != nil {
				show("mask", func() { check(system.Mask(secret.New("one"), secret.New("two;]%"))) })
			}
			if outputs := system.Outputs; outputs != nil {
				check(outputs.Open())
				show("output", func() { check(outputs.Output("token", "one;]%")); check(outputs.Output("token-name", "a:b")) })
			}
			if state := system.Runner; state != nil {
				show("keep", func() { check(state.SaveState([]byte(`{"v":1}`))) })
			}
			path := filepath.Join("testdata", name+".golden")
			if *update {
				check(os.WriteFile(path, b.Bytes(), 0o600))
			}
			want, err := os.ReadFile(path)
			check(err)
			if !bytes.Equal(b.Bytes(), want) {
				t.Errorf("%s differs:\n%s", path, b.String())
			}
		})
	}
}

// TestNobodySeesTheToken gives every system a token to mask and to hand on, and
// looks for it in all that comes out. Only what a runner takes for a command that
// hides it, and the standard input of the tool that does, may hold it.
func TestNobodySeesTheToken(t *testing.T) {
	t.Parallel()
	const token = "11a1b2c3d4e5f60718293a4b5c6d7e8f90"
	may := map[string][]string{ // beginnings of the lines that may hold it
		"github": {"stdout ::add-mask::", "stdout ::set-output name=token::", "stdout ::save-state name=LEASE::"},
		"azure":  {"stdout ##vso[task.setsecret]", "stdout ##vso[task.setvariable variable=token;issecret=true;"},
		"buildkite": {
			`stdin {"0":"`,
		},
	}
	for _, name := range ci.Names() {
		for _, noTool := range []bool{false, true} {
			for _, captured := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, tool missing %v, captured %v", name, noTool, captured), func(t *testing.T) {
					t.Parallel()
					env := maps.Clone(environments()[name])
					dir := t.TempDir()
					for _, variable := range []string{"TMPDIR", "RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "RUNNER_TEMP_PROJECT_DIR", "WORKSPACE_TMP"} {
						env[variable] = dir
					}
					s := stage{noTool: noTool, captured: captured}
					system := s.system(t, name, env)
					masks := secret.Masks("alice", secret.New(token))
					var errs []error
					if system.Mask != nil {
						errs = append(errs, system.Mask(masks...))
					}
					if outputs := system.Outputs; outputs != nil {
						errs = append(errs, outputs.Open(), outputs.Output("token", token), outputs.Output("token-name", "a"))
					}
					if state := system.Runner; state != nil {
						errs = append(errs, state.SaveState([]byte(token)))
					}
					for _, level := range []ci.Level{ci.Progress, ci.Notice, ci.Warning} {
						system.Say(level, "ready")
					}
					system.Fail([]string{"failed"}, []string{"hint"})
					for _, err := range errs {
						if err != nil {
							t.Error(err)
						}
					}
					var lines []string
					for stream, text := range map[string]string{
						"stdout": s.out.String(), "stderr": s.err.String(), "stdin": s.stdin.String(), "argv": strings.Join(s.argv, "\n"),
						"files": fmt.Sprintf("%+v", system.Files), "run": fmt.Sprintf("%+v", system.Run),
					} {
						for line := range strings.Lines(text) {
							lines = append(lines, stream+" "+line)
						}
					}
					seen := 0
					for _, line := range lines {
						if !slices.ContainsFunc(masks, func(m secret.String) bool { return strings.Contains(line, m.Reveal()) }) {
							continue
						}
						seen++
						if captured {
							line = strings.Replace(line, "stderr ", "stdout ", 1)
						}
						if !slices.ContainsFunc(may[name], func(begin string) bool { return strings.HasPrefix(line, begin) }) {
							t.Errorf("the token is seen in %q", line)
						}
					}
					if captured && strings.Contains(s.out.String(), token) {
						t.Error("the token is on standard output, beside the record")
					}
					if wants := len(may[name]) > 0 && !(name == "buildkite" && noTool); wants != (seen > 0) {
						t.Errorf("%d lines hold the token", seen)
					}
					if strings.Contains(strings.Join(s.argv, "\n"), "long-lived") {
						t.Error("the tool is given the account's credential")
					}
					if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
						t.Errorf("%d files are left, error %v", len(entries), err)
					}
				})
			}
		}
	}
}

func TestToolThatFails(t *testing.T) {
	t.Parallel()
	var s stage
	surroundings := s.surroundings(environments()["buildkite"])
	surroundings.Tool = func(string, []string, []string, []byte) error { return os.ErrPermission }
	system, err := ci.Detect(surroundings, "")
	if err != nil {
		t.Fatal(err)
	}
	wantChannel(t, system.Mask(secret.New("hidden-token")), "mask", "", "hidden-token")
	if s.out.Len()+s.err.Len() > 0 {
		t.Errorf("printed %q", s.out.String()+s.err.String())
	}
}
