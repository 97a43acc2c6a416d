package ci

import (
	"cmp"
	"strings"
)

// jenkins is a build of Jenkins itself (jenkins.io/doc, "Using environment
// variables"). JENKINS_URL does not tell it: it is a setting of ours too.
func jenkins() kind {
	return kind{
		name:   "jenkins",
		detect: onJenkins,
		open: func(s Environment) System {
			return newSystem(s, "jenkins", Run{
				Project: join("/", cmp.Or(s.host("BUILD_URL"), "jenkins"), s.get("JOB_NAME")),
				ID:      s.get("BUILD_NUMBER"),
				Job:     s.first("STAGE_NAME", "JOB_BASE_NAME"),
			}, Files{
				Private: s.get("WORKSPACE_TMP"),
				Public:  []Public{{s.get("WORKSPACE"), "whoever may see the job may browse its workspace, and builds archive files of it"}},
				Way:     "without --lease the lease goes to $WORKSPACE_TMP, which cannot be browsed; or use exec",
			})
		},
	}
}

func onJenkins(s Environment) bool { return strings.HasPrefix(s.get("BUILD_TAG"), "jenkins-") }
