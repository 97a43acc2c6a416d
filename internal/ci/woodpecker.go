package ci

import "cmp"

// woodpecker is Woodpecker CI (woodpecker-ci.org/docs, "Environment variables").
// It sets variables of Drone for plugins as well, but not DRONE itself.
//
// Steps are containers that share the workspace and nothing else. Woodpecker
// archives nothing of it by itself.
func woodpecker() kind {
	return kind{
		name:   "woodpecker",
		detect: onWoodpecker,
		open: func(s Environment) System {
			return newSystem(s, "woodpecker", Run{
				Project: s.repository("woodpecker", s.get("CI_SYSTEM_HOST"), cmp.Or(s.get("CI_REPO"), join("/", s.get("CI_REPO_OWNER"), s.get("CI_REPO_NAME"))), "CI_REPO_URL", "CI_REPO_CLONE_URL"),
				ID:      join(".", s.get("CI_PIPELINE_NUMBER"), s.get("CI_PIPELINE_RERUNS")),
				Job:     join("/", s.get("CI_WORKFLOW_NAME"), s.get("CI_STEP_NAME")),
			}, Files{Way: "use exec; or --lease with a file of the workspace, which the steps of a workflow share"})
		},
	}
}

func onWoodpecker(s Environment) bool { return s.get("CI") == "woodpecker" }
