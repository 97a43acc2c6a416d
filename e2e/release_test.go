//go:build e2e

package e2e

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// file is what an image says of one of its files.
type file struct {
	kind byte
	mode int64
	uid  int
	link string
	sum  string // SHA-256 of the content
}

// TestTheReleasedImageIsThatOfTheDockerfile compares what tools/release
// assembles with what docker builds, which is what uses: ./ runs.
func TestTheReleasedImageIsThatOfTheDockerfile(t *testing.T) {
	id, _ := action(t)
	built, builtConfig := saved(t, id)
	released, releasedConfig := released(t)

	// The certificates are those of Alpine in one and of a module in the other,
	// and the version of a release is in its program.
	const roots, program = "etc/ssl/cert.pem", "bin/jenkins-token"
	if got, want := built[program].sum, sum(t, hostProgram(t)); got != want {
		t.Error("docker builds other bytes than the same command does here")
	}
	for _, files := range []map[string]file{built, released} {
		for _, name := range []string{roots, program} {
			f := files[name]
			f.sum = ""
			files[name] = f
		}
	}
	for _, name := range slices.Sorted(maps.Keys(built)) {
		if got, want := released[name], built[name]; got != want {
			t.Errorf("%s: got %+v in the released image, want %+v", name, got, want)
		}
		delete(released, name)
	}
	if len(released) > 0 {
		t.Errorf("got %v in the released image alone", slices.Sorted(maps.Keys(released)))
	}
	if got, want := releasedConfig, builtConfig; got != want {
		t.Errorf("got configuration\n%s\nwant\n%s", got, want)
	}
}

// hostProgram builds the program by the Dockerfile's command.
func hostProgram(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -X main.release=", "-o", file, "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return file
}

func sum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// saved reads an image of the docker daemon.
func saved(t *testing.T, id string) (files map[string]file, config string) {
	t.Helper()
	archive := filepath.Join(t.TempDir(), "image.tar")
	if _, err := docker(t.Context(), nil, "save", "--output", archive, id); err != nil {
		t.Fatal(err)
	}
	members := map[string][]byte{}
	in, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	each(t, in, func(h *tar.Header, content []byte) { members[h.Name] = content })
	var manifests []struct {
		Config string
		Layers []string
	}
	decode(t, members["manifest.json"], &manifests)
	files = map[string]file{}
	for _, layer := range manifests[0].Layers {
		addLayer(t, files, bytes.NewReader(members[layer]))
	}
	return files, configuration(t, members[manifests[0].Config])
}

// released reads the image that tools/release makes for this platform.
func released(t *testing.T) (files map[string]file, config string) {
	t.Helper()
	dir := t.TempDir()
	tool, dist, layout := filepath.Join(dir, "release"), filepath.Join(dir, "dist"), filepath.Join(dir, "layout")
	for _, args := range [][]string{
		{"go", "build", "-C", "tools/release", "-o", tool, "."},
		{tool, "build", "--version", "v1.2.3", "--out", dist},
		{tool, "image", "--version", "v1.2.3", "--out", dist, "--layout", layout},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Dir = ".."
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	type descriptor struct {
		Digest   string
		Platform struct{ Architecture string }
	}
	blob := func(digest string) []byte {
		content, err := os.ReadFile(filepath.Join(layout, "blobs", strings.Replace(digest, ":", "/", 1)))
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	var outer, index struct{ Manifests []descriptor }
	text, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	decode(t, text, &outer)
	decode(t, blob(outer.Manifests[0].Digest), &index)
	at := slices.IndexFunc(index.Manifests, func(d descriptor) bool { return d.Platform.Architecture == "amd64" })
	if at < 0 {
		t.Fatal("the index has no image for amd64")
	}
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	decode(t, blob(index.Manifests[at].Digest), &manifest)
	files = map[string]file{}
	for _, layer := range manifest.Layers {
		in, err := gzip.NewReader(bytes.NewReader(blob(layer.Digest)))
		if err != nil {
			t.Fatal(err)
		}
		addLayer(t, files, in)
	}
	return files, configuration(t, blob(manifest.Config.Digest))
}

func decode(t *testing.T, text []byte, into any) {
	t.Helper()
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

func each(t *testing.T, r io.Reader, do func(*tar.Header, []byte)) {
	t.Helper()
	for in := tar.NewReader(r); ; {
		header, err := in.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		do(header, content)
	}
}

func addLayer(t *testing.T, files map[string]file, r io.Reader) {
	t.Helper()
	each(t, r, func(h *tar.Header, content []byte) {
		f := file{kind: h.Typeflag, mode: h.Mode & 0o7777, uid: h.Uid, link: h.Linkname}
		if h.Typeflag == tar.TypeReg {
			sum := sha256.Sum256(content)
			f.sum = hex.EncodeToString(sum[:])
		}
		files[strings.TrimSuffix(h.Name, "/")] = f
	})
}

// configuration is the part of an image's configuration that a container sees.
func configuration(t *testing.T, text []byte) string {
	t.Helper()
	var image struct {
		OS, Architecture string
		Config           struct {
			Entrypoint, Cmd, Env []string
			User, WorkingDir     string
			Labels               map[string]string
		}
	}
	decode(t, text, &image)
	// A builder writes the search path that a container gets without it too.
	image.Config.Env = slices.DeleteFunc(image.Config.Env, func(e string) bool { return strings.HasPrefix(e, "PATH=") })
	if len(image.Config.Env) == 0 {
		image.Config.Env = nil
	}
	out, err := json.MarshalIndent(image, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
