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
	if err := rewrite(got, "ghcr.io/jenkins-token/jenkins-token"+digest, first, releasePrograms(t)); err != nil {
		t.Fatal(err)
	}
	sh(t, got, block(t, "docs/closed-network.md", "sed -i"))
	if err := rewrite(want, "registry.example.com/mirror/jenkins-token"+digest, first, releasePrograms(t)); err != nil {
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
			if found == nil || strings.HasPrefix(found[1], "./") {
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

// TestActionsOfOthersArePinnedEverywhere: what people copy from a document or an example
// is pinned as our own workflows are.
func TestActionsOfOthersArePinnedEverywhere(t *testing.T) {
	t.Parallel()
	uses := regexp.MustCompile(`(?m)^\s*-? ?uses: ([^\s]+)(.*)$`)
	pinned := regexp.MustCompile(`^[\w.-]+/[\w./-]+@[0-9a-f]{40}$`)
	seen := 0
	for _, path := range strings.Fields(sh(t, repository, "git ls-files '*.md' '*.yml' '*.yaml'")) {
		for _, found := range uses.FindAllStringSubmatch(string(read(t, repository, path)), -1) {
			if ours := strings.HasPrefix(found[1], "jenkins-token/jenkins-token"); ours || strings.HasPrefix(found[1], "./") || strings.HasPrefix(found[1], "docker://") || strings.Contains(found[1], "…") {
				continue
			}
			seen++
			if !pinned.MatchString(found[1]) {
				t.Errorf("%s: %s is not pinned by a commit", path, found[1])
			}
		}
	}
	if seen == 0 {
		t.Error("got no action of others anywhere")
	}
}

// TestNothingIsSignedBeforeItIsRebuilt: tests have a job of their own, and every job that
// pushes or signs waits for it and for the second build, and takes nothing from an
// artifact before it has compared its checksums.
func TestNothingIsSignedBeforeItIsRebuilt(t *testing.T) {
	t.Parallel()
	text := string(read(t, repository, ".github/workflows/release.yml"))
	jobs := regexp.MustCompile(`(?m)^  ([a-z-]+):\n    `).FindAllStringSubmatchIndex(text[strings.Index(text, "\njobs:\n"):], -1)
	base := strings.Index(text, "\njobs:\n")
	found := map[string]string{}
	for i, at := range jobs {
		end := len(text)
		if i+1 < len(jobs) {
			end = base + jobs[i+1][0]
		}
		found[text[base+at[2]:base+at[3]]] = text[base+at[0] : end]
	}
	for name, job := range found {
		if strings.Contains(job, ".ci/run") && name != "test" {
			t.Errorf("job %s runs the tests", name)
		}
		if !strings.Contains(job, ": write") {
			continue
		}
		if !regexp.MustCompile(`needs: \[.*(rebuild|images).*\]`).MatchString(job) {
			t.Errorf("job %s can write and does not wait for the second build", name)
		}
		if strings.Contains(job, "download-artifact") && !strings.Contains(job, `echo "$CHECKSUMS `) {
			t.Errorf("job %s takes files whose checksums it does not compare", name)
		}
		if strings.Contains(job, "imagetools create") && regexp.MustCompile(`imagetools create --tag "[^"]*" "[^"]*:\$`).MatchString(job) {
			t.Errorf("job %s makes a tag from a tag", name)
		}
	}
	if images := found["images"]; !strings.Contains(images, "needs: [build, test, rebuild, shell]") || len(found) < 6 {
		t.Errorf("got the jobs %v, want images to wait for test and rebuild", slices.Sorted(maps.Keys(found)))
	}
}

// TestEveryProofIsPinned: without branch and workflow a proof of any other workflow of the
// repository would do.
func TestEveryProofIsPinned(t *testing.T) {
	t.Parallel()
	text := string(read(t, repository, "docs/verify.md"))
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "gh attestation verify "):
			n++
			if !strings.Contains(line, " $source") {
				t.Errorf("%s: neither branch nor workflow is pinned", line)
			}
		case strings.HasPrefix(line, "cosign verify"):
			n++
			if !strings.Contains(line, `--certificate-identity "$workflow"`) || !strings.Contains(line, `--certificate-oidc-issuer "$issuer"`) {
				t.Errorf("%s: the workflow is not pinned", line)
			}
		}
	}
	if n < 4 || !strings.Contains(text, "--source-ref refs/heads/main --signer-workflow ") || !strings.Contains(text, "release.yml@refs/heads/main") {
		t.Errorf("got %d commands that verify, want each to pin refs/heads/main and release.yml", n)
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
