//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	user     = "alice"
	password = "correct horse battery staple"
)

// token finds API tokens, but not in the ids of containers and images.
var token = regexp.MustCompile(`\b11[0-9a-f]{32}\b`)

// controller is an emulated Jenkins on the address under which containers on
// docker's default network reach this machine.
func controller(t *testing.T, options ...jenkinstest.Option) (*jenkinstest.Jenkins, string) {
	t.Helper()
	j, err := jenkinstest.New(append(options, jenkinstest.WithUser(user, password), jenkinstest.WithJob("deploy"))...)
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	go func() { _ = j.Serve(l) }()
	t.Cleanup(j.Close)
	return j, "http://" + l.Addr().String()
}

// serve answers there with a handler, and returns its address.
func serve(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := &httptest.Server{Listener: listen(t), Config: &http.Server{Handler: handler}}
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(bridge(t), "0"))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// bridge is this machine's address on docker's default network.
func bridge(t *testing.T) string {
	t.Helper()
	name, err := docker(t.Context(), nil, "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, "bridge")
	if err != nil {
		t.Fatal(err)
	}
	device, err := net.InterfaceByName(name)
	if err != nil {
		t.Fatalf("docker's bridge %s: %v", name, err)
	}
	addresses, err := device.Addrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String()
		}
	}
	t.Fatalf("docker's bridge %s has no address", name)
	return ""
}

// inputs are what a workflow gives to the step.
func inputs(url string) map[string]string {
	return map[string]string{"url": url, "username": user, "password": password, "allow-http": "true"}
}

// actionRunner is a runner with a step of the action's image.
func actionRunner(t *testing.T, with map[string]string) *runner {
	t.Helper()
	image, _ := action(t)
	return newRunner(t, image, with)
}

// succeeded fails the test unless a stage ended well and shows no secret.
func succeeded(t *testing.T, name string, got result) {
	t.Helper()
	if got.failed() {
		t.Fatalf("%s: got exit code %d and %q, want success\n%s", name, got.code, got.errors, got.log)
	}
	silent(t, name, got)
}

// silent fails the test when the log or the summary of a stage shows a secret.
func silent(t *testing.T, name string, got result) {
	t.Helper()
	for _, text := range []string{got.log, got.summary} {
		if token.MatchString(text) || strings.Contains(text, password) {
			t.Errorf("%s shows a secret:\n%s", name, text)
		}
	}
}

// noTokens fails the test when the account has tokens.
func noTokens(t *testing.T, j *jenkinstest.Jenkins, after string, got result) {
	t.Helper()
	if left := len(j.Tokens(user)); left != 0 {
		t.Errorf("got %d tokens after %s, want none\n%s", left, after, got.log)
	}
}

func TestTheImageAsTheRunnerCallsIt(t *testing.T) {
	j, url := controller(t)
	r := actionRunner(t, inputs(url))
	created := r.main()
	succeeded(t, "create", created)
	if got, want := slices.Sorted(maps.Keys(created.outputs)), slices.Sorted(maps.Keys(r.action.Outputs)); !slices.Equal(got, want) {
		t.Errorf("got the outputs %q, want those of action.yml, %q", got, want)
	}
	made := created.outputs["token"]
	if !token.MatchString(made) {
		t.Fatalf("got output %q, want a token", made)
	}
	if got := len(j.Tokens(user)); got != 1 {
		t.Errorf("got %d tokens after create, want 1", got)
	}
	if got := slices.Collect(maps.Keys(r.state)); !slices.Equal(got, []string{"LEASE"}) {
		t.Errorf("got the state %q, want LEASE alone", got)
	}
	for _, before := range []string{"", "x", "xy", user + ":"} {
		for _, after := range []string{"", "\n", "@ci.example.com"} {
			shown := r.masks.replace(before + made + after + "; " + base64.StdEncoding.EncodeToString([]byte(before+made+after)))
			if piece, ok := readable(shown, made); ok {
				t.Errorf("%q of the token can be read in %q", piece, shown)
			}
		}
	}
	if got, want := r.masks.replace(user+" "+url+" "+created.outputs["token-name"]), user+" "+url+" "+created.outputs["token-name"]; got != want {
		t.Errorf("got %q, want no mask but of secrets: the runner drops outputs of a job that hold one", got)
	}
	j.Forget()
	revoked := r.post()
	succeeded(t, "revoke", revoked)
	noTokens(t, j, "revoke", revoked)
	for _, request := range j.Requests() {
		if request.Via == jenkinstest.ViaPassword {
			t.Errorf("got %s %s with the password in post, want the token alone", request.Method, request.Path)
		}
	}
	if len(r.env) > 0 || revoked.summary != "" {
		t.Errorf("got variables %q and summary %q for later steps, want none", r.env, revoked.summary)
	}
	if got := j.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
}

// readable returns a piece of six bytes of the token that a log shows, plain or inside
// a base64 text.
func readable(shown, token string) (string, bool) {
	for i := range len(token) - 5 {
		piece := token[i : i+6]
		if strings.Contains(shown, piece) || i+8 <= len(token) && strings.Contains(shown, base64.StdEncoding.EncodeToString([]byte(piece))) {
			return piece, true
		}
	}
	return "", false
}

func TestASignalWhileTheAnswerIsOnItsWay(t *testing.T) {
	for name, row := range map[string]struct {
		end  func(*stage) result
		code int
	}{
		"a cancel":    {(*stage).cancel, 130},
		"docker stop": {func(s *stage) result { _ = s.cmd.Process.Signal(syscall.SIGTERM); return s.wait() }, 143},
	} {
		t.Run(name, func(t *testing.T) {
			j, url := controller(t)
			if err := j.Inject("create:delay=2s"); err != nil {
				t.Fatal(err)
			}
			r := actionRunner(t, inputs(url))
			s := r.start(false)
			awaitToken(t, j, s.ended)
			got := row.end(s)
			silent(t, "create", got)
			if got.code != row.code || len(got.errors) > 0 {
				t.Errorf("got exit code %d and %q, want %d\n%s", got.code, got.errors, row.code, got.log)
			}
			noTokens(t, j, "the signal", got)
			if len(got.outputs) > 0 {
				t.Error("outputs were set after the signal")
			}
			after := r.post()
			succeeded(t, "revoke", after)
			noTokens(t, j, "revoke", after)
			if got := j.RefusedLogins(); got != 0 {
				t.Errorf("got %d refused logins, want none", got)
			}
		})
	}
}

// TestAContainerThatOutlivesItsRunner: a container that does not end in time goes on
// while the post step runs, and after it. Here it is stopped as on a machine that
// swaps, and goes on when all is over.
func TestAContainerThatOutlivesItsRunner(t *testing.T) {
	t.Parallel()
	j, url := controller(t)
	if err := j.Inject("create:delay=1m"); err != nil {
		t.Fatal(err)
	}
	r := actionRunner(t, inputs(url))
	s := r.start(false)
	awaitToken(t, j, s.ended)
	id := s.inspect(t.Context())
	if _, err := docker(t.Context(), nil, "kill", "--signal", "STOP", id); err != nil {
		t.Fatal(err)
	}
	got := s.cancel()
	silent(t, "create", got)
	if got.code != -1 || len(got.outputs) > 0 || !slices.Contains(r.containers(), id) {
		t.Fatalf("got exit code %d, outputs %q and containers %q, want the docker CLI killed and the container left\n%s", got.code, got.outputs, r.containers(), got.log)
	}
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	if _, err := docker(t.Context(), nil, "kill", "--signal", "CONT", id); err != nil {
		t.Fatal(err)
	}
	_, _ = docker(t.Context(), nil, "wait", id) // fails when --rm was faster
	noTokens(t, j, "the container's end", after)
}

// TestARunnerThatDiesBeforeItsContainer: the docker CLI is gone without a signal, and
// Jenkins' answer comes after the post step.
func TestARunnerThatDiesBeforeItsContainer(t *testing.T) {
	t.Parallel()
	j, url := controller(t)
	if err := j.Inject("create:delay=6s"); err != nil {
		t.Fatal(err)
	}
	r := actionRunner(t, inputs(url))
	s := r.start(false)
	awaitToken(t, j, s.ended)
	id := s.inspect(t.Context())
	_ = s.cmd.Process.Kill()
	if got := s.wait(); len(got.outputs) > 0 {
		t.Errorf("got outputs %q before the answer", got.outputs)
	}
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	code, err := docker(t.Context(), nil, "wait", id)
	if err == nil && code == "0" {
		t.Error("create succeeded after the post step")
	}
	noTokens(t, j, "the container's end", after)
}

// TestARunnerWithAService: Jenkins is a service of the job, under its name in the
// job's network.
func TestARunnerWithAService(t *testing.T) {
	emulatorImage(t)
	r := actionRunner(t, inputs("http://jenkins:8080"))
	id := r.service("jenkins", "jenkins-token-e2e-emulator:1", "/jenkins-emulator", "--check", "--addr", "127.0.0.1:8080")
	address, err := docker(t.Context(), nil, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", id)
	if err != nil {
		t.Fatal(err)
	}
	status := func(token string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+net.JoinHostPort(address, "8080")+"/whoAmI/api/json", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth(user, token)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	created := r.main()
	succeeded(t, "create", created)
	if got := status(created.outputs["token"]); got != http.StatusOK {
		t.Errorf("got %d with the token, want 200", got)
	}
	after := r.post()
	succeeded(t, "revoke", after)
	if got := status(created.outputs["token"]); got != http.StatusUnauthorized {
		t.Errorf("got %d with the token after revoke, want 401\n%s", got, after.log)
	}
}

// TestARunnerWithIDTokens: a gateway before Jenkins knows the job by its ID token.
func TestARunnerWithIDTokens(t *testing.T) {
	const header, idToken = "X-Forwarded-User", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZXBvOmFjbWUvd2ViIn0.c2lnbmF0dXJl"
	j, err := jenkinstest.New(jenkinstest.WithUser(user, password), jenkinstest.WithTrustedHeader(header))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(j.Close)
	var r *runner
	var asked atomic.Int32
	mux := http.NewServeMux()
	mux.HandleFunc("GET /id", func(w http.ResponseWriter, request *http.Request) {
		asked.Add(1)
		if request.Header.Get("Authorization") != "Bearer "+r.system["ACTIONS_RUNTIME_TOKEN"] || request.FormValue("audience") != "https://ci.example.com" || request.FormValue("api-version") != "2.0" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"count": 1, "value": idToken})
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, request *http.Request) {
		request.Header.Del(header)
		if request.Header.Get("Authorization") == "Bearer "+idToken {
			request.Header.Del("Authorization")
			request.Header.Set(header, user)
		}
		j.ServeHTTP(w, request)
	})
	url := serve(t, mux)
	r = actionRunner(t, map[string]string{"url": url, "allow-http": "true", "oidc-audience": "https://ci.example.com"})
	r.offerIDTokens(url + "/id?api-version=2.0")
	created := r.main()
	succeeded(t, "create", created)
	if got := r.masks.replace(idToken); got != "***" {
		t.Errorf("got %q, want the ID token masked", got)
	}
	if got := len(j.Tokens(user)); got != 1 || asked.Load() != 1 {
		t.Errorf("got %d tokens and %d ID tokens, want 1 of each", got, asked.Load())
	}
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	for name, log := range map[string]string{"create": created.log, "revoke": after.log} {
		if strings.Contains(log, idToken) || strings.Contains(log, r.system["ACTIONS_RUNTIME_TOKEN"]) {
			t.Errorf("%s shows a secret:\n%s", name, log)
		}
	}
}

// TestARunnersPostStepWithStateAlone: inside a composite action the inputs of the post
// step are empty.
func TestARunnersPostStepWithStateAlone(t *testing.T) {
	j, url := controller(t)
	r := actionRunner(t, inputs(url))
	r.nested = true
	succeeded(t, "create", r.main())
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	if got := j.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
}

// TestARunnerOnKubernetes: the token is created and revoked in pods, as container hook
// 0.7.0 runs them.
func TestARunnerOnKubernetes(t *testing.T) {
	j, url := controller(t)
	r := actionRunner(t, inputs(url))
	r.kubernetes = true
	created := r.main()
	succeeded(t, "create", created)
	if created.outputs["token"] == "" || len(j.Tokens(user)) != 1 {
		t.Errorf("got outputs %q and %d tokens, want a token", created.outputs, len(j.Tokens(user)))
	}
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	if got := j.RefusedLogins(); got != 0 {
		t.Errorf("got %d refused logins, want none", got)
	}
}

func TestARunnersStepWithoutID(t *testing.T) {
	j, url := controller(t)
	r := actionRunner(t, inputs(url))
	r.id = ""
	created := r.main()
	succeeded(t, "create", created)
	if len(created.outputs) > 0 || !strings.Contains(created.log, "##[notice]") || !strings.Contains(created.log, "id:") {
		t.Errorf("got outputs %q, want none and a notice that names id:\n%s", created.outputs, created.log)
	}
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
}

// TestALaterStepOnTheRunner: what a later step writes to GITHUB_ENV reaches the post
// step, and moves neither the credential nor the lease.
func TestALaterStepOnTheRunner(t *testing.T) {
	j, url := controller(t)
	var asked atomic.Int32
	elsewhere := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { asked.Add(1); http.NotFound(w, nil) }))
	r := actionRunner(t, inputs(url))
	succeeded(t, "create", r.main())
	for _, name := range []string{"INPUT_URL", "JENKINS_URL", "JENKINS_TOKEN_URL", "PLUGIN_URL", "GITHUB_SERVER_URL"} {
		r.env[name] = elsewhere
	}
	for _, name := range []string{"STATE_LEASE", "INPUT_CA_CERTIFICATE", "INPUT_API_TOKEN", "JENKINS_API_TOKEN", "GITHUB_STATE", "GITHUB_REPOSITORY"} {
		r.env[name] = "x"
	}
	r.env["CI"], r.env["GITHUB_ACTIONS"], r.env["INPUT_ALLOW_HTTP"] = "false", "false", "no"
	after := r.post()
	succeeded(t, "revoke", after)
	noTokens(t, j, "revoke", after)
	if got := asked.Load(); got != 0 || j.RefusedLogins() != 0 {
		t.Errorf("got %d requests elsewhere and %d refused logins, want none\n%s", got, j.RefusedLogins(), after.log)
	}
}

// TestARunnersAlwaysStep: a step with if: always() revokes the token with itself, and the
// post step then sends nothing.
func TestARunnersAlwaysStep(t *testing.T) {
	j, url := controller(t)
	r := actionRunner(t, inputs(url))
	created := r.main()
	succeeded(t, "create", created)
	with := map[string]string{"url": url, "username": user, "allow-http": "true", "api-token": created.outputs["token"], "token-uuid": created.outputs["token-uuid"]}
	revoked := r.step("", "../revoke/action.yml", with).main()
	succeeded(t, "the step", revoked)
	noTokens(t, j, "the step", revoked)
	j.Forget()
	after := r.post()
	succeeded(t, "revoke", after)
	for _, request := range j.Requests() {
		t.Errorf("got %s %s in post, want no request\n%s", request.Method, request.Path, after.log)
	}
}

// TestARunnersFailedStep: the post step runs after a failed main step too, and repeats no
// login.
func TestARunnersFailedStep(t *testing.T) {
	j, url := controller(t)
	with := inputs(url)
	with["password"] = "wrong horse battery staple"
	r := actionRunner(t, with)
	created := r.main()
	silent(t, "create", created)
	if created.code != 1 || len(created.errors) > 0 || len(created.outputs) > 0 {
		t.Errorf("got exit code %d, %q and outputs %q, want 1 and neither\n%s", created.code, created.errors, created.outputs, created.log)
	}
	refused := j.RefusedLogins()
	if refused != 1 {
		t.Errorf("got %d refused logins, want 1", refused)
	}
	after := r.post()
	succeeded(t, "revoke", after)
	if got := j.RefusedLogins(); got != refused {
		t.Errorf("got %d more refused logins in post, want none\n%s", got-refused, after.log)
	}
}

// awaitToken returns when the controller has made a token, or the program ended
// without one. The program is another process, so there is nothing to wait for
// but the controller's state.
func awaitToken(t *testing.T, j *jenkinstest.Jenkins, ended <-chan struct{}) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for len(j.Tokens(user)) == 0 {
		select {
		case <-ended:
			return
		case <-t.Context().Done():
			return
		case <-tick.C:
		}
	}
}

func TestTheImageHoldsOneProgramUnderItsNames(t *testing.T) {
	image, _ := action(t)
	container, err := docker(t.Context(), nil, "create", image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = exec.Command("docker", "rm", container).Run() }()
	out, err := exec.Command("sh", "-c", "docker export "+container+" | tar -t").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"bin/jenkins-token", "bin/create", "bin/revoke", "bin/sweep", "etc/ssl/cert.pem"} {
		if !strings.Contains("\n"+string(out), "\n"+want+"\n") {
			t.Errorf("got no %s in the image", want)
		}
	}
	size, err := docker(t.Context(), nil, "image", "inspect", "--format", "{{.Size}}", image)
	if err != nil {
		t.Fatal(err)
	}
	var budget struct{ ImageBytes int }
	text, err := os.ReadFile("../bench/budget.json")
	if err == nil {
		err = json.Unmarshal(text, &budget)
	}
	if err != nil {
		t.Fatal(err)
	}
	if bytes, err := strconv.Atoi(size); err != nil || bytes > budget.ImageBytes {
		t.Errorf("got an image of %s bytes, want at most %d (bench/budget.json)", size, budget.ImageBytes)
	}
	t.Logf("image: %s bytes", size)
}
