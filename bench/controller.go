package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	username = "alice"
	password = "correct horse battery staple"
	version  = "2.548" // lists tokens on the page that jenkins-token requests first
)

// credential is how a program logs in.
type credential string

const (
	byPassword credential = "password"
	byToken    credential = "API token"
)

// controller is an emulated controller with TLS.
type controller struct {
	*jenkinstest.Server
	host     host
	address  string
	apiToken string // of the account
	bundle   string // file of the system's certificates and the emulator's
	ca       string // file of the emulator's certificate
}

// host lets a program use the functions of jenkinstest that are for tests.
type host struct {
	cleanups []func()
	err      error
}

func (h *host) Helper()                           {}
func (h *host) Cleanup(f func())                  { h.cleanups = append(h.cleanups, f) }
func (h *host) Errorf(format string, args ...any) { h.err = fmt.Errorf(format, args...) }
func (h *host) Fatalf(format string, args ...any) { h.Errorf(format, args...) }

func (h *host) close() {
	for _, f := range h.cleanups {
		f()
	}
}

// startController starts the emulator and writes its certificates to dir.
func startController(dir string) (*controller, error) {
	c := &controller{bundle: filepath.Join(dir, "roots.pem"), ca: filepath.Join(dir, "ca.pem")}
	c.Server = jenkinstest.StartTLS(&c.host, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version))
	if c.host.err != nil {
		return nil, c.host.err
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, err
	}
	c.address = u.Host
	c.apiToken = c.AddToken(username, "the account's own").Value
	roots, err := systemRoots()
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(c.bundle, append(roots, c.CA...), 0o644); err != nil {
		return nil, err
	}
	return c, os.WriteFile(c.ca, c.CA, 0o644)
}

// env is the environment of a program: the controller behind the line, the credential,
// the file for the token, and the certificates.
func (c *controller) env(l *line, as credential, lease string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LANG=C.UTF-8",
		"JENKINS_URL=https://" + l.address(), "JENKINS_USERNAME=" + username, "LEASE=" + lease,
		// Go, curl, requests and Node, in this order. Node adds the file to its own.
		"SSL_CERT_FILE=" + c.bundle, "SSL_CERT_DIR=/nonexistent",
		"CURL_CA_BUNDLE=" + c.bundle, "REQUESTS_CA_BUNDLE=" + c.bundle, "NODE_EXTRA_CA_CERTS=" + c.ca,
	}
	if as == byPassword {
		return append(env, "JENKINS_PASSWORD="+password)
	}
	return append(env, "JENKINS_API_TOKEN="+c.apiToken)
}

// systemRoots are the certificates of this machine.
func systemRoots() ([]byte, error) {
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem", "/etc/pki/tls/certs/ca-bundle.crt"} {
		if content, err := os.ReadFile(path); err == nil {
			return content, nil
		}
	}
	return nil, fmt.Errorf("no file of certificate authorities is where distributions keep it")
}
