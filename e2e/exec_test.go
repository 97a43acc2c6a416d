//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// shellImage is the action's image with busybox, as a user's own image that the
// program was copied into.
func shellImage(t *testing.T) string {
	t.Helper()
	image, _ := action(t)
	dir := t.TempDir()
	busybox, err := os.ReadFile(cmp.Or(os.Getenv("BUSYBOX"), "/bin/busybox"))
	if err != nil {
		t.Fatalf("%v (Debian: apt-get install busybox-static)", err)
	}
	for name, content := range map[string]string{
		"busybox":    string(busybox),
		"Dockerfile": "FROM " + image + "\nCOPY busybox /bin/busybox\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	id, err := docker(t.Context(), nil, "build", "--quiet", dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", "--no-prune", id).Run() })
	return id
}

// container runs a script under exec, as process 1 of a container.
type container struct {
	*exec.Cmd
	name   string
	output bytes.Buffer
}

func lend(image, url, script string) *container {
	c := &container{name: fmt.Sprintf("jenkins-token-e2e-%d", time.Now().UnixNano())}
	c.Cmd = exec.Command("docker", "run", "--name", c.name, "--rm",
		"-e", "JENKINS_URL="+url, "-e", "JENKINS_USERNAME="+user, "-e", "JENKINS_PASSWORD", "-e", "JENKINS_TOKEN_ALLOW_HTTP=true",
		image, "exec", "--", "sh", "-c", script)
	c.Env = append(os.Environ(), "JENKINS_PASSWORD="+password)
	c.Stdout, c.Stderr = &c.output, &c.output
	return c
}

func TestExecAsProcessOne(t *testing.T) {
	image := shellImage(t)
	for name, row := range map[string]struct {
		script, want string
		code         int
	}{
		"the command's exit code": {"echo hello; exit 7", "hello\n", 7},
		"a signal to the command": {"kill -KILL $$", "", 137},
		"orphans are reaped": {
			`for i in 1 2 3 4 5 6 7 8 9; do sh -c 'sh -c "exit 3" &'; done
			while grep -q '^State:.Z' /proc/[0-9]*/status 2>/dev/null; do :; done
			echo none left; exit 5`, "none left\n", 5,
		},
		"what is left running delays nothing": {"sleep 3600 & echo left", "left\n", 0},
		"the credential is not to be read":    {"cat /proc/1/environ 2>/dev/null && echo readable || echo refused", "refused\n", 0},
		"the token is hidden":                 {`echo "$JENKINS_USER_ID:$JENKINS_API_TOKEN"`, user + ":***\n", 0},
	} {
		t.Run(name, func(t *testing.T) {
			j, url := controller(t)
			c := lend(image, url, row.script)
			err := c.Run()
			if _, failed := err.(*exec.ExitError); err != nil && !failed {
				t.Fatal(err)
			}
			if got := c.ProcessState.ExitCode(); got != row.code || !strings.Contains(c.output.String(), row.want) {
				t.Errorf("got exit code %d, want %d and %q in:\n%s", got, row.code, row.want, c.output.String())
			}
			if got := len(j.Tokens(user)); got != 0 {
				t.Errorf("got %d tokens at the end, want none", got)
			}
			if token.MatchString(c.output.String()) {
				t.Errorf("the token was printed:\n%s", c.output.String())
			}
		})
	}
}

func TestExecInAContainerThatIsStopped(t *testing.T) {
	image := shellImage(t)
	for name, row := range map[string]struct {
		script string
		code   int
	}{
		"a command that ends by itself":     {`trap 'echo ending; exit 0' TERM; echo ready; while :; do sleep 1; done`, 0},
		"a command that the signal ends":    {`echo ready; exec sleep 3600`, 143},
		"a command with a child of its own": {`echo ready; sleep 3600; echo after`, 143},
	} {
		t.Run(name, func(t *testing.T) {
			j, url := controller(t)
			c := lend(image, url, row.script)
			c.Stdout = nil
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			ready := make([]byte, len("ready\n"))
			if _, err := out.Read(ready); err != nil || string(ready) != "ready\n" {
				t.Fatalf("got %q, %v, want ready\n%s", ready, err, c.output.String())
			}
			if _, err := docker(t.Context(), nil, "stop", "--time", "60", c.name); err != nil {
				t.Error(err)
			}
			_ = c.Wait()
			if got := c.ProcessState.ExitCode(); got != row.code {
				t.Errorf("got exit code %d, want %d\n%s", got, row.code, c.output.String())
			}
			if got := len(j.Tokens(user)); got != 0 {
				t.Errorf("got %d tokens after docker stop, want none\n%s", got, c.output.String())
			}
		})
	}
}
