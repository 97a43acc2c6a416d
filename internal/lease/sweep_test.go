package lease_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// old is the name of a token that is over since a time.
func old(project, run, label, nonce string, since time.Duration) string {
	return lease.Name{Project: project, Run: run, Label: label, Nonce: nonce, End: noon.Add(-since)}.String()
}

// sweeper sweeps with the account's API token.
func (w *world) sweeper() *lease.Sweeper {
	w.t.Helper()
	return &lease.Sweeper{Life: w.life(), Account: w.account()}
}

func TestSweep(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	mine := []string{
		old("ci/acme", "7.1", "deploy", "aaaaaaaa", day), old("ci/acme", "7.2", "test", "bbbbbbbb", day), old("ci/acme", "71.1", "deploy", "cccccccc", day),
		old("ci/other shop", "7.1", "deploy", "dddddddd", day), old("ci/acme", "7.1", "deploy", "eeeeeeee", -time.Hour), old("ci/acme", "8.1", "deploy", "ffffffff", 4*time.Minute),
	}
	foreign := []string{"my laptop", strings.Replace(mine[0], "until-", "before-", 1), "jenkins-token:", "x" + mine[0]}
	for _, row := range []struct {
		name   string
		filter lease.Filter
		dryRun bool
		taken  []int
	}{
		{"everything that is over", lease.Filter{}, false, []int{0, 1, 2, 3}},
		{"nothing, but tell", lease.Filter{}, true, []int{0, 1, 2, 3}},
		{"a place", lease.Filter{Project: "ci/acme"}, false, []int{0, 1, 2}},
		{"a label", lease.Filter{Label: "test"}, false, []int{1}},
		{"a run, over or not", lease.Filter{Run: "7"}, false, []int{0, 1, 3, 4}},
		{"an attempt of a run", lease.Filter{Run: "7.1", Project: "ci/acme"}, false, []int{0, 4}},
		{"a run that is not there", lease.Filter{Run: "9"}, false, nil},
		{"a place as the CI spells it", lease.Filter{Project: "ci/other shop", Run: "7"}, false, []int{3}},
		{"a part of a place's name", lease.Filter{Project: "ci"}, false, nil},
	} {
		for _, version := range []string{"2.426.2", "2.468", "2.548"} {
			t.Run(row.name+" "+version, func(t *testing.T) {
				t.Parallel()
				w := newStill(t, 0, jenkinstest.WithVersion(version))
				for _, name := range slices.Concat(mine, foreign) {
					w.AddToken(owner, name)
				}
				got, err := w.sweeper().Sweep(t.Context(), row.filter, row.dryRun)
				if err != nil || got.Listed != 1+len(mine)+len(foreign) {
					t.Errorf("%d listed, %v", got.Listed, err)
				}
				var taken, want []string
				for _, one := range got.Found {
					taken = append(taken, one.Name.String())
					if one.Revoked == row.dryRun || one.Err != nil {
						t.Errorf("%+v", one)
					}
				}
				stay := slices.Concat(mine, foreign)
				for _, i := range row.taken {
					want = append(want, mine[i])
					if !row.dryRun {
						stay = slices.DeleteFunc(stay, func(name string) bool { return name == mine[i] })
					}
				}
				slices.Sort(taken)
				slices.Sort(want)
				if !slices.Equal(taken, want) {
					t.Errorf("took %q, want %q", taken, want)
				}
				w.wantNames(stay...)
			})
		}
	}
}

func TestSweepOfWhatTheControllerEnded(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0, jenkinstest.WithVersion("2.548"))
	w.AddExpiringToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", -time.Hour), -1)
	w.AddExpiringToken(owner, "my laptop", -1)
	if got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false); err != nil || len(got.Found) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	w.wantNames("my laptop")
}

func TestSweepNeedsBothClocks(t *testing.T) {
	t.Parallel()
	for offset, taken := range map[time.Duration]bool{0: true, time.Hour: true, -time.Hour: false} {
		w := newStill(t, offset)
		w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", 30*time.Minute))
		if got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false); err != nil || (len(got.Found) == 1) != taken {
			t.Errorf("controller %v off: %+v, %v", offset, got, err)
		}
	}
}

func TestSweepThatCannotRead(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		fault string
		kind  jenkins.Kind
	}{
		{"page:garbage*2", jenkins.KindPage}, {"page:login-page", jenkins.KindPage}, {"page:gateway-403", jenkins.KindForbidden},
		{"page:refuse", jenkins.KindRefused}, {"page:gateway-401", jenkins.KindGateway}, {"page:redirect=https://sso.example/", jenkins.KindRedirect},
	} {
		t.Run(row.fault, func(t *testing.T) {
			t.Parallel()
			w := newStill(t, 0)
			name := old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour)
			w.AddToken(owner, name)
			w.inject(row.fault)
			_, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
			if failed, ok := errors.AsType[*jenkins.Error](err); !ok || failed.Kind != row.kind {
				t.Errorf("got %v, want kind %d", err, row.kind)
			}
			w.wantNames(name)
			w.wantLogins(1)
		})
	}
}

func TestSweepGoesOnAfterWhatPasses(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	for i := range 5 {
		w.AddToken(owner, old("ci/acme", "7.1", "deploy", fmt.Sprintf("aaaaaaa%d", i), time.Hour))
	}
	w.inject("page:status=503*2", "revoke:500-acted", "revoke:drop-after", "revoke:status=503")
	got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
	if err != nil || len(got.Found) != 5 {
		t.Errorf("got %+v, %v", got, err)
	}
	w.wantNames()
	for i := range 3 {
		w.AddToken(owner, old("ci/acme", "7.1", "deploy", fmt.Sprintf("bbbbbbb%d", i), time.Hour))
	}
	w.Forget()
	w.inject("revoke:refuse*3")
	got, err = w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
	if err != nil || len(got.Found) != 3 || got.Found[0].Err == nil || got.Found[1].Err != nil || got.Found[1].Revoked {
		t.Errorf("got %+v, %v", got, err)
	}
	w.wantLogins(1)
}

// One clock alone can be wrong: where the controller sends no Date, only what its page
// calls expired, and the run that is named, is revoked. Neither does the post step.
func TestSweepWithoutTheControllersClock(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		filter lease.Filter
		server bool // the page calls it expired
		taken  bool
	}{
		"one clock":      {},
		"the page too":   {server: true, taken: true},
		"a run is named": {filter: lease.Filter{Run: "7"}, taken: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newStill(t, 0, jenkinstest.WithVersion("2.548"))
			over := old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour)
			if row.server {
				w.AddExpiringToken(owner, over, -1)
			} else {
				w.AddToken(owner, over)
			}
			w.inject("any:no-date*9")
			got, err := w.sweeper().Sweep(t.Context(), row.filter, false)
			if err != nil || (len(got.Found) == 1) != row.taken || (got.Undated == 1) == row.taken {
				t.Errorf("got %+v, %v, want it taken: %t", got, err, row.taken)
			}
			if taken := len(w.names()) == 0; taken != row.taken {
				t.Errorf("got it revoked: %t, want %t", taken, row.taken)
			}
		})
	}
	w := newStill(t, 0)
	r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
	over := old("ci/acme", "6.1", "deploy", "aaaaaaaa", time.Hour)
	w.AddToken(owner, over)
	w.inject("any:no-date*9")
	if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
		t.Errorf("post step: got %v, %+v", ending, left)
	}
	w.wantNames(over)
}

// page stands in front of the controller with a token page of its own.
func (w *world) page(html string) {
	w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
		if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/security/") {
			rw.Header().Set("Date", noon.Format(http.TimeFormat))
			_, _ = io.WriteString(rw, html)
			return
		}
		w.ServeHTTP(rw, r)
	})
}

func rowOf(uuid, name string) string {
	return `<input name="tokenUuid" value="` + uuid + `"><input name="tokenName" value="` + name + `">`
}

const pageStart, pageEnd = `<html><body><div class="token-list">`, `</div></body></html>`

func TestSweepOfManyTokens(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	mine := w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour))
	var page strings.Builder
	page.WriteString(pageStart)
	for i := range 10_000 {
		page.WriteString(rowOf(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "somebody&#39;s"))
	}
	w.page(page.String() + rowOf(mine.UUID, mine.Name) + pageEnd)
	got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
	if err != nil || got.Listed != 10_001 || len(got.Found) != 1 || !got.Found[0].Revoked {
		t.Errorf("%d listed, found %+v, %v", got.Listed, got.Found, err)
	}
	w.wantNames()
}

// A page that ends early is worked through as far as it goes, and said.
func TestSweepOfAPageThatIsCut(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	mine := w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour))
	w.page(pageStart + rowOf(mine.UUID, mine.Name) + `<input name="tokenU`)
	got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
	if failed, ok := errors.AsType[*jenkins.Error](err); !ok || failed.Kind != jenkins.KindCut {
		t.Errorf("got %v, want that the page was cut", err)
	}
	if len(got.Found) != 1 || !got.Found[0].Revoked {
		t.Errorf("found %+v", got.Found)
	}
	w.wantNames()
}

// The post step reads two megabytes of the page at most.
func TestTidyingOfALongPage(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	near := w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour))
	far := w.AddToken(owner, old("ci/acme", "7.1", "deploy", "bbbbbbbb", time.Hour))
	w.page(pageStart + rowOf(near.UUID, near.Name) + strings.Repeat("<!-- "+strings.Repeat("x", 100<<10)+" -->", 21) + rowOf(far.UUID, far.Name) + pageEnd)
	r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
	if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
		t.Errorf("got %v, %+v", ending, left)
	}
	if slices.Contains(w.names(), r.TokenName) || !slices.Contains(w.names(), far.Name) {
		t.Errorf("on the server: %q", w.names())
	}
}

func TestSweepAfterASignal(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	life := w.life()
	life.Grace = 0
	if got, err := (&lease.Sweeper{Life: life, Account: w.account()}).Sweep(ctx, lease.Filter{}, false); err == nil && len(got.Found) > 0 && got.Found[0].Revoked != (len(w.names()) == 0) {
		t.Errorf("got %+v, %v, on the server %q", got, err, w.names())
	}
}

// The sweep in the post step: bounded, and of the same place alone.
func TestTidying(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		offset  time.Duration // of the controller's clock
		project string
		since   time.Duration
		tokens  int
		revoked int
	}{
		{"over by more than five minutes", 0, "ci/acme", 6 * time.Minute, 3, 3},
		{"over by less than five minutes", 0, "ci/acme", 4 * time.Minute, 3, 0},
		{"not over", 0, "ci/acme", -time.Hour, 3, 0},
		{"over here, not by the controller's clock", -time.Hour, "ci/acme", 30 * time.Minute, 3, 0},
		{"over by the controller's clock, not here", 2 * time.Hour, "ci/acme", -30 * time.Minute, 3, 0},
		{"of another place", 0, "ci/acme2", 6 * time.Hour, 3, 0},
		{"twenty at most", 0, "ci/acme", 6 * time.Hour, 25, 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newStill(t, row.offset)
			for i := range row.tokens {
				w.AddToken(owner, old(row.project, "1.1", "deploy", fmt.Sprintf("aaaaaa%02d", i), row.since))
			}
			r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
			if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
				t.Errorf("got %v, %+v", ending, left)
			}
			if got := row.tokens - len(w.names()); got != row.revoked {
				t.Errorf("%d revoked, want %d", got, row.revoked)
			}
		})
	}
}

func TestTidyingHoldsNothingUp(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]string{
		{"page:gateway-403"}, {"page:status=503"}, {"page:garbage"}, {"page:drop-before"}, {"page:truncated"}, {"page:huge"}, {"page:redirect=https://x.example/"}, {"revoke:gateway-403"}, {"revoke:status=503"}, {"revoke:500-acted"},
	} {
		w := newStill(t, 0)
		w.AddToken(owner, old("ci/acme", "1.1", "deploy", "aaaaaaaa", time.Hour))
		r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
		w.inject(faults...)
		if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("%s: %v, %+v", faults, ending, left)
		}
		if slices.Contains(w.names(), r.TokenName) {
			t.Errorf("%s: the token is alive", faults)
		}
	}
	// After a signal only the token itself matters.
	w := newStill(t, 0)
	name := old("ci/acme", "1.1", "deploy", "aaaaaaaa", time.Hour)
	w.AddToken(owner, name)
	r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
	w.Forget()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if ending, left := w.releaser(false).Revoke(ctx, r); ending != lease.Revoked || left != nil {
		t.Errorf("after a signal: %v, %+v", ending, left)
	}
	w.wantNames(name)
	w.wantRequests("POST revoke 200")
}

// failing stands in front of the controller and fails every revocation of one
// token.
func (w *world) failing(uuid string) {
	w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		if strings.Contains(string(body), "tokenUuid="+uuid) {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		w.ServeHTTP(rw, r)
	})
}

func TestSweepGoesOnAfterWhatDoesNotPass(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	var first jenkinstest.Token
	for i := range 5 {
		token := w.AddToken(owner, old("ci/acme", "7.1", "deploy", fmt.Sprintf("aaaaaaa%d", i), time.Hour))
		if i == 0 {
			first = token
		}
	}
	w.failing(first.UUID)
	life := w.life()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var tries int
	life.Pause = func(context.Context, time.Duration) error {
		// All others are gone before the first pause.
		if tries++; tries == 1 {
			w.wantNames(first.Name)
		}
		return nil
	}
	got, err := (&lease.Sweeper{Life: life, Account: w.account()}).Sweep(ctx, lease.Filter{}, false)
	failed := 0
	for _, one := range got.Found {
		if one.Revoked == (one.UUID == first.UUID) {
			t.Errorf("got %+v", one)
		}
		if one.Err != nil {
			failed++
		}
	}
	if err != nil || len(got.Found) != 5 || failed != 1 || tries == 0 {
		t.Errorf("got %d found, %d failed after %d pauses, %v", len(got.Found), failed, tries, err)
	}
	w.wantNames(first.Name)
}

func TestSweepOfAUUIDListedTwice(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	mine := w.AddToken(owner, old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour))
	w.page(pageStart + strings.Repeat(rowOf(mine.UUID, mine.Name), 50) + pageEnd)
	w.Forget()
	got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false)
	if err != nil || got.Listed != 50 || len(got.Found) != 1 {
		t.Errorf("%d listed, found %+v, %v", got.Listed, got.Found, err)
	}
	if n := w.count("/revoke"); n != 1 {
		t.Errorf("%d revocations, want 1", n)
	}
}

func TestSweepTakesTenThousandAtMost(t *testing.T) {
	t.Parallel()
	w := newStill(t, 0)
	var page strings.Builder
	for i := range 10_007 {
		page.WriteString(rowOf(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), old("ci/acme", "7.1", "deploy", "aaaaaaaa", time.Hour)))
	}
	w.page(pageStart + page.String() + pageEnd)
	got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, true)
	if err != nil || got.Listed != 10_007 || len(got.Found) != 10_000 || got.More != 7 {
		t.Errorf("%d listed, %d found, %d more, %v", got.Listed, len(got.Found), got.More, err)
	}
}

// A clock that is years off, here or there, kills no living token.
func TestClocksThatAreYearsOff(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{-50 * 8766 * time.Hour, 50 * 8766 * time.Hour} {
		w := newStill(t, off)
		k := &keeper{w: w}
		r, _, err := create(t.Context(), w.life(), w.account(), w.order(), k)
		if name, _ := lease.ParseName(r.TokenName); err != nil || !name.End.Equal(noon.Add(time.Hour)) || w.count("/rename") != 0 {
			t.Errorf("%v: got %v, name %s", off, err, r.TokenName)
		}
		if got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false); err != nil || len(got.Found) != 0 {
			t.Errorf("%v: got %+v, %v", off, got, err)
		}
		w.wantNames(r.TokenName)
		// The controller's clock is mended.
		w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) {
			rec := httptest.NewRecorder()
			w.ServeHTTP(rec, r)
			rw.Header().Set("Date", noon.Format(http.TimeFormat))
			rw.WriteHeader(rec.Code)
			_, _ = rw.Write(rec.Body.Bytes())
		})
		if got, err := w.sweeper().Sweep(t.Context(), lease.Filter{}, false); err != nil || len(got.Found) != 0 {
			t.Errorf("%v, mended: got %+v, %v", off, got, err)
		}
		w.wantNames(r.TokenName)
	}
}

func TestManyTokensAreSaidInThePostStep(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]bool{500: false, 501: true} {
		w := newStill(t, 0)
		var page strings.Builder
		for i := range n {
			page.WriteString(rowOf(fmt.Sprintf("00000000-0000-4000-8000-%012d", i), "somebody&#39;s"))
		}
		w.page(pageStart + page.String() + pageEnd)
		r := w.acquire(func(o *lease.Request) { o.Settings.Sweep = true })
		if ending, left := w.releaser(false).Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
			t.Errorf("got %v, %+v", ending, left)
		}
		if got := len(w.notices) == 1; got != want {
			t.Errorf("%d tokens: %q", n, w.notices)
		}
	}
}
