package ci

import (
	"cmp"
	"fmt"
	"io"
)

// words are messages as plain lines.
type words struct{ to io.Writer }

// Say implements System.
func (w words) Say(level Level, text string) {
	prefix := map[Level]string{Notice: "notice: ", Warning: "warning: "}[level]
	_, _ = fmt.Fprintf(w.to, "%s%s\n", prefix, Clean(text))
}

// Fail implements System.
func (w words) Fail(message string, hints []string) {
	_, _ = fmt.Fprintf(w.to, "error: %s\n", Clean(message))
	for _, hint := range hints {
		_, _ = fmt.Fprintf(w.to, "hint: %s\n", Clean(hint))
	}
}

// basic is a system that is all data: it is told of things in plain words on
// standard error, and hands on nothing but the record.
type basic struct {
	words
	name  string
	run   Run
	files Files
}

// newBasic fills in what the system does not say.
func newBasic(s Environment, name string, run Run, files Files) basic {
	return basic{words{s.Stderr}, name, Run{
		Project: cmp.Or(run.Project, s.Hostname, "unknown"),
		ID:      cmp.Or(run.ID, s.Now.UTC().Format(instant)),
		Job:     cmp.Or(run.Job, "job"),
	}, files}
}

// instant is the form in which a time stands for a run without a number.
const instant = "20060102T150405Z"

// Name implements System.
func (b *basic) Name() string { return b.name }

// Run implements System.
func (b *basic) Run() Run { return b.run }

// Files implements System.
func (b *basic) Files() Files { return b.files }

// newPlain is a CI, or a shell, that is not known.
func newPlain(s Environment) System {
	b := newBasic(s, "plain", named(s, Run{Project: s.Hostname, Job: "shell"}), Files{})
	return &b
}

// named lets the pipeline name the run where the system does not: it gives
// JENKINS_TOKEN_PROJECT and JENKINS_TOKEN_RUN.
func named(s Environment, run Run) Run {
	return Run{
		Project: cmp.Or(s.get("JENKINS_TOKEN_PROJECT"), run.Project),
		ID:      cmp.Or(s.get("JENKINS_TOKEN_RUN"), run.ID),
		Job:     run.Job,
	}
}
