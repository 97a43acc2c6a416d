package command

import (
	"context"
	"fmt"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// helpCommand describes help. app returns all commands, help among them.
func helpCommand(app func() cli.App[*invocation]) Command {
	return Command{
		Name: "help", Arguments: "[COMMAND]", Summary: "explain a command",
		MaxArguments: 1,
		About:        "Without a command, lists the commands.",
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "the text was printed"},
			{Number: "2", Meaning: "there is no such command"},
		},
		Examples: []cli.Example{
			{Purpose: "all commands", Line: "jenkins-token help"},
			{Purpose: "one of them", Line: "jenkins-token help create"},
		},
		Run: func(_ context.Context, inv *invocation) error { return runHelp(inv, app()) },
	}
}

// runHelp prints what the program, or a command, is for.
func runHelp(inv *invocation, app cli.App[*invocation]) error {
	if len(inv.input.Args) > 0 {
		return printHelp(inv, app, inv.input.Args[0])
	}
	_, err := fmt.Fprint(inv.Streams.Out, app.Overview())
	return err
}

// printHelp prints the help text of the command of a name.
func printHelp(inv *invocation, app cli.App[*invocation], name string) error {
	text, err := app.Help(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(inv.Streams.Out, text)
	return err
}
