// Command jenkins-token gives a CI job a short-lived, named Jenkins API token
// and revokes it. See README.md.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/process"
)

func main() {
	p := newProgram()
	trustSystemRoots(p)
	// Reading the roots is most of the program's own work: it is done while the
	// network waits.
	go func() { _, _ = x509.SystemCertPool() }()
	os.Exit(run(p))
}

// trustSystemRoots keeps the action from trusting other certificates than the system's,
// before crypto/x509 first reads its roots: an earlier step of the job can set these
// variables for the post step. The input ca-certificate is the way to add some.
func trustSystemRoots(p *command.Program) {
	if command.IsAction(p.Args[0]) && ci.OnRunner(p.Env.Lookup) {
		_ = os.Unsetenv("SSL_CERT_FILE")
		_ = os.Unsetenv("SSL_CERT_DIR")
	}
}

// run runs the program until it ends or a second signal comes, which ends it at once: the
// lease stays.
func run(p *command.Program) int {
	// Before anything reads a secret, and for all commands: what they start, or a
	// process that an earlier step left behind, could read it here.
	p.Process.NotHidden = process.MakeUndumpable()
	// net/http writes what a server sends unasked to the standard logger, and a
	// runner obeys commands anywhere in standard error.
	log.SetOutput(io.Discard)
	ctx, signals := cli.Interruptible(context.Background(), command.SignalGrace, os.Exit)
	p.Process.Signals = signals
	return p.Run(ctx)
}

// newProgram is the program in this process. Nothing below main uses the process, its
// environment or its streams by itself.
func newProgram() *command.Program {
	hostname, _ := os.Hostname()
	return &command.Program{
		Args:    os.Args,
		Version: version(),
		Env:     command.Env{Lookup: os.LookupEnv, Environ: os.Environ, Hostname: hostname},
		Streams: command.Streams{
			In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
			OutIsTerminal: isTerminal(os.Stdout), ErrIsTerminal: isTerminal(os.Stderr),
			OutDiscarded: isDiscarded(os.Stdout), OutIsErr: isSameFile(os.Stdout, os.Stderr),
		},
		Files:   command.Files{Read: readFile, ReadGiven: readGiven, Exists: exists, Executable: os.Executable, LookPath: exec.LookPath},
		Clock:   command.Clock{Now: time.Now, Pause: pause},
		Random:  rand.Reader,
		Process: command.Process{IsPID1: os.Getpid() == 1, Tool: runTool},
	}
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeDevice|os.ModeCharDevice) == os.ModeDevice|os.ModeCharDevice
}

// isDiscarded reports whether f is the null device, which also stands in for a
// standard output that was closed.
func isDiscarded(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// isSameFile reports whether two streams are one file, pipe or device.
func isSameFile(a, b *os.File) bool {
	one, err := a.Stat()
	if err != nil {
		return false
	}
	other, err := b.Stat()
	return err == nil && os.SameFile(one, other)
}

// fileLimit bounds what is read of a file, in bytes.
const fileLimit = 8 << 20

// readFile reads a file that another step can have written: the event of a workflow, a
// path in an input of the action.
func readFile(path string) ([]byte, error) { return file.Read(path, fileLimit) }

// readGiven reads what the user names: certificates, a secret.
func readGiven(ctx context.Context, path string) ([]byte, error) {
	return file.ReadGiven(ctx, path, fileLimit)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// runTool runs a program of the CI system, for ten seconds at most.
func runTool(name string, args, env []string, stdin []byte) error {
	path, err := exec.LookPath(name)
	if err != nil {
		return ci.ErrNoTool
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = env
	cmd.Stdin = bytes.NewReader(stdin)
	return cmd.Run()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// release is set by the linker in a release: v1.2.3+COMMIT.
var release = ""

// version is what the version command prints: version, commit and Go version.
func version() string {
	text, commit := "devel", "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			text = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				commit = s.Value
			}
		}
	}
	if release != "" {
		text, commit, _ = strings.Cut(release, "+")
	}
	return fmt.Sprintf("jenkins-token %s (commit %s, %s %s/%s)", text, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
