package command

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// help explains the program, or a command, on standard output.
func (j *job) help() error {
	name := j.name
	if len(j.flags.args) > 0 {
		name = j.flags.args[0]
	}
	i := slices.IndexFunc(verbs(), func(v verb) bool { return v.name == name })
	if i < 0 || name == "help" {
		return j.overview()
	}
	v := verbs()[i]
	var b strings.Builder
	fmt.Fprintf(&b, "jenkins-token %s: %s\n\nusage: jenkins-token %s", v.name, v.text, v.name)
	if len(v.options) > 0 {
		b.WriteString(" [flags]")
	}
	if v.arguments != "" {
		b.WriteString(" " + v.arguments)
	}
	b.WriteString("\n")
	if len(v.options) > 0 {
		b.WriteString("\nflags:\n")
		for _, o := range v.options {
			fmt.Fprintf(&b, "  %-28s %s\n", strings.TrimSpace("--"+o.name+" "+o.meta), o.text)
		}
	}
	if v.settings {
		b.WriteString("\nsettings, as flags or as environment variables:\n")
		for _, s := range settings.All() {
			flag := "--" + s.Name
			if s.Secret {
				flag = ""
			}
			fmt.Fprintf(&b, "  %-28s %s\n", flag, strings.Join(s.Env, ", "))
			fmt.Fprintf(&b, "  %-28s   %s\n", "", s.Description)
		}
		b.WriteString("\nThe secret ones are no flags; NAME_FILE names a file that holds one.\n")
	}
	_, err := fmt.Fprint(j.Stdout, b.String())
	return err
}

func (j *job) overview() error {
	var b strings.Builder
	b.WriteString("jenkins-token gives a CI job a short-lived, named Jenkins API token and revokes it.\n\nusage: jenkins-token COMMAND [flags]\n\ncommands:\n")
	for _, v := range verbs() {
		fmt.Fprintf(&b, "  %-20s %s\n", strings.TrimSpace(v.name+" "+v.arguments), v.text)
	}
	b.WriteString("\njenkins-token help COMMAND explains one.\n")
	_, err := fmt.Fprint(j.Stdout, b.String())
	return err
}
