package cli

import (
	"cmp"
	"fmt"
	"strings"
)

// Columns of a help text.
const (
	helpWidth  = 100
	helpColumn = 27 // where explanations begin
)

// Help returns the help text of the command of a name, or an error of type
// [*UsageError].
func (a App[T]) Help(name string) (string, error) {
	c, ok := a.Command(name)
	if !ok {
		return "", unknownCommand(a.Name, name, a.names())
	}
	return c.help(a.Name), nil
}

// Overview returns a text that lists the commands.
func (a App[T]) Overview() string {
	var b strings.Builder
	b.WriteString(a.Name + " " + a.About + "\n\n" +
		"usage: " + a.Name + " COMMAND [flags]\n\ncommands:\n")
	for _, c := range a.Commands {
		row(&b, strings.TrimSpace(c.Name+" "+c.Arguments), c.Summary)
	}
	b.WriteString("\n" + wrap(a.Usage, 0) + "\nexamples:\n")
	examples(&b, a.Examples)
	return b.String()
}

// help is the help text of a command.
func (c Command[T]) help(program string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s\n\nusage: %s %s", program, c.Name, c.Summary, program, c.Name)
	if len(c.Flags) > 0 {
		b.WriteString(" [flags]")
	}
	if c.Arguments != "" {
		b.WriteString(" " + c.Arguments)
	}
	b.WriteString("\n")
	if c.About != "" {
		b.WriteString("\n" + wrap(c.About, 0))
	}
	if len(c.Flags) > 0 {
		b.WriteString("\nflags:\n")
		for _, f := range c.Flags {
			row(&b, strings.TrimSpace("--"+f.Name+" "+f.Value), f.Text)
		}
	}
	if len(c.Settings) > 0 {
		b.WriteString("\nsettings, each a flag or an environment variable:\n")
		c.writeSettings(&b)
		b.WriteString("\nSecrets cannot be passed as flags. Set the variable, or its name with _FILE to the path of a file.\n")
	}
	if len(c.ExitCodes) > 0 {
		b.WriteString("\nexit codes:\n")
		for _, code := range c.ExitCodes {
			row(&b, code.Number, code.Meaning)
		}
	}
	if len(c.Examples) > 0 {
		b.WriteString("\nexamples:\n")
		examples(&b, c.Examples)
	}
	return b.String()
}

func (c Command[T]) writeSettings(b *strings.Builder) {
	own := map[string]bool{}
	for _, f := range c.Flags {
		own[f.Name] = true
	}
	for _, s := range c.Settings {
		if own[s.Name] {
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
		row(b, "", s.Text)
	}
}

// examples writes the purpose of each example, and its line, which is not broken.
func examples(b *strings.Builder, all []Example) {
	for _, e := range all {
		fmt.Fprintf(b, "  # %s\n  %s\n", e.Purpose, e.Line)
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
