package examples

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// pipeline is a file, and how its system runs what stands in it.
type pipeline struct {
	system  string
	file    string
	also    string            // a second file that belongs to it
	schema  string            // of the system
	env     map[string]string // what the system sets, as its documentation has it
	given   bool              // the secrets are variables of every step
	project string            // in the token's name; empty: makes no token
	tokens  int               // how many tokens are made, if not one
	sweeps  bool              // revokes what others have left
	jobs    func(w *world, text string) [][]step
}

func pipelines() []pipeline {
	github := map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "17263512",
		"GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "deploy", "RUNNER_TEMP": "$WORK/tmp",
	}
	woodpecker := map[string]string{
		"CI": "woodpecker", "CI_SYSTEM_HOST": "ci.example", "CI_REPO": "acme/web", "CI_PIPELINE_NUMBER": "8", "CI_WORKFLOW_NAME": "release", "CI_STEP_NAME": "deploy",
	}
	return []pipeline{
		{system: "github", file: "github/deploy.yml", schema: "github-workflows", env: github, project: "github.com/acme/web", jobs: githubJobs},
		{system: "github", file: "github/native.yml", schema: "github-workflows", env: github, project: "github.com/acme/web", jobs: githubJobs},
		{system: "github", file: "github/sweep.yml", schema: "github-workflows", env: github, sweeps: true, jobs: githubJobs},
		{system: "gitlab", file: "gitlab/.gitlab-ci.yml", schema: "gitlab-ci", given: true, project: "gitlab.example/acme/web", tokens: 2, jobs: gitlabJobs, env: map[string]string{
			"GITLAB_CI": "true", "CI": "true", "CI_SERVER_FQDN": "gitlab.example", "CI_PROJECT_PATH": "acme/web", "CI_PIPELINE_ID": "4711", "CI_JOB_ID": "90210",
			"CI_JOB_NAME": "deploy", "CI_PROJECT_DIR": "$WORK/work",
		}},
		{system: "azure", file: "azure/azure-pipelines.yml", schema: "azure-pipelines", project: "dev.azure.com/fabrikam/web", jobs: azureJobs, env: map[string]string{
			"TF_BUILD": "True", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/fabrikam/", "SYSTEM_TEAMPROJECT": "web", "BUILD_BUILDID": "812",
			"SYSTEM_JOBATTEMPT": "1", "SYSTEM_JOBNAME": "deploy", "AGENT_TEMPDIRECTORY": "$WORK/_temp", "PIPELINE_WORKSPACE": "$WORK/1",
		}},
		{system: "buildkite", file: "buildkite/pipeline.yml", schema: "buildkite", given: true, project: "buildkite.com/acme/web", jobs: buildkiteJobs, env: map[string]string{
			"BUILDKITE": "true", "BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "web", "BUILDKITE_BUILD_NUMBER": "1514", "BUILDKITE_RETRY_COUNT": "0",
			"BUILDKITE_STEP_KEY": "deploy", "BUILDKITE_JOB_ID": "e44f9784", "BUILDKITE_BUILD_CHECKOUT_PATH": "$WORK/work",
		}},
		{system: "circleci", file: "circleci/config.yml", schema: "circle-ci", given: true, project: "circleci.com/acme/web", jobs: circleciJobs, env: map[string]string{
			"CIRCLECI": "true", "CI": "true", "CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "web", "CIRCLE_WORKFLOW_ID": "2e9f61e0",
			"CIRCLE_BUILD_NUM": "33", "CIRCLE_JOB": "deploy", "CIRCLE_WORKING_DIRECTORY": "$WORK/work",
		}},
		{system: "bitbucket", file: "bitbucket/bitbucket-pipelines.yml", schema: "bitbucket-pipelines", given: true, project: "bitbucket.org/acme/web", jobs: bitbucketJobs, env: map[string]string{
			"CI": "true", "BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_REPO_FULL_NAME": "acme/web", "BITBUCKET_STEP_RUN_NUMBER": "1", "BITBUCKET_CLONE_DIR": "$WORK/work",
		}},
		{system: "woodpecker", file: "woodpecker/.woodpecker.yml", schema: "woodpecker-ci", project: "ci.example/acme/web", env: woodpecker, jobs: pluginJobs},
		{system: "woodpecker", file: "woodpecker/.woodpecker-sweep.yml", schema: "woodpecker-ci", sweeps: true, env: woodpecker, jobs: pluginJobs},
		{system: "drone", file: "drone/.drone.yml", schema: "drone-ci", project: "drone.example/acme/web", sweeps: true, jobs: pluginJobs, env: map[string]string{
			"CI": "true", "DRONE": "true", "DRONE_SYSTEM_HOST": "drone.example", "DRONE_REPO": "acme/web", "DRONE_BUILD_NUMBER": "9",
			"DRONE_STAGE_NAME": "release", "DRONE_STEP_NAME": "deploy", "DRONE_OUTPUT": "$WORK/output.env",
		}},
		{system: "drone", file: "harness/pipeline.yaml", project: "harness/a1/acme/web/release", jobs: harnessJobs, env: map[string]string{
			"HARNESS_ACCOUNT_ID": "a1", "HARNESS_ORG_ID": "acme", "HARNESS_PROJECT_ID": "web", "HARNESS_PIPELINE_ID": "release", "HARNESS_BUILD_ID": "12",
			"HARNESS_STAGE_ID": "deploy", "HARNESS_STEP_ID": "start",
		}},
		{system: "teamcity", file: "teamcity/settings.kts", given: true, project: "teamcity.example/Web-Shop/Deploy", jobs: teamcityJobs, env: map[string]string{
			"TEAMCITY_VERSION": "2025.07", "TEAMCITY_PROJECT_NAME": "Web Shop", "TEAMCITY_BUILDCONF_NAME": "Deploy", "BUILD_NUMBER": "41", "BUILD_URL": "https://teamcity.example/build/1234",
		}},
		{system: "jenkins", file: "jenkins/Jenkinsfile", project: "ci.example/acme/web", jobs: jenkinsJobs, env: map[string]string{
			"BUILD_TAG": "jenkins-acme-web-12", "BUILD_URL": "https://ci.example/job/acme/job/web/12/", "JOB_NAME": "acme/web", "BUILD_NUMBER": "12", "JOB_BASE_NAME": "web",
			"STAGE_NAME": "deploy", "WORKSPACE": "$WORK/work", "WORKSPACE_TMP": "$WORK/work@tmp", "JENKINS_URL": "https://ci.example/",
		}},
		{system: "tekton", file: "tekton/pipeline.yaml", also: "tekton/task.yaml", schema: "tekton-v1-pipeline", project: "tekton", jobs: tektonJobs},
		{system: "argo", file: "argo/workflow.yaml", schema: "argo-workflows", given: true, project: "argo", jobs: argoJobs, env: map[string]string{
			"ARGO_WORKFLOW_NAME": "deploy-x7k2p", "ARGO_NODE_ID": "deploy-x7k2p-1049", "ARGO_CONTAINER_NAME": "main",
		}},
		{system: "concourse", file: "concourse/pipeline.yml", project: "concourse/acme/web", sweeps: true, jobs: concourseJobs},
		{system: "codebuild", file: "codebuild/buildspec.yml", given: true, project: "codebuild.eu-central-1/web", jobs: codebuildJobs, env: map[string]string{
			"CODEBUILD_BUILD_ID": "web:b1e6661e-e4f2-4156-9ab9-82a19EXAMPLE", "AWS_REGION": "eu-central-1", "CODEBUILD_SRC_DIR": "$WORK/work",
		}},
		{system: "cloudbuild", file: "cloudbuild/cloudbuild.yaml", schema: "cloudbuild", project: "cloudbuild/acme/web-main", jobs: cloudbuildJobs, env: map[string]string{
			"BUILDER_OUTPUT": "/builder/outputs", "PROJECT_ID": "acme", "BUILD_ID": "6d1c2f0e", "TRIGGER_NAME": "web-main",
		}},
		{system: "plain", file: "plain/deploy.sh", given: true, project: "builder", env: map[string]string{"JENKINS_TOKEN_PROJECT": "builder"}, jobs: func(w *world, _ string) [][]step {
			script, err := filepath.Abs("plain/deploy.sh")
			if err != nil {
				w.t.Fatal(err)
			}
			return [][]step{{{argv: []string{script}}}}
		}},
		{system: "plain", file: "kubernetes/cronjob.yaml", given: true, sweeps: true, jobs: func(w *world, text string) [][]step {
			args := texts(one(w, text).at("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "args"))
			return [][]step{{{argv: append([]string{"jenkins-token"}, args...)}}} // the image's entrypoint
		}},
	}
}

// node is a part of a parsed file.
type node struct {
	w     *world
	value any
}

// parse reads all documents of a file.
func parse(w *world, text string) []node {
	var documents []node
	for decoder := yaml.NewDecoder(strings.NewReader(text)); ; {
		var value any
		if err := decoder.Decode(&value); err != nil {
			if err.Error() != "EOF" {
				w.t.Fatal(err)
			}
			return documents
		}
		documents = append(documents, node{w, value})
	}
}

func one(w *world, text string) node { return parse(w, text)[0] }

// at follows a path of names and numbers. What is not there is nil.
func (n node) at(path ...any) node {
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := n.value.(map[string]any)
			n.value = m[p]
		case int:
			list, _ := n.value.([]any)
			if p >= len(list) {
				return node{n.w, nil}
			}
			n.value = list[p]
		}
	}
	return n
}

func (n node) text() string { text, _ := n.value.(string); return text }

func (n node) list() []node {
	list, _ := n.value.([]any)
	nodes := make([]node, len(list))
	for i, value := range list {
		nodes[i] = node{n.w, value}
	}
	return nodes
}

// pairs are the texts of a mapping, as a step's environment.
func (n node) pairs() map[string]string {
	pairs := map[string]string{}
	m, _ := n.value.(map[string]any)
	for name, value := range m {
		if text, ok := value.(string); ok {
			pairs[name] = text
		}
	}
	return pairs
}

func texts(n node) []string {
	var all []string
	for _, item := range n.list() {
		all = append(all, item.text())
	}
	return all
}

// lines is a step that runs the commands of a list in one shell.
func lines(n node) step { return shell(strings.Join(texts(n), "\n")) }

func always(s step) step { s.always = true; return s }

func gitlabJobs(w *world, text string) [][]step {
	var jobs [][]step
	for _, name := range []string{"deploy", "deploy-in-steps"} {
		job := one(w, text).at(name)
		steps := []step{lines(job.at("script"))}
		if after := job.at("after_script"); after.value != nil {
			steps = append(steps, always(lines(after)))
		}
		jobs = append(jobs, steps)
	}
	return jobs
}

func azureJobs(w *world, text string) [][]step {
	// Variables of a group that are not secret are variables of every step.
	w.env["JENKINS_URL"], w.env["JENKINS_USERNAME"] = w.url, user
	var steps []step
	for _, n := range one(w, text).at("jobs", 0, "steps").list() {
		s := shell(n.at("script").text())
		s.id, s.env, s.always = n.at("name").text(), n.at("env").pairs(), n.at("condition").text() == "always()"
		steps = append(steps, s)
	}
	return [][]step{steps}
}

// variables reads the output variables that a step of Azure sets.
func (w *world) variables(step, log string) {
	for _, m := range regexp.MustCompile(`(?m)^##vso\[task\.setvariable variable=([^;]+);[^\]]*isOutput=true\](.*)$`).FindAllStringSubmatch(log, -1) {
		w.outputs[step+"."+m[1]] = m[2]
	}
}

func buildkiteJobs(w *world, text string) [][]step {
	// The upload of the file replaces variables, and $$ by $.
	command := one(w, text).at("steps", 0, "command").text()
	if regexp.MustCompile(`(^|[^$])\$[A-Za-z{(]`).MatchString(command) {
		w.t.Errorf("the upload would replace a variable in %s", command)
	}
	return [][]step{{shell(strings.ReplaceAll(command, "$$", "$"))}}
}

func circleciJobs(w *world, text string) [][]step {
	return [][]step{{shell(one(w, text).at("jobs", "deploy", "steps", 0, "run", "command").text())}}
}

func bitbucketJobs(w *world, text string) [][]step {
	items := one(w, text).at("pipelines", "branches", "main")
	return [][]step{{lines(items.at(0, "step", "script")), always(lines(items.at(1, "final", "script")))}}
}

// pluginJobs are those of Woodpecker and of Drone. A step with settings is the
// entrypoint of its image, with settings as PLUGIN_ variables.
func pluginJobs(w *world, text string) [][]step {
	var jobs [][]step
	for _, document := range parse(w, text) {
		var steps []step
		for _, n := range document.at("steps").list() {
			s := lines(n.at("commands"))
			if settings, ok := n.at("settings").value.(map[string]any); ok {
				s = step{argv: []string{"jenkins-token"}, env: map[string]string{}}
				for name := range settings {
					value := n.at("settings", name)
					if secret := value.at("from_secret").text(); secret != "" {
						value.value = w.secrets()[strings.ToUpper(secret)]
					}
					s.env["PLUGIN_"+strings.ToUpper(name)] = value.text()
				}
			}
			status := slices.Concat(texts(n.at("when", 0, "status")), texts(n.at("when", "status")))
			s.always = slices.Contains(status, "failure")
			steps = append(steps, s)
		}
		jobs = append(jobs, steps)
	}
	return jobs
}

func harnessJobs(w *world, text string) [][]step {
	document := one(w, text)
	spec := document.at("pipeline", "stages", 0, "stage", "spec", "execution", "steps", 0, "step", "spec")
	s := shell(spec.at("command").text())
	s.env = spec.at("envVariables").pairs()
	pairs := []string{`<+secrets.getValue("jenkins_api_token")>`, w.credential}
	for _, v := range document.at("pipeline", "variables").list() {
		pairs = append(pairs, "<+pipeline.variables."+v.at("name").text()+">", v.at("value").text())
	}
	for name, value := range s.env {
		s.env[name] = strings.NewReplacer(pairs...).Replace(value)
	}
	return [][]step{{s}}
}

// teamcityJobs reads the scripts out of the Kotlin. What is between single percent
// signs would be a reference to a parameter.
func teamcityJobs(w *world, text string) [][]step {
	var steps []step
	for _, m := range regexp.MustCompile(`(?s)script \{(.*?)scriptContent = """(.*?)"""`).FindAllStringSubmatch(text, -1) {
		text := strings.NewReplacer("${'$'}", "$", "%%", "%").Replace(m[2])
		if strings.Contains(strings.ReplaceAll(m[2], "%%", ""), "%") {
			w.t.Errorf("TeamCity would replace parameters in %s", m[2])
		}
		s := shell(text)
		s.always = strings.Contains(m[1], "ExecutionMode.ALWAYS")
		steps = append(steps, s)
	}
	return [][]step{steps}
}

// jenkinsJobs reads the scripts out of the Groovy: those of stages, then those of
// post.
func jenkinsJobs(w *world, text string) [][]step {
	w.env["OTHER_USR"], w.env["OTHER_PSW"] = user, w.credential
	m := regexp.MustCompile(`JENKINS_TOKEN_URL = '(.*)'`).FindStringSubmatch(text)
	if m == nil {
		w.t.Fatal("no url")
	}
	w.env["JENKINS_TOKEN_URL"] = w.expand(m[1])
	stages, post, _ := strings.Cut(text, "post {")
	var steps []step
	for i, part := range []string{stages, post} {
		for _, m := range regexp.MustCompile(`(?s)sh '''(.*?)'''`).FindAllStringSubmatch(part, -1) {
			if strings.Contains(m[1], `\`) {
				w.t.Errorf("Groovy would read the escapes in %s", m[1])
			}
			s := shell(m[1])
			s.always = i == 1
			steps = append(steps, s)
		}
	}
	return [][]step{steps}
}

func tektonJobs(w *world, text string) [][]step {
	tasks := parse(w, read(w.t, "tekton/task.yaml"))
	var steps []step
	for _, list := range []string{"tasks", "finally"} {
		for _, use := range one(w, text).at("spec", list).list() {
			i := slices.IndexFunc(tasks, func(n node) bool { return n.at("metadata", "name").text() == use.at("taskRef", "name").text() })
			if i < 0 {
				w.t.Fatalf("no task %s", use.at("taskRef", "name").text())
			}
			pairs := []string{}
			for _, p := range use.at("params").list() {
				value := strings.ReplaceAll(p.at("value").text(), "$(context.pipelineRun.name)", "release-x7k2p")
				pairs = append(pairs, "$(params."+p.at("name").text()+")", value)
			}
			r := strings.NewReplacer(pairs...)
			n := tasks[i].at("spec", "steps", 0)
			s := step{env: map[string]string{}, always: list == "finally"}
			for _, arg := range append(texts(n.at("command")), texts(n.at("args"))...) {
				s.argv = append(s.argv, r.Replace(arg))
			}
			for _, v := range n.at("env").list() {
				value := r.Replace(v.at("value").text())
				if key := v.at("valueFrom", "secretKeyRef", "key").text(); key != "" {
					value = map[string]string{"url": w.url, "username": user, "api-token": w.credential}[key]
				}
				s.env[v.at("name").text()] = value
			}
			steps = append(steps, s)
		}
	}
	return [][]step{steps}
}

func argoJobs(w *world, text string) [][]step {
	r := strings.NewReplacer("/tools", w.dir("tools"), "{{workflow.name}}", "deploy-x7k2p")
	spec := one(w, text).at("spec")
	var steps []step
	for _, role := range []string{"entrypoint", "onExit"} {
		for _, t := range spec.at("templates").list() {
			if t.at("name").text() != spec.at(role).text() {
				continue
			}
			for _, container := range append(t.at("initContainers").list(), t.at("container")) {
				s := step{always: role == "onExit"}
				for _, arg := range append(texts(container.at("command")), texts(container.at("args"))...) {
					s.argv = append(s.argv, r.Replace(arg))
				}
				steps = append(steps, s)
			}
		}
	}
	return [][]step{steps}
}

func concourseJobs(w *world, text string) [][]step {
	task := func(n node) step {
		s := step{argv: append([]string{n.at("config", "run", "path").text()}, texts(n.at("config", "run", "args"))...), env: n.at("config", "params").pairs()}
		r := strings.NewReplacer("((jenkins.url))", w.url, "((jenkins.username))", user, "((jenkins.api-token))", w.credential)
		for name, value := range s.env {
			s.env[name] = r.Replace(value)
		}
		return s
	}
	jobs := one(w, text).at("jobs")
	deploy := jobs.at(0, "plan", 0)
	return [][]step{{task(deploy), always(task(deploy.at("ensure")))}, {task(jobs.at(1, "plan", 1))}}
}

func codebuildJobs(w *world, text string) [][]step {
	build := one(w, text).at("phases", "build")
	return [][]step{{lines(build.at("commands")), always(lines(build.at("finally")))}}
}

func cloudbuildJobs(w *world, text string) [][]step {
	n := one(w, text).at("steps", 0)
	file := filepath.Join(w.dir("script"), "step")
	if err := os.WriteFile(file, []byte(n.at("script").text()), 0o700); err != nil {
		w.t.Fatal(err)
	}
	s := step{argv: []string{file}, env: map[string]string{}}
	for _, pair := range texts(n.at("env")) {
		name, value, _ := strings.Cut(pair, "=")
		s.env[name] = value
	}
	for _, name := range texts(n.at("secretEnv")) {
		s.env[name] = w.secrets()[name]
	}
	return [][]step{{s}}
}

// githubJobs plays GitHub's runner: scripts, and the container actions of this
// repository with their inputs, state and post step.
func githubJobs(w *world, text string) [][]step {
	document := one(w, text)
	names := map[string]any{}
	raw, err := json.Marshal(document.at("jobs").value)
	if err == nil {
		err = json.Unmarshal(raw, &names)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range document.at("env").pairs() {
		w.env[name] = w.expand(value)
	}
	var jobs [][]step
	for name := range names {
		var steps []step
		for _, n := range document.at("jobs", name, "steps").list() {
			s := shell(n.at("run").text())
			s.env = n.at("env").pairs()
			action, _, ours := strings.Cut(n.at("uses").text(), "@")
			if ours {
				entrypoint := map[string]string{"jenkins-token/jenkins-token": "create", "jenkins-token/jenkins-token/native": "create", "jenkins-token/jenkins-token/sweep": "sweep"}[action]
				if entrypoint == "" {
					w.t.Fatalf("no action %s here", action)
				}
				s = step{argv: []string{entrypoint}, env: map[string]string{}}
				for input, value := range n.at("with").pairs() {
					s.env["INPUT_"+strings.ToUpper(input)] = value
				}
				if entrypoint == "create" {
					w.posts = append(w.posts, step{id: n.at("id").text(), argv: []string{"revoke"}, env: s.env, always: true})
				}
			}
			s.id, s.always = n.at("id").text(), n.at("if").text() == "always()"
			steps = append(steps, s)
		}
		jobs = append(jobs, steps)
	}
	return jobs
}

// collect makes the files of a step of GitHub, and reads them when it has ended.
func (w *world) collect(id string) func() {
	for _, name := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(w.file(name), nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return func() {
		for name, into := range map[string]map[string]string{"output": w.outputs, "state": w.state} {
			for _, m := range regexp.MustCompile(`(?s)(\S+)<<(\S+)\n(.*?)\n(\S+)\n`).FindAllStringSubmatch(read(w.t, w.file(name)), -1) {
				if m[2] == m[4] {
					into[id+"."+m[1]] = m[3]
				}
			}
		}
	}
}
