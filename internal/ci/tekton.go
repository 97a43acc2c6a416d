package ci

import "strings"

// tekton is Tekton Pipelines (tekton.dev/docs/pipelines, "Container contract" and
// "Tasks"). It sets no variables: what tells it is a directory that it mounts into
// every step. The host's name is that of the TaskRun's pod; a pipeline names the
// run better by JENKINS_TOKEN_RUN=$(context.pipelineRun.name).
//
// Everything below /tekton is Tekton's: results of tasks and of steps, and
// artifacts, become plain text in the status of the TaskRun.
func tekton() kind {
	return kind{
		name:   "tekton",
		detect: func(s Environment) bool { return s.exists("/tekton/results") },
		open: func(s Environment) System {
			return newSystem(s, "tekton", namedByPipeline(s, Run{
				Project: join("/", "tekton", namespace(s)),
				ID:      strings.TrimSuffix(s.Hostname, "-pod"),
				Job:     "task",
			}), Files{
				Public: []Public{{"/tekton", "results of Tekton are plain text in the status of the TaskRun"}},
				Way:    "use exec; or --lease with a file of an emptyDir volume, which the steps of a task share",
			})
		},
	}
}

// namespace is the one of the pod, where its service account is mounted.
func namespace(s Environment) string {
	return s.read("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
}
