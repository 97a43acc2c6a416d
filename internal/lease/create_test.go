package lease_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestAcquire(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		options  []jenkinstest.Option
		account  func(*world) *jenkins.Client
		change   func(*lease.Request)
		requests []string
		expires  bool
	}{
		{"by API token", nil, func(w *world) *jenkins.Client { return w.account() }, nil,
			[]string{"POST generateNewToken 200", "GET /whoAmI/api/json 200"}, false},
		{"by password", nil, func(w *world) *jenkins.Client { return w.client(jenkins.Password(owner, password)) }, nil,
			[]string{"GET /whoAmI/api/json 200", "GET /crumbIssuer/api/json 200", "POST generateNewToken 200", "GET /whoAmI/api/json 200"}, false},
		{"by an account of another case", nil, func(w *world) *jenkins.Client { return w.client(jenkins.APIToken("ALICE", w.token.Value)) },
			func(o *lease.Request) { o.Username = "ALICE" }, []string{"POST generateNewToken 200", "GET /whoAmI/api/json 200"}, false},
		{"by a login that only the controller can name", nil, func(w *world) *jenkins.Client { return w.account() }, func(o *lease.Request) { o.Username = "" },
			[]string{"GET /whoAmI/api/json 200", "POST generateNewToken 200", "GET /whoAmI/api/json 200"}, false},
		{"on a server that ends tokens", []jenkinstest.Option{jenkinstest.WithVersion("2.548")}, func(w *world) *jenkins.Client { return w.account() }, nil,
			[]string{"POST generateNewToken 200", "GET /whoAmI/api/json 200"}, true},
		{"without crumbs", []jenkinstest.Option{jenkinstest.WithoutCrumbs()}, func(w *world) *jenkins.Client { return w.account() }, nil,
			[]string{"POST generateNewToken 200", "GET /whoAmI/api/json 200"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, row.options...)
			order := w.order()
			if row.change != nil {
				row.change(&order)
			}
			k := &keeper{w: w}
			start := time.Now()
			r, left, err := create(t.Context(), w.life(), row.account(w), order, k)
			if err != nil || left != nil {
				t.Fatal(err, left)
			}
			form := w.Requests()[slices.IndexFunc(w.Requests(), func(r jenkinstest.Request) bool { return r.Method == "POST" })].Form
			w.wantRequests(row.requests...)
			tokens := w.Tokens(owner)
			made := tokens[len(tokens)-1]
			name, ok := lease.ParseName(r.TokenName)
			if day := name.End.Add(14*time.Hour - 1).Format(time.DateOnly); form.Get("expirationDuration") != "custom" || form.Get("tokenExpiration") != day {
				t.Errorf("expiry %q, want %s", form.Encode(), day)
			}
			if !ok || name.Project != "ci/acme" || name.Run != "7.1" || name.Label != "deploy" || name.End.Before(start.Add(time.Hour-time.Second)) || name.End.After(time.Now().Add(time.Hour)) {
				t.Errorf("name %q", r.TokenName)
			}
			if r.URL != w.url || r.Username != owner || made.Name != r.TokenName || made.UUID != r.TokenUUID || made.Value != r.Token.Reveal() ||
				!slices.Equal(r.Names, []string{r.TokenName}) || r.Settings != order.Settings || (r.ExpiresAt != "") != row.expires {
				t.Errorf("record %+v", r)
			}
			if row.expires {
				if at, err := time.Parse(time.RFC3339, r.ExpiresAt); err != nil || at.Before(made.Expires) || at.Sub(name.End) >= 50*time.Hour {
					t.Errorf("expires at %q, in truth at %v", r.ExpiresAt, made.Expires)
				}
			}
			if kept, ok := k.kept(); !ok || !alike(kept, r) {
				t.Errorf("kept %+v", kept)
			}
			if back, err := lease.Decode(encoded(t, r)); err != nil || !alike(back, r) {
				t.Errorf("the record cannot be read back: %v", err)
			}
			w.wantSilence(r)
		})
	}
}

func TestAcquireForAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t, jenkinstest.WithAdmin(owner), jenkinstest.WithAdminCanGenerate())
	order := w.order()
	order.ForUser = "bob"
	r, left, err := create(t.Context(), w.life(), w.account(jenkins.WithUser("bob")), order, &keeper{w: w})
	if err != nil || left != nil {
		t.Fatal(err, left)
	}
	if tokens := w.Tokens("bob"); len(tokens) != 1 || tokens[0].Value != r.Token.Reveal() || r.Username != "bob" || r.ForUser != "bob" {
		t.Errorf("bob's tokens %d, record %+v", len(tokens), r)
	}
	w.inject("revoke:gateway-403")
	if ending, left := w.releaser(true).Revoke(t.Context(), r); ending != lease.Revoked || left != nil || len(w.Tokens("bob")) != 0 {
		t.Errorf("released: %v %v", ending, left)
	}
}

// TestAcquireOrder pins the order that keeps a token from being lost.
func TestAcquireOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t).inject("create:500-acted")
	k := &keeper{w: w}
	if _, _, err := create(t.Context(), w.life(), w.account(), w.order(), k); err != nil {
		t.Fatal(err)
	}
	if got, want := k.told(), "intent, intent, mask 8, token, token"; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	for i, want := range []struct{ creates, requests, names int }{{0, 0, 1}, {1, 3, 2}, {2, 4, 0}, {2, 4, 2}, {2, 7, 1}} {
		e := k.events[i]
		if e.creates != want.creates || e.requests != want.requests || len(e.record.Names) != want.names {
			t.Errorf("call %d (%s) after %d creates of %d requests with %d names, want %+v", i+1, e.what, e.creates, e.requests, len(e.record.Names), want)
		}
	}
	if tokens := w.Tokens(owner); k.events[2].record.Token.Reveal() != tokens[len(tokens)-1].Value {
		t.Error("what is masked first is not the token itself")
	}
	w.wantRequests("POST generateNewToken 500", "GET /whoAmI/api/json 200", "GET /whoAmI/api/json 200", "POST generateNewToken 200", "GET /whoAmI/api/json 200", "GET /me/configure 200", "POST revoke 200")
}

// What a fault does to an acquisition.
const (
	fine   = "a token"
	unsure = "a token, and a name to look for"
	failed = "an error"
)

// faults are all that can happen once to each operation, and how the acquisition
// ends. The two that only a rename can meet have a clock that is off.
var outcomes = []struct {
	op    string
	wants map[string]string
}{
	{"create", map[string]string{
		"drop-before": unsure, "drop-after": fine, "delay=1ms": fine, "hold": unsure, "status=500": fine, "status=502": unsure, "status=503": unsure, "status=504": unsure,
		"status=404": failed, "status=405": failed, "status=429": fine, "500-acted": fine, "500-unsaved": fine, "redirect=https://sso.example/": failed,
		"login-page": failed, "gateway-401": failed, "gateway-403": failed, "truncated": fine, "huge": fine, "garbage": fine, "hostile": fine, "refuse": failed,
	}},
	{"whoami", map[string]string{
		"drop-before": fine, "drop-after": fine, "delay=1ms": fine, "hold": fine, "status=500": fine, "status=502": fine, "status=503": fine, "status=504": fine,
		"status=404": fine, "status=405": fine, "status=429": fine, "redirect=https://sso.example/": failed,
		"login-page": failed, "gateway-401": failed, "gateway-403": fine, "truncated": fine, "huge": fine, "garbage": fine, "hostile": fine, "refuse": failed,
		"other-user=bob": failed, "other-user=ALICE": fine,
	}},
	{"rename", map[string]string{
		"drop-before": unsure, "drop-after": unsure, "delay=1ms": fine, "hold": unsure, "status=500": unsure, "status=503": unsure, "status=404": unsure, "500-acted": unsure, "500-unsaved": unsure,
		"redirect=https://sso.example/": unsure, "login-page": unsure, "gateway-401": unsure, "gateway-403": unsure, "truncated": unsure, "huge": unsure, "garbage": unsure, "refuse": failed,
	}},
	{"page", map[string]string{
		"drop-before": fine, "drop-after": fine, "delay=1ms": fine, "hold": unsure, "status=500": unsure, "status=503": fine, "status=404": unsure,
		"redirect=https://sso.example/": unsure, "login-page": unsure, "gateway-401": unsure, "gateway-403": unsure, "truncated": unsure, "huge": unsure, "garbage": unsure, "hostile": fine, "refuse": unsure,
	}},
	// The other identity makes the acquisition fail, so that it revokes.
	{"revoke", map[string]string{
		"drop-before": failed, "drop-after": failed, "delay=1ms": failed, "hold": failed, "status=500": failed, "status=503": failed, "status=404": failed, "500-acted": failed, "500-unsaved": failed,
		"redirect=https://sso.example/": failed, "login-page": failed, "gateway-401": failed, "gateway-403": failed, "truncated": failed, "huge": failed, "garbage": failed, "refuse": failed,
	}},
}

func TestAcquireWithFaults(t *testing.T) {
	t.Parallel()
	for _, of := range outcomes {
		for what, want := range of.wants {
			for times, many := range []string{"", "*3", "*40"} {
				t.Run(of.op+" "+what+many, func(t *testing.T) {
					t.Parallel()
					if testing.Short() && many == "*3" {
						t.Skip("once and for ever are enough")
					}
					if many != "" && (strings.HasPrefix(what, "huge") || what == "hold") {
						t.Skip("the same as once, and slow")
					}
					var options []jenkinstest.Option
					if of.op == "rename" {
						options = append(options, jenkinstest.WithClock(func() time.Time { return time.Now().Add(time.Hour) }))
					}
					w := newWorld(t, options...)
					switch of.op {
					case "page":
						w.inject("create:500-acted")
					case "revoke":
						w.inject("whoami:other-user=bob")
					}
					w.inject(of.op + ":" + what + many)
					var more []jenkins.Option
					if what == "hold" {
						more = append(more, jenkins.WithRequestTimeout(300*time.Millisecond))
					}
					k := &keeper{w: w}
					r, left, err := create(t.Context(), w.life(), w.account(more...), w.order(), k)
					acquired(t, w, k, r, left, err)
					if times > 0 {
						return
					}
					got := failed
					if err == nil {
						got = fine
						if len(r.Unconfirmed()) > 0 {
							got = unsure
						}
					}
					if got != want && !(of.op == "page" && what == "drop-before") {
						t.Errorf("got %s (%v), want %s", got, err, want)
					}
					// Without further faults nothing is left, whatever happened.
					kept, ok := k.kept()
					if !ok {
						w.wantNames()
						return
					}
					w.Forget()
					if _, left := w.releaser(true).Revoke(t.Context(), longAgo(kept)); left != nil {
						t.Errorf("left after the release: %+v", left)
					}
					w.wantNames()
					w.wantLogins(2)
				})
			}
		}
	}
}

// acquired checks what holds of every acquisition, however it ends.
func acquired(t *testing.T, w *world, k *keeper, r lease.Lease, left []lease.Leftover, err error) {
	t.Helper()
	k.wantOrder()
	w.wantLogins(2)
	w.wantSilence(err, left)
	names := w.names()
	kept, ok := k.kept()
	if err == nil {
		if left != nil || !ok || !alike(kept, r) || !r.Complete() {
			t.Errorf("left %+v, kept %+v, record %+v", left, kept, r)
		}
		for _, name := range names {
			if !slices.Contains(r.Names, name) {
				t.Errorf("%s is on the server and not in the record", name)
			}
		}
		if !slices.ContainsFunc(w.Tokens(owner), func(token jenkinstest.Token) bool {
			return token.UUID == r.TokenUUID && token.Value == r.Token.Reveal()
		}) {
			t.Error("the token is not on the server")
		}
		return
	}
	var said []string
	for _, l := range left {
		said = append(said, l.Name)
	}
	if len(left) == 0 && ok {
		t.Errorf("the record was not dropped, and nothing is left: %+v", kept)
	}
	for _, name := range names {
		if !slices.Contains(said, name) || !ok || !slices.Contains(kept.Names, name) {
			t.Errorf("%s is on the server; said %q; kept %v %q", name, said, ok, kept.Names)
		}
	}
}

func TestAcquireFailsAtOnce(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		account  func(*world) *jenkins.Client
		change   func(*lease.Request)
		requests []string
		kind     jenkins.Kind
		logins   int
	}{
		{"a wrong API token", func(w *world) *jenkins.Client { return w.client(jenkins.APIToken(owner, "wrong")) }, nil, []string{"POST generateNewToken 401"}, jenkins.KindRefused, 1},
		{"a wrong password", func(w *world) *jenkins.Client { return w.client(jenkins.Password(owner, "wrong")) }, nil, []string{"GET /whoAmI/api/json 401"}, jenkins.KindRefused, 1},
		{"a wrong login that only the controller can name", func(w *world) *jenkins.Client { return w.client(jenkins.APIToken(owner, "wrong")) }, func(o *lease.Request) { o.Username = "" }, []string{"GET /whoAmI/api/json 401"}, jenkins.KindRefused, 1},
		{"another's account", func(w *world) *jenkins.Client { return w.account(jenkins.WithUser("bob")) }, func(o *lease.Request) { o.ForUser = "bob" }, []string{"POST generateNewToken 403", "GET /whoAmI/api/json 200"}, jenkins.KindOwner, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			order := w.order()
			if row.change != nil {
				row.change(&order)
			}
			k := &keeper{w: w}
			r, left, err := create(t.Context(), w.life(), row.account(w), order, k)
			failed, ok := errors.AsType[*jenkins.Error](err)
			if !ok || failed.Kind != row.kind || left != nil {
				t.Errorf("got %v, %v", err, left)
			}
			if n := w.RefusedLogins(); n != row.logins {
				t.Errorf("%d refused logins, want %d", n, row.logins)
			}
			acquired(t, w, k, r, left, err)
			w.wantRequests(row.requests...)
		})
	}
	w := newWorld(t)
	order := w.order()
	order.Username = ""
	k := &keeper{w: w}
	_, left, err := create(t.Context(), w.life(), w.client(jenkins.Bearer("unknown")), order, k)
	if wrong, ok := errors.AsType[*lease.IdentityError](err); !ok || !wrong.Anonymous || left != nil || k.told() != "drop" {
		t.Errorf("a login that Jenkins does not know: %v, %v, told %s", err, left, k.told())
	}
}

func TestOwnerWithAColon(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.stand(func(rw http.ResponseWriter, r *http.Request, creating bool) {
		if creating {
			t.Error("a token was asked for")
		}
		_, _ = io.WriteString(rw, `{"anonymous":false,"name":"repo:acme/web"}`)
	})
	order := w.order()
	order.Username = ""
	k := &keeper{w: w}
	if _, left, err := create(t.Context(), w.life(), w.client(jenkins.Bearer("unknown")), order, k); !errors.Is(err, lease.ErrColon) || left != nil || k.told() != "drop" {
		t.Errorf("got %v, %v, told %s", err, left, k.told())
	}
}

func TestTokenOfAnotherIdentity(t *testing.T) {
	t.Parallel()
	w := newWorld(t).inject("whoami:other-user=bob")
	k := &keeper{w: w}
	r, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
	if wrong, ok := errors.AsType[*lease.IdentityError](err); !ok || wrong.Anonymous || left != nil {
		t.Errorf("got %v, %v", err, left)
	}
	if k.told() != "intent, mask 8, token, drop" || r.TokenUUID != "" || !r.Token.Empty() {
		t.Errorf("told %s, record %+v", k.told(), r)
	}
	w.wantNames()
	w.wantRequests("POST generateNewToken 200", "GET /whoAmI/api/json 200", "POST revoke 200", "POST rename 200")
}

// A keeper that fails at any of its calls costs the token, never leaves it.
func TestKeeperThatFails(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]string{nil, {"create:500-acted"}, {"create:drop-after*2"}, {"whoami:other-user=ALICE"}} {
		for n := 1; n <= 6; n++ {
			for _, options := range [][]jenkinstest.Option{nil, {jenkinstest.WithClock(func() time.Time { return time.Now().Add(-time.Hour) })}} {
				t.Run(fmt.Sprintf("%v call %d, %d options", faults, n, len(options)), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, options...).inject(faults...)
					reached := false
					k := &keeper{w: w, fail: func(i int, what string) error {
						if i != n || what == "drop" {
							return nil
						}
						reached = true
						return errFull
					}}
					r, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
					if !reached {
						if err != nil {
							t.Error(err)
						}
						return
					}
					if _, ok := errors.AsType[*lease.StoreError](err); !ok || !errors.Is(err, errFull) || left != nil {
						t.Errorf("got %v, %v", err, left)
					}
					if n == 1 {
						w.wantRequests()
					}
					w.wantNames()
					w.wantLogins(0)
					w.wantSilence(err, r)
				})
			}
		}
	}
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	life := w.life()
	life.Random = bytes.NewReader(nil)
	if _, left, err := create(t.Context(), life, w.account(), w.order(), &keeper{w: w}); err == nil || left != nil {
		t.Errorf("got %v, %v", err, left)
	}
	w.wantRequests()
}

// A clock that is off gets the token a name with an end that is right on both.
func TestClocksThatDiffer(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name    string
		offset  time.Duration
		renamed bool
	}{
		{"a minute", time.Minute, false}, {"an hour ahead", time.Hour, true}, {"an hour behind", -time.Hour, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, jenkinstest.WithClock(func() time.Time { return time.Now().Add(row.offset) }))
			k := &keeper{w: w}
			r, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
			if err != nil || left != nil {
				t.Fatal(err, left)
			}
			w.wantNames(r.TokenName)
			name, _ := lease.ParseName(r.TokenName)
			if off := name.End.Sub(time.Now().Add(time.Hour)); row.renamed && (off-row.offset).Abs() > time.Minute || !row.renamed && off.Abs() > time.Minute {
				t.Errorf("the end is %v off", off)
			}
			want := "intent, mask 8, token, token"
			if row.renamed {
				want = "intent, mask 8, token, token, token, token"
			}
			if k.told() != want || !slices.Equal(r.Names, []string{r.TokenName}) {
				t.Errorf("told %s, want %s; names %q", k.told(), want, r.Names)
			}
		})
	}
}

// stand puts a handler in front of the controller; it may answer itself, or act
// with the controller and not answer.
func (w *world) stand(handle func(rw http.ResponseWriter, r *http.Request, creating bool)) {
	w.t.Helper()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		handle(rw, r, strings.HasSuffix(r.URL.Path, "/generateNewToken"))
	}))
	w.t.Cleanup(front.Close)
	w.url = front.URL
}

func TestSignals(t *testing.T) {
	t.Parallel()
	t.Run("before anything", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		k := &keeper{w: w}
		_, left, err := create(ctx, w.life(), w.account(), w.order(), k)
		if !errors.Is(err, lease.ErrInterrupted) || left != nil || k.told() != "intent, drop" {
			t.Errorf("got %v, %v, told %s", err, left, k.told())
		}
		w.wantRequests()
	})
	t.Run("while the intent is recorded", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		k := &keeper{w: w, fail: func(int, string) error { cancel(); return nil }}
		_, left, err := create(ctx, w.life(), w.account(), w.order(), k)
		if !errors.Is(err, lease.ErrInterrupted) || left != nil || k.told() != "intent, drop" {
			t.Errorf("got %v, %v, told %s", err, left, k.told())
		}
		w.wantRequests()
	})
	t.Run("while the answer is on its way, which comes in time", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.stand(func(rw http.ResponseWriter, r *http.Request, creating bool) {
			if creating {
				cancel()
			}
			w.ServeHTTP(rw, r)
		})
		k := &keeper{w: w}
		_, left, err := create(ctx, w.life(), w.account(), w.order(), k)
		if !errors.Is(err, lease.ErrInterrupted) || left != nil || !slices.Contains([]string{"intent, mask 8, token, drop", "intent, mask 8, token, token, drop"}, k.told()) {
			t.Errorf("got %v, %v, told %s", err, left, k.told())
		}
		w.wantNames()
	})
	t.Run("after the token was tried", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		w.OnDone(func(r jenkinstest.Request) {
			if strings.HasPrefix(r.Path, "/whoAmI") {
				cancel()
			}
		})
		w.stand(func(rw http.ResponseWriter, r *http.Request, _ bool) { w.ServeHTTP(rw, r) })
		_, left, err := create(ctx, w.life(), w.account(), w.order(), &keeper{w: w})
		if !errors.Is(err, lease.ErrInterrupted) || left != nil {
			t.Errorf("got %v, %v", err, left)
		}
		w.wantNames()
	})
	for _, row := range []struct {
		name  string
		acted bool
	}{{"while an answer that never comes is on its way", false}, {"while the answer to a token made is on its way", true}} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			w.stand(func(rw http.ResponseWriter, r *http.Request, creating bool) {
				if !creating {
					w.ServeHTTP(rw, r)
					return
				}
				if row.acted {
					w.ServeHTTP(httptest.NewRecorder(), r)
				}
				// A server notices that the client goes once the body is read.
				_, _ = io.Copy(io.Discard, r.Body)
				cancel()
				<-r.Context().Done()
			})
			life := w.life()
			life.Grace = 3 * time.Second
			k := &keeper{w: w}
			r, left, err := create(ctx, life, w.account(), w.order(), k)
			if err == nil {
				t.Error("no error")
			}
			w.wantNames()
			if row.acted && left != nil {
				t.Errorf("left %+v", left)
			}
			// A request without an answer may be acted on later still: that is said.
			if !row.acted && (len(left) != 1 || left[0].Outcome != lease.Unknown || left[0].Name != r.Names[0]) {
				t.Errorf("left %+v, want the name as unknown", left)
			}
			if n := w.count("/generateNewToken"); n > 1 {
				t.Errorf("%d tokens were asked for after the signal", n)
			}
		})
	}
}

// The controller that starts while a token is wanted.
func TestAcquireWhileTheControllerStarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, jenkinstest.WithLoadingSequence(2, 1))
	w.SetPhase(jenkinstest.PhaseLoading)
	var once sync.Once
	w.OnDone(func(jenkinstest.Request) {
		if len(w.Requests()) >= 6 {
			once.Do(func() { w.SetPhase(jenkinstest.PhaseUp) })
		}
	})
	k := &keeper{w: w}
	r, left, err := create(t.Context(), w.life(), w.account(), w.order(), k)
	if err != nil {
		t.Fatal(err)
	}
	acquired(t, w, k, r, left, err)
	w.wantNames(r.TokenName)
	w.wantLogins(0)
}

// Jenkins answers 500 to concurrent changes of one account although it acted: a
// third of them and more with 500 tokens on the account.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	const rate = 0.35
	for _, row := range []struct{ jobs, tokens int }{{50, 0}, {50, 500}, {200, 0}, {200, 500}} {
		t.Run(fmt.Sprintf("%d jobs, %d tokens on the account", row.jobs, row.tokens), func(t *testing.T) {
			t.Parallel()
			if raceDetector && row.jobs > 50 {
				t.Skip("minutes under the race detector, which 50 jobs give enough to look at")
			}
			w := newWorld(t, jenkinstest.WithSeed(uint64(row.jobs)))
			var others []string
			for i := range row.tokens {
				others = append(others, w.AddToken(owner, fmt.Sprint("somebody's ", i)).Name)
			}
			w.inject(fmt.Sprintf("create:500-acted@%v", rate), fmt.Sprintf("revoke:500-acted@%v", rate))
			life, releaser := w.life(), func() *lease.Revoker { r := w.releaser(true); r.Life.Timeout = patience; return r }
			life.Timeout = patience
			records := make([]lease.Lease, row.jobs)
			var all sync.WaitGroup
			for i := range row.jobs {
				all.Go(func() {
					k := &keeper{}
					r, left, err := create(t.Context(), life, w.account(), w.order(), k)
					if err != nil || left != nil {
						t.Errorf("acquire: %v, %+v", err, left)
					}
					if kept, ok := k.kept(); !ok || !alike(kept, r) {
						t.Errorf("kept %+v", kept)
					}
					records[i] = r
				})
			}
			all.Wait()
			alive := map[string]bool{}
			for _, token := range w.Tokens(owner) {
				alive[token.Value] = true
			}
			mine := map[string]bool{}
			for _, r := range records {
				if mine[r.Token.Reveal()] || !alive[r.Token.Reveal()] {
					t.Errorf("%s does not work, or was given twice", r.TokenName)
				}
				mine[r.Token.Reveal()] = true
			}
			for _, r := range records {
				all.Go(func() {
					if ending, left := releaser().Revoke(t.Context(), r); ending != lease.Revoked || left != nil {
						t.Errorf("release: %v, %+v", ending, left)
					}
				})
			}
			all.Wait()
			w.wantNames(others...)
			w.wantLogins(0)
			// What is dead must be dead after a restart too.
			w.Restart()
			for _, token := range w.Tokens(owner) {
				if mine[token.Value] {
					t.Errorf("%s is alive again", token.Name)
				}
			}
			const least = 3 // create, try, revoke
			each := float64(len(w.Requests())) / float64(row.jobs)
			t.Logf("%.2f requests a job, %.2f times the least", each, each/least)
			if row.jobs >= 200 && each/least > 2.6 {
				t.Errorf("%.2f requests a job", each)
			}
		})
	}
}

// The side file holds one record of a token, whatever its names went through.
func TestSideFileOfAnAcquisition(t *testing.T) {
	t.Parallel()
	for _, faults := range [][]string{nil, {"create:500-acted*2"}, {"create:drop-before"}, {"whoami:refuse"}, {"create:gateway-403"}} {
		t.Run(fmt.Sprint(faults), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, jenkinstest.WithClock(func() time.Time { return time.Now().Add(time.Hour) })).inject(faults...)
			path := filepath.Join(t.TempDir(), "side.jsonl")
			r, left, err := create(t.Context(), w.life(), w.account(), w.order(), sideKeeper{&keeper{w: w}, lease.OpenStateFile(path)})
			if left != nil {
				t.Errorf("left %+v", left)
			}
			var want [][]string
			if err == nil {
				want = [][]string{r.Names}
			}
			if got := found(t, path); !reflect.DeepEqual(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

type sideKeeper struct {
	*keeper
	state *lease.StateFile
}

func (k sideKeeper) Save(r lease.Lease) error { return k.state.Save(r) }
func (k sideKeeper) Clear()                   { _ = k.state.Clear() }

func longest(pauses []time.Duration) time.Duration { return slices.Max(pauses) }

// A gateway that says 503 for a controller that is up is not asked without a
// pause that grows.
func TestPausesGrowWhenTheControllerIsUpAndNotReady(t *testing.T) {
	t.Parallel()
	w := newWorld(t).inject("create:status=503*999")
	life := w.life()
	var pauses []time.Duration
	life.Pause = func(ctx context.Context, d time.Duration) error {
		pauses = append(pauses, d)
		return ctx.Err()
	}
	if _, _, err := create(t.Context(), life, w.account(), w.order(), &keeper{}); err == nil {
		t.Error("no error")
	}
	if len(pauses) < 5 || len(pauses) > 80 || longest(pauses[4:]) < 2*longest(pauses[:2]) {
		t.Errorf("%d pauses, %v", len(pauses), pauses[:min(10, len(pauses))])
	}
}
