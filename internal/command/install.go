package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/jenkins-token/jenkins-token/internal/cli"
)

// installCommand describes install.
func installCommand() Command {
	return Command{
		Name: "install", Arguments: "DIR", Summary: "copy the program to DIR/jenkins-token",
		MaxArguments: 1,
		About: "Copies the program, for images without cp: an init container installs it into a volume that another container shares. The file is whole or not there. " +
			"With --unreadable other users can run the copy and not read it (mode 0711): on Linux no other process of theirs can then read its environment, not even in the moment before the program protects itself.",
		Flags: []cli.Flag{{Name: "unreadable", Text: "let other users run the copy and not read it", Boolean: true}},
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "the file is there; its path is printed"},
			{Number: "1", Meaning: "it could not be written"},
			{Number: "2", Meaning: "wrong use"},
		},
		Examples: []cli.Example{
			{Purpose: "into a shared volume", Line: "jenkins-token install /shared"},
			{Purpose: "into a directory of PATH", Line: "jenkins-token install /usr/local/bin"},
		},
		Run: runInstall,
	}
}

// runInstall copies the program, for images that have no cp.
func runInstall(_ context.Context, inv *invocation) error {
	if len(inv.input.Args) != 1 {
		return cli.Usage("install: no directory is given", "jenkins-token install DIR writes DIR/jenkins-token")
	}
	path, err := inv.Files.Executable()
	if err != nil {
		return errors.New("install: the path of the program is unknown")
	}
	target := filepath.Join(inv.input.Args[0], "jenkins-token")
	mode := os.FileMode(0o755)
	if inv.input.Set["unreadable"] {
		// Linux keeps the memory and the environment of a program that its user cannot
		// read from other processes, from its first instruction on (exec, would_dump).
		mode = 0o711
	}
	if err := copyFile(path, target, mode); err != nil {
		return fmt.Errorf("install: %w", cause(err))
	}
	_, err = fmt.Fprintln(inv.Streams.Out, target)
	return err
}

// copyFile writes the whole file or none.
func copyFile(from, to string, mode os.FileMode) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	next, err := os.CreateTemp(filepath.Dir(to), ".jenkins-token-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(next.Name())
		}
	}()
	_, err = io.Copy(next, source)
	if err == nil {
		err = next.Chmod(mode)
	}
	if closed := next.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(next.Name(), to)
	}
	return err
}
