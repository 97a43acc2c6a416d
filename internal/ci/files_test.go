package ci_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/ci"
)

// TestRefusedFiles says of paths on each system whether a record may lie there.
func TestRefusedFiles(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, system, path string
		refused            bool
	}{
		{"a dotenv report", "gitlab", "/builds/acme/web/token.env", true},
		{"GitLab's checkout itself", "gitlab", "/builds/acme/web", true},
		{"a path back into the checkout", "gitlab", "/builds/acme/web.tmp/../web/a/b.json", true},
		{"GitLab's directory for temporary files", "gitlab", "/builds/acme/web.tmp/lease.json", false},
		{"a directory of a similar name", "gitlab", "/builds/acme/website/lease.json", false},
		{"staged artifacts of Azure", "azure", "/agent/_work/1/a/lease.json", true},
		{"Azure's directory for temporary files", "azure", "/agent/_work/_temp/lease.json", false},
		{"Buildkite's checkout", "buildkite", "/var/lib/buildkite-agent/builds/one/acme/web/lease.json", true},
		{"Buildkite elsewhere", "buildkite", "/tmp/lease.json", false},
		{"CircleCI's working directory", "circleci", "/home/circleci/project/lease.json", true},
		{"CircleCI's environment of later steps", "circleci", "/tmp/.bash_env-33", true},
		{"CircleCI elsewhere", "circleci", "/tmp/lease.json", false},
		{"Bitbucket's output variables", "bitbucket", "/opt/atlassian/pipelines/agent/variables", true},
		{"Bitbucket's clone", "bitbucket", "/opt/atlassian/pipelines/agent/build/lease.json", true},
		{"Bitbucket elsewhere", "bitbucket", "/tmp/lease.json", false},
		{"Woodpecker's workspace, all that steps share", "woodpecker", "/woodpecker/src/acme/web/lease.json", false},
		{"Drone's output variables", "drone", "/tmp/engine/output.env", true},
		{"Drone's workspace", "drone", "/drone/src/lease.json", false},
		{"the workspace of Jenkins", "jenkins", "/agent/workspace/web/lease.json", true},
		{"beside the workspace of Jenkins", "jenkins", "/agent/workspace/web@tmp/lease.json", false},
		{"a result of Tekton", "tekton", "/tekton/results/token", true},
		{"a result of a step of Tekton", "tekton", "/tekton/steps/step-create/results/token", true},
		{"a volume of Tekton", "tekton", "/lease/lease.json", false},
		{"an output parameter of Argo", "argo", "/tmp/uuid", true},
		{"inside an output artifact of Argo", "argo", "/tmp/report/lease.json", true},
		{"Argo elsewhere", "argo", "/tmp/lease.json", false},
		{"CodeBuild's sources", "codebuild", "/codebuild/output/src1/src/web/lease.json", true},
		{"CodeBuild elsewhere", "codebuild", "/tmp/lease.json", false},
		{"an output of Cloud Build", "cloudbuild", "/builder/outputs/output", true},
		{"the workspace of Cloud Build, all that steps share", "cloudbuild", "/workspace/lease.json", false},
		{"anywhere on a machine that is not known", "plain", "/tmp/lease.json", false},
		{"the workspace on GitHub", "github", "/github/workspace/lease.json", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var s stage
			files := s.system(t, row.system, environments()[row.system]).Files
			public, refused := files.Refused(row.path)
			if refused != row.refused {
				t.Errorf("refused %v: %s", refused, public.What)
			}
			if refused && (public.What == "" || files.Way == "") {
				t.Errorf("no reason %q or no way %q", public.What, files.Way)
			}
		})
	}
}

func TestRefusedThroughLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	checkout, link := filepath.Join(dir, "checkout"), filepath.Join(dir, "link")
	if err := os.Mkdir(checkout, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(checkout, link); err != nil && runtime.GOOS != "windows" {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Skip("this system makes no links: ", err)
	}
	for _, row := range []struct{ name, public, path string }{
		{"a link into the checkout", checkout, filepath.Join(link, "lease.json")},
		{"the checkout is a link", link, filepath.Join(checkout, "lease.json")},
		{"below a directory that is not there yet", link, filepath.Join(link, "a", "b", "lease.json")},
		{"all is the checkout", filepath.VolumeName(dir) + "/", filepath.Join(dir, "lease.json")},
	} {
		if _, refused := (ci.Files{Public: []ci.Public{{Path: row.public}}}).Refused(row.path); !refused {
			t.Errorf("%s: not refused", row.name)
		}
	}
}

// Windows and macOS take names that differ in case for one, and a directory can have
// two names: what counts is which directory it is.
func TestRefusedUnderAnotherName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	checkout := filepath.Join(dir, "checkout")
	if err := os.Mkdir(checkout, 0o700); err != nil {
		t.Fatal(err)
	}
	files := ci.Files{Public: []ci.Public{{Path: checkout}}}
	for _, path := range []string{
		filepath.Join(checkout, "aux.json"), filepath.Join(checkout, "..data"), checkout + string(filepath.Separator) + "a" + string(filepath.Separator),
	} {
		if _, refused := files.Refused(path); !refused {
			t.Errorf("%s: not refused", path)
		}
	}
	for _, path := range []string{filepath.Join(dir, "..data"), filepath.Join(dir, "checkout2", "lease.json"), dir} {
		if public, refused := files.Refused(path); refused {
			t.Errorf("%s: refused: %s", path, public.Path)
		}
	}
	upper := filepath.Join(dir, "CHECKOUT")
	_, err := os.Stat(upper)
	if _, refused := files.Refused(filepath.Join(upper, "lease.json")); refused != (err == nil) {
		t.Errorf("%s: refused is %v, and the system says %v to its existence", upper, refused, err)
	}
	file, link := filepath.Join(checkout, "report"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(file, link); err != nil {
		t.Fatal(err)
	}
	if _, refused := (ci.Files{Public: []ci.Public{{Path: file}}}).Refused(link); !refused {
		t.Error("another name of a published file: not refused")
	}
}

// TestPrivatePlaces: no record is put where one would be refused, and jobs that
// share a directory tell their records apart.
func TestPrivatePlaces(t *testing.T) {
	t.Parallel()
	for _, name := range ci.Names() {
		var s stage
		files := s.system(t, name, environments()[name]).Files
		if files.Private == "" {
			continue
		}
		if public, refused := files.Refused(files.LeaseFile("x")); refused {
			t.Errorf("%s: %s", name, public.What)
		}
		if made := files.LeaseFile("7f3k9q2m"); !files.IsLeaseFile(filepath.Base(made)) || filepath.Dir(made) != filepath.Clean(files.Private) {
			t.Errorf("%s: %s is not found again", name, made)
		}
	}
	var s stage
	env := texts{"BUILDKITE_JOB_ID": "one*/..", "TMPDIR": "/scratch"}
	if got, want := s.system(t, "buildkite", env).Files.LeaseFile("x"), filepath.FromSlash("/scratch/jenkins-token-one____-x.json"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if files := s.system(t, "buildkite", texts{"TMPDIR": "/scratch"}).Files; files.Private != "" {
		t.Errorf("records of all jobs would lie in %s", files.Private)
	}
	if got := s.system(t, "gitlab", texts{"CI_PROJECT_DIR": "/builds/web"}).Files.Private; got != "/builds/web.tmp" {
		t.Errorf("an old runner of GitLab: %s", got)
	}
	harness := s.system(t, "drone", texts{"HARNESS_BUILD_ID": "3", "HARNESS_PIPELINE_ID": "release", "HARNESS_ACCOUNT_ID": "a", "HARNESS_ORG_ID": "o", "HARNESS_PROJECT_ID": "p", "HARNESS_STAGE_ID": "s"})
	if got, want := harness.Run, (ci.Run{Project: "harness/a/o/p/release", ID: "3", Job: "s"}); got != want {
		t.Errorf("Harness: got %+v, want %+v", got, want)
	}
	for what, env := range map[string]texts{
		"no JSON": {"file:/var/run/argo/template": "{"}, "nothing": {}, "offloaded": {"ARGO_TEMPLATE": "offloaded"},
	} {
		if got := s.system(t, "argo", env).Files.Public; len(got) != 1 {
			t.Errorf("an Argo template that is %s: %v", what, got)
		}
	}
	if _, refused := s.system(t, "argo", texts{"ARGO_TEMPLATE": strings.TrimSpace(environments()["argo"]["file:/var/run/argo/template"])}).Files.Refused("/tmp/uuid"); !refused {
		t.Error("an Argo template in the environment is not read")
	}
}
