package ci

import (
	"cmp"
	"fmt"
	"io"
)

// plainLog tells messages as plain lines.
type plainLog struct{ to io.Writer }

// Say implements [Log].
func (l plainLog) Say(level Level, lines ...string) {
	prefix := map[Level]string{Notice: "notice: ", Warning: "warning: "}[level]
	_, _ = fmt.Fprintf(l.to, "%s%s\n", prefix, cleanLines(lines...))
}

// Fail implements [Log].
func (l plainLog) Fail(lines, hints []string) {
	_, _ = fmt.Fprintf(l.to, "error: %s\n", cleanLines(lines...))
	for _, hint := range hints {
		_, _ = fmt.Fprintf(l.to, "hint: %s\n", Clean(hint))
	}
}

// newSystem is a system that can do nothing more than print lines on standard error. It
// fills in what the run does not say.
func newSystem(s Environment, name string, run Run, files Files) System {
	return System{Name: name, KillGrace: killGrace(name), Log: plainLog{s.Stderr}, Files: files, Run: Run{
		Project: cmp.Or(run.Project, s.Hostname, "unknown"),
		ID:      cmp.Or(run.ID, s.Now.UTC().Format(runTime)),
		Job:     cmp.Or(run.Job, "job"),
	}}
}

// runTime is the form in which a time stands for a run without a number.
const runTime = "20060102T150405Z"

// newPlain is a system, or a shell, that is not known.
func newPlain(s Environment) System {
	return newSystem(s, "plain", namedByPipeline(s, Run{Project: s.Hostname, Job: "shell"}), Files{})
}

// namedByPipeline lets the pipeline name the run where the system does not: it sets
// JENKINS_TOKEN_PROJECT and JENKINS_TOKEN_RUN.
func namedByPipeline(s Environment, run Run) Run {
	return Run{
		Project: cmp.Or(s.get("JENKINS_TOKEN_PROJECT"), run.Project),
		ID:      cmp.Or(s.get("JENKINS_TOKEN_RUN"), run.ID),
		Job:     run.Job,
	}
}
