//go:build unix

package native_test

import (
	"bufio"
	"io"
	"os/exec"
	"syscall"
	"testing"
)

// signalWhenReady starts a command, sends SIGTERM to it or to its group after its first
// line, and returns what it printed.
func signalWhenReady(t *testing.T, cmd *exec.Cmd, group bool) string {
	t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(pipe)
	first, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	if group {
		pid = -pid
	}
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the test looks at the exit code
	return first + string(rest)
}
