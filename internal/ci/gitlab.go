package ci

import (
	"cmp"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// gitlab is GitLab CI (docs.gitlab.com, "Predefined CI/CD variables reference").
//
// A job's dotenv report, artifacts and cache are files of its checkout. Beside it
// the runner keeps a directory for temporary files that script and after_script
// both see, and names it in RUNNER_TEMP_PROJECT_DIR; where it does not, the place is
// the same (gitlab-runner, Build.TmpProjectDir).
func gitlab() kind {
	return kind{
		name:   "gitlab",
		detect: func(s Environment) bool { return s.get("GITLAB_CI") == "true" },
		open: func(s Environment) System {
			checkout := s.get("CI_PROJECT_DIR")
			temp := s.get("RUNNER_TEMP_PROJECT_DIR")
			if temp == "" && checkout != "" {
				temp = checkout + ".tmp"
			}
			system := newSystem(s, "gitlab", Run{
				Project: join("/", cmp.Or(s.first("CI_SERVER_FQDN", "CI_SERVER_HOST"), "gitlab"), s.get("CI_PROJECT_PATH")),
				// A job that is tried again has a new id in the same pipeline.
				ID:  join(".", s.get("CI_PIPELINE_ID"), s.get("CI_JOB_ID")),
				Job: s.get("CI_JOB_NAME"),
			}, Files{
				Private: temp,
				Public:  []Public{{checkout, "GitLab makes artifacts, dotenv reports and caches of files in the checkout"}},
				Way:     "without --lease the lease goes to $CI_PROJECT_DIR.tmp, which after_script sees; or use exec",
			})
			system.Mask = func(...secret.String) error {
				// What can be masked are CI/CD variables, and what GitLab Functions add on
				// runners since 17.10 (gitlab-runner#38464). Elsewhere a command to mask a
				// text would show it.
				system.Say(Notice, "GitLab cannot mask a token that a job creates: keep commands from printing it, or use exec, which redacts their output")
				return nil
			}
			return system
		},
	}
}
