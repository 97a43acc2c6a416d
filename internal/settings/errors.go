package settings

import (
	"fmt"
	"strings"
)

// Problem is one setting that is missing or wrong.
type Problem struct {
	Setting string
	Text    string // never the value
}

// Error is all that is wrong with the settings.
type Error struct {
	Problems []Problem
	// Withheld is set when a credential is missing in a run that is given no
	// secrets.
	Withheld bool
}

// Error names each setting and what is wrong with it.
func (e *Error) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Setting + ": " + p.Text
	}
	return "wrong settings: " + strings.Join(texts, "; ")
}

// Hints says what to do, in at most two lines.
func (e *Error) Hints() []string {
	if e.Withheld {
		return []string{
			"runs for forks and for Dependabot are given no secrets",
			"skip the job there: if: github.event.pull_request.head.repo.full_name == github.repository && github.actor != 'dependabot[bot]'",
		}
	}
	return nil
}

func (f *finder) problem(name, format string, args ...any) {
	f.problems = append(f.problems, Problem{name, fmt.Sprintf(format, args...)})
}
