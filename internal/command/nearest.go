package command

import (
	"flag"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// verbOf finds a command by its name.
func commandNamed(name string) (Command, bool) {
	all := commands()
	i := slices.IndexFunc(all, func(v Command) bool { return v.name == name })
	if i < 0 {
		return Command{}, false
	}
	return all[i], true
}

// unknownCommand and wrongFlag repeat nothing of the command line: it may hold a
// secret that was put in the wrong place.
func unknownCommand(name string) error {
	var names []string
	for _, v := range commands() {
		names = append(names, v.name)
	}
	hint := "commands are " + strings.Join(names, ", ") + "; jenkins-token help explains them"
	if near := nearest(name, names); near != "" {
		return usage("there is no such command", "did you mean jenkins-token "+near+"?", hint)
	}
	return usage("there is no such command", hint)
}

// wrongFlag says what is wrong with the flag at which set stopped.
func wrongFlag(v Command, set *flag.FlagSet, args []string) error {
	list := "jenkins-token help " + v.name + " lists its flags"
	name, _, _ := strings.Cut(strings.TrimLeft(args[max(0, len(args)-set.NArg()-1)], "-"), "=")
	if known := set.Lookup(name); known != nil {
		if known.Value.(value).boolean {
			return usage(v.name+": --"+name+" is neither true nor false", list)
		}
		return usage(v.name+": --"+name+" lacks its value", list)
	}
	var names []string
	set.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	var foreign []string // settings that are flags of other commands
	for _, s := range settings.All() {
		switch {
		case s.Secret && v.takes(s):
			if name == s.Name {
				return usage("--"+name+" is no flag: a secret in the command line can be seen by every process", secretPlace(s))
			}
			names = append(names, s.Name)
		case !s.Secret && set.Lookup(s.Name) == nil:
			foreign = append(foreign, s.Name)
		}
	}
	if slices.Contains(foreign, name) {
		return usage(v.name+": --"+name+" means nothing to this command", list)
	}
	near := nearest(name, names)
	for _, s := range settings.All() {
		if s.Secret && s.Name == near {
			return usage(v.name+": a flag is not known", "did you mean "+near+"? a secret is no flag, as every process can see it", secretPlace(s))
		}
	}
	if near != "" {
		return usage(v.name+": a flag is not known", "did you mean --"+near+"?", list)
	}
	return usage(v.name+": a flag is not known", list)
}

// secretPlace says where a secret setting is to be written.
func secretPlace(s settings.Setting) string {
	return "set " + s.Env[0] + ", or " + s.Env[0] + "_FILE to the path of a file that holds it"
}

// nearest is the name that was probably meant: the one that begins so, or the
// one that a few letters make; empty when there is none, or no single one.
func nearest(typed string, names []string) string {
	typed = strings.ToLower(typed)
	found, least, several := "", 1+max(1, len(typed)/3), false
	for _, name := range names {
		d := distance(typed, name)
		if len(typed) > 1 && strings.HasPrefix(name, typed) {
			d = 1
		}
		switch {
		case d < least:
			found, least, several = name, d, false
		case d == least && found != "":
			several = true
		}
	}
	if several || len(typed) > 32 {
		return ""
	}
	return found
}

// distance counts the letters to be put in, left out, changed or swapped with
// the next (Damerau and Levenshtein).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			changed := last[j]
			if a[i] != b[j] {
				changed++
			}
			next[j+1] = min(changed, last[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, last = last, next
	}
	return last[len(b)]
}
