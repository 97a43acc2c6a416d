package command_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/jenkins-token/jenkins-token/internal/command"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// headerSecret is what a gateway in front of the controller asks for.
const headerSecret = "gateway-secret-0123456789"

// robber is another step of the job with a server of its own: every connection
// that does not go to the controller ends there. It speaks TLS with certificates of
// its own authority, answers as a proxy and as Jenkins, and keeps all that it reads.
type robber struct {
	authority []byte // PEM
	secure    *tls.Config
	address   string

	mu   sync.Mutex
	seen bytes.Buffer
}

func newRobber(t testing.TB) *robber {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "another authority"}, DNSNames: []string{"jenkins.test", "attacker.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	r := &robber{
		authority: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		secure:    &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
	}
	r.listen(t)
	return r
}

// Write implements [io.Writer]: what was read.
func (r *robber) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen.Write(p)
}

// listen serves until the test is over.
func (r *robber) listen(t testing.TB) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r.address = l.Addr().String()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r.serve(c)
			}()
		}
	}()
}

func (r *robber) serve(c net.Conn) {
	buffered := bufio.NewReader(c)
	first, err := buffered.Peek(1)
	if err != nil {
		return
	}
	if first[0] == 0x16 { // a TLS handshake
		secured := tls.Server(bufferedConn{buffered, c}, r.secure)
		if secured.Handshake() == nil {
			r.serve(secured)
		}
		return
	}
	for {
		request, err := http.ReadRequest(buffered)
		if err != nil {
			return
		}
		_ = request.Write(r)
		answer := "HTTP/1.1 200 OK\r\nX-Jenkins: 2.548\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
		if request.Method == http.MethodConnect {
			answer = "HTTP/1.1 200 OK\r\n\r\n"
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
		if request.Method == http.MethodConnect {
			r.serve(bufferedConn{buffered, c})
			return
		}
	}
}

// bufferedConn is a connection of which a part was read ahead.
type bufferedConn struct {
	ahead *bufio.Reader
	net.Conn
}

func (c bufferedConn) Read(p []byte) (int, error) { return c.ahead.Read(p) }

// wantNothing checks that the robber read none of the secrets, plain or in base64.
func (r *robber) wantNothing(t testing.TB, secrets ...string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	read := r.seen.String()
	for line := range strings.Lines(read) {
		if _, blob, ok := strings.Cut(line, "Basic "); ok {
			if plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(blob)); err == nil {
				read += string(plain)
			}
		}
	}
	for _, secret := range secrets {
		if strings.Contains(read, secret) {
			t.Errorf("another server read %q:\n%s", secret, read)
		}
	}
}

// street is a controller, a runner that plays the action's two steps, and a robber.
type street struct {
	*stage
	*robber
	authority string // PEM, of the controller
	given     map[string]string
	victim    jenkinstest.Token // of another job of the account
	others    jenkinstest.Token // of another user
}

// newStreet starts a controller, with https unless plain is set.
func newStreet(t testing.TB, system string, plain bool) *street {
	t.Helper()
	options := []jenkinstest.Option{
		jenkinstest.WithSeed(1), jenkinstest.WithUser(owner, password), jenkinstest.WithUser("bob", "pw"), jenkinstest.WithAdmin(owner), jenkinstest.WithAdminCanGenerate(),
	}
	start, scheme := jenkinstest.StartTLS, "https"
	if plain {
		start, scheme = jenkinstest.Start, "http"
	}
	server := start(t, options...)
	now := time.Now()
	s := &stage{server: server.Jenkins, dir: t.TempDir(), values: map[string]bool{}, env: map[string]string{}, pause: noPause}
	s.now = func() time.Time { now = now.Add(time.Second); return now }
	s.t = t
	s.url = scheme + "://jenkins.test"
	s.own = server.AddToken(owner, "the account's own")
	w := &street{stage: s, robber: newRobber(t), authority: string(server.CA)}
	w.victim = server.AddToken(owner, "jenkins-token:github.com/acme/other:9.1:deploy:aaaaaaaa:until-20990101T000000Z")
	w.others = server.AddToken("bob", "of bob")
	address := strings.TrimPrefix(strings.TrimPrefix(server.URL, "https://"), "http://")
	s.dial = func(ctx context.Context, network, to string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(to); host != "jenkins.test" {
			to = w.robber.address
		} else {
			to = address
		}
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	s.on(system, false)
	w.given = map[string]string{"url": s.url, "username": owner, "password": password, "headers": "X-Gate: " + headerSecret, "timeout": "5s"}
	if plain {
		w.given["allow-http"] = "true"
	} else {
		w.given["ca-certificate"] = w.authority
	}
	return w
}

// declared are the inputs that an action.yml declares.
func declared(t testing.TB, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var action struct {
		Inputs map[string]any `yaml:"inputs"`
	}
	if err := yaml.Unmarshal(text, &action); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(maps.Keys(action.Inputs))
}

// step runs a step of the action with the variables that an earlier step has
// written to GITHUB_ENV. The runner puts its own over them: on GitHub all inputs that
// the action declares (ActionRunner.cs, Handler.cs AddInputsToEnvironment), under act
// the ones that were given, and no others (step.go mergeEnv).
func (w *street) step(t testing.TB, name string, written map[string]string) ran {
	t.Helper()
	own := maps.Clone(w.env)
	maps.DeleteFunc(own, func(name, _ string) bool { return strings.HasPrefix(name, "INPUT_") })
	for _, input := range declared(t, "../../action.yml") {
		text, given := w.given[input]
		if given || w.system == "github" {
			own["INPUT_"+strings.ToUpper(input)] = text
		}
	}
	state := w.state()
	env := maps.Clone(written)
	if env == nil {
		env = map[string]string{}
	}
	if w.system == "act" {
		maps.DeleteFunc(env, func(name, _ string) bool { return strings.HasPrefix(name, "INPUT_") })
	}
	maps.Copy(env, own)
	if name == "revoke" && state != "" && w.system == "github" {
		env["STATE_LEASE"] = state
	}
	was, system := w.env, w.system
	defer func() { w.env, w.system = was, system }()
	w.env, w.system = env, "as given" // the stage adds nothing of its own
	return w.run(name)
}

// wantUntouched checks that nobody else's token was revoked or renamed.
func (w *street) wantUntouched(t testing.TB) {
	t.Helper()
	for _, kept := range []struct {
		user  string
		token jenkinstest.Token
	}{{owner, w.own}, {owner, w.victim}, {"bob", w.others}} {
		if !slices.ContainsFunc(w.server.Tokens(kept.user), func(token jenkinstest.Token) bool {
			return token.UUID == kept.token.UUID && token.Name == kept.token.Name
		}) {
			t.Errorf("the token %q of %s was revoked or renamed", kept.token.Name, kept.user)
		}
	}
}

// forged is a lease that another step wrote, as JSON.
func (w *street) forged(change func(lease, settings map[string]any)) string {
	name := "jenkins-token:github.com/acme/web:17.1:deploy:ffffffff:until-20990101T000000Z"
	if w.env["ACT"] == "true" {
		name = strings.Replace(name, ":17.1:", ":1.1:", 1)
	}
	post := map[string]any{"ca": w.given["ca-certificate"], "allowHttp": w.given["allow-http"] == "true", "revoke": true, "onRevokeFailure": "warn", "sweep": true, "timeout": "5s"}
	lease := map[string]any{
		"v": 1, "url": w.url, "username": owner, "forUser": "", "names": []string{name}, "tokenName": "", "tokenUuid": "", "token": "", "expiresAt": "", "settings": post,
	}
	change(lease, post)
	text, err := json.Marshal(lease)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// forgeries are leases that would lead the account's credential astray.
func (w *street) forgeries() map[string]string {
	named := func(lease map[string]any, uuid string) {
		lease["tokenName"], lease["tokenUuid"] = lease["names"].([]string)[0], uuid
	}
	return map[string]string{
		"another url": w.forged(func(lease, _ map[string]any) { lease["url"] = "https://attacker.test" }),
		"another url, with token": w.forged(func(lease, _ map[string]any) {
			lease["url"] = "https://attacker.test"
			named(lease, w.victim.UUID)
			lease["token"] = "11" + strings.Repeat("f", 32)
		}),
		"another url and authority, with token": w.forged(func(lease, settings map[string]any) {
			lease["url"], settings["ca"] = "https://attacker.test", string(w.robber.authority)
			named(lease, w.victim.UUID)
			lease["token"] = "11" + strings.Repeat("f", 32)
		}),
		"another authority, with token": w.forged(func(lease, settings map[string]any) {
			settings["ca"] = string(w.robber.authority)
			named(lease, w.victim.UUID)
			lease["token"] = "11" + strings.Repeat("f", 32)
		}),
		"another authority":       w.forged(func(_, settings map[string]any) { settings["ca"] = string(w.robber.authority) }),
		"no authority":            w.forged(func(_, settings map[string]any) { delete(settings, "ca") }),
		"another user":            w.forged(func(lease, _ map[string]any) { lease["forUser"] = "bob"; named(lease, w.others.UUID) }),
		"another job's uuid":      w.forged(func(lease, _ map[string]any) { named(lease, w.victim.UUID) }),
		"the account's own":       w.forged(func(lease, _ map[string]any) { named(lease, w.own.UUID) }),
		"another job's name":      w.forged(func(lease, _ map[string]any) { lease["names"] = []string{w.victim.Name} }),
		"another job's token":     w.forged(func(lease, _ map[string]any) { lease["names"] = []string{w.victim.Name}; named(lease, w.victim.UUID) }),
		"the one token of old":    w.forged(func(_, settings map[string]any) { settings["legacy"] = "rotate" }),
		"a proxy of create":       w.forged(func(_, settings map[string]any) { settings["proxy"] = "http://attacker.test:3128" }),
		"an hour":                 w.forged(func(_, settings map[string]any) { settings["timeout"] = "1h0m0s" }),
		"nothing that is a lease": "{}",
		"text that is a command":  "::set-output name=x::y",
		"plain http to the robber": w.forged(func(lease, settings map[string]any) {
			lease["url"] = "http://attacker.test"
			settings["allowHttp"] = true
		}),
	}
}

// writable are the variables that a step can write to GITHUB_ENV: each setting in
// each spelling, and what else the program, Go or TLS could read.
func (w *street) writable(t testing.TB) map[string]string {
	t.Helper()
	file := w.path("temp/authority.pem")
	if err := os.WriteFile(file, w.robber.authority, 0o600); err != nil {
		t.Fatal(err)
	}
	value := map[string]string{
		"url": "https://attacker.test", "username": "bob", "ca-certificate": string(w.robber.authority), "headers": "X-Gate: x", "for-user": "bob",
		"timeout": "1h", "allow-http": "true", "oidc-audience": "attacker", "client-certificate": file, "client-key": file, "legacy": "rotate",
	}
	all := map[string]string{}
	for _, s := range settings.All() {
		text, ok := value[s.Name]
		if !ok {
			text = "11" + strings.Repeat("e", 32)
		}
		upper := strings.ToUpper(strings.ReplaceAll(s.Name, "-", "_"))
		for _, name := range append([]string{"INPUT_" + strings.ToUpper(s.Name), "INPUT_" + upper, "PLUGIN_" + upper, "JENKINS_TOKEN_" + upper}, s.Env...) {
			all[name], all[name+"_FILE"] = text, file
		}
	}
	proxy := "http://attacker.test:3128"
	maps.Copy(all, map[string]string{
		"HTTP_PROXY": proxy, "http_proxy": proxy, "HTTPS_PROXY": proxy, "https_proxy": proxy, "ALL_PROXY": proxy, "all_proxy": proxy,
		"NO_PROXY": "github.com", "no_proxy": "github.com", "SSL_CERT_FILE": file, "SSL_CERT_DIR": w.path("temp"), "GODEBUG": "http2client=0,netdns=go",
		"HOME": w.path("temp"), "TMPDIR": w.path("temp"), "RES_OPTIONS": "ndots:9", "HOSTALIASES": file, "LOCALDOMAIN": "attacker.test",
		"INPUT_TOKEN-UUID": w.victim.UUID, "INPUT_RUN": "9.1", "INPUT_PROJECT": "github.com/acme/other", "STATE_isPost": "true",
		"ACTIONS_ID_TOKEN_REQUEST_URL": "https://attacker.test/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
		"JENKINS_HOME": "/var/jenkins", "GITLAB_CI": "true", "TF_BUILD": "True", "DRONE": "true", "CI": "woodpecker", "BUILDKITE": "true",
	})
	return all
}

// TestVariablesOfOtherSteps: whatever another step writes to GITHUB_ENV, to the file
// of ca-certificate or beside the state, the post step sends the account's credential, the
// token of a genuine lease and the further headers to the controller alone, and
// touches no other token.
func TestVariablesOfOtherSteps(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"github", "act"} {
		for _, way := range []string{"https", "https, path of the authority", "http"} {
			t.Run(system+", "+way, func(t *testing.T) {
				t.Parallel()
				w := newStreet(t, system, way == "http")
				if strings.HasSuffix(way, "authority") {
					w.given["ca-certificate"] = w.path("temp/ca.pem")
				}
				one := func(name string, written map[string]string, forge string) {
					t.Helper()
					if strings.HasSuffix(way, "authority") {
						if err := os.WriteFile(w.given["ca-certificate"], []byte(w.authority), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					w.clear(t)
					if r := w.step(t, "create", nil); r.exit != 0 {
						t.Fatalf("%s: create: got exit code %d\n%s", name, r.exit, r.stdout)
					}
					token := w.output(t, "token")
					if strings.HasSuffix(way, "authority") {
						if err := os.WriteFile(w.given["ca-certificate"], w.robber.authority, 0o600); err != nil {
							t.Fatal(err)
						}
					}
					if forge != "" {
						w.clear(t)
						written = maps.Clone(written)
						written["STATE_LEASE"] = forge
						if err := os.WriteFile(w.path("commands/jenkins-token-jenkins.jsonl"), []byte(forge+"\n"), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					r := w.step(t, "revoke", written)
					w.robber.wantNothing(t, password, token, headerSecret)
					w.wantUntouched(t)
					if strings.HasSuffix(way, "authority") && slices.ContainsFunc(w.server.Requests(), func(request jenkinstest.Request) bool { return request.Via == jenkinstest.ViaPassword }) {
						t.Errorf("%s: the account's credential is used, though nobody knows whom create trusted", name)
					}
					if r.took > time.Minute*4 {
						t.Errorf("%s: the post step took %s", name, r.took)
					}
					// Through another's proxy nothing reaches the controller. act hands on no
					// token, and with a path the account's credential is not used.
					unreachable := system == "act" && strings.HasSuffix(way, "authority") || name == "all" || way != "http" && strings.EqualFold(name, "HTTPS_PROXY")
					if forge == "" && !unreachable && slices.ContainsFunc(w.server.Tokens(owner), func(left jenkinstest.Token) bool { return left.Value == token }) {
						t.Errorf("%s: the token is not revoked:\n%s", name, r.stdout)
					}
					if t.Failed() {
						t.Fatalf("%s: %s", name, r.stdout)
					}
				}
				all := w.writable(t)
				for name, text := range all {
					one(name, map[string]string{name: text}, "")
				}
				one("all", all, "")
				for name, lease := range w.forgeries() {
					one("forged: "+name, map[string]string{}, lease)
					one("forged, and all: "+name, all, lease)
				}
			})
		}
	}
}

// TestInputsThatChanged: the runner evaluates ${{ env.X }} again in the post step, so
// that an input itself can have changed.
func TestInputsThatChanged(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]map[string]string{
		"url":                   {"url": "https://attacker.test"},
		"url and authority":     {"url": "https://attacker.test", "ca-certificate": "ROBBER"},
		"authority":             {"ca-certificate": "ROBBER"},
		"authority, and a path": {"ca-certificate": "temp/authority.pem"},
		"for-user":              {"for-user": "bob"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStreet(t, "github", false)
			if r := w.step(t, "create", nil); r.exit != 0 {
				t.Fatalf("create: got exit code %d\n%s", r.exit, r.stdout)
			}
			token := w.output(t, "token")
			for input, text := range change {
				w.given[input] = strings.ReplaceAll(text, "ROBBER", string(w.robber.authority))
			}
			r := w.step(t, "revoke", map[string]string{"HTTPS_PROXY": "http://attacker.test:3128"})
			w.robber.wantNothing(t, password, token, headerSecret)
			w.wantUntouched(t)
			// Through the robber's proxy nothing reaches the controller: it is said.
			if !strings.Contains(r.stdout, "was not revoked") {
				t.Errorf("got %s\nwant a warning", r.stdout)
			}
			if r := w.step(t, "revoke", nil); strings.Contains(r.stdout, "was not revoked") {
				t.Errorf("got %s\nwant the lease's own token to be enough", r.stdout)
			}
		})
	}
}

// clear empties the files of the runner.
func (w *street) clear(t testing.TB) {
	t.Helper()
	for _, name := range []string{"STATE", "OUTPUT", "STEP_SUMMARY"} {
		if err := os.WriteFile(w.path("commands/"+name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(w.path("commands/jenkins-token-jenkins.jsonl")); err != nil {
		t.Fatal(err)
	}
}

// output is a step output of the step before.
func (w *street) output(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(w.path("commands/OUTPUT"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(unixLines(string(text)), name+"<<_GitHubActionsFileCommandDelimeter_\n")
	if !ok {
		t.Fatalf("got no output %s in %q", name, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// TestStepsReadTheInputsThatTheyDeclare: any other can come from another step.
func TestStepsReadTheInputsThatTheyDeclare(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{
		"create": "../../action.yml", "revoke": "../../action.yml", "revoke-uuid": "../../revoke/action.yml", "sweep": "../../sweep/action.yml",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStreet(t, "github", false)
			declares := declared(t, file)
			asked := map[string]bool{}
			env := maps.Clone(w.env)
			env["STATE_LEASE"] = w.forgeries()["another url"]
			env["INPUT_TOKEN-UUID"] = w.victim.UUID
			lookup := func(name string) (string, bool) {
				if input, ok := strings.CutPrefix(name, "INPUT_"); ok {
					asked[strings.ToLower(input)] = true
				}
				text, ok := env[name]
				return text, ok
			}
			var out bytes.Buffer
			p := newProgram([]string{name}, lookup, strings.NewReader(""), &out, &out, 1)
			p.Clock, p.Dial = command.Clock{Now: w.now, Pause: noPause}, func(context.Context, string, string) (net.Conn, error) { return nil, io.EOF }
			p.Run(t.Context())
			if len(asked) == 0 {
				t.Fatal("got no input that was read")
			}
			for input := range asked {
				if !slices.Contains(declares, input) {
					t.Errorf("%s reads the input %s, which %s does not declare", name, input, file)
				}
			}
		})
	}
}

// FuzzForgedLease: for any bytes in place of a lease the account's credential and the
// further headers go to the controller alone, and no other token is touched.
func FuzzForgedLease(f *testing.F) {
	seeds := newStreet(f, "github", false)
	for _, lease := range seeds.forgeries() {
		f.Add([]byte(lease), false, false)
		f.Add([]byte(lease), true, true)
	}
	https, http := map[bool]*street{}, map[bool]*street{}
	for _, act := range []bool{false, true} {
		system := map[bool]string{false: "github", true: "act"}[act]
		https[act], http[act] = newStreet(f, system, false), newStreet(f, system, true)
	}
	f.Fuzz(func(t *testing.T, lease []byte, act, plain bool) {
		w := https[act]
		if plain {
			w = http[act]
		}
		w.clear(t)
		w.system = map[bool]string{false: "github", true: "act"}[act]
		text := strings.NewReplacer("\x00", "").Replace(string(lease))
		if err := os.WriteFile(w.path("commands/jenkins-token-jenkins.jsonl"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		proxy := "http://attacker.test:3128"
		w.step(t, "revoke", map[string]string{"STATE_LEASE": text, "HTTP_PROXY": proxy, "HTTPS_PROXY": proxy})
		w.robber.wantNothing(t, password, headerSecret)
		w.wantUntouched(t)
		if t.Failed() {
			t.Logf("lease %q", lease)
		}
	})
}
