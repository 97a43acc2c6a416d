package lease_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	owner    = "alice"
	password = "correct horse"
)

// world is a controller with an account, and what was said to the user.
type world struct {
	*jenkinstest.Jenkins
	t     *testing.T
	url   string
	token jenkinstest.Token // of the account
	now   func() time.Time  // of this machine

	mu              sync.Mutex
	notices, warned []string
}

// alike reports whether two records are the same. A secret cannot be compared but by
// what it reveals.
func alike(a, b lease.Lease) bool {
	same := a.Token.Reveal() == b.Token.Reveal()
	a.Token, b.Token = secret.String{}, secret.String{}
	return same && reflect.DeepEqual(a, b)
}

func newWorld(t *testing.T, options ...jenkinstest.Option) *world {
	t.Helper()
	srv := jenkinstest.Start(t, append([]jenkinstest.Option{jenkinstest.WithUser(owner, password), jenkinstest.WithUser("bob", "pw")}, options...)...)
	return &world{Jenkins: srv.Jenkins, t: t, url: srv.URL, token: srv.AddToken(owner, "the account's own"), now: time.Now}
}

// newStill is a world in which no time passes, with a controller whose clock is
// off.
func newStill(t *testing.T, offset time.Duration, options ...jenkinstest.Option) *world {
	t.Helper()
	w := newWorld(t, append([]jenkinstest.Option{jenkinstest.WithClock(func() time.Time { return noon.Add(offset) })}, options...)...)
	w.now = func() time.Time { return noon }
	return w
}

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func (w *world) inject(faults ...string) *world {
	w.t.Helper()
	if err := w.Inject(faults...); err != nil {
		w.t.Fatal(err)
	}
	return w
}

// patience is for real time, which a busy machine has none of.
const patience = time.Hour

// life pauses for no time.
func (w *world) life() lease.Life {
	return lease.Life{
		Now: w.now, Random: rand.Reader, Grace: lease.Grace, Timeout: time.Minute,
		Pause:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Progress: func(string) {},
		Notice: func(text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.notices = append(w.notices, text)
		},
		Warn: func(text string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.warned = append(w.warned, text)
		},
	}
}

func (w *world) client(cred jenkins.Credential, options ...jenkins.Option) *jenkins.Client {
	w.t.Helper()
	root, err := jenkins.ParseRoot(w.url)
	if err != nil {
		w.t.Fatal(err)
	}
	c, err := jenkins.New(root, cred, append([]jenkins.Option{jenkins.WithClock(w.now), jenkins.WithRequestTimeout(patience)}, options...)...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(c.Close)
	return c
}

// account is a client with the account's API token.
func (w *world) account(options ...jenkins.Option) *jenkins.Client {
	w.t.Helper()
	return w.client(jenkins.APIToken(owner, w.token.Value), options...)
}

func (w *world) order() lease.Request {
	settings := post()
	settings.Sweep = false
	return lease.Request{URL: w.url, Username: owner, Project: "ci/acme", Run: "7.1", Label: "deploy", TTL: time.Hour, Settings: settings}
}

// releaser revokes with records alone, or with the account's credential as well.
func (w *world) releaser(account bool) *lease.Revoker {
	return &lease.Revoker{
		Life: w.life(),
		Own: func(r lease.Lease) (*jenkins.Client, error) {
			return w.client(jenkins.APIToken(r.Username, r.Token.Reveal())), nil
		},
		Account: func(r lease.Lease) (*jenkins.Client, error) {
			if !account {
				return nil, nil
			}
			if r.ForUser != "" {
				return w.account(jenkins.WithUser(r.ForUser)), nil
			}
			return w.account(), nil
		},
	}
}

// acquire makes a token that must succeed.
func (w *world) acquire(change func(*lease.Request)) lease.Lease {
	w.t.Helper()
	order := w.order()
	if change != nil {
		change(&order)
	}
	record, left, err := create(w.t.Context(), w.life(), w.account(), order, &keeper{})
	if err != nil || left != nil {
		w.t.Fatal(err, left)
	}
	return record
}

// names of the tokens that are valid, but for the account's own.
func (w *world) names() []string {
	var names []string
	for _, token := range w.Tokens(owner) {
		if token.UUID != w.token.UUID {
			names = append(names, token.Name)
		}
	}
	return names
}

// requests since the last Forget, as "POST revoke 200" for the web methods and
// as "GET /whoAmI/api/json 200" for pages.
func (w *world) requests() []string {
	var all []string
	for _, r := range w.Requests() {
		path := r.Path
		if i := strings.LastIndex(path, "/"); strings.Contains(path, "descriptorByName") {
			path = path[i+1:]
		}
		all = append(all, fmt.Sprintf("%s %s %d", r.Method, path, r.Status))
	}
	return all
}

func (w *world) count(suffix string) (n int) {
	for _, r := range w.Requests() {
		if strings.HasSuffix(r.Path, suffix) {
			n++
		}
	}
	return n
}

// wantRequests compares the requests, and forgets them.
func (w *world) wantRequests(want ...string) {
	w.t.Helper()
	if got := w.requests(); !slices.Equal(got, want) {
		w.t.Errorf("requests\ngot  %q\nwant %q", got, want)
	}
	w.Forget()
}

// wantNames compares the tokens on the server.
func (w *world) wantNames(want ...string) {
	w.t.Helper()
	if got := w.names(); !slices.Equal(got, want) {
		w.t.Errorf("on the server: %q, want %q", got, want)
	}
}

// wantLogins checks that no refused login was repeated, but for one after the
// controller said that it is starting or stopping.
func (w *world) wantLogins(most int) {
	w.t.Helper()
	if n := w.RefusedLogins(); n > most {
		w.t.Errorf("%d refused logins, want at most %d", n, most)
	}
	seen := map[string]bool{}
	for _, r := range w.Requests() {
		login := r.Header.Get("Authorization")
		if strings.HasSuffix(r.Path, "/login") && r.Status >= http.StatusBadGateway {
			clear(seen)
		}
		if r.Via == jenkinstest.ViaRefused && seen[login] {
			w.t.Errorf("a refused login was repeated: %s %s", r.Method, r.Path)
		}
		seen[login] = seen[login] || r.Via == jenkinstest.ViaRefused
	}
}

// wantSilence checks that none of the texts turned up in what the user was told.
func (w *world) wantSilence(extra ...any) {
	w.t.Helper()
	w.mu.Lock()
	text := fmt.Sprintf("%q %q %v %+v %q", w.notices, w.warned, extra, extra, extra)
	w.mu.Unlock()
	for _, r := range w.Requests() {
		if _, password, ok := (&http.Request{Header: r.Header}).BasicAuth(); ok && strings.Contains(text, password) {
			w.t.Errorf("a credential is shown: %s", text)
		}
	}
	for _, word := range []string{"::set-output", "::add-mask", "pwned", "\x1b"} {
		if strings.Contains(text, word) {
			w.t.Errorf("text of the server is shown: %s", text)
		}
	}
}

// event is a call of the keeper, with the requests that had arrived by then.
type event struct {
	what              string
	record            lease.Lease
	creates, requests int
}

// keeper remembers what it was told.
type keeper struct {
	w      *world
	events []event
	// fail gives the error of the nth call, counted from 1.
	fail func(n int, what string) error
}

var errFull = errors.New("disk full")

func (k *keeper) tell(what string, r lease.Lease) error {
	e := event{what: what, record: r}
	e.record.Names = slices.Clone(r.Names)
	if k.w != nil {
		e.creates, e.requests = k.w.count("/generateNewToken"), len(k.w.Requests())
	}
	k.events = append(k.events, e)
	if k.fail != nil {
		return k.fail(len(k.events), what)
	}
	return nil
}

func (k *keeper) Save(r lease.Lease) error {
	what := "intent"
	if r.Complete() {
		what = "token"
	}
	return k.tell(what, r)
}

func (k *keeper) Clear() { _ = k.tell("drop", lease.Lease{}) }

func (k *keeper) Mask(texts []secret.String) error {
	// Of the forms the one that has the length of a token.
	i := slices.IndexFunc(texts, func(s secret.String) bool { return len(s.Reveal()) == len(tokenText) || len(s.Reveal()) == 32 })
	return k.tell(fmt.Sprintf("mask %d", len(texts)), lease.Lease{Token: texts[i]})
}

// told is the order of the calls.
func (k *keeper) told() string {
	var words []string
	for _, e := range k.events {
		words = append(words, e.what)
	}
	return strings.Join(words, ", ")
}

// kept is the record kept last, false when it is void.
func (k *keeper) kept() (lease.Lease, bool) {
	for _, e := range slices.Backward(k.events) {
		switch e.what {
		case "drop":
			return lease.Lease{}, false
		case "intent", "token":
			return e.record, true
		}
	}
	return lease.Lease{}, false
}

// wantOrder checks what holds of every acquisition: a name is recorded before it
// is asked for, and the token masked and recorded before it is used.
func (k *keeper) wantOrder() {
	w := k.w
	w.t.Helper()
	masked, intended := false, map[int][]string{}
	for _, e := range k.events {
		switch {
		case strings.HasPrefix(e.what, "mask"):
			masked = true
		case e.what == "token" && !masked:
			w.t.Error("the token was recorded before it was masked")
		}
		if e.what != "drop" && !strings.HasPrefix(e.what, "mask") {
			intended[e.creates] = e.record.Names
		}
	}
	names := []string(nil)
	creates := 0
	for _, r := range w.Requests() {
		if !strings.HasSuffix(r.Path, "/generateNewToken") {
			continue
		}
		if known, ok := intended[creates]; ok {
			names = known
		}
		name := r.Form.Get("newTokenName")
		// The throw-away of a revocation is not an acquisition's.
		if !slices.Contains(names, name) && !strings.Contains(name, ":save:") {
			w.t.Errorf("%s was asked for before it was recorded", name)
		}
		creates++
	}
}

// create creates a token with one value as store and masker.
func create(ctx context.Context, life lease.Life, account *jenkins.Client, request lease.Request, k interface {
	lease.Store
	lease.Masker
}) (lease.Lease, []lease.Leftover, error) {
	return lease.Create(ctx, life, account, request, k, k)
}
