package cli_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// kitchen is a program of several commands.
func kitchen() cli.App[int] {
	oven := []cli.Flag{
		{Name: "heat", Env: []string{"OVEN_HEAT"}, Default: "180"},
		{Name: "fan", Env: []string{"OVEN_FAN"}, Boolean: true},
		{Name: "pin", Env: []string{"OVEN_PIN"}, Secret: true},
	}
	return cli.App[int]{Name: "kitchen", Commands: []cli.Command[int]{
		{Name: "bake", Flags: []cli.Flag{{Name: "quiet", Boolean: true}, {Name: "tin", Value: "SIZE"}}, Settings: oven, MaxArguments: 1},
		{Name: "knead", Arguments: "RECIPE [STEP...]", MaxArguments: cli.AnyNumber},
	}}
}

func TestParse(t *testing.T) {
	t.Parallel()
	name, in, err := kitchen().Parse("bake", []string{"--heat", "hot", "--quiet=FALSE", "--tin=1", "--fan=maybe", "--tin", "2", "rye"})
	if err != nil || name.Name != "bake" {
		t.Fatalf("got %s, %v", name.Name, err)
	}
	if in.Text["heat"] != "hot" || in.Text["fan"] != "maybe" || in.Text["tin"] != "2" || !slices.Equal(in.All["tin"], []string{"1", "2"}) {
		t.Errorf("got %q and %q, want settings as they were written, and all values of tin", in.Text, in.All)
	}
	if in.Set["quiet"] || !in.Set["tin"] || in.Help || !slices.Equal(in.Args, []string{"rye"}) {
		t.Errorf("got %v, %q", in.Set, in.Args)
	}
	if _, in, err = kitchen().Parse("knead", []string{"rye", "--quiet", "2"}); err != nil || len(in.Args) != 3 {
		t.Errorf("got %q, %v, want all that follows the first argument", in.Args, err)
	}
	if _, in, err = kitchen().Parse("bake", []string{"--help", "--nonsense"}); err != nil || !in.Help {
		t.Errorf("got help %t, %v", in.Help, err)
	}
}

// An error tells what to do, and repeats nothing that may be a secret.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		command string
		args    []string
		want    string // text and hints, joined with a bar
	}{
		{"bakr", nil, "there is no such command|did you mean kitchen bake?|commands are bake, knead; kitchen help explains them"},
		{"hunter2", nil, "there is no such command|commands are bake, knead; kitchen help explains them"},
		{"bake", []string{"--tin"}, "bake: --tin needs a value|kitchen help bake lists its flags"},
		{"bake", []string{"--quiet=hunter2"}, "bake: --quiet must be true or false|kitchen help bake lists its flags"},
		{"bake", []string{"--qiet"}, "bake: unknown flag|did you mean --quiet?|kitchen help bake lists its flags"},
		{"bake", []string{"--hunter2"}, "bake: unknown flag|kitchen help bake lists its flags"},
		{"bake", []string{"--pin=hunter2"}, "--pin: secrets cannot be passed as flags, because every process can see the command line|set OVEN_PIN, or OVEN_PIN_FILE to the path of a file that holds it"},
		{"bake", []string{"--pim=hunter2"}, "bake: unknown flag|did you mean pin? secrets cannot be passed as flags|set OVEN_PIN, or OVEN_PIN_FILE to the path of a file that holds it"},
		{"knead", []string{"--heat", "1"}, "knead: --heat is not a flag of this command|kitchen help knead lists its flags"},
		{"knead", []string{"--pin=hunter2"}, "knead: unknown flag|kitchen help knead lists its flags"},
		{"bake", []string{"rye", "hunter2"}, "bake: too many arguments|kitchen help bake shows how it is called"},
	} {
		_, in, err := kitchen().Parse(test.command, test.args)
		wrong, ok := errors.AsType[*cli.UsageError](err)
		if !ok {
			t.Errorf("%s %q: got %v, want a usage error", test.command, test.args, err)
			continue
		}
		if got := strings.Join(append([]string{wrong.Text}, wrong.Hints...), "|"); got != test.want {
			t.Errorf("%s %q:\ngot  %s\nwant %s", test.command, test.args, got, test.want)
		}
		if in.Text != nil || in.Args != nil {
			t.Errorf("%s %q: got input with an error", test.command, test.args)
		}
	}
}
