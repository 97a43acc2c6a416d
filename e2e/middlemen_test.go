//go:build e2e

package e2e

import (
	"bytes"
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// lab is a directory with what servers in front of Jenkins need, and the program.
type lab struct {
	t       *testing.T
	dir     string
	program string
	jenkins *jenkinstest.Server
	nested  *jenkinstest.Server   // below /jenkins
	all     []*jenkinstest.Server // where no token may be left
	ports   map[string]int
	passes  int
}

// newLab makes a lab for a package of Debian's. Without it the test is skipped, but not in
// CI, where .ci/run has installed it.
func newLab(t *testing.T, program string) (*lab, string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		path = "/usr/sbin/" + program
		_, err = os.Stat(path)
	}
	if err != nil && os.Getenv("CI") == "" {
		t.Skipf("%s is not installed", program)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Parallel()
	l := &lab{t: t, dir: t.TempDir(), program: hostProgram(t), ports: map[string]int{}}
	l.jenkins = jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	l.nested = jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithContextPath("/jenkins"))
	l.all = []*jenkinstest.Server{l.jenkins, l.nested}
	// Servers that were started by root drop its rights.
	if err := os.Chmod(filepath.Dir(l.dir), 0o755); err != nil {
		t.Fatal(err)
	}
	l.certificates()
	return l, path
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) write(name, text string, mode os.FileMode) {
	l.t.Helper()
	if err := os.WriteFile(l.path(name), []byte(text), mode); err != nil {
		l.t.Fatal(err)
	}
}

// certificates writes an authority, a certificate of the server and one of a client.
func (l *lab) certificates() {
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			l.t.Fatal(err)
		}
		template := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true,
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			DNSNames: []string{"ci.lab.test", "localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if ca == nil {
			template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
			ca, caKey = template, key
		}
		der, err := x509.CreateCertificate(rand.Reader, template, ca, key.Public(), caKey)
		if err != nil {
			l.t.Fatal(err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			l.t.Fatal(err)
		}
		certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
		l.write(name+".pem", string(certificate), 0o600)
		l.write(name+".key", string(private), 0o600)
		l.write(name+".both", string(certificate)+string(private), 0o600)
	}
}

// fill puts values into a configuration: {{dir}}, {{jenkins}}, {{nested}}, and a free
// port for each {{port NAME}}.
func (l *lab) fill(text string) string {
	l.t.Helper()
	text = strings.NewReplacer("{{dir}}", l.dir, "{{jenkins}}", strings.TrimPrefix(l.jenkins.URL, "http://"),
		"{{nested}}", strings.TrimSuffix(strings.TrimPrefix(l.nested.URL, "http://"), "/jenkins")).Replace(text)
	for {
		before, rest, found := strings.Cut(text, "{{port ")
		if !found {
			return text
		}
		name, after, _ := strings.Cut(rest, "}}")
		if l.ports[name] == 0 {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				l.t.Fatal(err)
			}
			l.ports[name] = listener.Addr().(*net.TCPAddr).Port
			if err := listener.Close(); err != nil {
				l.t.Fatal(err)
			}
		}
		text = before + strconv.Itoa(l.ports[name]) + after
	}
}

// secure starts a controller with TLS, whose authority the program trusts too.
func (l *lab) secure() *jenkinstest.Server {
	l.t.Helper()
	front := jenkinstest.StartTLS(l.t, jenkinstest.WithUser(user, password))
	l.all = append(l.all, front)
	ca, err := os.ReadFile(l.path("ca.pem"))
	if err != nil {
		l.t.Fatal(err)
	}
	l.write("ca.pem", string(ca)+string(front.CA), 0o600)
	return front
}

// start runs a server until the test ends, and waits until all its ports are open. What
// it writes to its output is its access log, if it has none of its own.
func (l *lab) start(program string, args ...string) {
	l.t.Helper()
	var said bytes.Buffer
	cmd := exec.Command(program, args...)
	log, err := os.OpenFile(l.path("access.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		l.t.Fatal(err)
	}
	cmd.Dir, cmd.Stdout, cmd.Stderr = l.dir, log, &said
	// Squid writes as a user of its own.
	if err := errors.Join(log.Chmod(0o666), cmd.Start(), log.Close()); err != nil {
		l.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	l.t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
	})
	deadline := time.Now().Add(30 * time.Second)
	for name, port := range l.ports {
		if strings.HasPrefix(name, "no ") {
			continue
		}
		for {
			conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
			if err == nil {
				_ = conn.Close()
				break
			}
			select {
			case <-ended:
				l.t.Fatalf("%s ended:\n%s", program, said.String())
			default:
			}
			if time.Now().After(deadline) {
				l.t.Fatalf("%s does not listen at %q", program, name)
			}
		}
	}
}

// call runs the program with the settings of the lab and more.
func (l *lab) call(t *testing.T, env []string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.Command(l.program, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "JENKINS_USERNAME=" + user, "JENKINS_TOKEN_TIMEOUT=20s", "JENKINS_TOKEN_CA_CERTIFICATE=" + l.path("ca.pem")}, env...)
	out, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), failed.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}

// logged counts the lines of the access log for a port that have a word.
func (l *lab) logged(t *testing.T, port, word string) int {
	t.Helper()
	text, err := os.ReadFile(l.path("access.log"))
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && fields[0] == fmt.Sprintf(":%d", l.ports[port]) && slices.Contains(fields[1:], word) {
			count++
		}
	}
	return count
}

// passage is a way through a middleman.
type passage struct {
	name, port, url string // url has {port}
	env             []string
	want            string // what create says where it cannot work; empty where it works
	doctor          string // what doctor says, where that is something else
	lends           bool   // exec and doctor without --write alone, for a slow way
	creates         bool   // create and revoke alone
	works           bool   // the credential works, something after it does not
	http2           bool   // the middleman has to say that HTTP/2 was spoken
	opaque          bool   // TLS hides the credential from the middleman
}

// pass creates and revokes, lends a token with exec, and asks doctor.
func (l *lab) pass(p passage, cred string) {
	l.passes++
	label := fmt.Sprintf("passage-%d-", l.passes)
	url := l.fill(strings.ReplaceAll(p.url, "{port}", "{{port "+p.port+"}}"))
	l.t.Run(p.name, func(t *testing.T) {
		t.Parallel()
		env := append([]string{"JENKINS_TOKEN_LABEL=" + label, "JENKINS_URL=" + url, cred}, p.env...)
		lease := filepath.Join(t.TempDir(), "lease.json")
		// A credential that never works is shown three times at most by each command.
		run := func(code int, want string, args ...string) {
			t.Helper()
			before := l.logged(t, p.port, "with")
			said, got := l.call(t, env, args...)
			if got != code || !strings.Contains(said, want) {
				t.Errorf("%s: got exit code %d\n%s\nwant %d, %q", args[0], got, said, code, want)
			}
			shown := l.logged(t, p.port, "with") - before
			if p.want != "" && !p.works && shown > 3 {
				t.Errorf("%s: got %d requests with the credential, want 3 at most", args[0], shown)
			}
		}
		failed := func(code int) int {
			if p.want == "" {
				return 0
			}
			return code
		}
		if !p.lends {
			run(failed(1), p.want, "create", "--lease", lease)
			if p.want == "" {
				run(0, " is revoked", "revoke", "--lease", lease)
			}
		}
		if !p.creates {
			run(failed(125), p.want, "exec", "--", "sh", "-c", `test -n "$JENKINS_API_TOKEN"`)
			doctor := []string{"doctor"}
			if !p.lends {
				doctor = append(doctor, "--write")
			}
			run(failed(1), cmp.Or(p.doctor, p.want), doctor...)
		}
		if p.want == "" && !p.opaque && l.logged(t, p.port, "with") == 0 {
			t.Error("the access log has no request with the credential")
		}
		if p.http2 && l.logged(t, p.port, "HTTP/2.0") == 0 {
			t.Error("the access log has no request of HTTP/2")
		}
		for _, j := range l.all {
			for _, token := range j.Tokens(user) {
				if strings.Contains(token.Name, ":"+label+":") {
					t.Errorf("left: %s", token.Name)
				}
			}
		}
	})
}

// asRoot lets nginx' workers read the lab's files.
func asRoot() string {
	if os.Getuid() == 0 {
		return "user root;"
	}
	return ""
}

const byPassword = "JENKINS_PASSWORD=" + password

func TestMiddlemenNginx(t *testing.T) {
	l, nginx := newLab(t, "nginx")
	apiToken := "JENKINS_API_TOKEN=" + l.jenkins.AddToken(user, "permanent").Value
	nestedToken := "JENKINS_API_TOKEN=" + l.nested.AddToken(user, "permanent").Value
	l.write("htpasswd", user+":{PLAIN}"+password+"\n", 0o644)
	l.write("nginx.conf", l.fill(`
daemon off; worker_processes 1; pid {{dir}}/nginx.pid; `+asRoot()+` error_log {{dir}}/error.log; events {}
http {
 map $http_authorization $shown { "" without; default with; }
 log_format lab ":$server_port $shown $server_protocol";
 access_log {{dir}}/access.log lab;
 client_body_temp_path {{dir}}/b; proxy_temp_path {{dir}}/p; fastcgi_temp_path {{dir}}/f; uwsgi_temp_path {{dir}}/u; scgi_temp_path {{dir}}/s;
 ssl_certificate {{dir}}/server.pem; ssl_certificate_key {{dir}}/server.key;
 limit_req_zone $server_port zone=slow:1m rate=1r/s;
 proxy_set_header Host $http_host; proxy_http_version 1.1; ignore_invalid_headers off;
 server { listen 127.0.0.1:{{port tls}} ssl http2; listen 127.0.0.1:{{port tls 2}} ssl http2; location / { proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port mutual}} ssl; listen 127.0.0.1:{{port mutual 2}} ssl; ssl_client_certificate {{dir}}/ca.pem; ssl_verify_client on; location / { proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port login}}; listen 127.0.0.1:{{port login 2}}; auth_basic "Restricted"; auth_basic_user_file {{dir}}/htpasswd; location / { proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port limit}}; listen 127.0.0.1:{{port limit 2}}; location / { limit_req zone=slow; proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port prefix}}; location /ci/ { proxy_pass http://{{jenkins}}/; } }
 server { listen 127.0.0.1:{{port path}}; location / { proxy_pass http://{{nested}}/jenkins/; } }
 server { listen 127.0.0.1:{{port mended}}; location / { proxy_pass http://{{nested}}/jenkins/; proxy_cookie_path /jenkins /; } }
 server { listen 127.0.0.1:{{port cookies}}; location / { proxy_hide_header Set-Cookie; proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port away}}; location / { proxy_pass http://127.0.0.1:1; } }
 server { listen 127.0.0.1:{{port pause}}; location / { add_header Retry-After 600 always; return 503; } }
 server { listen 127.0.0.1:{{port reading}}; location / { limit_except GET { deny all; } proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port mute}}; location / { if ($http_authorization) { return 444; } proxy_pass http://{{jenkins}}; } }
 server { listen 127.0.0.1:{{port other}}; location / { return 200 "hello"; } }
}
`), 0o600)
	l.start(nginx, "-p", l.dir, "-e", l.path("error.log"), "-c", l.path("nginx.conf"))
	both := []string{"JENKINS_TOKEN_CLIENT_CERTIFICATE=" + l.path("client.pem"), "JENKINS_TOKEN_CLIENT_KEY=" + l.path("client.key")}
	for _, p := range []passage{
		{name: "TLS with HTTP/2", port: "tls", url: "https://127.0.0.1:{port}", http2: true},
		{name: "mutual TLS", port: "mutual", url: "https://127.0.0.1:{port}", env: both},
		{name: "mutual TLS without a certificate", port: "mutual 2", url: "https://127.0.0.1:{port}", want: "the server requires a client certificate, and none was given"},
		{name: "plain http to the port of TLS", port: "tls 2", url: "http://127.0.0.1:{port}", want: "plain http to a port that speaks TLS"},
		{name: "a login of its own that takes the password", port: "login", url: "http://127.0.0.1:{port}", works: true,
			want: "the new token was refused: check identity on", doctor: "the new token was refused: check identity on"},
		{name: "one request a second, create", port: "limit", url: "http://127.0.0.1:{port}", creates: true, env: []string{"JENKINS_TOKEN_TIMEOUT=90s"}},
		{name: "one request a second, exec", port: "limit 2", url: "http://127.0.0.1:{port}", lends: true, env: []string{"JENKINS_TOKEN_TIMEOUT=90s"}},
		{name: "a prefix that is stripped", port: "prefix", url: "http://127.0.0.1:{port}/ci"},
		{name: "a context path shown at the root", port: "path", url: "http://127.0.0.1:{port}", works: true, want: "proxy_cookie_path", doctor: "proxy_cookie_path"},
		{name: "a context path shown at the root, with its cookies", port: "mended", url: "http://127.0.0.1:{port}"},
		{name: "dropped cookies", port: "cookies", url: "http://127.0.0.1:{port}", works: true, want: "no valid crumb"},
		{name: "a controller that is away", port: "away", url: "http://127.0.0.1:{port}", env: []string{"JENKINS_TOKEN_TIMEOUT=3s"}, want: "502, the controller is not ready"},
		{name: "a pause longer than the timeout", port: "pause", url: "http://127.0.0.1:{port}", env: []string{"JENKINS_TOKEN_TIMEOUT=3s"}, want: "503, the controller is not ready"},
		{name: "no POST", port: "reading", url: "http://127.0.0.1:{port}", works: true, want: "403, forbidden"},
		{name: "no answer to a login", port: "mute", url: "http://127.0.0.1:{port}", want: "not sent again, the password has not worked yet", doctor: "the connection broke"},
		{name: "another server", port: "other", url: "http://127.0.0.1:{port}", want: "200, something that is not Jenkins answered"},
	} {
		l.pass(p, byPassword)
	}
	for _, p := range []passage{
		{name: "API token, TLS with HTTP/2", port: "tls", url: "https://127.0.0.1:{port}"},
		{name: "API token, a login that does not know it", port: "login 2", url: "http://127.0.0.1:{port}", want: "401, but not from Jenkins"},
		{name: "API token, dropped cookies", port: "cookies", url: "http://127.0.0.1:{port}"},
	} {
		l.pass(p, apiToken)
	}
	l.pass(passage{name: "API token, a context path shown at the root", port: "path", url: "http://127.0.0.1:{port}"}, nestedToken)
}

func TestMiddlemenSquid(t *testing.T) {
	l, squid := newLab(t, "squid")
	front := l.secure()
	_, port, _ := strings.Cut(strings.TrimPrefix(front.URL, "https://"), ":")
	l.write("hosts", "127.0.0.1 ci.lab.test jenkins.test\n", 0o644)
	l.write("login", "#!/bin/sh\nwhile read -r name secret; do\n  case \"$name $secret\" in 'bob p%40ss'|'bob p@ss') echo OK ;; *) echo ERR ;; esac\ndone\n", 0o755)
	l.write("squid.conf", l.fill(`
http_port 127.0.0.1:{{port squid}}
http_port 127.0.0.1:{{port squid 2}}
http_port 127.0.0.1:{{port squid 3}}
http_port 127.0.0.1:{{port squid 4}}
pid_filename {{dir}}/squid.pid
cache_log /dev/null
logformat lab :%>lp with %>Hs
access_log stdio:{{dir}}/access.log lab
cache deny all
pinger_enable off
netdb_filename none
visible_hostname lab
hosts_file {{dir}}/hosts
auth_param basic program {{dir}}/login
auth_param basic realm proxy
acl auth proxy_auth REQUIRED
acl known port `+port+` {{port no server}}
http_access deny !known
http_access allow auth
http_access deny all
coredump_dir {{dir}}
shutdown_lifetime 0 seconds
`), 0o600)
	l.start(squid, "-n", fmt.Sprintf("lab%d", l.ports["squid"]), "-N", "-f", l.path("squid.conf"))
	proxy := func(address string) []string {
		return []string{"HTTPS_PROXY=" + l.fill(address)}
	}
	target := "https://jenkins.test:" + port
	for _, p := range []passage{
		{name: "a login", env: proxy("http://bob:p%40ss@127.0.0.1:{{port squid}}")},
		{name: "no login", port: "squid 2", env: proxy("http://127.0.0.1:{{port squid 2}}"), want: "407, the proxy requires a login"},
		{name: "a wrong login", port: "squid 3", env: proxy("http://bob:wrong@127.0.0.1:{{port squid 3}}"), want: "407, the proxy refused the login in its address"},
		{name: "a port that is not allowed", port: "squid 4", url: "https://ci.lab.test:9", env: proxy("http://bob:p%40ss@127.0.0.1:{{port squid 4}}"), want: "the proxy does not allow connections to ci.lab.test:9"},
		{name: "a target that is away", works: true, url: l.fill("https://ci.lab.test:{{port no server}}"), env: append(proxy("http://bob:p%40ss@127.0.0.1:{{port squid}}"), "JENKINS_TOKEN_TIMEOUT=3s"), want: "the proxy does not reach ci.lab.test"},
		{name: "TLS to a proxy of plain http", works: true, env: proxy("https://bob:p%40ss@127.0.0.1:{{port squid}}"), want: "TLS with the proxy failed"},
		{name: "no proxy there", works: true, env: proxy("http://bob:p%40ss@127.0.0.1:1"), want: "the proxy could not be reached"},
	} {
		if p.url == "" {
			p.url = target
		}
		p.port = cmp.Or(p.port, "squid")
		l.pass(p, byPassword)
	}
}

func TestMiddlemenHAProxy(t *testing.T) {
	l, haproxy := newLab(t, "haproxy")
	front := l.secure()
	l.write("haproxy.cfg", l.fill(`
global
  maxconn 100
  log stdout format raw local0
defaults
  mode http
  log global
  timeout connect 2s
  timeout client 20s
  timeout server 20s
frontend secure
  bind 127.0.0.1:{{port secure}} ssl crt {{dir}}/server.both alpn h2,http/1.1
  http-request set-var(txn.shown) str(with) if { req.hdr(Authorization) -m found }
  log-format ":%fp %[var(txn.shown)] %HV"
  default_backend jenkins
frontend nothing
  bind 127.0.0.1:{{port nothing}}
  http-request set-var(txn.shown) str(with) if { req.hdr(Authorization) -m found }
  log-format ":%fp %[var(txn.shown)] %HV"
  default_backend none
frontend through
  mode tcp
  bind 127.0.0.1:{{port through}}
  default_backend tls
backend jenkins
  server one {{jenkins}}
backend none
backend tls
  mode tcp
  server one `+strings.TrimPrefix(front.URL, "https://")+`
`), 0o600)
	l.start(haproxy, "-db", "-f", l.path("haproxy.cfg"))
	for _, p := range []passage{
		{name: "TLS and HTTP/2 that end here", port: "secure", url: "https://127.0.0.1:{port}", http2: true},
		{name: "TLS that passes through", port: "through", url: "https://127.0.0.1:{port}", opaque: true},
		{name: "no server", port: "nothing", url: "http://127.0.0.1:{port}", env: []string{"JENKINS_TOKEN_TIMEOUT=3s"}, want: "503, the controller is not ready"},
	} {
		l.pass(p, byPassword)
	}
}
