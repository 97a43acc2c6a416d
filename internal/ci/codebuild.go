package ci

import (
	"cmp"
	"strings"
)

// codebuild is AWS CodeBuild (docs.aws.amazon.com/codebuild, "Environment
// variables in build environments"). It is documented to run the runners of
// GitHub, GitLab and Buildkite ("Self-hosted runners").
//
// Exported variables are shown with the build; a command cannot set them, so a
// buildspec must not export one that holds the token.
func codebuild() kind {
	return kind{
		name:   "codebuild",
		detect: func(s Environment) bool { return s.get("CODEBUILD_BUILD_ID") != "" },
		host:   true,
		open: func(s Environment) System {
			project, id, _ := strings.Cut(s.get("CODEBUILD_BUILD_ID"), ":")
			return newSystem(s, "codebuild", Run{
				Project: join("/", "codebuild."+cmp.Or(s.first("AWS_REGION", "AWS_DEFAULT_REGION"), "aws"), project),
				ID:      id,
				Job:     cmp.Or(s.get("CODEBUILD_BATCH_BUILD_IDENTIFIER"), project),
			}, Files{
				Public: []Public{{s.get("CODEBUILD_SRC_DIR"), "CodeBuild makes artifacts and caches of files in the source directory"}},
				Way:    "use exec; or --lease with a file below /tmp, which all phases of a build share",
			})
		},
	}
}
