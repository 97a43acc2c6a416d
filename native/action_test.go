package native_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
)

// TestInputsAndOutputs: native/action.yml has the inputs and outputs of action.yml, and
// the input program. With -update it is written anew.
func TestInputsAndOutputs(t *testing.T) {
	t.Parallel()
	docker, native := read(t, "../action.yml"), read(t, "action.yml")
	inputs, outputs, runs := strings.Index(docker, "inputs:"), strings.Index(docker, "outputs:"), strings.Index(docker, "runs:")
	begin, program, end := strings.Index(native, "inputs:"), strings.Index(native, "  program:\n"), strings.Index(native, "outputs:")
	want := native[:begin] + strings.TrimRight(docker[inputs:outputs], "\n") + "\n" + native[program:end] + docker[outputs:runs] + native[strings.Index(native, "runs:"):]
	if *update {
		if err := os.WriteFile("action.yml", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if native != want {
		t.Errorf("native/action.yml has other inputs or outputs than action.yml: go test ./native -update writes it")
	}
	if setup := read(t, "../setup/action.yml"); !strings.Contains(setup, native[program:end]) {
		t.Error("setup/action.yml describes the input program in another way")
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestProxies: the download goes through the proxy of the environment, as curl's would.
func TestProxies(t *testing.T) {
	t.Parallel()
	node := find(t, "node")
	program := []byte("#!/bin/sh\necho started\n")
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(program) }))
	t.Cleanup(server.Close)
	var tunnels atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		login := "Basic " + base64.StdEncoding.EncodeToString([]byte("web:p w"))
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != login {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		tunnels.Add(1)
		tunnel(w, r.Host)
	}))
	t.Cleanup(proxy.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(proxy.URL, "http://")
	for _, row := range []struct {
		name    string
		env     []string
		tunnels int64
		want    string
	}{
		{"without a proxy", nil, 0, "started\n"},
		{"with a login", []string{"HTTPS_PROXY=http://web:p%20w@" + host}, 1, "started\n"},
		{"in lowercase, without a scheme", []string{"https_proxy=web:p%20w@" + host}, 1, "started\n"},
		{"the host needs none", []string{"HTTPS_PROXY=http://" + host, "NO_PROXY=example.com, 127.0.0.1"}, 0, "started\n"},
		{"no host needs one", []string{"HTTPS_PROXY=http://" + host, "no_proxy=*"}, 0, "started\n"},
		{"another host needs none", []string{"HTTPS_PROXY=http://" + host, "NO_PROXY=example.com,1.0.0.127"}, 0, "the proxy answered 407"},
		{"an address that is not one", []string{"HTTPS_PROXY=http://web:secret@:x"}, 0, "Invalid URL"},
		{"one that is away", []string{"HTTPS_PROXY=http://127.0.0.1:1"}, 0, "ECONNREFUSED"},
	} {
		j := &job{node: node, dir: t.TempDir()}
		if err := j.install(); err != nil {
			t.Fatal(err)
		}
		tell(t, j.dir, server.URL, program)
		tunnels.Store(0)
		cmd := exec.Command(node, filepath.Join(j.dir, "native/main.js"))
		cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + j.dir + "/temp", "NODE_EXTRA_CA_CERTS=" + ca}, row.env...)
		out, err := cmd.CombinedOutput()
		started := row.want == "started\n"
		if got := string(out); started != (err == nil) || !strings.Contains(got, row.want) || strings.Contains(got, "secret") {
			t.Errorf("%s: got %q and %v, want %q", row.name, got, err, row.want)
		}
		if got := tunnels.Load(); got != row.tunnels {
			t.Errorf("%s: got %d tunnels, want %d", row.name, got, row.tunnels)
		}
	}
}

// tell writes a release into the actions of a directory.
func tell(t *testing.T, dir, url string, program []byte) {
	t.Helper()
	content, err := json.Marshal(map[string]any{
		"version": "v1.2.3", "url": url, "sha256": map[string]string{runtime.GOOS + "-" + runtime.GOARCH: fmt.Sprintf("%x", sha256.Sum256(program))},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "native/release.json"), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

// tunnel connects the client of a proxy with a host.
func tunnel(w http.ResponseWriter, host string) {
	to, err := net.Dial("tcp", host)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = to.Close()
		return
	}
	_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() { _, _ = io.Copy(to, from); _ = to.Close() }()
	_, _ = io.Copy(from, to)
	_ = from.Close()
}

// TestSignals: a signal to the action reaches the program once, also when the whole
// group gets it, and the exit code is the program's.
func TestSignals(t *testing.T) {
	t.Parallel()
	node := find(t, "node")
	for name, group := range map[string]bool{"the process": false, "the group": true} {
		j := &job{node: node, dir: t.TempDir()}
		if err := j.install(); err != nil {
			t.Fatal(err)
		}
		program := []byte("#!/bin/bash\ntrap 'echo signal; n=$((n+1))' TERM\necho ready\nuntil [ \"$n\" ]; do sleep 0.05; done\nexit $((40+n))\n")
		if err := os.WriteFile(filepath.Join(j.dir, "program"), program, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(node, filepath.Join(j.dir, "native/main.js"))
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "RUNNER_TEMP=" + j.dir + "/temp", "INPUT_PROGRAM=" + j.dir + "/program"}
		out := signalWhenReady(t, cmd, group)
		if want := "ready\nsignal\n"; out != want || cmd.ProcessState.ExitCode() != 41 {
			t.Errorf("%s: got %q and %d, want %q and 41", name, out, cmd.ProcessState.ExitCode(), want)
		}
		left, err := os.ReadDir(filepath.Join(j.dir, "temp"))
		if err != nil || len(left) > 0 {
			t.Errorf("%s: got %v and %v in the runner's directory, want nothing", name, left, err)
		}
	}
}
