package command_test

import (
	"bytes"
	"cmp"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestTheGatewayOfApache puts Apache with examples/gateway/apache.conf in the place
// of the gateway. It needs the packages apache2 and libapache2-mod-auth-openidc,
// which no other test does: without them it is skipped. APACHE is the program,
// when it is not where Debian has it.
func TestTheGatewayOfApache(t *testing.T) {
	t.Parallel()
	apache := cmp.Or(os.Getenv("APACHE"), "/usr/sbin/apache2")
	modules := filepath.Join(filepath.Dir(apache), "../lib/apache2/modules")
	if _, err := os.Stat(filepath.Join(modules, "mod_auth_openidc.so")); err != nil {
		t.Skipf("no Apache with mod_auth_openidc: %v", err)
	}
	job := func(change func(*claims)) claims {
		c := ours
		change(&c)
		return c
	}
	for _, row := range []struct {
		name     string
		job      claims
		audience string
		code     int
	}{
		{name: "ours", job: ours},
		{name: "another audience", job: ours, audience: "https://other.example", code: 1},
		{name: "a stranger's repository", job: job(func(c *claims) { c.Repository, c.RepositoryID = "mallory/web", "1" }), code: 1},
		{name: "a repository that took the name", job: job(func(c *claims) { c.RepositoryID = "1" }), code: 1},
		{name: "another branch", job: job(func(c *claims) { c.Ref = "refs/heads/feature" }), code: 1},
		{name: "no environment", job: job(func(c *claims) { c.Environment = "" }), code: 1},
		{name: "an old token", job: job(func(c *claims) { c.age = time.Hour }), code: 1},
		{name: "a token of another key", job: job(func(c *claims) { c.forged = true }), code: 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newOIDCWorld(t, row.job)
			w.start = time.Now() // Apache's clock is the machine's
			w.env["INPUT_URL"] = startApache(t, apache, modules, w)
			if row.audience != "" {
				w.env["INPUT_OIDC-AUDIENCE"] = row.audience
			}
			out, code := w.run("create")
			if code != row.code {
				t.Fatalf("create: got exit code %d, want %d\n%s", code, row.code, out)
			}
			if code != 0 {
				if got := len(w.jenkins.Requests()); got != 0 {
					t.Errorf("got %d requests that reached the controller, want none", got)
				}
				return
			}
			for _, r := range w.jenkins.Requests() {
				for name, values := range r.Header {
					if text := strings.Join(values, " "); strings.Contains(text, w.issuer.tokens()[0]) {
						t.Errorf("the ID token reached the controller in %s", name)
					}
				}
			}
			if got := w.pair("GITHUB_OUTPUT", "username"); got != bot {
				t.Errorf("got username %q, want %q", got, bot)
			}
			if out, code := w.run("revoke"); code != 0 || !strings.Contains(out, " is revoked") {
				t.Errorf("revoke: got exit code %d\n%s", code, out)
			}
			if got := len(w.jenkins.Tokens(bot)); got != 0 {
				t.Errorf("got %d tokens after the post step, want none", got)
			}
			if got := answerTo(t, w.env["INPUT_URL"]); got != 403 {
				t.Errorf("got %d for a visitor who names a user, want 403", got)
			}
			w.shown()
		})
	}
}

// openDir is a directory that the user whom Apache serves as can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "jenkins-token-apache-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// startApache starts Apache with the example for the controller and the issuer of
// the world, and returns its address.
func startApache(t *testing.T, apache, modules string, w *oidcWorld) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/gateway/apache.conf")
	if err != nil {
		t.Fatal(err)
	}
	// The module fetches keys over TLS alone.
	keys := httptest.NewUnstartedServer(w.issuer.Config.Handler)
	keys.Config.ErrorLog = log.New(io.Discard, "", 0)
	keys.StartTLS()
	t.Cleanup(keys.Close)
	dir := openDir(t)
	authority := filepath.Join(dir, "authority.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: keys.Certificate().Raw}), 0o644); err != nil {
		t.Fatal(err)
	}
	const github = "https://token.actions.githubusercontent.com"
	example := strings.NewReplacer(
		github+"/.well-known/jwks", keys.URL+"/.well-known/jwks", github, w.issuer.URL, "http://127.0.0.1:8080", w.jenkins.URL,
	).Replace(string(text))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var config strings.Builder
	fmt.Fprintf(&config, "ServerRoot %s\nPidFile %[1]s/pid\nMutex fcntl:%[1]s\nDefaultRuntimeDir %[1]s\nErrorLog %[1]s/log\nLogLevel warn\nListen %s\nServerName localhost\n", dir, address)
	if os.Getuid() == 0 {
		config.WriteString("User nobody\nGroup nogroup\n") // Apache refuses to serve as root
	}
	for _, module := range []string{"mpm_event", "authn_core", "authz_core", "authz_user", "headers", "proxy", "proxy_http", "auth_openidc"} {
		fmt.Fprintf(&config, "LoadModule %s_module %s/mod_%[1]s.so\n", module, modules)
	}
	fmt.Fprintf(&config, "OIDCCABundlePath %s\n%s", authority, example)
	path := filepath.Join(dir, "apache.conf")
	if err := os.WriteFile(path, []byte(config.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.Command(apache, "-f", path, "-DFOREGROUND")
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		<-ended
		if text, err := os.ReadFile(filepath.Join(dir, "log")); err == nil && t.Failed() {
			t.Logf("apache: %s%s", out.String(), text)
		}
	})
	// Another process: there is nothing to wait for but its port.
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			return "http://" + address
		}
		select {
		case <-ended:
			t.Fatalf("apache: %s", out.String())
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		case <-tick.C:
		}
	}
}
