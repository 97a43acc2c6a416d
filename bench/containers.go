package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// containerFigure is what was measured of one container. Each round runs all of
// them once, so that the differences to the empty one are of the same moment.
type containerFigure struct {
	Name       string  `json:"name"`
	Runs       int     `json:"rounds"`
	Took       span    `json:"ms"`
	Difference span    `json:"minusEmptyMs"`
	Slower     int     `json:"slowerThanEmpty"`
	P          float64 `json:"p"` // sign test, two-sided: how likely chance alone is this far from half

	took []float64
}

const emptyContainer = "empty program"

// containers runs create in the image of the product, the shell recipe in an
// image of its own, and an image with an empty program.
func (b *bench) containers(ctx context.Context, rounds int) ([]containerFigure, error) {
	if _, err := exec.LookPath("docker"); err != nil {
		return nil, errors.New("no docker in PATH")
	}
	gateway, err := bridge(ctx)
	if err != nil {
		return nil, err
	}
	p, err := newProxy(gateway, b.stage.target, 0)
	if err != nil {
		return nil, err
	}
	defer p.close()
	images := map[string]string{}
	defer func() {
		for _, id := range images {
			_ = exec.Command("docker", "image", "rm", "--force", id).Run()
		}
	}()
	names := []string{emptyContainer, product, shell}
	for _, name := range names {
		if images[name], err = b.image(ctx, name); err != nil {
			return nil, err
		}
	}
	figures := make([]containerFigure, len(names))
	for round := range rounds + 1 {
		fmt.Fprintf(b.log, "\rcontainers: round %d of %d ", round, rounds)
		for i, name := range names {
			ms, err := b.container(ctx, gateway, p, name, images[name])
			if err != nil {
				return nil, fmt.Errorf("container of %s: %w", name, err)
			}
			if round > 0 {
				figures[i].took = append(figures[i].took, ms)
			}
		}
	}
	fmt.Fprintln(b.log)
	for i := range figures {
		f := &figures[i]
		var differences []float64
		for round, ms := range f.took {
			difference := ms - figures[0].took[round]
			differences = append(differences, difference)
			if difference > 0 {
				f.Slower++
			}
		}
		f.Name, f.Runs, f.Took, f.Difference, f.P = names[i], rounds, spanOf(f.took), spanOf(differences), 1
		if i > 0 {
			f.P = signTest(f.Slower, rounds)
		}
	}
	return figures, nil
}

// bridge is this machine's address on docker's default network.
func bridge(ctx context.Context) (string, error) {
	name, err := run(ctx, nil, "docker", "network", "inspect", "--format", `{{index .Options "com.docker.network.bridge.name"}}`, "bridge")
	if err != nil {
		return "", fmt.Errorf("docker does not answer: %w", err)
	}
	device, err := net.InterfaceByName(name)
	if err != nil {
		return "", fmt.Errorf("docker's network is not this machine's: %w", err)
	}
	addresses, err := device.Addrs()
	if err != nil {
		return "", err
	}
	for _, address := range addresses {
		if ip, ok := address.(*net.IPNet); ok && ip.IP.To4() != nil {
			return ip.IP.String(), nil
		}
	}
	return "", fmt.Errorf("docker's bridge %s has no address", name)
}

// signTest is the probability that of n fair coins at least as many as k, or as
// few, show the same side.
func signTest(k, n int) float64 {
	k = max(k, n-k)
	sum := 0.0
	for i := k; i <= n; i++ {
		sum += math.Exp(logChoose(n, i) - float64(n)*math.Ln2)
	}
	return min(1, 2*sum)
}

func logChoose(n, k int) float64 {
	a, _ := math.Lgamma(float64(n + 1))
	b, _ := math.Lgamma(float64(k + 1))
	c, _ := math.Lgamma(float64(n - k + 1))
	return a - b - c
}

// container runs an image as a runner does, with the same files and variables
// for all, and returns the milliseconds from the call to its end.
func (b *bench) container(ctx context.Context, gateway string, p *proxy, name, image string) (float64, error) {
	for _, file := range []string{"output", "state", "summary"} {
		if err := os.WriteFile(filepath.Join(b.tools.files, file), nil, 0o666); err != nil {
			return 0, err
		}
	}
	root := "https://jenkins.test:" + p.port()
	args := []string{"run", "--rm", "--add-host", "jenkins.test:" + gateway, "-v", b.tools.files + ":/github"}
	for _, variable := range append(runner("/github"),
		"INPUT_URL="+root, "INPUT_USERNAME="+username, "INPUT_PASSWORD="+password,
		"JENKINS_URL="+root, "JENKINS_USERNAME="+username, "JENKINS_PASSWORD="+password, "LEASE=/tmp/lease", "CURL_CA_BUNDLE=/etc/ssl/cert.pem") {
		args = append(args, "-e", variable)
	}
	entry := map[string][]string{
		emptyContainer: {"--entrypoint", "/bin/empty", image},
		product:        {"--entrypoint", "/bin/create", image},
		shell:          {"--entrypoint", "/bin/sh", image, "/recipe.sh", "create"},
	}[name]
	before := len(b.stage.Tokens(username))
	begin := time.Now()
	_, err := run(ctx, nil, "docker", append(args, entry...)...)
	took := time.Since(begin)
	if made := len(b.stage.Tokens(username)) - before; err == nil && (made == 1) == (name == emptyContainer) {
		err = fmt.Errorf("got %d tokens", made)
	}
	return float64(took.Nanoseconds()) / 1e6, err
}

// image makes the image of a container from files of this machine. That of the
// product holds what its Dockerfile puts there, and the emulator's root.
func (b *bench) image(ctx context.Context, name string) (string, error) {
	files := map[string]string{b.stage.bundle: "etc/ssl/cert.pem"}
	switch name {
	case product:
		files[b.tools.product] = "bin/create"
	case emptyContainer:
		source := filepath.Join(b.tools.dir, "empty.go")
		if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
			return "", err
		}
		program := filepath.Join(b.tools.dir, "empty")
		if _, err := run(ctx, append(os.Environ(), "CGO_ENABLED=0"), "go", "build", "-ldflags=-s -w", "-o", program, source); err != nil {
			return "", err
		}
		files[program] = "bin/empty"
	case shell:
		files[b.tools.script("recipe.sh")] = "recipe.sh"
		for _, program := range []string{"sh", "curl", "jq", "mktemp", "rm"} {
			path := lookPath(program)
			if path == "" {
				return "", fmt.Errorf("no %s in PATH", program)
			}
			libraries, err := run(ctx, nil, "ldd", path)
			if err != nil {
				return "", err
			}
			files[path] = "bin/" + program
			for field := range strings.FieldsSeq(libraries) {
				if strings.HasPrefix(field, "/") {
					files[field] = strings.TrimPrefix(field, "/")
				}
			}
		}
	}
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}); err != nil {
		return "", err
	}
	for _, from := range sortedKeys(files) {
		content, err := os.ReadFile(from)
		if err != nil {
			return "", err
		}
		if err := w.WriteHeader(&tar.Header{Name: files[from], Mode: 0o755, Size: int64(len(content))}); err != nil {
			return "", err
		}
		if _, err := w.Write(content); err != nil {
			return "", err
		}
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, "docker", "import", "--change", "ENV PATH=/bin", "-")
	cmd.Stdin = io.Reader(&archive)
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker import: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}
