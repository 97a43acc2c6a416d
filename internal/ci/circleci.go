package ci

import (
	"strings"
)

// circleci is CircleCI (circleci.com/docs, "Project values and variables").
func circleci() kind {
	return kind{
		name:   "circleci",
		detect: func(s Environment) bool { return s.get("CIRCLECI") == "true" },
		open: func(s Environment) System {
			checkout := s.get("CIRCLE_WORKING_DIRECTORY")
			if rest, ok := strings.CutPrefix(checkout, "~"); ok { // as written in the configuration
				checkout = s.get("HOME") + rest
			}
			return newSystem(s, "circleci", Run{
				Project: join("/", "circleci.com", s.get("CIRCLE_PROJECT_USERNAME"), s.get("CIRCLE_PROJECT_REPONAME")),
				// A job that is run again has a new number.
				ID:  join(".", s.get("CIRCLE_WORKFLOW_ID"), s.get("CIRCLE_BUILD_NUM")),
				Job: s.get("CIRCLE_JOB"),
			}, Files{
				Public: []Public{
					{checkout, "CircleCI makes artifacts, caches and workspaces of files in the working directory"},
					{s.get("BASH_ENV"), "every later step of the job would run it"},
				},
				Way: "use exec; or --lease with a file below /tmp that no store_artifacts or persist_to_workspace names",
			})
		},
	}
}
