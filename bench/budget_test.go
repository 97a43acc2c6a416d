package main

import (
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func limits(tb testing.TB) budget {
	tb.Helper()
	b, err := readBudget()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// TestRequestsKeepToTheBudget lets the action create and revoke over TLS, and
// compares every request that the controller saw. One connection serves each
// command, whatever it asks for.
func TestRequestsKeepToTheBudget(t *testing.T) {
	t.Parallel()
	want := limits(t).Requests
	tested := 0
	for _, login := range []credential{byPassword, byToken} {
		// 2.426 has the token page where it is looked for second.
		for _, version := range []string{"2.548", "2.426.2"} {
			s := jenkinstest.StartTLS(t, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version))
			inputs := map[string]string{"INPUT_URL": s.URL, "INPUT_USERNAME": username, "INPUT_CA-CERTIFICATE": string(s.CA)}
			if login == byPassword {
				inputs["INPUT_PASSWORD"] = password
			} else {
				inputs["INPUT_API-TOKEN"] = s.AddToken(username, "the account's own").Value
			}
			dir := filepath.Join(t.TempDir(), "job")
			for _, command := range []string{"create", "revoke"} {
				name := command + ", " + string(login) + ", " + version
				s.Forget()
				if err := entrypoint(t.Context(), dir, command, inputs); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				var got []string
				connections := map[int]bool{}
				for _, r := range s.Requests() {
					got = append(got, r.Method+" "+strings.Replace(r.Path, "/me/descriptorByName/jenkins.security.ApiTokenProperty", "…", 1))
					connections[r.Conn] = true
				}
				if !slices.Equal(got, want[name]) {
					t.Errorf("%s: got requests\n%q, want\n%q", name, got, want[name])
				}
				if len(connections) != 1 {
					t.Errorf("%s: got %d connections, want 1", name, len(connections))
				}
				tested++
			}
		}
	}
	if tested != len(want) {
		t.Errorf("got requests of %d commands in the budget, want %d", len(want), tested)
	}
}

// TestAllocationsKeepToTheBudget counts those of the hot paths, which
// BenchmarkHotPaths times.
func TestAllocationsKeepToTheBudget(t *testing.T) {
	if raceDetector() {
		t.Skip("the race detector allocates, too")
	}
	want := limits(t).Allocations
	paths := hotPaths(t)
	for _, path := range paths {
		most, ok := want[path.name]
		if got := testing.AllocsPerRun(50, func() { path.run(t) }); !ok || got > most {
			t.Errorf("%s: got %.0f allocations, want at most %.0f", path.name, got, most)
		}
	}
	if len(paths) != len(want) {
		t.Errorf("got %d paths in the budget, want %d", len(want), len(paths))
	}
}

func raceDetector() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
