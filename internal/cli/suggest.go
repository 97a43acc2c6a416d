package cli

import (
	"flag"
	"slices"
	"strings"
)

// unknownCommand and wrongFlag repeat nothing of the command line: it may hold a
// secret that was put in the wrong place.
func unknownCommand(program, name string, names []string) error {
	hint := "commands are " + strings.Join(names, ", ") + "; " + program + " help explains them"
	if near := nearest(name, names); near != "" {
		return Usage("there is no such command", "did you mean "+program+" "+near+"?", hint)
	}
	return Usage("there is no such command", hint)
}

// wrongFlag explains the flag at which set stopped. settings are those of the command,
// elsewhere those of all commands; help is the command line that lists the flags.
func wrongFlag(command, help string, set *flag.FlagSet, args []string, settings, elsewhere []Flag) error {
	list := help + " lists its flags"
	name, _, _ := strings.Cut(strings.TrimLeft(args[max(0, len(args)-set.NArg()-1)], "-"), "=")
	if known := set.Lookup(name); known != nil {
		if known.Value.(value).boolean {
			return Usage(command+": --"+name+" must be true or false", list)
		}
		return Usage(command+": --"+name+" needs a value", list)
	}
	var names []string
	set.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	for _, s := range settings {
		if !s.Secret {
			continue
		}
		if name == s.Name {
			return Usage("--"+name+": secrets cannot be passed as flags, because every process can see the command line", s.howToSet())
		}
		names = append(names, s.Name)
	}
	if slices.ContainsFunc(elsewhere, func(s Flag) bool { return !s.Secret && s.Name == name }) {
		return Usage(command+": --"+name+" is not a flag of this command", list)
	}
	near := nearest(name, names)
	for _, s := range settings {
		if s.Secret && s.Name == near {
			return Usage(command+": unknown flag", "did you mean "+near+"? secrets cannot be passed as flags", s.howToSet())
		}
	}
	if near != "" {
		return Usage(command+": unknown flag", "did you mean --"+near+"?", list)
	}
	return Usage(command+": unknown flag", list)
}

// howToSet tells how to set a secret.
func (f Flag) howToSet() string {
	return "set " + f.Env[0] + ", or " + f.Env[0] + "_FILE to the path of a file that holds it"
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
