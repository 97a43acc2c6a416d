package command

import (
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// What is the same but for its name is said once, with a count.
func TestLeftoversThatDifferInTheirNameAreSaidOnce(t *testing.T) {
	t.Parallel()
	of := func(name string, ending lease.Outcome, err string) lease.Leftover {
		return lease.Leftover{Lease: lease.Lease{URL: "https://ci.example.com", Username: "alice"}, Name: name, Outcome: ending, Err: errors.New(err)}
	}
	all := groupLeftovers([]lease.Leftover{
		of("a", lease.Unknown, "no connection"), of("b", lease.Unknown, "no connection"), of("c", lease.Unknown, "no connection"),
		of("d", lease.Unknown, "another"), of("e", lease.Failed, "no connection"), of("f", lease.Failed, "no connection"),
	})
	var got []string
	for _, one := range all {
		text, _, _ := strings.Cut(leftoverText(one.Leftover, one.more), ": ")
		got = append(got, text)
	}
	want := []string{
		"a token named a, or of one of the 2 other names that this run tried, may exist", "a token named d may exist",
		"token e was not revoked", "token f was not revoked",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// What the controller does of itself is said as far as an answer told it.
func TestWhenALeftoverEnds(t *testing.T) {
	t.Parallel()
	const name, uuid = "jenkins-token:ci/acme:7.1:deploy:7f3k2q2m:until-20261124T150000Z", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	for _, test := range []struct {
		name, uuid, expires, recorded, version string
		want                                   string
	}{
		{"its own, with an end", uuid, "2026-11-26T12:00:00Z", "2.548", "", "; Jenkins revokes it no later than 2026-11-26T12:00:00Z"},
		{"its own, without", uuid, "", "", "", "; a sweep revokes it after 2026-11-24T15:00:00Z, Jenkins itself never does"},
		{"lost beside one with an end", "", "2026-11-26T12:00:00Z", "2.548", "", "; a sweep revokes it after 2026-11-24T15:00:00Z"},
		{"lost, no version", "", "", "", "", "; a sweep revokes it after 2026-11-24T15:00:00Z"},
		{"lost, a version that ends tokens", "", "", "", "2.555.1", "; a sweep revokes it after 2026-11-24T15:00:00Z"},
		{"lost, a version that does not", "", "", "", "2.541.3", "; a sweep revokes it after 2026-11-24T15:00:00Z, Jenkins itself never does"},
		{"lost, a version that create saw", "", "", "2.426.2", "", "; a sweep revokes it after 2026-11-24T15:00:00Z, Jenkins itself never does"},
	} {
		text := leftoverText(lease.Leftover{
			Lease: lease.Lease{URL: "https://ci.example.com", Username: "alice", Names: []string{name}, TokenName: name, TokenUUID: uuid, ExpiresAt: test.expires, Version: test.recorded},
			Name:  name, UUID: test.uuid, Outcome: lease.Failed, Version: jenkins.ParseVersion(test.version),
		}, 0)
		_, got, _ := strings.Cut(text, "configure)")
		if test.recorded != "" || test.version != "" {
			got = text[strings.LastIndex(text, "https://"):]
			got = got[strings.Index(got, ";"):]
		}
		if got != test.want {
			t.Errorf("%s: got %q of %q, want %q", test.name, got, text, test.want)
		}
	}
}

// The command that revokes a leftover can be pasted into a shell, whatever the names are.
func TestRevokeLine(t *testing.T) {
	t.Parallel()
	const name, uuid = "jenkins-token:ci/acme:7.1:deploy:7f3k2q2m:until-20261124T150000Z", "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
	for _, row := range []struct {
		name     string
		leftover lease.Leftover
		want     []string
	}{
		{"by its uuid", lease.Leftover{Lease: lease.Lease{URL: "https://ci.example.com/jenkins", Username: "alice"}, Name: name, UUID: uuid},
			[]string{"revoke", "--uuid", uuid, "--url", "https://ci.example.com/jenkins", "--username", "alice"}},
		{"by its run", lease.Leftover{Lease: lease.Lease{URL: "https://ci.example.com", Username: `Zoë "ops" O'Neil`}, Name: name},
			[]string{"sweep", "--project", "ci/acme", "--run", "7.1", "--url", "https://ci.example.com", "--username", `Zoë "ops" O'Neil`}},
		{"of another user, over plain http", lease.Leftover{Lease: lease.Lease{URL: "http://ci", Username: "bob", ForUser: "bob $(id)", Settings: settings.Post{AllowHTTP: true}}, UUID: uuid},
			[]string{"revoke", "--uuid", uuid, "--url", "http://ci", "--for-user", "bob $(id)", "--allow-http"}},
		{"a name that is not ours", lease.Leftover{Lease: lease.Lease{URL: "https://ci"}, Name: "x"}, nil},
		{"the one token of an old Jenkins", lease.Leftover{Lease: lease.Lease{Settings: settings.Post{Legacy: settings.LegacyRotate}}, UUID: uuid}, nil},
	} {
		line := revokeLine(row.leftover)
		if row.want == nil {
			if line != "" {
				t.Errorf("%s: got %q, want none", row.name, line)
			}
			continue
		}
		out, err := exec.Command("sh", "-c", strings.Replace(line, "jenkins-token", "printf '%s\\n'", 1)).Output()
		if err != nil {
			t.Skipf("no shell: %v", err)
		}
		if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); !slices.Equal(got, row.want) {
			t.Errorf("%s: a shell reads %q of %s, want %q", row.name, got, line, row.want)
		}
	}
	for arg, want := range map[string]string{"a b": "'a b'", "O'Neil": "'O''Neil'", "plain": "plain", "$x": "'$x'", "": "''"} {
		if got := quote(arg, true); got != want {
			t.Errorf("PowerShell: got %s, want %s", got, want)
		}
	}
}
