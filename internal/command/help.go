package command

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// Columns of a help text.
const (
	helpWidth  = 100
	helpColumn = 27 // where explanations begin
)

// help explains the program, or a command, on standard output.
func (j *job) help() error {
	name := j.name
	if len(j.flags.args) > 0 && !j.flags.set["help"] {
		name = j.flags.args[0]
	} else if _, known := commandNamed(name); !known || name == "help" && !j.flags.set["help"] {
		_, err := fmt.Fprint(j.Stdout, overview())
		return err
	}
	v, ok := commandNamed(name)
	if !ok {
		return unknownCommand(name)
	}
	_, err := fmt.Fprint(j.Stdout, v.help())
	return err
}

// overview lists the commands.
func overview() string {
	var b strings.Builder
	b.WriteString("jenkins-token gives a CI job a short-lived, named Jenkins API token and revokes it.\n\n" +
		"usage: jenkins-token COMMAND [flags]\n\ncommands:\n")
	for _, v := range commands() {
		row(&b, strings.TrimSpace(v.name+" "+v.arguments), v.text)
	}
	b.WriteString("\n" + wrap("Settings are flags (--url), inputs of the surrounding CI, or environment variables (JENKINS_URL), "+
		"in that order; a secret is no flag. jenkins-token help COMMAND explains a command, with its flags, settings, exit codes and examples.", 0) +
		"\nexamples:\n")
	examples(&b, []example{
		{"say whether a token could be created and revoked from here", "jenkins-token doctor"},
		{"make a token, and revoke it", "jenkins-token create --lease token.json && jenkins-token revoke --lease token.json"},
	})
	return b.String()
}

// help is the help text of a command.
func (v Command) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "jenkins-token %s: %s\n\nusage: jenkins-token %s", v.name, v.text, v.name)
	if len(v.options) > 0 {
		b.WriteString(" [flags]")
	}
	if v.arguments != "" {
		b.WriteString(" " + v.arguments)
	}
	b.WriteString("\n")
	if v.about != "" {
		b.WriteString("\n" + wrap(v.about, 0))
	}
	if len(v.options) > 0 {
		b.WriteString("\nflags:\n")
		for _, o := range v.options {
			row(&b, strings.TrimSpace("--"+o.name+" "+o.meta), o.text)
		}
	}
	if v.settings {
		b.WriteString("\nsettings, each a flag or an environment variable:\n")
		v.writeSettings(&b)
		b.WriteString("\nA secret is no flag; the variable with _FILE behind its name names a file that holds it.\n")
	}
	if len(v.codes) > 0 {
		b.WriteString("\nexit codes:\n")
		for _, c := range v.codes {
			row(&b, c.number, c.meaning)
		}
	}
	if len(v.examples) > 0 {
		b.WriteString("\nexamples:\n")
		examples(&b, v.examples)
	}
	return b.String()
}

func (v Command) writeSettings(b *strings.Builder) {
	taken := map[string]bool{}
	for _, o := range v.options {
		taken[o.name] = true
	}
	for _, s := range settings.All() {
		if !v.takes(s) || taken[s.Name] {
			continue
		}
		flag := "--" + s.Name
		if s.Secret {
			flag = s.Name + " (secret)"
		}
		names := strings.Join(s.Env, ", ")
		if s.Default != "" {
			names += " (default " + s.Default + ")"
		}
		row(b, flag, names)
		row(b, "", s.Description)
	}
}

// examples writes what each is for, and its line, which is not broken.
func examples(b *strings.Builder, all []example) {
	for _, e := range all {
		fmt.Fprintf(b, "  # %s\n  %s\n", e.purpose, e.line)
	}
}

// row writes a word and its explanation in two columns.
func row(b *strings.Builder, word, text string) {
	explained := wrap(text, helpColumn)
	if len(word) > helpColumn-4 {
		fmt.Fprintf(b, "  %s\n%s", word, explained)
		return
	}
	fmt.Fprintf(b, "  %-*s%s", helpColumn-2, word, explained[min(helpColumn, len(explained)):])
}

// wrap breaks text into lines that begin at a column.
func wrap(text string, column int) string {
	var b strings.Builder
	length := 0
	for word := range strings.FieldsSeq(text) {
		switch {
		case length == 0:
			b.WriteString(strings.Repeat(" ", column))
			length = column
		case length+1+len(word) > helpWidth:
			b.WriteString("\n" + strings.Repeat(" ", column))
			length = column
		default:
			b.WriteString(" ")
			length++
		}
		b.WriteString(word)
		length += len(word)
	}
	return cmp.Or(b.String(), strings.Repeat(" ", column)) + "\n"
}
