package ci

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// azure is Azure Pipelines (learn.microsoft.com, "Use predefined variables" and
// "Logging commands").
func azure() kind {
	return kind{
		name:   "azure",
		detect: func(s Environment) bool { return strings.EqualFold(s.get("TF_BUILD"), "true") },
		open: func(s Environment) System {
			collection := s.get("SYSTEM_COLLECTIONURI") // https://dev.azure.com/fabrikam/
			if _, rest, ok := strings.Cut(collection, "://"); ok {
				collection = strings.Trim(rest, "/")
			}
			system := newSystem(s, "azure", Run{
				Project: join("/", cmp.Or(collection, "azure"), s.get("SYSTEM_TEAMPROJECT")),
				ID:      join(".", s.get("BUILD_BUILDID"), s.get("SYSTEM_JOBATTEMPT")),
				Job:     s.first("SYSTEM_JOBNAME", "AGENT_JOBNAME"),
			}, Files{
				Private: s.get("AGENT_TEMPDIRECTORY"), // emptied after every job
				Public:  []Public{{s.get("PIPELINE_WORKSPACE"), "artifacts and caches are made of files in the pipeline's workspace"}},
				Way:     "without --lease the lease goes to $(Agent.TempDirectory), which the agent empties; or use exec",
			})
			commands := azureCommands{plainLog{s.out()}}
			system.Log, system.Mask, system.Outputs = commands, commands.mask, commands
			return system
		},
	}
}

// azureCommands are the agent's logging commands, which it reads from both streams
// (Handlers, OnDataReceived).
type azureCommands struct{ plainLog }

// Say implements [Log]. The agent has no notices.
func (a azureCommands) Say(level Level, lines ...string) {
	if level == Warning {
		_ = a.command("task.logissue", "type=warning", cleanLines(lines...))
		return
	}
	a.plainLog.Say(level, lines...)
}

// Fail implements [Log].
func (a azureCommands) Fail(lines, hints []string) {
	_ = a.command("task.logissue", "type=error", cleanLines(lines...))
	for _, hint := range hints {
		a.plainLog.Say(Progress, "hint: "+hint)
	}
}

// mask masks the texts in the log from now on.
func (a azureCommands) mask(texts ...secret.String) error {
	for _, text := range texts {
		if err := a.command("task.setsecret", "", text.Reveal()); err != nil {
			return &ChannelError{Channel: "mask", Err: err}
		}
	}
	return nil
}

// Open has nothing to check: outputs are printed.
func (a azureCommands) Open() error { return nil }

// Output sets an output variable of the step. Only the token is secret: the agent
// masks a secret variable in all logs and gives it to no step that does not map
// it. Names of variables have no hyphens.
func (a azureCommands) Output(name, value string) error {
	properties := "variable=" + azureEscape(strings.ReplaceAll(name, "-", "_")) +
		";issecret=" + strconv.FormatBool(name == "token") + ";isOutput=true"
	if err := a.command("task.setvariable", properties, value); err != nil {
		return &ChannelError{Channel: "output variable", Err: err}
	}
	return nil
}

func (a azureCommands) command(name, properties, data string) error {
	_, err := fmt.Fprintf(a.to, "##vso[%s]%s\n", join(" ", name, properties), azureEscape(data))
	return err
}

// azureEscape writes text as the agent reads it (CommandStringConvertor.cs).
func azureEscape(text string) string {
	return strings.NewReplacer("%", "%AZP25", ";", "%3B", "\r", "%0D", "\n", "%0A", "]", "%5D").Replace(text)
}
