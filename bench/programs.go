package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed peers
var scripts embed.FS

// bench holds what is made for one run.
type bench struct {
	dir      string // of programs
	files    string // of what the programs read and write
	programs []program
	log      io.Writer
}

// program is one way to create and to revoke a token.
type program struct {
	name string
	argv []string // the command create or revoke follows, and then more
	more []string
	env  []string
	test []string // fails unless the program can run
}

// Programs that others are compared with.
const (
	product = "jenkins-token"
	least   = "Go, requests only"
	recipe  = "sh, curl, jq"
)

// build compiles the program as it is released, and what it is compared with.
func (b *bench) build(ctx context.Context, also string) error {
	module, err := run(ctx, nil, "go", "list", "-m")
	if err != nil {
		return err
	}
	for _, path := range []string{"", "/bench/meter", "/bench/floor"} {
		if _, err := run(ctx, append(os.Environ(), "CGO_ENABLED=0"), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", b.dir, module+path); err != nil {
			return err
		}
	}
	if err := os.CopyFS(b.dir, scripts); err != nil {
		return err
	}
	ours := func(name, file string) program {
		return program{name: name, argv: []string{file}, more: []string{"--lease", filepath.Join(b.files, "lease")}, env: runner(b.files), test: []string{file, "version"}}
	}
	b.programs = []program{ours(product, b.file("jenkins-token"))}
	if also != "" {
		b.programs = append(b.programs, ours("other build", also))
	}
	b.programs = append(b.programs,
		program{name: least, argv: []string{b.file("floor")}, test: []string{"true"}},
		program{name: recipe, argv: []string{"sh", b.file("peers/recipe.sh")}, test: []string{"sh", "-c", "curl --version && jq --version"}},
		program{name: "Python requests", argv: []string{"/usr/bin/python3", b.file("peers/with_requests.py")}, test: []string{"/usr/bin/python3", "-c", "import requests"}},
		program{name: "Node fetch", argv: []string{"node", b.file("peers/with_fetch.mjs")}, test: []string{"node", "-e", "fetch"}},
	)
	b.programs = slices.DeleteFunc(b.programs, func(p program) bool {
		_, err := run(ctx, nil, p.test[0], p.test[1:]...)
		if err != nil {
			fmt.Fprintf(b.log, "skipped: %v\n", err)
		}
		return err != nil
	})
	return nil
}

func (b *bench) file(name string) string { return filepath.Join(b.dir, name) }

func (p program) command(name string) []string {
	return slices.Concat(p.argv, []string{name}, p.more)
}

// runner is the environment of a step on GitHub.
func runner(dir string) []string {
	return []string{
		"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=17263512",
		"GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=deploy", "GITHUB_ACTION=jenkins", "GITHUB_EVENT_NAME=push", "RUNNER_TEMP=" + dir,
		"GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STATE=" + filepath.Join(dir, "state"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}
}

// run runs a program and returns what it printed.
func run(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", filepath.Base(name), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return strings.TrimSpace(string(out)), nil
}
