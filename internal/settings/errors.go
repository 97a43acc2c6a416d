package settings

import (
	"cmp"
	"fmt"
	"strings"
)

// Problem is one setting that is missing or wrong.
type Problem struct {
	Setting string
	Text    string // never the value
	Hint    string // what to do, where Text does not say it
}

// Error is all that is wrong with the settings.
type Error struct {
	Problems []Problem
	// Withheld is set when a credential is missing in a run that is given no
	// secrets.
	Withheld bool
}

// Error names each setting and what is wrong with it, in one line.
func (e *Error) Error() string { return "wrong settings: " + strings.Join(e.texts(), "; ") }

// Lines is [Error.Error] with a line for each setting, where there are several.
func (e *Error) Lines() []string {
	if len(e.Problems) < 2 {
		return []string{e.Error()}
	}
	return append([]string{"wrong settings:"}, e.texts()...)
}

func (e *Error) texts() []string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Setting + ": " + p.Text
	}
	return texts
}

// Hints says what to do, in at most two lines.
func (e *Error) Hints() []string {
	if e.Withheld {
		return []string{
			"runs for forks and for Dependabot are given no secrets",
			"skip the job there: if: github.event.pull_request.head.repo.full_name == github.repository && github.actor != 'dependabot[bot]'",
		}
	}
	// One line for each cure, with the settings that it is for.
	var cures []string
	names := map[string][]string{}
	for _, p := range e.Problems {
		if p.Hint == "" {
			continue
		}
		if names[p.Hint] == nil {
			cures = append(cures, p.Hint)
		}
		names[p.Hint] = append(names[p.Hint], p.Setting)
	}
	var hints []string
	for _, cure := range cures[:min(2, len(cures))] {
		hints = append(hints, strings.Join(names[cure], ", ")+": "+cure)
	}
	return hints
}

// problem adds a problem, unless the setting has one that stands for all others.
func (f *finder) problem(name, format string, args ...any) {
	if !f.settled[name] {
		f.problems = append(f.problems, Problem{Setting: name, Text: fmt.Sprintf(format, args...)})
	}
}

// advise adds a hint to the problem that was added last for a setting.
func (f *finder) advise(name, hint string) {
	for i := len(f.problems) - 1; i >= 0; i-- {
		if p := &f.problems[i]; p.Setting == name {
			p.Hint = cmp.Or(p.Hint, hint)
			return
		}
	}
}

// settle says that a setting is wrong as a whole: what else is wrong with it does not
// count.
func (f *finder) settle(name string) {
	if f.settled == nil {
		f.settled = map[string]bool{}
	}
	f.settled[name] = true
}

const placeholderCure = "define the variable or the secret that the placeholder names, and check that this job may read it"

// checkPlaceholder refuses a value that the CI system was to replace and did not. It is
// for every setting alike.
func (f *finder) checkPlaceholder(name, text string) {
	if form := unresolved(text, name == "password"); form != "" {
		f.problem(name, "is a placeholder that was not replaced, of the form %s", form)
		f.advise(name, placeholderCure)
		f.settle(name)
	}
}
