package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const (
	checksumFile = "checksums.txt"
	licensesFile = "licenses.md"
	source       = "https://github.com/jenkins-token/jenkins-token"
)

// target is a platform, by Go's names.
type target struct{ os, arch string }

func (t target) String() string { return t.os + "-" + t.arch }

// file is the name of a program for the target in a release.
func (t target) file(program string) string {
	name := program + "-" + t.String()
	if t.os == "windows" {
		name += ".exe"
	}
	return name
}

// targets are the platforms of a release; its images are for those of Linux.
var targets = []target{
	{"linux", "amd64"}, {"linux", "arm64"},
	{"darwin", "amd64"}, {"darwin", "arm64"},
	{"windows", "amd64"}, {"windows", "arm64"},
}

// build writes the program for each target, the emulator for those of Linux, and their
// licences to out. The same sources, version and Go release give the same bytes.
func build(ctx context.Context, repository string, v version, out string, targets []target) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, t := range targets {
		if err := compile(ctx, repository, v, t, ".", filepath.Join(out, t.file(action.program))); err != nil {
			return err
		}
		if t.os == "linux" {
			if err := compile(ctx, repository, v, t, "./cmd/"+emulated.program, filepath.Join(out, t.file(emulated.program))); err != nil {
				return err
			}
		}
	}
	licenses, err := os.Create(filepath.Join(out, licensesFile))
	if err != nil {
		return err
	}
	if err := errors.Join(script(ctx, repository, licenses, "tools/licenses.sh"), licenses.Close()); err != nil {
		return err
	}
	return checksums(out)
}

// script runs a script of the repository there.
func script(ctx context.Context, repository string, stdout io.Writer, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, "sh", append([]string{name}, args...)...)
	cmd.Dir = repository
	// With flags of the environment go list might see other modules than compile.
	cmd.Env = append(os.Environ(), "GOFLAGS=", "GOEXPERIMENT=")
	var failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &failed
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, failed.String())
	}
	return nil
}

func compile(ctx context.Context, repository string, v version, t target, pkg, file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	// The flags are those of the Dockerfile, so that both give the same bytes.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.release="+v.release(), "-o", file, pkg)
	cmd.Dir = repository
	// Whatever the environment says about flags and processors must not count.
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0", "GOOS="+t.os, "GOARCH="+t.arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build for %s: %w\n%s", t, err, out)
	}
	return nil
}

// checksums writes SHA-256 sums of all files in dir, in the form of sha256sum.
func checksums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, entry := range entries {
		if entry.Name() == checksumFile || !entry.Type().IsRegular() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	if text.Len() == 0 {
		return errors.New("there is nothing to sum up")
	}
	return os.WriteFile(filepath.Join(dir, checksumFile), []byte(text.String()), fs.FileMode(0o644))
}
