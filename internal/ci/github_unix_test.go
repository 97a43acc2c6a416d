//go:build unix

package ci_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/file"
)

// A named pipe in the place of a file of the runner holds nothing up.
func TestRunnersFilesThatAreNoFiles(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	device := filepath.Join(t.TempDir(), "device")
	if err := os.Symlink("/dev/zero", device); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, device} {
		env := texts{"GITHUB_STATE": path, "GITHUB_OUTPUT": path, "GITHUB_STEP_SUMMARY": path}
		var s stage
		g := s.system(t, "github", env).Runner
		for name, err := range map[string]error{
			"open": g.Open(), "state": g.SaveState([]byte("x")), "output": g.Output("a", "b"), "summary": g.Summary("x"),
		} {
			if !errors.Is(err, file.ErrIrregular) {
				t.Errorf("%s, %s: got %v, want %v", path, name, err, file.ErrIrregular)
			}
		}
	}
}
