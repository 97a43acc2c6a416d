package ci

// cloudbuild is Google Cloud Build (cloud.google.com/build/docs, "Substituting
// variable values" and the API's Results.buildStepOutputs). Steps are told nothing
// but BUILDER_OUTPUT, unless the build sets automapSubstitutions; without it a
// build names the run by JENKINS_TOKEN_RUN=$BUILD_ID.
//
// What a step writes to BUILDER_OUTPUT is stored with the build. Steps share
// /workspace, of which nothing is archived that the build does not name.
func cloudbuild() kind {
	return kind{
		name:   "cloudbuild",
		detect: func(s Environment) bool { return s.get("BUILDER_OUTPUT") != "" },
		open: func(s Environment) System {
			return newSystem(s, "cloudbuild", namedByPipeline(s, Run{
				Project: join("/", "cloudbuild", s.get("PROJECT_ID"), s.get("TRIGGER_NAME")),
				ID:      s.get("BUILD_ID"),
				Job:     s.get("TRIGGER_NAME"),
			}), Files{
				Public: []Public{{s.get("BUILDER_OUTPUT"), "outputs of a step are stored with the build, in plain text"}},
				Way:    "use exec; or --lease with a file of a volume that the steps share",
			})
		},
	}
}
