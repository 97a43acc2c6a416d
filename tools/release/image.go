package main

import (
	"archive/tar"
	"bytes"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// content is what an image holds and says.
type content struct {
	program     string
	links       []string // further names of the program
	roots       bool     // whether it has certificates to trust
	title       string
	description string
	config      v1.Config
}

// action is the image of the action: what the last stage of the Dockerfile gives.
var action = content{
	program:     "jenkins-token",
	links:       []string{"create", "revoke", "revoke-uuid", "sweep"},
	roots:       true,
	title:       "jenkins-token",
	description: "Gives a CI job a short-lived, named Jenkins API token and revokes it",
	config:      v1.Config{Entrypoint: []string{"/bin/jenkins-token"}},
}

// emulated is the image of the emulated Jenkins, for a workflow's services.
var emulated = content{
	program:     "jenkins-emulator",
	title:       "jenkins-emulator",
	description: "An emulated Jenkins controller for tests: users, crumbs and API tokens",
	config: v1.Config{
		Entrypoint:   []string{"/bin/jenkins-emulator"},
		Env:          []string{"JENKINS_EMULATOR_ADDR=0.0.0.0:8080"},
		ExposedPorts: map[string]struct{}{"8080/tcp": {}},
		Healthcheck:  &v1.HealthConfig{Test: []string{"CMD", "/bin/jenkins-emulator", "--check"}, Interval: 2 * time.Second, Timeout: 5 * time.Second, Retries: 5},
	},
}

const (
	source  = "https://github.com/jenkins-token/jenkins-token"
	licence = "Apache-2.0"
)

func (c content) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       c.title,
		"org.opencontainers.image.description": c.description,
		"org.opencontainers.image.source":      source,
		"org.opencontainers.image.licenses":    licence,
	}
}

// writeLayout makes the image for every platform of Linux from the programs in
// dir and writes it to a new OCI layout. It returns the digest of its index.
func writeLayout(repository string, what content, v version, dir, to string) (v1.Hash, error) {
	annotations := what.labels()
	annotations["org.opencontainers.image.version"] = v.number()
	index := mutate.Annotations(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), annotations).(v1.ImageIndex)
	for _, t := range targets {
		if t.os != "linux" {
			continue
		}
		image, err := what.image(repository, dir, t)
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

func (c content) image(repository, dir string, t target) (v1.Image, error) {
	files, err := c.layer(repository, filepath.Join(dir, t.file(c.program)))
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
	file.Config = *c.config.DeepCopy()
	file.Config.Labels = c.labels()
	return mutate.ConfigFile(image, file)
}

// layer is the image's only layer: no owner but root, and no time but zero.
func (c content) layer(repository, program string) ([]byte, error) {
	type entry struct {
		name, link string
		mode       int64
		content    []byte
	}
	binary, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	entries := []entry{
		{name: "bin/", mode: 0o755},
		{name: "tmp/", mode: 0o1777},
		{name: "usr/", mode: 0o755},
		{name: "usr/share/", mode: 0o755},
		{name: "usr/share/licenses/", mode: 0o755},
		{name: "bin/" + c.program, mode: 0o755, content: binary},
	}
	for _, link := range c.links {
		entries = append(entries, entry{name: "bin/" + link, mode: 0o777, link: c.program})
	}
	if c.roots {
		entries = append(entries, entry{name: "etc/", mode: 0o755}, entry{name: "etc/ssl/", mode: 0o755}, entry{name: "etc/ssl/cert.pem", mode: 0o644, content: roots()})
	}
	for _, file := range []string{"LICENSE", licencesFile} {
		text, err := os.ReadFile(filepath.Join(repository, file))
		if err != nil {
			return nil, err
		}
		entries = append(entries, entry{name: "usr/share/licenses/" + path.Base(file), mode: 0o644, content: text})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare([]byte(a.name), []byte(b.name)) })
	var buffer bytes.Buffer
	w := tar.NewWriter(&buffer)
	for _, e := range entries {
		header := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.content)), Typeflag: tar.TypeReg, ModTime: time.Unix(0, 0), Format: tar.FormatUSTAR}
		switch {
		case e.link != "":
			header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
		case e.content == nil:
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(e.content); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buffer.Bytes(), nil
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
