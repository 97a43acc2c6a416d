package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// none is an empty environment.
func none(string) (string, bool) { return "", false }

func TestRunServes(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	out, in := io.Pipe()
	var stderr buffer
	status := make(chan int, 1)
	go func() {
		status <- run(ctx, []string{"--addr", "127.0.0.1:0", "--user", "alice:a:b", "--admin", "alice", "--user", "bob:x",
			"--context-path", "/jenkins", "--version", "2.548", "--fault", "any:status=418", "--seed", "1", "--job", "demo"}, none, in, &stderr)
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	root, users, _ := strings.Cut(strings.TrimSpace(line), " users: ")
	if users != "alice, bob" || !strings.HasSuffix(root, "/jenkins") {
		t.Errorf("it prints %q", line)
	}
	for _, want := range []int{418, 200} {
		req, _ := http.NewRequest("GET", root+"/whoAmI/api/json", nil)
		req.SetBasicAuth("alice", "a:b")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
	cancel()
	if got := <-status; got != 0 {
		t.Errorf("exit status %d, want 0", got)
	}
	if want := "GET /jenkins/whoAmI/api/json user=\"alice\" via=password status=200\n"; !strings.Contains(stderr.String(), want) {
		t.Errorf("the log %q lacks %q", stderr.String(), want)
	}
}

func TestRunRefusesArguments(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown flag":         {[]string{"--nope"}, "-nope"},
		"positional argument":  {[]string{"x"}, "unexpected argument"},
		"user without a colon": {[]string{"--user", "alice"}, "NAME:PASSWORD"},
		"admin without user":   {[]string{"--admin", "alice"}, "without WithUser"},
		"wrong seed":           {[]string{"--seed", "x"}, "not a number"},
		"wrong fault":          {[]string{"--fault", "any:explode"}, "explode"},
		"wrong version":        {[]string{"--version", "new"}, "version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var stderr bytes.Buffer
			if got := run(t.Context(), test.args, none, io.Discard, &stderr); got != 2 || !strings.Contains(stderr.String(), test.want) {
				t.Errorf("exit status %d with %q, want 2 with %q", got, stderr.String(), test.want)
			}
		})
	}
}

func TestRunCannotListen(t *testing.T) {
	t.Parallel()
	if got := run(t.Context(), []string{"--addr", "127.0.0.1:99999"}, none, io.Discard, io.Discard); got != 1 {
		t.Errorf("exit status %d, want 1", got)
	}
}

func TestRunAsAServiceContainer(t *testing.T) {
	t.Parallel()
	environment := map[string]string{
		"JENKINS_EMULATOR_ADDR": "127.0.0.1:0", "JENKINS_EMULATOR_CONTEXT_PATH": "/jenkins",
		"JENKINS_EMULATOR_USER": "alice:a b\nbob:x\n", "JENKINS_EMULATOR_VERSION": "2.60", "JENKINS_EMULATOR_JOB": "",
	}
	lookup := func(name string) (string, bool) { value, ok := environment[name]; return value, ok }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out, in := io.Pipe()
	status := make(chan int, 1)
	go func() { status <- run(ctx, []string{"--version", "2.548"}, lookup, in, io.Discard) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	root, users, _ := strings.Cut(strings.TrimSpace(line), " users: ")
	if users != "alice, bob" {
		t.Errorf("got users %q, want alice, bob", users)
	}
	req, _ := http.NewRequest("GET", root+"/whoAmI/api/json", nil)
	req.SetBasicAuth("alice", "a b")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if got := resp.Header.Get("X-Jenkins"); resp.StatusCode != 200 || got != "2.548" {
		t.Errorf("got status %d from version %q, want 200 from that of the flag", resp.StatusCode, got)
	}
	address := strings.TrimSuffix(strings.TrimPrefix(root, "http://"), "/jenkins")
	for name, test := range map[string]struct {
		path string
		want int
	}{"healthy": {"/jenkins", 0}, "not under this path": {"/other", 1}} {
		if got := run(t.Context(), []string{"--check", "--addr", address, "--context-path", test.path}, none, io.Discard, io.Discard); got != test.want {
			t.Errorf("%s: got exit status %d, want %d", name, got, test.want)
		}
	}
	cancel()
	<-status
	if got := run(t.Context(), []string{"--check", "--addr", address}, none, io.Discard, io.Discard); got != 1 {
		t.Errorf("after its end: got exit status %d, want 1", got)
	}
}

func TestRunRefusesTheEnvironment(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return "maybe", name == "JENKINS_EMULATOR_NO_CRUMBS" }
	var stderr bytes.Buffer
	if got := run(t.Context(), nil, lookup, io.Discard, &stderr); got != 2 || !strings.Contains(stderr.String(), "JENKINS_EMULATOR_NO_CRUMBS") {
		t.Errorf("exit status %d with %q, want 2 with the name of the variable", got, stderr.String())
	}
}
