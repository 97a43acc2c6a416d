package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/page"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func needsShell(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("the scripts and their paths are those of a Unix shell")
	}
}

// TestShellParses: shell blocks of the documents and scripts of the examples parse.
// internal/command checks the command lines of jenkins-token in them.
func TestShellParses(t *testing.T) {
	needsShell(t)
	t.Parallel()
	texts := map[string]string{}
	for path, text := range documents(t) {
		for _, block := range page.Blocks(text) {
			if block.Language == "sh" || block.Language == "bash" {
				texts[fmt.Sprintf("%s:%d", path, block.Line)] = block.Text
			}
		}
	}
	scripts, err := filepath.Glob("../examples/*/*.sh")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range scripts {
		texts[path] = read(t, path)
	}
	for name, text := range texts {
		parse := exec.Command("sh", "-n")
		parse.Stdin = strings.NewReader(text)
		if out, err := parse.CombinedOutput(); err != nil {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
}

// TestShellRuns runs the blocks after a comment <!-- run -->, in an empty directory
// and with the settings of an emulated controller. It fails if a token is left.
func TestShellRuns(t *testing.T) {
	needsShell(t)
	t.Parallel()
	program := sync.OnceValue(func() string {
		dir := t.TempDir()
		if out, err := exec.Command("go", "build", "-o", dir, "..").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return dir
	})
	n := 0
	for path, text := range documents(t) {
		for _, block := range page.Blocks(text) {
			if block.Comment != "run" {
				continue
			}
			n++
			jenkins := jenkinstest.Start(t, jenkinstest.WithUser("alice", "correct horse"))
			run := exec.Command("sh", "-e")
			run.Stdin = strings.NewReader(block.Text)
			run.Dir = t.TempDir()
			run.Env = []string{
				"PATH=" + program() + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + run.Dir,
				"JENKINS_URL=" + jenkins.URL, "JENKINS_USERNAME=alice", "JENKINS_PASSWORD=correct horse",
			}
			if out, err := run.CombinedOutput(); err != nil {
				t.Errorf("%s:%d: %v: %s", path, block.Line, err, out)
			}
			if left := jenkins.Tokens("alice"); len(left) > 0 {
				t.Errorf("%s:%d: got %d tokens left, want none", path, block.Line, len(left))
			}
		}
	}
	if n == 0 {
		t.Error("got no block to run")
	}
}
