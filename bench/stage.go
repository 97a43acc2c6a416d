package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// The account that every peer logs in as, and the version that the emulator
// plays: one that lists tokens on the page that is asked for first.
const (
	username = "alice"
	password = "correct horse battery staple"
	version  = "2.548"
)

// stage is an emulated controller with TLS, and what a peer has to know of it.
type stage struct {
	*jenkinstest.Server
	host     host
	target   string // host:port of the emulator itself
	apiToken string // of the account
	bundle   string // file of the system's roots and the emulator's
	ca       string // file of the emulator's root alone
}

// host lets jenkinstest, made for tests, run in a program.
type host struct {
	cleanups []func()
	err      error
}

func (h *host) Helper()          {}
func (h *host) Cleanup(f func()) { h.cleanups = append(h.cleanups, f) }
func (h *host) Errorf(format string, args ...any) {
	h.err = fmt.Errorf(format, args...)
}
func (h *host) Fatalf(format string, args ...any) { h.Errorf(format, args...) }

// newStage starts the emulator and writes its files to dir.
func newStage(dir string) (*stage, error) {
	s := &stage{bundle: filepath.Join(dir, "roots.pem"), ca: filepath.Join(dir, "ca.pem")}
	s.Server = jenkinstest.StartTLS(&s.host, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version))
	if s.host.err != nil {
		return nil, s.host.err
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		return nil, err
	}
	s.target = u.Host
	s.apiToken = s.AddToken(username, "the account's own").Value
	roots, err := systemRoots()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(s.bundle, append(roots, s.CA...), 0o644); err != nil {
		return nil, err
	}
	return s, os.WriteFile(s.ca, s.CA, 0o644)
}

func (s *stage) close() {
	for _, f := range s.host.cleanups {
		f()
	}
}

// systemRoots are the roots of this machine as one file, where distributions
// keep them.
func systemRoots() ([]byte, error) {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if content, err := os.ReadFile(path); err == nil {
			return content, nil
		}
	}
	return nil, fmt.Errorf("no file of certificate roots is where distributions keep it")
}

// credential is how a peer logs in.
type credential string

const (
	byPassword credential = "password"
	byToken    credential = "API token"
)

// env is what a peer is told, in the product's own variables: the controller
// behind the proxy, the login, where the token goes, and the roots.
func (s *stage) env(p *proxy, as credential, lease string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LANG=C.UTF-8",
		"JENKINS_URL=https://127.0.0.1:" + p.port(), "JENKINS_USERNAME=" + username, "LEASE=" + lease,
		// Go, OpenSSL, curl, requests and Node, in this order; all but Node, which
		// brings its own roots, read the same file.
		"SSL_CERT_FILE=" + s.bundle, "SSL_CERT_DIR=/nonexistent",
		"CURL_CA_BUNDLE=" + s.bundle, "REQUESTS_CA_BUNDLE=" + s.bundle, "NODE_EXTRA_CA_CERTS=" + s.ca,
	}
	if as == byPassword {
		return append(env, "JENKINS_PASSWORD="+password)
	}
	return append(env, "JENKINS_API_TOKEN="+s.apiToken)
}

// traffic is what one run has sent.
type traffic struct {
	Requests    int   `json:"requests"`
	Connections int64 `json:"connections"`
	Bytes       int64 `json:"bytes"`
}

// count runs f and returns what went over the line meanwhile.
func (s *stage) count(p *proxy, f func() error) (traffic, error) {
	s.Forget()
	connections, bytes := p.connections.Load(), p.bytes.Load()
	err := f()
	p.settle()
	return traffic{len(s.Requests()), p.connections.Load() - connections, p.bytes.Load() - bytes}, err
}

// settle waits until what is under way has been counted.
func (p *proxy) settle() {
	for range 1000 {
		p.mu.Lock()
		idle := len(p.open) == 0
		p.mu.Unlock()
		if idle {
			return
		}
		time.Sleep(time.Millisecond)
	}
}
