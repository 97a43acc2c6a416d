package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"debug/buildinfo"
	"debug/elf"
	"encoding/hex"
	"errors"
	"io"
	"log"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// dist is one build for all targets, which the tests share.
var dist = struct {
	once sync.Once
	dir  string
	err  error
}{}

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(dist.dir)
	os.Exit(code)
}

func programs(t *testing.T) string {
	t.Helper()
	dist.once.Do(func() {
		if dist.dir, dist.err = os.MkdirTemp("", "jenkins-token-release-"); dist.err == nil {
			dist.err = build(t.Context(), repository, first, dist.dir, targets)
		}
	})
	if dist.err != nil {
		t.Fatal(dist.err)
	}
	return dist.dir
}

func TestAReleaseHasAProgramForEveryTargetAndItsChecksum(t *testing.T) {
	dir := programs(t)
	sums := map[string]string{}
	for line := range strings.Lines(string(read(t, dir, checksumFile))) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	want := []string{licensesFile, "jenkins-emulator-linux-amd64", "jenkins-emulator-linux-arm64"}
	for _, target := range []string{"linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64", "windows-amd64.exe", "windows-arm64.exe"} {
		want = append(want, "jenkins-token-"+target)
	}
	for _, name := range want {
		sum := sha256.Sum256(read(t, dir, name))
		if got := sums[name]; got != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: got checksum %q, want %x", name, got, sum)
		}
	}
	if len(sums) != len(want) {
		t.Errorf("got %d checksums, want %d", len(sums), len(want))
	}
	program := filepath.Join(dir, "jenkins-token-linux-amd64")
	if out, err := exec.Command(program, "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "jenkins-token v1.2.3 (commit "+first.commit+", ") {
		t.Errorf("version: got %q, %v", out, err)
	}
}

// TestLicencesAreThoseOfWhatIsCompiledIn compares with what the programs for all targets
// say of themselves.
func TestLicencesAreThoseOfWhatIsCompiledIn(t *testing.T) {
	dir := programs(t)
	headings := map[string]bool{}
	for _, found := range regexp.MustCompile("(?m)^## (.+)\n\n```text\n\\s*\\S").FindAllSubmatch(read(t, dir, licensesFile), -1) {
		headings[string(found[1])] = true
	}
	want := map[string]bool{"Go's standard library": true}
	files, err := filepath.Glob(filepath.Join(dir, "jenkins-*"))
	if err != nil || len(files) != 8 {
		t.Fatalf("got the programs %v, %v", files, err)
	}
	explained := string(read(t, repository, "docs/dependencies.md"))
	for _, file := range files {
		info, err := buildinfo.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, module := range info.Deps {
			want[module.Path] = true
			if !strings.Contains(explained, "`"+module.Path) {
				t.Errorf("docs/dependencies.md does not say why %s is there", module.Path)
			}
		}
	}
	if !maps.Equal(headings, want) {
		t.Errorf("got licences of %v, want %v", slices.Sorted(maps.Keys(headings)), slices.Sorted(maps.Keys(want)))
	}
}

// TestASecondBuildGivesTheSameBytes builds in another directory, with an empty
// cache and with flags in the environment that must not count.
func TestASecondBuildGivesTheSameBytes(t *testing.T) {
	want := read(t, programs(t), "jenkins-token-linux-amd64")
	t.Setenv("GOCACHE", t.TempDir())
	t.Setenv("GOAMD64", "v3")
	t.Setenv("GOFLAGS", "-tags=other")
	dir, out := copyRepository(t), filepath.Join(t.TempDir(), "program")
	if err := compile(t.Context(), dir, first, targets[0], ".", out); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, out), want) {
		t.Error("the bytes differ")
	}
}

func layoutOf(t *testing.T, what content) (dir, digest string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "layout")
	hash, err := writeLayout(t.Context(), repository, what, first, programs(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	return dir, hash.String()
}

func TestALayoutIsTheSameTwice(t *testing.T) {
	a, wantDigest := layoutOf(t, action)
	b, gotDigest := layoutOf(t, action)
	if gotDigest != wantDigest {
		t.Errorf("got digest %s, want %s", gotDigest, wantDigest)
	}
	fileA, fileB := filepath.Join(t.TempDir(), "a.tar"), filepath.Join(t.TempDir(), "b.tar")
	if err := errors.Join(archive(a, fileA), archive(b, fileB)); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, fileA), read(t, fileB)) {
		t.Error("the OCI archives differ")
	}
	if !bytes.Contains(read(t, a, "index.json"), []byte(wantDigest)) {
		t.Errorf("the layout's index does not name %s", wantDigest)
	}
}

// TestEveryPlatformHasItsProgram reads the images of the layout: a mistake here
// would hand arm64 machines the program of amd64.
func TestEveryPlatformHasItsProgram(t *testing.T) {
	for name, what := range map[string]content{"action": action, "emulator": emulated} {
		t.Run(name, func(t *testing.T) {
			dir, _ := layoutOf(t, what)
			index, err := readLayout(dir)
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := index.IndexManifest()
			if err != nil {
				t.Fatal(err)
			}
			machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
			if got := len(manifest.Manifests); got != len(machines) {
				t.Fatalf("got %d images, want %d", got, len(machines))
			}
			for _, descriptor := range manifest.Manifests {
				image, err := index.Image(descriptor.Digest)
				if err != nil {
					t.Fatal(err)
				}
				layers, err := image.Layers()
				if err != nil || len(layers) != 1 {
					t.Fatalf("got %d layers, %v, want 1", len(layers), err)
				}
				files, err := layers[0].Uncompressed()
				if err != nil {
					t.Fatal(err)
				}
				program, err := elf.NewFile(bytes.NewReader(member(t, files, "bin/"+what.program)))
				if err != nil {
					t.Fatal(err)
				}
				if got, want := program.Machine, machines[descriptor.Platform.Architecture]; got != want {
					t.Errorf("%s: got a program for %s, want %s", descriptor.Platform, got, want)
				}
				if section := program.Section(".interp"); section != nil {
					t.Errorf("%s: the program is not static", descriptor.Platform)
				}
			}
		})
	}
}

func member(t *testing.T, r io.Reader, name string) []byte {
	t.Helper()
	for archive := tar.NewReader(r); ; {
		header, err := archive.Next()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if header.Name == name {
			content, err := io.ReadAll(archive)
			if err != nil {
				t.Fatal(err)
			}
			return content
		}
	}
}

func TestTheRootsAreCertificates(t *testing.T) {
	t.Parallel()
	text := roots()
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		t.Fatal("no certificate can be read")
	}
	if got := bytes.Count(text, []byte("BEGIN CERTIFICATE")); got < 100 {
		t.Errorf("got %d certificates, want at least 100", got)
	}
}

// published pushes a layout to a registry on loopback and pulls it with docker,
// which needs no TLS there.
func published(t *testing.T, what content) (image string) {
	t.Helper()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	dir, digest := layoutOf(t, what)
	image, err := push(t.Context(), dir, strings.TrimPrefix(server.URL, "http://")+"/jenkins-token/"+what.program+":1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(image, "@"+digest) {
		t.Errorf("got %s, want digest %s", image, digest)
	}
	docker(t, "pull", "--quiet", image)
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", image).Run() })
	return image
}

func docker(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("docker", args...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %s: %v\n%s", args[0], err, failed.String())
	}
	return strings.TrimSpace(string(out))
}

func TestThePublishedImageRuns(t *testing.T) {
	image := published(t, action)
	if got := docker(t, "run", "--rm", image, "version"); !strings.HasPrefix(got, "jenkins-token v1.2.3 ") {
		t.Errorf("version: got %q", got)
	}
	// As the runner calls its post step; without a record there is nothing to do.
	if got := docker(t, "run", "--rm", "--env", "GITHUB_ACTIONS=true", "--entrypoint", "/bin/revoke", image); !strings.Contains(got, "::notice") {
		t.Errorf("revoke: got %q, want a notice", got)
	}
	if got, want := docker(t, "image", "inspect", "--format", "{{.Os}} {{.Architecture}} {{.Config.Entrypoint}} {{.Config.User}}", image), "linux amd64 [/bin/jenkins-token]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestThePublishedEmulatorIsAServiceContainer(t *testing.T) {
	image := published(t, emulated)
	id := docker(t, "run", "--detach", "--env", "JENKINS_EMULATOR_USER=alice:secret", image)
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", id).Run() })
	logs := exec.Command("docker", "logs", "--follow", id)
	out, err := logs.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := logs.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = logs.Process.Kill(); _ = logs.Wait() }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if want := "http://[::]:8080 users: alice\n"; err != nil || line != want {
		t.Errorf("got %q, %v, want %q", line, err, want)
	}
	docker(t, "exec", id, "/bin/jenkins-emulator", "--check")
	if got, want := docker(t, "inspect", "--format", "{{.Config.Healthcheck.Test}} {{.Config.ExposedPorts}}", id), "[CMD /bin/jenkins-emulator --check] map[8080/tcp:{}]"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
