package ci

import (
	"cmp"
	"fmt"
)

// plain is a CI, or a shell, that is not known: words go to standard error, and
// there is no channel to hand a token on but the record.
type plain struct{ s Surroundings }

func (p *plain) Name() string { return "plain" }

func (p *plain) Run() Run {
	return Run{
		Where: cmp.Or(p.s.Hostname, "unknown"),
		ID:    p.s.Now.UTC().Format("20060102T150405Z"),
		Job:   "shell",
	}
}

func (p *plain) Say(level Level, text string) {
	prefix := map[Level]string{Notice: "notice: ", Warning: "warning: "}[level]
	_, _ = fmt.Fprintf(p.s.Stderr, "%s%s\n", prefix, Clean(text))
}

func (p *plain) Fail(message string, hints []string) {
	_, _ = fmt.Fprintf(p.s.Stderr, "error: %s\n", Clean(message))
	for _, hint := range hints {
		_, _ = fmt.Fprintf(p.s.Stderr, "hint: %s\n", Clean(hint))
	}
}

func (p *plain) Handover() Handover { return nil }
