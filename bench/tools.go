package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

//go:embed peers
var sources embed.FS

// tools are the programs made for one run.
type tools struct {
	dir                   string // of programs
	files                 string // of what a run reads and writes
	product, meter, floor string
}

// build makes the product as it is released, and what measures it.
func build(ctx context.Context, dir, files string) (*tools, error) {
	t := &tools{dir: dir, files: files, product: filepath.Join(dir, "jenkins-token"), meter: filepath.Join(dir, "meter"), floor: filepath.Join(dir, "floor")}
	module, err := run(ctx, nil, "go", "list", "-m", "-f", "{{.Path}}")
	if err != nil {
		return nil, err
	}
	for out, path := range map[string]string{t.product: module, t.meter: module + "/bench/meter", t.floor: module + "/bench/floor"} {
		env := append(os.Environ(), "CGO_ENABLED=0")
		if _, err := run(ctx, env, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", out, path); err != nil {
			return nil, err
		}
	}
	return t, os.CopyFS(dir, sources)
}

// script is the path of a file of the directory peers.
func (t *tools) script(name string) string { return filepath.Join(t.dir, "peers", name) }

// run runs a program and returns what it printed, without the space around it.
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

// peer is one way to make and revoke a token.
type peer struct {
	name string
	argv func(t *tools, job string) []string // job is create or revoke
	// find returns the version found on this machine, or why there is none.
	find func(context.Context, *tools) (string, error)
	env  []string
}

// The names that ratios refer to.
const (
	product = "jenkins-token"
	floor   = "Go floor"
	shell   = "sh, curl, jq"
)

// runner is what a step on GitHub has: the product masks and hands on.
func runner(dir string) []string {
	return []string{
		"GITHUB_ACTIONS=true", "GITHUB_SERVER_URL=https://github.com", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=17263512",
		"GITHUB_RUN_ATTEMPT=1", "GITHUB_JOB=deploy", "GITHUB_ACTION=jenkins", "GITHUB_EVENT_NAME=push", "RUNNER_TEMP=" + dir,
		"GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STATE=" + filepath.Join(dir, "state"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}
}

// peers are all that can be measured, the product first.
func peers(t *tools) []peer {
	script := func(program, name string) func(*tools, string) []string {
		return func(t *tools, job string) []string { return []string{program, t.script(name), job} }
	}
	found := func(program string, args ...string) func(context.Context, *tools) (string, error) {
		return func(ctx context.Context, _ *tools) (string, error) {
			if _, err := exec.LookPath(program); err != nil {
				return "", fmt.Errorf("no %s in PATH", filepath.Base(program))
			}
			text, err := run(ctx, nil, program, args...)
			line, _, _ := strings.Cut(text, "\n")
			return line, err
		}
	}
	return []peer{
		{
			name: product, env: runner(t.files), find: found(t.product, "version"),
			argv: func(t *tools, job string) []string {
				return []string{t.product, job, "--lease", filepath.Join(t.files, "lease")}
			},
		},
		{
			name: floor, find: func(context.Context, *tools) (string, error) { return "", nil },
			argv: func(t *tools, job string) []string { return []string{t.floor, job} },
		},
		{
			name: "C floor", find: findC,
			argv: func(t *tools, job string) []string { return []string{filepath.Join(t.dir, "floor-c"), job} },
		},
		{name: shell, argv: script("/bin/sh", "recipe.sh"), find: findShell},
		{name: "python requests", argv: script("/usr/bin/python3", "with_requests.py"), find: found("/usr/bin/python3", "-c", "import requests; print('requests', requests.__version__)")},
		{name: "python3-jenkins", argv: script("/usr/bin/python3", "with_python_jenkins.py"), find: found("/usr/bin/python3", "-c", "import jenkins; from importlib.metadata import version; print('python-jenkins', version('python-jenkins'))")},
		{name: "node fetch", argv: script(lookPath("node"), "with_fetch.mjs"), find: found("node", "-p", "fetch && 'node ' + process.version")},
	}
}

func lookPath(name string) string {
	path, _ := exec.LookPath(name)
	return path
}

// findC compiles the floor in C.
func findC(ctx context.Context, t *tools) (string, error) {
	if _, err := exec.LookPath("gcc"); err != nil {
		return "", errors.New("no gcc in PATH")
	}
	if _, err := run(ctx, nil, "gcc", "-O2", "-o", filepath.Join(t.dir, "floor-c"), t.script("floor.c"), "-lssl", "-lcrypto"); err != nil {
		return "", errors.New("it does not compile: OpenSSL's headers are missing (libssl-dev)")
	}
	return run(ctx, nil, "openssl", "version")
}

func findShell(ctx context.Context, _ *tools) (string, error) {
	var versions []string
	for _, name := range []string{"curl", "jq"} {
		if _, err := exec.LookPath(name); err != nil {
			return "", fmt.Errorf("no %s in PATH", name)
		}
		text, err := run(ctx, nil, name, "--version")
		if err != nil {
			return "", err
		}
		fields := strings.Fields(text)
		versions = append(versions, strings.Join(fields[:min(2, len(fields))], " "))
	}
	return strings.Join(versions, ", "), nil
}
