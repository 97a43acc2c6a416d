package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

const licencesFile = "docs/licenses.md"

// licenses writes the licence of every module that is compiled into the program
// or the emulator on any target, and of Go's own library. With check it only
// says whether the file is as it would be written.
func licenses(ctx context.Context, repository string, check bool) error {
	dirs, err := modules(ctx, repository)
	if err != nil {
		return err
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	dirs["Go's standard library"] = strings.TrimSpace(string(goroot))
	var text strings.Builder
	text.WriteString("# Licences of what is compiled in\n\nWritten by `tools/release`; a test compares it with the module graph. The program's own licence: [LICENSE](../LICENSE).\n")
	names := make([]string, 0, len(dirs))
	for name := range dirs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		licence, err := os.ReadFile(filepath.Join(dirs[name], "LICENSE"))
		if err != nil {
			return fmt.Errorf("licence of %s: %w", name, err)
		}
		fmt.Fprintf(&text, "\n## %s\n\n```text\n%s\n```\n", name, bytes.TrimRight(licence, " \n"))
	}
	file := filepath.Join(repository, licencesFile)
	if !check {
		return os.WriteFile(file, []byte(text.String()), 0o644)
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if string(have) != text.String() {
		return errors.New(licencesFile + " is not what is compiled in; release licenses writes it anew")
	}
	return nil
}

// modules are the directories of all modules compiled in, by path. Versions are
// left out, so that an update alone does not change the file.
func modules(ctx context.Context, repository string) (map[string]string, error) {
	dirs := map[string]string{}
	for _, t := range targets {
		cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=Module", ".", "./cmd/"+emulated.program)
		cmd.Dir = repository
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+t.os, "GOARCH="+t.arch)
		var failed bytes.Buffer
		cmd.Stderr = &failed
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list: %w\n%s", err, failed.String())
		}
		for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
			var pkg struct {
				Module *struct {
					Path, Dir string
					Main      bool
				}
			}
			if err := decoder.Decode(&pkg); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, err
			}
			if pkg.Module != nil && !pkg.Module.Main {
				dirs[pkg.Module.Path] = pkg.Module.Dir
			}
		}
	}
	return dirs, nil
}
