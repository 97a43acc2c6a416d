package command

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// install copies the program, for images that have no cp.
func (j *job) install() error {
	if len(j.flags.args) != 1 {
		return usage("install: no directory is given", "jenkins-token install DIR writes DIR/jenkins-token")
	}
	path, err := j.Executable()
	if err != nil {
		return errors.New("install: the program does not know its own file")
	}
	target := filepath.Join(j.flags.args[0], "jenkins-token")
	mode := os.FileMode(0o755)
	if j.flags.set["unreadable"] {
		// Linux keeps the memory and the environment of a program that its user cannot
		// read from other processes, from its first instruction on (exec, would_dump).
		mode = 0o711
	}
	if err := copyFile(path, target, mode); err != nil {
		return fmt.Errorf("install: %w", cause(err))
	}
	_, err = fmt.Fprintln(j.Stdout, target)
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
