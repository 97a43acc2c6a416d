package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// content is an image. What it holds is up to tools/image.sh.
type content struct {
	program string
	config  v1.Config         // more than the Dockerfile says
	labels  map[string]string // other than those of the Dockerfile
}

// action is the image of the action: what the last stage of the Dockerfile gives.
var action = content{program: "jenkins-token"}

// emulated is the image of the emulated Jenkins, for a workflow's services.
var emulated = content{
	program: "jenkins-emulator",
	config: v1.Config{
		Entrypoint:   []string{"/bin/jenkins-emulator"},
		Env:          []string{"JENKINS_EMULATOR_ADDR=0.0.0.0:8080"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/bin/jenkins-emulator", "--check"}, Interval: 2 * time.Second, Timeout: 5 * time.Second, Retries: 5},
	},
	labels: map[string]string{
		"org.opencontainers.image.title":       "jenkins-emulator",
		"org.opencontainers.image.description": "An emulated Jenkins controller for tests: users, crumbs and API tokens",
	},
}

var (
	entrypointLine = regexp.MustCompile(`(?m)^ENTRYPOINT (\[.+\])$`)
	labelPair      = regexp.MustCompile(`(org\.opencontainers\.image\.[a-z]+)="([^"]*)"`)
)

// configuration is what the last stage of the Dockerfile says, and what the image has
// beyond that.
func (c content) configuration(repository string) (v1.Config, error) {
	text, err := os.ReadFile(filepath.Join(repository, "Dockerfile"))
	if err != nil {
		return v1.Config{}, err
	}
	stage := text[bytes.LastIndex(text, []byte("\nFROM ")):]
	entrypoint, labels := entrypointLine.FindSubmatch(stage), labelPair.FindAllSubmatch(stage, -1)
	if entrypoint == nil || len(labels) == 0 {
		return v1.Config{}, errors.New("the last stage of the Dockerfile has no ENTRYPOINT or no LABEL")
	}
	config := *c.config.DeepCopy()
	if config.Entrypoint == nil {
		if err := json.Unmarshal(entrypoint[1], &config.Entrypoint); err != nil {
			return v1.Config{}, fmt.Errorf("ENTRYPOINT of the Dockerfile: %w", err)
		}
	}
	config.Labels = map[string]string{}
	for _, label := range labels {
		config.Labels[string(label[1])] = string(label[2])
	}
	maps.Copy(config.Labels, c.labels)
	return config, nil
}

// writeLayout makes the image for every platform of Linux from the programs in
// dir and writes it to a new OCI layout. It returns the digest of its index.
func writeLayout(ctx context.Context, repository string, what content, v version, dir, to string) (v1.Hash, error) {
	config, err := what.configuration(repository)
	if err != nil {
		return v1.Hash{}, err
	}
	annotations := maps.Clone(config.Labels)
	annotations["org.opencontainers.image.version"] = v.number()
	index := mutate.Annotations(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), annotations).(v1.ImageIndex)
	for _, t := range targets {
		if t.os != "linux" {
			continue
		}
		image, err := what.image(ctx, repository, config, dir, t)
		if err != nil {
			return v1.Hash{}, fmt.Errorf("image for %s: %w", t, err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        image,
			Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: t.os, Architecture: t.arch}},
		})
	}
	p, err := layout.Write(to, empty.Index)
	if err != nil {
		return v1.Hash{}, err
	}
	if err := p.AppendIndex(index); err != nil {
		return v1.Hash{}, err
	}
	return index.Digest()
}

func (c content) image(ctx context.Context, repository string, config v1.Config, dir string, t target) (v1.Image, error) {
	files, err := c.layer(ctx, repository, filepath.Join(dir, t.file(c.program)))
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(files)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "tools/release"}}); err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = t.os, t.arch
	file.Config = config
	return mutate.ConfigFile(image, file)
}

// layer is the image's only layer: what tools/image.sh makes, in the order of names, with
// no owner but root and no time but zero.
func (c content) layer(ctx context.Context, repository, program string) (_ []byte, err error) {
	temp, err := os.MkdirTemp("", "jenkins-token-image-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	root, certificates := filepath.Join(temp, "root"), filepath.Join(temp, "cert.pem")
	if err := os.WriteFile(certificates, roots(), 0o600); err != nil {
		return nil, err
	}
	if program, err = filepath.Abs(program); err != nil {
		return nil, err
	}
	if err := script(ctx, repository, io.Discard, "tools/image.sh", root, c.program, program, certificates); err != nil {
		return nil, err
	}
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	err = filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		return addFile(w, root, path)
	})
	if err := errors.Join(err, w.Close()); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
}

func addFile(w *tar.Writer, root, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	from, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return err
	}
	header := &tar.Header{Name: name, Linkname: link, Mode: from.Mode, Size: from.Size, Typeflag: from.Typeflag, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
	if info.IsDir() {
		header.Name += "/"
	}
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// roots are Mozilla's, as the Go project publishes them: a module, so go.sum
// fixes their bytes. A root that Mozilla trusts under a condition is left out,
// since a file of certificates cannot say the condition.
func roots() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate})
		}
	}
	return text.Bytes()
}
