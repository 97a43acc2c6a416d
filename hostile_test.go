package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// TestHostileLog: what a server sends on an idle connection reaches net/http's
// log, which is this process' standard error. A runner finds ##[command]
// anywhere in a line of it.
func TestHostileLog(t *testing.T) {
	t.Parallel()
	const command = `##[add-mask]e ##[save-state name=LEASE]x ::stop-commands::x`
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var requests atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for request := make([]byte, 8192); ; {
					if _, err := conn.Read(request); err != nil {
						return
					}
					requests.Add(1)
					// The answer is whole; what follows is read while the connection idles.
					_, _ = io.WriteString(conn, "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"+command)
				}
			}()
		}
	}()
	dir := t.TempDir()
	for _, name := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program, err := exec.LookPath("create")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program)
	cmd.Args[0] = "create"
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=1",
		"GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STATE=" + filepath.Join(dir, "state"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
		"INPUT_URL=http://" + l.Addr().String(), "INPUT_USERNAME=alice", "INPUT_API-TOKEN=" + "11" + strings.Repeat("ab", 16), "INPUT_TIMEOUT=2s",
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("got %v, want exit 1", err)
	}
	if requests.Load() < 2 {
		t.Errorf("got %d requests, want the connection to be used again", requests.Load())
	}
	state, _ := os.ReadFile(filepath.Join(dir, "state"))
	if text := stdout.String() + stderr.String() + string(state); strings.Contains(text, "##[") || strings.Contains(text, "stop-commands") {
		t.Errorf("text of the server is shown: %q", stderr.String())
	}
	if !strings.Contains(stdout.String(), "503") {
		t.Errorf("got %q, want the error", stdout.String())
	}
}
