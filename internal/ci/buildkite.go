package ci

import (
	"cmp"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// buildkite is Buildkite (buildkite.com/docs, "Environment variables" and
// "buildkite-agent redactor").
//
// A step is a job of its own, maybe on another machine: a record reaches the hooks
// of the same job (post-command, pre-exit), and its command when that runs on the
// agent's machine. Nothing but meta-data, which everybody can read, reaches further.
// Jobs of an agent share the directory for temporary files.
func buildkite() kind {
	return kind{
		name:   "buildkite",
		detect: func(s Environment) bool { return s.get("BUILDKITE") == "true" },
		open: func(s Environment) System {
			files := Files{
				Public: []Public{{s.get("BUILDKITE_BUILD_CHECKOUT_PATH"), "Buildkite makes artifacts of files in the checkout"}},
				Way:    "without --lease the lease goes to the directory for temporary files, where the job's hooks find it; or use exec",
			}
			if job := s.get("BUILDKITE_JOB_ID"); job != "" {
				files.Private = cmp.Or(s.get("TMPDIR"), "/tmp")
				files.Prefix = fileName(job) + "-"
			}
			system := newSystem(s, "buildkite", Run{
				Project: join("/", "buildkite.com", s.get("BUILDKITE_ORGANIZATION_SLUG"), s.get("BUILDKITE_PIPELINE_SLUG")),
				ID:      join(".", s.get("BUILDKITE_BUILD_NUMBER"), s.get("BUILDKITE_RETRY_COUNT")),
				Job:     s.first("BUILDKITE_STEP_KEY", "BUILDKITE_LABEL"),
			}, files)
			agent := buildkiteAgent{system.Log, s}
			system.Mask, system.Redact = agent.mask, agent.redact
			return system
		},
	}
}

// buildkiteAgent is the agent's redactor.
type buildkiteAgent struct {
	log Log
	s   Environment
}

// mask gives the texts to the agent's redactor, on its standard input: arguments
// can be seen by every process. The agent is asked through its job API and told
// nothing of our environment but what it needs for that.
func (b buildkiteAgent) mask(texts ...secret.String) error {
	err := b.add(texts)
	switch {
	case errors.Is(err, ErrNoTool):
		b.log.Say(Warning, "there is no buildkite-agent here, so the log does not redact the token: keep commands from printing it, or use exec, which redacts their output")
		return nil
	case err != nil:
		return &ChannelError{Channel: "mask", Hint: "buildkite-agent redactor add needs an agent with a job API, which a container does not reach by itself; exec redacts the token without it", Err: err}
	}
	return nil
}

// redact is mask where it may fail: exec redacts by itself.
func (b buildkiteAgent) redact(texts ...secret.String) { _ = b.add(texts) }

func (b buildkiteAgent) add(texts []secret.String) error {
	hidden := map[string]string{}
	for i, text := range texts {
		hidden[strconv.Itoa(i)] = text.Reveal()
	}
	stdin, err := json.Marshal(hidden)
	if err != nil {
		return err
	}
	var env []string
	for _, name := range []string{
		"PATH", "HOME", "BUILDKITE_AGENT_ACCESS_TOKEN", "BUILDKITE_AGENT_ENDPOINT", "BUILDKITE_AGENT_JOB_API_SOCKET", "BUILDKITE_AGENT_JOB_API_TOKEN",
	} {
		if text, ok := b.s.Lookup(name); ok {
			env = append(env, name+"="+text)
		}
	}
	if b.s.Tool == nil {
		return ErrNoTool
	}
	return b.s.Tool("buildkite-agent", []string{"redactor", "add", "--format", "json"}, env, stdin)
}

// fileName keeps of text what may stand in the name of a file.
func fileName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, text)
}
