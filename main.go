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
	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/process"
)

func main() {
	p := newProgram()
	settleRoots(p)
	// Reading the roots is most of the program's own work: it is done while the
	// network waits.
	go func() { _, _ = x509.SystemCertPool() }()
	os.Exit(run(p))
}

// settleRoots says whom to trust before crypto/x509 first reads its roots: an
// earlier step of the job can set these variables for the post step, and so
// choose; the input ca-certificate is the way.
func settleRoots(p *command.Program) {
	if command.IsAction(p.Args[0]) && ci.OnRunner(os.LookupEnv) {
		_ = os.Unsetenv("SSL_CERT_FILE")
		_ = os.Unsetenv("SSL_CERT_DIR")
	}
}

// run runs the program until it ends or a second signal comes, which leaves at
// once: the record stays.
func run(p *command.Program) int {
	// Before anything reads a secret, and for all commands: what they start, or a
	// process that an earlier step left behind, could read it here.
	p.NotHidden = process.MakeUndumpable()
	// net/http writes what a server sends unasked to the standard logger, and a
	// runner obeys commands anywhere in standard error.
	log.SetOutput(io.Discard)
	ctx, signals := command.Interruptible(context.Background(), os.Exit)
	p.Signals = signals
	return p.Run(ctx)
}

// newProgram hands the program this process' surroundings. Nothing below main
// reaches for them by itself.
func newProgram() *command.Program {
	hostname, _ := os.Hostname()
	return &command.Program{
		Args:            os.Args,
		Lookup:          os.LookupEnv,
		Environ:         os.Environ,
		Stdin:           os.Stdin,
		Stdout:          os.Stdout,
		Stderr:          os.Stderr,
		StdoutTTY:       terminal(os.Stdout),
		StderrTTY:       terminal(os.Stderr),
		StdoutDiscarded: nowhere(os.Stdout),
		StdoutIsStderr:  same(os.Stdout, os.Stderr),
		ReadFile:        readFile,
		ReadGiven:       readGiven,
		Exists:          exists,
		Executable:      os.Executable,
		LookPath:        exec.LookPath,
		IsPID1:          os.Getpid() == 1,
		Tool:            tool,
		Hostname:        hostname,
		Now:             time.Now,
		Pause:           pause,
		Random:          rand.Reader,
		Version:         version(),
	}
}

func terminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&(os.ModeDevice|os.ModeCharDevice) == os.ModeDevice|os.ModeCharDevice
}

// nowhere reports whether f is the null device, which also stands in for a
// standard output that was closed.
func nowhere(f *os.File) bool {
	info, err := f.Stat()
	if err != nil {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && os.SameFile(info, null)
}

// same reports whether two streams are one file, pipe or device.
func same(a, b *os.File) bool {
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

// tool runs a program of the CI's, for ten seconds at most.
func tool(name string, args, env []string, stdin []byte) error {
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
