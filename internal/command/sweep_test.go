package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// ourToken is the name of the nth token that this program created for a project.
func ourToken(n int, end time.Time) string {
	return lease.Name{Project: "github.com/acme/web", Run: fmt.Sprintf("%d.1", n), Label: "deploy", Nonce: "aaaaaaaa", End: end}.String()
}

// crowd is a controller with an account of very many tokens, in a bubble whose clock
// runs while the controller works.
type crowd struct {
	*stage
	revoked int // requests for a revocation
	// before is called before each of them, with their number from 1.
	before func(n int)
}

// How long a revocation takes on an account of 3,000 tokens.
const (
	byPassword = 106 * time.Millisecond
	byToken    = 60 * time.Millisecond
)

func newCrowd(t *testing.T, ours, foreign int) *crowd {
	s, network := newBubble(t)
	c := &crowd{stage: s}
	for i := range ours {
		s.server.AddToken(owner, ourToken(i, time.Now().Add(-time.Hour)))
	}
	for i := range foreign {
		s.server.AddToken(owner, fmt.Sprintf("somebody's %d", i))
	}
	h := &http.Server{Handler: c}
	done := make(chan struct{})
	go func() { defer close(done); _ = h.Serve(network.pipes) }()
	t.Cleanup(func() { _ = h.Close(); s.server.Close(); <-done })
	return c
}

func (c *crowd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasSuffix(r.URL.Path, "/revoke") {
		c.revoked++
		if c.before != nil {
			c.before(c.revoked)
		}
		took := byToken
		if _, shown, _ := r.BasicAuth(); shown == password {
			took = byPassword
		}
		time.Sleep(took) // of the bubble
	}
	c.server.ServeHTTP(w, r)
}

// created is the number of tokens that the controller was asked for.
func (c *crowd) created() (n int) {
	for _, r := range c.server.Requests() {
		if strings.HasSuffix(r.Path, "/generateNewToken") {
			n++
		}
	}
	return n
}

func wantLine(t *testing.T, text, line string) {
	t.Helper()
	if !slices.Contains(strings.Split(text, "\n"), line) {
		t.Errorf("got no line %q in\n%.3000s", line, text[max(0, len(text)-3000):])
	}
}

// TestLongSweep sweeps an account as it was seen: three thousand tokens, half of them
// ours and over. It takes minutes, with the timeout of 30 s.
func TestLongSweep(t *testing.T) {
	t.Parallel()
	progress := regexp.MustCompile(`^revoked ([0-9]+) of 1500 tokens, about ([0-9ms]+) left$`)
	for _, byAPIToken := range []bool{false, true} {
		t.Run(fmt.Sprintf("by API token %t", byAPIToken), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, 1500, 1500)
				c.on("github", byAPIToken)
				r := c.run("sweep")
				if r.exit != 0 || r.took < 90*time.Second || r.took > 91*time.Second {
					t.Errorf("exit code %d after %s, want 0 after 1500 × %s", r.exit, r.took, byToken)
				}
				wantLine(t, r.stdout, "tokens on the account: 3001; revoked: 1500; failed: 0; not tried: 0; kept: 0; foreign: 1501")
				own := 1 // token of the sweep
				if byAPIToken {
					own = 0
				}
				if c.created() != own || c.revoked != 1500+own || c.count() != 1500 {
					t.Errorf("%d tokens created, %d revocations, %d tokens left", c.created(), c.revoked, c.count())
				}
				var counts []int
				for line := range strings.Lines(r.stdout) {
					m := progress.FindStringSubmatch(strings.TrimSpace(line))
					if m == nil {
						continue
					}
					n, _ := strconv.Atoi(m[1])
					counts = append(counts, n)
					left, err := time.ParseDuration(m[2])
					if want := time.Duration(1500-n) * byToken; err != nil || (left-want).Abs() > time.Second {
						t.Errorf("%q: want about %s left", line, want)
					}
				}
				// The first line comes ten seconds after the first token.
				if len(counts) != 8 || counts[0] != 168 || !slices.IsSorted(counts) {
					t.Errorf("progress was said at %v, want every ten seconds", counts)
				}
				text, err := os.ReadFile(c.path("commands/STEP_SUMMARY"))
				if err != nil {
					t.Fatal(err)
				}
				summary := unixLines(string(text))
				wantLine(t, summary, "| revoked | 1500 |")
				wantLine(t, summary, "| foreign: not created by jenkins-token | 1501 |")
			})
		})
	}
}

// TestSweepOnATerminal: a person sees a bar, and nothing of it is left when the sweep is
// done.
func TestSweepOnATerminal(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"plain", "buildkite"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, 200, 0)
				c.on(system, true)
				c.tty = true
				r := c.run("jenkins-token", "sweep", "--json")
				bar, _, cleared := strings.Cut(r.stderr, "\r"+strings.Repeat(" ", 40))
				if system != "plain" {
					// The terminal is that of an agent, whose log it becomes.
					if strings.Contains(r.stderr, "\r") || !strings.Contains(r.stderr, "revoked 168 of 200 tokens, about 2s left\n") {
						t.Errorf("got %q, want lines", r.stderr)
					}
					return
				}
				frames := strings.Split(bar, "\r")
				if len(frames) < 40 || len(frames) > 60 || !cleared || !strings.HasSuffix(r.stderr, " \r") {
					t.Errorf("got %d frames, cleared: %t:\n%q", len(frames), cleared, r.stderr)
				}
				// One second after the first token, and then every four tokens.
				for i, want := range map[int]string{1: "[##                            ] revoked 18 of 200 tokens, about 11s left", 30: "[####################          ] revoked 134 of 200 tokens, about 4s left"} {
					if got := strings.TrimRight(frames[min(i, len(frames)-1)], " "); got != want {
						t.Errorf("frame %d: got %q, want %q", i, got, want)
					}
				}
			})
		})
	}
}

// TestSweepOfAControllerThatGoesAway: the sweep waits for it no longer than the timeout,
// says what it did and what it did not try, and sends little meanwhile.
func TestSweepOfAControllerThatGoesAway(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault  string
		failed int // at most
		back   bool
	}{
		{"any:status=503@1", 90, false}, {"any:hold@1", 3, false}, {"any:status=503*20", 0, true},
	} {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := newCrowd(t, 1000, 10)
				c.on("plain", false)
				c.before = func(n int) {
					if n == 501 {
						c.inject(row.fault)
					}
				}
				r := c.run("jenkins-token", "sweep", "--json")
				var report struct {
					Listed, Foreign, Revoked, Failed, NotTried int
					Reasons                                    []struct{ Count int }
				}
				if err := json.Unmarshal([]byte(r.stdout), &report); err != nil {
					t.Fatal(err)
				}
				if row.back {
					if r.exit != 0 || report.Revoked != 1000 || c.count() != 10 {
						t.Errorf("exit code %d, %+v, %d left", r.exit, report, c.count())
					}
					return
				}
				if r.exit != 1 || report.Listed != 1011 || report.Foreign != 11 || report.Revoked != 500 || report.Failed+report.NotTried != 500 {
					t.Errorf("exit code %d, %+v", r.exit, report)
				}
				if report.Failed == 0 || report.Failed > row.failed || len(report.Reasons) != 1 || report.Reasons[0].Count != report.Failed {
					t.Errorf("%+v, want at most %d failed, for one reason", report, row.failed)
				}
				if c.revoked > 600 || r.took > 500*byToken+37*time.Second {
					t.Errorf("%d requests in vain, and %s", c.revoked-500, r.took)
				}
				wantLine(t, r.stderr, fmt.Sprintf("error: 500 of 1000 tokens were not revoked: %d failed, %d were not tried", report.Failed, report.NotTried))
				// The token of the sweep is left too: that is said, with the way to revoke it.
				own := slices.IndexFunc(c.server.Tokens(owner), func(token jenkinstest.Token) bool { return strings.Contains(token.Name, ":sweep:") })
				if own < 0 || !strings.Contains(r.stderr, "revoke --uuid "+c.server.Tokens(owner)[own].UUID) {
					t.Errorf("got nothing of the token of the sweep in\n%s", r.stderr)
				}
			})
		})
	}
}

// TestInterruptedSweep: a signal ends a long sweep after the request that is on its way,
// and leaves no token of its own.
func TestInterruptedSweep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(t, 1500, 0)
		c.on("plain", false)
		ctx, cancel := context.WithCancelCause(t.Context())
		c.before = func(n int) {
			if n == 700 {
				cancel(cli.Interrupted{Code: 143})
			}
		}
		r := c.runContext(ctx, "", "jenkins-token", "sweep")
		wantLine(t, r.stderr, "tokens on the account: 1501; revoked: 700; failed: 0; not tried: 800; kept: 0; foreign: 1")
		wantLine(t, r.stderr, "error: interrupted by a signal")
		if r.exit != 143 || c.count() != 800 || c.revoked != 701 {
			t.Errorf("exit code %d, %d left, %d revocations", r.exit, c.count(), c.revoked)
		}
	})
}
