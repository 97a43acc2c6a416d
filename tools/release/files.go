package main

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
)

var (
	imageForm = regexp.MustCompile(`^[a-z0-9.:/_-]+@sha256:[0-9a-f]{64}$`)
	nodeLine  = regexp.MustCompile(`(?m)^  using: node\d+$`)
	imageLine = regexp.MustCompile(`(?m)^  image: \S+$`)
)

// rewrite makes every action of the repository use what was published: the image, or the
// programs in out.
func rewrite(repository, image string, v version, out string) error {
	if !imageForm.MatchString(image) {
		return fmt.Errorf("an image is named by its digest (REPOSITORY@sha256:…), not %q", image)
	}
	nested, err := filepath.Glob(filepath.Join(repository, "*", "action.yml"))
	if err != nil {
		return err
	}
	for _, file := range append(nested, filepath.Join(repository, "action.yml")) {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if nodeLine.Match(text) {
			continue
		}
		if n := len(imageLine.FindAll(text, -1)); n != 1 {
			return fmt.Errorf("%s has %d lines that name an image, not one", file, n)
		}
		text = imageLine.ReplaceAll(text, []byte("  image: docker://"+image))
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
	}
	return writeRelease(repository, v, out)
}

// writeRelease tells the actions that run on Node which programs are the release's.
func writeRelease(repository string, v version, out string) error {
	sums := map[string]string{}
	for _, t := range targets {
		content, err := os.ReadFile(filepath.Join(out, t.file(action.program)))
		if err != nil {
			return err
		}
		sums[t.String()] = fmt.Sprintf("%x", sha256.Sum256(content))
	}
	text, err := json.MarshalIndent(map[string]any{"version": v.text, "url": source + "/releases/download/" + v.text, "sha256": sums}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(repository, "native", "release.json"), append(text, '\n'), 0o644)
}

// notes is the section of a version in CHANGELOG.md, which must have its date,
// and what the release was built with.
func notes(repository string, v version, image string) (string, error) {
	text, err := os.ReadFile(filepath.Join(repository, "CHANGELOG.md"))
	if err != nil {
		return "", err
	}
	section, err := section(string(text), v)
	if err != nil || image == "" {
		return section, err
	}
	return section + fmt.Sprintf("\nImage: `%s`. Built with %s; how to check it: [verify.md](%s/blob/%s/docs/verify.md).\n", image, runtime.Version(), source, v.text), nil
}

func section(changelog string, v version) (string, error) {
	heading := regexp.MustCompile(`(?m)^## \[` + regexp.QuoteMeta(v.number()) + `\] - (.*)$`)
	at := heading.FindStringSubmatchIndex(changelog)
	if at == nil {
		return "", fmt.Errorf("CHANGELOG.md has no section [%s]", v.number())
	}
	if date := changelog[at[2]:at[3]]; !regexp.MustCompile(`^\d{4}-\d\d-\d\d$`).MatchString(date) {
		return "", fmt.Errorf("section [%s] of CHANGELOG.md has no date but %q", v.number(), date)
	}
	rest := changelog[at[1]:]
	if end := regexp.MustCompile(`(?m)^(## |\[[^\]]+\]: )`).FindStringIndex(rest); end != nil {
		rest = rest[:end[0]]
	}
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return "", errors.New("the section of CHANGELOG.md is empty")
	}
	return rest + "\n", nil
}
