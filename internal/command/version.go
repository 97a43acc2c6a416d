package command

import (
	"context"
	"fmt"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// versionCommand describes version.
func versionCommand() Command {
	return Command{
		Name: "version", Summary: "print the version",
		About:     "Prints one line: the version, the commit it was built from, the version of Go and the platform.",
		ExitCodes: []cli.ExitCode{{Number: "0", Meaning: "always"}},
		Examples: []cli.Example{
			{Purpose: "as a command", Line: "jenkins-token version"},
			{Purpose: "as a flag", Line: "jenkins-token --version"},
		},
		Run: runVersion,
	}
}

// runVersion prints the version.
func runVersion(_ context.Context, inv *invocation) error {
	_, err := fmt.Fprintln(inv.Streams.Out, inv.Version)
	return err
}
