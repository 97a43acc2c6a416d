package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const repository = "../.."

var first = mustVersion("v1.2.3+0123456789abcdef0123456789abcdef01234567")

func mustVersion(text string) version {
	var v version
	if err := v.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return v
}

// copyRepository copies what git knows of the repository, or would, to a
// directory of the test.
func copyRepository(t *testing.T) string {
	t.Helper()
	to := t.TempDir()
	list := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z")
	list.Dir = repository
	out, err := list.Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		content, err := os.ReadFile(filepath.Join(repository, name))
		if os.IsNotExist(err) {
			continue // deleted and not committed
		}
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(to, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return to
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestVersionsAreTags(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "1.2.3", "v1.2", "v01.2.3", "v1.2.3 ", "v1.2.3-", "v1.2.3;id", "v1.2.3+x"} {
		var v version
		if err := v.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got no error", text)
		}
	}
	for _, text := range []string{"v0.0.1", "v1.20.3", "v1.2.3-rc.1"} {
		if got := mustVersion(text).text; got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestMoving(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		version, released string
		want              []string
	}{
		"the first":                  {"v1.0.0", "", []string{"1.0", "1"}},
		"tagged already":             {"v1.0.0", "v1.0.0\nv1\n", []string{"1.0", "1"}},
		"the newest":                 {"v1.10.0", "v1.9.0\nv1.2.0\nv2.0.0\n", []string{"1.10", "1"}},
		"a fix of an older minor":    {"v1.2.9", "v1.2.8\nv1.3.0\n", []string{"1.2"}},
		"older than all of its line": {"v1.2.3", "v1.2.4\n", nil},
		"a pre-release":              {"v1.2.3-rc.1", "", nil},
		"newer than a pre-release":   {"v1.2.3", "v1.2.4-rc.1\nnightly\n", []string{"1.2", "1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := moving(mustVersion(test.version), test.released); !slices.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestRewriteMakesEveryActionUseTheImage(t *testing.T) {
	t.Parallel()
	dir := copyRepository(t)
	image := "ghcr.io/jenkins-token/jenkins-token@sha256:" + strings.Repeat("0a", 32)
	// The second time there is an image of a registry to be replaced.
	for _, image := range []string{"mirror.example.com:5000/x@sha256:" + strings.Repeat("1b", 32), image} {
		if err := rewrite(dir, image, first, releasePrograms(t)); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := string(read(t, dir, "native/release.json")), string(read(t, ".", "testdata/release.json")); got != want {
		t.Errorf("native/release.json: got %s, want %s", got, want)
	}
	if got, want := string(read(t, dir, "native/action.yml")), string(read(t, repository, "native/action.yml")); got != want {
		t.Error("native/action.yml has changed")
	}
	for _, file := range []string{"action.yml", "revoke/action.yml", "sweep/action.yml"} {
		old, changed := strings.Split(string(read(t, repository, file)), "\n"), strings.Split(string(read(t, dir, file)), "\n")
		if len(old) != len(changed) {
			t.Fatalf("%s: got %d lines, want %d", file, len(changed), len(old))
		}
		for i := range old {
			want := old[i]
			if strings.HasPrefix(want, "  image: ") {
				want = "  image: docker://" + image
			}
			if changed[i] != want {
				t.Errorf("%s:%d: got %q, want %q", file, i+1, changed[i], want)
			}
		}
	}
}

// releasePrograms is a directory with a file for each target, whose content is its name.
func releasePrograms(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, target := range targets {
		if err := os.WriteFile(filepath.Join(dir, target.file("jenkins-token")), []byte(target.String()), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestRewriteNeedsEveryProgram(t *testing.T) {
	t.Parallel()
	out := releasePrograms(t)
	if err := os.Remove(filepath.Join(out, "jenkins-token-windows-arm64.exe")); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(copyRepository(t), "ghcr.io/x@sha256:"+strings.Repeat("0a", 32), first, out); err == nil || !strings.Contains(err.Error(), "windows-arm64") {
		t.Errorf("got %v, want an error that names the program", err)
	}
}

func TestRewriteRefuses(t *testing.T) {
	t.Parallel()
	dir := copyRepository(t)
	for name, image := range map[string]string{
		"a tag":           "ghcr.io/jenkins-token/jenkins-token:1.2.3",
		"a short digest":  "ghcr.io/jenkins-token/jenkins-token@sha256:0a",
		"something after": "ghcr.io/x@sha256:" + strings.Repeat("0a", 32) + "\n  args: [x]",
	} {
		if err := rewrite(dir, image, first, releasePrograms(t)); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "sweep", "action.yml"), []byte("runs:\n  using: docker\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := rewrite(dir, "ghcr.io/x@sha256:"+strings.Repeat("0a", 32), first, releasePrograms(t)); err == nil || !strings.Contains(err.Error(), "sweep/action.yml") {
		t.Errorf("an action without an image: got %v, want an error that names it", err)
	}
}

func TestSectionOfTheChangelog(t *testing.T) {
	t.Parallel()
	const changelog = "# Changelog\n\n## [Unreleased]\n\n## [1.3.0] - unreleased\n\n- soon\n\n## [1.2.3] - 2026-11-24\n\n### Added\n\n- a thing\n\n" +
		"## [1.2.2] - 2026-11-20\n\n## [1.2.1] - 2026-11-01\n\n- first\n\n[1.2.3]: https://example.com\n"
	for name, test := range map[string]struct{ version, want, err string }{
		"in the middle": {"v1.2.3", "### Added\n\n- a thing\n", ""},
		"the last":      {"v1.2.1", "- first\n", ""},
		"without text":  {"v1.2.2", "", "empty"},
		"without date":  {"v1.3.0", "", "no date"},
		"missing":       {"v1.2.30", "", "no section"},
		"like a regexp": {"v1.2.0-3", "", "no section"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := section(changelog, mustVersion(test.version))
			if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %q, %v, want %q and an error with %q", got, err, test.want, test.err)
			}
		})
	}
}

func TestNotesNameTheImage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "CHANGELOG.md"), []byte("## [1.2.3] - 2026-11-24\n\n- a thing\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := notes(dir, first, "ghcr.io/x@sha256:0a")
	if err != nil || !strings.HasPrefix(got, "- a thing\n") || !strings.Contains(got, "`ghcr.io/x@sha256:0a`. Built with go1") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestCommandsRefuseWrongUse(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"nothing":          nil,
		"unknown":          {"publish"},
		"flag missing":     {"build", "--version", "v1.2.3"},
		"wrong version":    {"build", "--version", "1.2.3", "--out", "x"},
		"further argument": {"moving", "--version", "v1.2.3", "x"},
	} {
		var out bytes.Buffer
		if err := run(t.Context(), args, strings.NewReader(""), &out); err == nil || !strings.Contains(err.Error(), "wrong use") || out.Len() > 0 {
			t.Errorf("%s: got %v and %q", name, err, out.String())
		}
	}
}
