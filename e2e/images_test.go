//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// images makes what the tests need and no registry has to give, once each.
type images struct {
	dir   string // a copy of the repository
	base  string // the image that they are built from, if it was made here
	made  []string
	once  sync.Once
	image string
	err   error
}

var shared = &images{}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "jenkins-token-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.dir = filepath.Join(dir, "repository")
	// The programs that the tests start would inherit what nohup has had ignored.
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	code := m.Run()
	for _, id := range slices.Concat(derived(shared.base), shared.made, []string{shared.base}) {
		_ = exec.Command("docker", "image", "rm", "--force", id).Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// derived are the images that were built from another, the newest first. Builders
// before BuildKit leave those of a build stage, which are 400 MB here.
func derived(base string) []string {
	if base == "" {
		return nil
	}
	out, _ := exec.Command("docker", "image", "ls", "--all", "--quiet", "--no-trunc", "--filter", "since="+base).Output()
	return slices.DeleteFunc(strings.Fields(string(out)), func(id string) bool {
		history, _ := exec.Command("docker", "image", "history", "--quiet", "--no-trunc", id).Output()
		return !slices.Contains(strings.Fields(string(history)), base)
	})
}

// action returns the id of the action's image, and the copy of the repository
// that it was built from.
func action(t *testing.T) (id, dir string) {
	t.Helper()
	shared.once.Do(func() { shared.image, shared.err = shared.build(context.Background()) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.image, shared.dir
}

func (i *images) build(ctx context.Context) (string, error) {
	if err := copyRepository(ctx, i.dir); err != nil {
		return "", err
	}
	base := os.Getenv("E2E_GO_IMAGE")
	if base == "" {
		base = "jenkins-token-e2e-go:" + random(4)
		id, err := goImage(ctx, base)
		if err != nil {
			return "", err
		}
		i.base = id
	}
	if err := useImage(filepath.Join(i.dir, "Dockerfile"), base); err != nil {
		return "", err
	}
	id, err := docker(ctx, nil, "build", "--quiet", "--network", "host", i.dir)
	if err == nil {
		i.made = append(i.made, id)
	}
	return id, err
}

// useImage makes base the default of GO_IMAGE, as act passes no build arguments,
// and cuts the stage shell, whose base no registry gives here: builders before
// BuildKit build every stage. .ci/run builds that stage by itself.
func useImage(dockerfile, base string) error {
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		return err
	}
	head, rest, ok := strings.Cut(string(text), "# For CI systems that need a shell")
	_, tail, ok2 := strings.Cut(rest, "# No USER")
	if !ok || !ok2 || !strings.Contains(head, "ARG GO_IMAGE=golang:1.26-alpine\n") {
		return fmt.Errorf("the Dockerfile is not of the form expected")
	}
	head = strings.Replace(head, "ARG GO_IMAGE=golang:1.26-alpine\n", "ARG GO_IMAGE="+base+"\n", 1)
	return os.WriteFile(dockerfile, []byte(head+"# No USER"+tail), 0o644)
}

// docker runs docker and returns the last line it printed.
func docker(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin = stdin
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w\n%s", args[0], err, errors.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1], nil
}

// copyRepository copies the files that git knows, or would, so that a build sees
// what a clone would hold.
func copyRepository(ctx context.Context, to string) error {
	list := exec.CommandContext(ctx, "git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = ".."
	out, err := list.Output()
	if err != nil {
		return fmt.Errorf("git ls-files: %w", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		if strings.Contains(name, "testdata/") {
			continue
		}
		content, err := os.ReadFile(filepath.Join("..", name))
		if os.IsNotExist(err) {
			continue // deleted and not committed
		}
		if err != nil {
			return err
		}
		path := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// goImage makes an image of this machine's Go, busybox and roots: what the build
// stage needs of golang:alpine.
func goImage(ctx context.Context, name string) (string, error) {
	return importImage(ctx, name, []string{"ENV PATH=/usr/local/go/bin:/bin", "ENV GOTOOLCHAIN=local"}, func(w *root) error {
		if err := w.busybox(); err != nil {
			return err
		}
		if err := w.file("/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/certs/ca-certificates.crt"); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
		if err != nil {
			return fmt.Errorf("go env GOROOT: %w", err)
		}
		goroot := strings.TrimSpace(string(out))
		for _, dir := range []string{"bin", "pkg", "src", "lib"} {
			if err := w.tree(filepath.Join(goroot, dir), "/usr/local/go/"+dir); err != nil {
				return err
			}
		}
		for _, file := range []string{"VERSION", "go.env", "LICENSE"} {
			if err := w.file(filepath.Join(goroot, file), "/usr/local/go/"+file); err != nil {
				return err
			}
		}
		return nil
	})
}

// jobImage makes the image that act runs a job's steps in: busybox and curl.
func jobImage(t *testing.T) string {
	t.Helper()
	const name = "jenkins-token-e2e-job:1"
	id, err := importImage(t.Context(), name, []string{"ENV PATH=/bin", `CMD ["/bin/sh"]`}, func(w *root) error {
		if err := w.busybox(); err != nil {
			return err
		}
		curl, err := exec.LookPath("curl")
		if err != nil {
			return err
		}
		if err := w.file(curl, "/bin/curl"); err != nil {
			return err
		}
		libraries, err := exec.Command("ldd", curl).Output()
		if err != nil {
			return fmt.Errorf("ldd: %w", err)
		}
		for field := range strings.FieldsSeq(string(libraries)) {
			if strings.HasPrefix(field, "/") {
				if err := w.file(field, field); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exec.Command("docker", "image", "rm", "--force", id).Run() })
	return name
}

// importImage makes an image of the files that fill writes.
func importImage(ctx context.Context, name string, changes []string, fill func(*root) error) (string, error) {
	reader, writer := io.Pipe()
	go func() {
		w := &root{tar.NewWriter(writer), map[string]bool{}}
		err := fill(w)
		if err == nil {
			err = w.dir("/tmp/")
		}
		if err == nil {
			err = w.w.Close()
		}
		writer.CloseWithError(err)
	}()
	args := []string{"import"}
	for _, change := range changes {
		args = append(args, "--change", change)
	}
	return docker(ctx, reader, append(args, "-", name)...)
}

// root is a file system on its way into an image.
type root struct {
	w    *tar.Writer
	seen map[string]bool
}

func (r *root) dir(name string) error {
	return r.w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "." + name, Mode: 0o1777})
}

func (r *root) file(from, to string) error {
	if r.seen[to] {
		return nil
	}
	r.seen[to] = true
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: "." + to, Mode: int64(info.Mode().Perm()), Size: int64(len(content)), ModTime: info.ModTime()}
	if err := r.w.WriteHeader(header); err != nil {
		return err
	}
	_, err = r.w.Write(content)
	return err
}

func (r *root) tree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil || strings.Contains(rel, "testdata") || strings.HasSuffix(rel, "_test.go") {
			return err
		}
		return r.file(path, to+"/"+rel)
	})
}

func (r *root) busybox() error {
	path := cmp.Or(os.Getenv("BUSYBOX"), "/bin/busybox")
	if err := r.file(path, "/bin/busybox"); err != nil {
		return fmt.Errorf("%w (Debian: apt-get install busybox-static)", err)
	}
	applets, err := exec.Command(path, "--list").Output()
	if err != nil {
		return err
	}
	for name := range strings.FieldsSeq(string(applets)) {
		if name == "busybox" {
			continue
		}
		if err := r.w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "./bin/" + name, Linkname: "busybox", Mode: 0o777}); err != nil {
			return err
		}
	}
	return nil
}
