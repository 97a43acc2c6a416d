package ci

import "cmp"

// bitbucket is Bitbucket Pipelines (support.atlassian.com, "Variables and secrets"
// and "Variable sharing").
func bitbucket() kind {
	return kind{
		name:   "bitbucket",
		detect: func(s Environment) bool { return s.get("BITBUCKET_BUILD_NUMBER") != "" },
		open: func(s Environment) System {
			return newSystem(s, "bitbucket", Run{
				Project: join("/", "bitbucket.org", s.get("BITBUCKET_REPO_FULL_NAME")),
				ID:      join(".", s.get("BITBUCKET_BUILD_NUMBER"), s.get("BITBUCKET_STEP_RUN_NUMBER")),
				Job:     cmp.Or(s.get("BITBUCKET_DEPLOYMENT_ENVIRONMENT"), "step"), // steps have no name here
			}, Files{
				Public: []Public{
					{s.get("BITBUCKET_PIPELINES_VARIABLES_PATH"), "output variables are shown, and no secrets"},
					{s.get("BITBUCKET_CLONE_DIR"), "Bitbucket makes artifacts and caches of files in the clone"},
				},
				Way: "use exec; or --lease with a file below /tmp, which script and after-script of a step share",
			})
		},
	}
}
