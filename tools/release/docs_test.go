package main

import (
	"bytes"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// block returns the code block of a document that contains text.
func block(t *testing.T, document, text string) string {
	t.Helper()
	for _, found := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllSubmatch(read(t, repository, document), -1) {
		if strings.Contains(string(found[1]), text) {
			return string(found[1])
		}
	}
	t.Fatalf("%s has no code block with %q", document, text)
	return ""
}

func sh(t *testing.T, dir, script string, env ...string) string {
	t.Helper()
	cmd := exec.Command("sh", "-euc", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, script, failed.String())
	}
	return string(out)
}

func TestTheCommandThatNamesAMirror(t *testing.T) {
	t.Parallel()
	digest := "@sha256:" + strings.Repeat("0a", 32)
	got, want := copyRepository(t), copyRepository(t)
	if err := rewrite(got, "ghcr.io/jenkins-token/jenkins-token"+digest); err != nil {
		t.Fatal(err)
	}
	sh(t, got, block(t, "docs/closed-network.md", "sed -i"))
	if err := rewrite(want, "registry.example.com/mirror/jenkins-token"+digest); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"action.yml", "revoke/action.yml", "sweep/action.yml"} {
		if !bytes.Equal(read(t, got, file), read(t, want, file)) {
			t.Errorf("%s is not as wanted:\n%s", file, read(t, got, file))
		}
	}
}

func TestTheCommandsThatVerifyARebuild(t *testing.T) {
	dir := copyRepository(t)
	if err := os.Symlink(programs(t), filepath.Join(dir, "dist")); err != nil {
		t.Fatal(err)
	}
	_, digest := layoutOf(t, action)
	// The blocks belong to one shell; cmp ends it when the bytes differ.
	out := sh(t, dir, block(t, "docs/verify.md", "cmp rebuilt")+block(t, "docs/verify.md", "./release image"), "version="+first.text)
	if got := strings.TrimSpace(out); got != digest {
		t.Errorf("got digest %s, want %s", got, digest)
	}
	sh(t, dir, "cmp again/checksums.txt dist/checksums.txt")
}

func TestEveryModuleCompiledInIsExplained(t *testing.T) {
	t.Parallel()
	dirs, err := modules(t.Context(), repository)
	if err != nil {
		t.Fatal(err)
	}
	text := string(read(t, repository, "docs/dependencies.md"))
	for _, module := range slices.Sorted(maps.Keys(dirs)) {
		if !strings.Contains(text, "`"+module) {
			t.Errorf("docs/dependencies.md does not say why %s is there", module)
		}
	}
}

func TestTheChangelogHasASectionToRelease(t *testing.T) {
	t.Parallel()
	text := string(read(t, repository, "CHANGELOG.md"))
	newest := regexp.MustCompile(`(?m)^## \[(.+)\] - (.+)$`).FindStringSubmatch(text)
	if newest == nil {
		t.Fatal("there is no section of a version")
	}
	dated := strings.Replace(text, "] - "+newest[2], "] - 2026-11-24", 1)
	if got, err := section(dated, mustVersion("v"+newest[1])); err != nil || !strings.Contains(got, "\n- ") {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestWorkflowsAreOfTheFormPromised: every action by commit, no right that is
// not asked for by a job, and no code of strangers with rights of ours.
func TestWorkflowsAreOfTheFormPromised(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(repository, ".github", "workflows", "*.yml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got %v, %v", files, err)
	}
	uses := regexp.MustCompile(`^\s*-? ?uses: (.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$`)
	commits := map[string]string{}
	for _, file := range files {
		text := string(read(t, file))
		if !strings.Contains(text, "\npermissions: {}\n") {
			t.Errorf("%s does not begin without permissions", file)
		}
		if strings.Contains(text, "pull_request_target") || strings.Contains(text, "workflow_run") {
			t.Errorf("%s runs on pull requests of strangers with rights of this repository", file)
		}
		if got, want := strings.Count(text, "actions/checkout@"), strings.Count(text, "persist-credentials: false"); got != want {
			t.Errorf("%s: %d check-outs, %d of them without credentials", file, got, want)
		}
		for line := range strings.Lines(text) {
			found := uses.FindStringSubmatch(strings.TrimRight(line, "\n"))
			if found == nil {
				continue
			}
			if !pinned.MatchString(found[1]) {
				t.Errorf("%s: %s is not pinned by a commit with its version behind it", file, found[1])
			}
			action, commit, _ := strings.Cut(found[1], "@")
			if have, ok := commits[action]; ok && have != commit {
				t.Errorf("%s: got %s of %s here, %s elsewhere", file, commit, action, have)
			}
			commits[action] = commit
		}
	}
}

// TestOneGoReleaseMakesAnImage: a toolchain that only one go.mod switches to would
// give the program and the layer of its image different compilers.
func TestOneGoReleaseMakesAnImage(t *testing.T) {
	t.Parallel()
	if got := strings.TrimSpace(sh(t, repository, "go env GOVERSION")); got != runtime.Version() {
		t.Errorf("got %s for the program, %s for the tool", got, runtime.Version())
	}
}
