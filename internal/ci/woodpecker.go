package ci

// woodpecker is Woodpecker CI (woodpecker-ci.org/docs, "Environment variables").
// It sets variables of Drone for plugins as well, but not DRONE itself.
//
// Steps are containers that share the workspace and nothing else. Woodpecker
// archives nothing of it by itself.
func woodpecker() family {
	return family{
		name:   "woodpecker",
		detect: onWoodpecker,
		open: func(s Surroundings) System {
			b := newBasic(s, "woodpecker", Run{
				Where: join("/", s.get("CI_SYSTEM_HOST"), s.get("CI_REPO")),
				ID:    join(".", s.get("CI_PIPELINE_NUMBER"), s.get("CI_PIPELINE_RERUNS")),
				Job:   join("/", s.get("CI_WORKFLOW_NAME"), s.get("CI_STEP_NAME")),
			}, Files{Way: "use exec; or --lease with a file of the workspace, which the steps of a workflow share"})
			return &b
		},
	}
}

func onWoodpecker(s Surroundings) bool { return s.get("CI") == "woodpecker" }
