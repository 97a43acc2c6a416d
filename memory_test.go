package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Bounds of the memory of a process, in MiB: of a sweep of 10,000 tokens on an
// honest page, and of whatever a hostile controller sends. Printing the version
// takes 13.
const (
	mostHonest  = 24
	mostHostile = 32
)

// tellPeak writes the peak of this process' resident memory, in KiB, to the file
// that STORY_PEAK names. The usage that wait reports will not do: it counts the
// parent's memory from before exec.
func tellPeak() {
	path := os.Getenv("STORY_PEAK")
	if path == "" {
		return
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		panic(err)
	}
	m := regexp.MustCompile(`VmHWM:\s*([0-9]+) kB`).FindSubmatch(status)
	if m == nil {
		panic("no VmHWM")
	}
	if err := os.WriteFile(path, m[1], 0o600); err != nil {
		panic(err)
	}
}

// measured runs the program under a name and returns its exit code, what it said
// and its peak in MiB.
func measured(t *testing.T, env []string, args ...string) (code int, said string, peak float64) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the peak of a process' memory is read from /proc")
	}
	file := filepath.Join(t.TempDir(), "peak")
	program, err := exec.LookPath(args[0])
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args[1:]...)
	cmd.Args[0] = args[0]
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "STORY_PEAK=" + file}, env...)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v\n%.2000s", err, out)
	}
	kib, err := strconv.Atoi(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return code, string(out), float64(kib) / 1024
}

// card is a token as Jenkins 2.548 shows it, filled up to two kilobytes.
func card(i int, name string) string {
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", i)
	return `<div id="` + id + `" class="token-card "><div class="token-card-inner"><div tooltip="" class="token-card__title "><span class="token-name">` + name +
		`</span></div><div class="token-stats"><span tooltip="Created on Nov 23, 2026, 3:24:54 PM" class="warning token-creation">This token does not expire</span></div>` +
		`<svg aria-hidden="true" viewBox="0 0 512 512"><title/><path d="` + strings.Repeat("M218.1 167.17c0 13 0 25.6 4.1 37.4 ", 50) + `"/></svg></div></div>`
}

// TestMemory measures the program as a process of its own: what it holds of an
// honest page of 20 MB, and of answers without an end.
func TestMemory(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector takes several times the memory that it watches")
	}
	const head, tail = `<!DOCTYPE html><html><body><div class="token-list"><div id="api-token-list">`, `</div></div></body></html>`
	over := func(i int) string {
		return fmt.Sprintf("jenkins-token:github.com/acme/web:%d.1:deploy:aaaaaaaa:until-20261122T150000Z", i)
	}
	var honest strings.Builder
	honest.WriteString(head)
	for i := range 10_000 {
		name := "somebody&#039;s &lt;token&gt;"
		if i%100 == 0 {
			name = over(i)
		}
		honest.WriteString(card(i, name))
	}
	honest.WriteString(tail)
	if honest.Len() < 20<<20 {
		t.Fatalf("the page has %d bytes, want 20 MiB", honest.Len())
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = z.Write(make([]byte, 1<<20))
	_ = z.Close()
	flood := func(w io.Writer, block string, size int) {
		for range size / len(block) {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
	rows := func(w io.Writer, n int) {
		_, _ = io.WriteString(w, head)
		for i := range n {
			if _, err := fmt.Fprintf(w, `<input name="tokenUuid" value="00000000-0000-4000-8000-%012d"><input name="tokenName" value="%s">`, i, over(i)); err != nil {
				return
			}
		}
	}
	for _, row := range []struct {
		name    string
		most    float64
		command string
		page    func(http.ResponseWriter) // or create's answer
		dry     bool
		code    int
		say     []string
	}{
		{"10,000 tokens, 20 MiB", mostHonest, "sweep", func(w http.ResponseWriter) { _, _ = io.WriteString(w, honest.String()) }, false, 1, []string{
			"tokens on the account: 10000; revoked: 97; failed: 3; not tried: 0; kept: 0; foreign: 9900", "3 of 100 tokens were not revoked: 3 failed, 0 were not tried", "the account has 10000 tokens; more than 500",
		}},
		{"100,000 tokens of ours", mostHostile, "sweep", func(w http.ResponseWriter) { rows(w, 100_000); _, _ = io.WriteString(w, tail) }, true, 0, []string{
			"tokens on the account: 100000; would be revoked: 10000; kept: 0; foreign: 0", "90000 more tokens are expired: run the sweep again",
		}},
		{"one attribute of 30 MB", mostHostile, "sweep", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, head+`<p title="`)
			flood(w, strings.Repeat("a", 1<<20), 30<<20)
		}, false, 1, []string{"could not be read to its end"}},
		{"attributes without an end", mostHostile, "sweep", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, head+"<p")
			flood(w, strings.Repeat(" a=b", 1<<18), 1<<30)
		}, false, 1, []string{"could not be read to its end"}},
		{"a name in pieces without an end", mostHostile, "sweep", func(w http.ResponseWriter) {
			_, _ = io.WriteString(w, head+`<div id="00000000-0000-4000-8000-000000000000" class="token-card"><span class="token-name">`)
			flood(w, strings.Repeat("a<!-- more of it -->", 1<<16), 1<<30)
		}, false, 1, []string{"could not be read to its end"}},
		{"a page without an end", mostHostile, "sweep", func(w http.ResponseWriter) { rows(w, 1<<30) }, true, 1, []string{"could not be read to its end"}},
		{"a gigabyte", mostHostile, "create", func(w http.ResponseWriter) { flood(w, strings.Repeat("a", 1<<20), 1<<30) }, false, 1, nil},
		{"a gzip bomb", mostHostile, "create", func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			flood(w, bomb.String(), bomb.Len()<<10)
		}, false, 1, nil},
		{"200,000 lists in lists", mostHostile, "create", func(w http.ResponseWriter) { flood(w, strings.Repeat("[", 200_000), 200_000) }, false, 1, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			var mu sync.Mutex
			failing := map[string]bool{}
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", "Mon, 23 Nov 2026 15:00:00 GMT")
				w.Header().Set("X-Jenkins", "2.548")
				w.Header().Set("Content-Type", "text/html")
				switch {
				case strings.HasSuffix(r.URL.Path, "/revoke"):
					// Three single tokens fail.
					mu.Lock()
					defer mu.Unlock()
					uuid := r.PostFormValue("tokenUuid")
					if failing[uuid] || len(failing) < 3 {
						failing[uuid] = true
						w.WriteHeader(http.StatusForbidden)
					}
				case row.command == "create" || strings.HasSuffix(r.URL.Path, "/security/"):
					row.page(w)
				}
			}))
			defer srv.Close()
			dir := t.TempDir()
			env := []string{"GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/web", "GITHUB_RUN_ID=1", "INPUT_URL=" + srv.URL, "INPUT_USERNAME=alice", "INPUT_API-TOKEN=11" + strings.Repeat("ab", 16)}
			for _, name := range []string{"OUTPUT", "STATE"} {
				file := filepath.Join(dir, name)
				if err := os.WriteFile(file, nil, 0o600); err != nil {
					t.Fatal(err)
				}
				env = append(env, "GITHUB_"+name+"="+file)
			}
			if row.dry {
				env = append(env, "INPUT_DRY-RUN=true")
			}
			code, said, peak := measured(t, env, row.command)
			t.Logf("peak: %.1f MiB", peak)
			if peak > row.most {
				t.Errorf("peak: got %.1f MiB, want at most %.0f", peak, row.most)
			}
			if code != row.code {
				t.Errorf("exit code: got %d, want %d\n%.2000s", code, row.code, said)
			}
			for _, text := range row.say {
				if !strings.Contains(said, text) {
					t.Errorf("got no %q in\n%.2000s", text, said[max(0, len(said)-2000):])
				}
			}
		})
	}
}
