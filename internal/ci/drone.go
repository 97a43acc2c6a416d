package ci

import "cmp"

// drone is Drone and its successor Harness (docs.drone.io, "Environment
// reference"; developer.harness.io, "CI environment variables reference"), which
// sets variables of both.
//
// Steps are containers that share the workspace and nothing else. What a step
// writes to DRONE_OUTPUT is shown with the execution.
func drone() kind {
	return kind{
		name:   "drone",
		detect: onDrone,
		open: func(s Environment) System {
			run := Run{
				Project: s.repository("drone", s.first("DRONE_SYSTEM_HOST", "DRONE_SYSTEM_HOSTNAME"), cmp.Or(s.get("DRONE_REPO"), join("/", s.get("DRONE_REPO_OWNER"), s.get("DRONE_REPO_NAME"))), "DRONE_REPO_LINK", "DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL"),
				ID:      s.get("DRONE_BUILD_NUMBER"),
				Job:     join("/", s.get("DRONE_STAGE_NAME"), s.get("DRONE_STEP_NAME")),
			}
			if onHarness(s) {
				run = Run{
					Project: join("/", "harness", s.get("HARNESS_ACCOUNT_ID"), s.get("HARNESS_ORG_ID"), s.get("HARNESS_PROJECT_ID"), s.get("HARNESS_PIPELINE_ID")),
					ID:      cmp.Or(s.get("HARNESS_BUILD_ID"), run.ID),
					Job:     join("/", s.get("HARNESS_STAGE_ID"), s.get("HARNESS_STEP_ID")),
				}
			}
			return newSystem(s, "drone", run, Files{
				Public: []Public{{s.get("DRONE_OUTPUT"), "output variables are shown with the execution"}},
				Way:    "use exec; or --lease with a file of the workspace, which the steps of a stage share",
			})
		},
	}
}

func onDrone(s Environment) bool {
	return !onWoodpecker(s) && (s.get("DRONE") == "true" || s.get("CI") == "drone" || onHarness(s))
}

func onHarness(s Environment) bool {
	return s.get("HARNESS_BUILD_ID") != "" && s.get("HARNESS_PIPELINE_ID") != ""
}
