package ci

import "cmp"

// concourse is Concourse (concourse-ci.org/docs, "Implementing a resource type",
// Metadata). Only resources are told of the build: a task is no different from
// plain, and a pipeline names the run by JENKINS_TOKEN_RUN.
//
// Files that a task declares as outputs reach later steps; which these are cannot
// be seen from inside.
func concourse() kind {
	return kind{
		name:   "concourse",
		detect: func(s Environment) bool { return s.get("ATC_EXTERNAL_URL") != "" && s.get("BUILD_ID") != "" },
		open: func(s Environment) System {
			return newSystem(s, "concourse", namedByPipeline(s, Run{
				Project: join("/", cmp.Or(s.host("ATC_EXTERNAL_URL"), "concourse"), s.get("BUILD_TEAM_NAME"), s.get("BUILD_PIPELINE_NAME")),
				ID:      s.get("BUILD_ID"),
				Job:     s.get("BUILD_JOB_NAME"),
			}), Files{Way: "use exec: a task is one command, and later steps see what it writes to its outputs"})
		},
	}
}
