package jenkinstest

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Jenkins is an emulated controller. It is an [http.Handler]; make it with
// [New], or with a listener by [Start] or [StartTLS].
type Jenkins struct {
	config  config
	rules   rules
	conns   atomic.Int64
	closed  chan struct{}
	running sync.WaitGroup

	mu               sync.Mutex
	random           *source
	users            []*user
	sessions         map[string]*session
	sessionHash      string // X-Jenkins-Session
	cookieName       string
	crumbSalt        string
	phase            Phase
	left500, left403 int
	builds           []Build
	heldBuilds       bool
	results          map[string]string // of the builds of a job
	faults           []*Fault
	log              []*Request
	unknown          []string
	refused          int
	servers          []*http.Server
	onUnknown        func(route string)
	onDone           func(Request)
	isClosed         bool
}

// New returns a controller without a listener. The error tells of options that
// are wrong or contradict each other.
func New(opts ...Option) (*Jenkins, error) {
	c := config{version: DefaultVersion, clock: time.Now, loading500: 1, loading403: 1}
	for _, o := range opts {
		if o == nil {
			return nil, errors.New("jenkinstest: nil Option")
		}
		o(&c)
	}
	v, err := parseVersion(c.version)
	if err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	j := &Jenkins{config: c, rules: rulesOf(profileOf(v)), closed: make(chan struct{}), random: newSource(c.seed)}
	if c.adminCanGenerate && !j.rules.tokenStore {
		return nil, errors.New("jenkinstest: WithAdminCanGenerate needs version 2.129")
	}
	j.users = c.users
	j.crumbSalt = j.random.hex(16)
	for _, u := range j.users {
		u.uses = map[string]use{}
		if !j.rules.tokenStore {
			j.add(u, Token{})
		}
	}
	j.boot()
	j.left500, j.left403 = c.loading500, c.loading403
	return j, nil
}

// boot sets what is new with each start of the process.
func (j *Jenkins) boot() {
	j.sessions = map[string]*session{}
	j.sessionHash = j.random.hex(4)
	j.cookieName = "JSESSIONID." + j.random.hex(4)
}

func (j *Jenkins) now() time.Time {
	if j.config.zone == nil {
		return j.config.clock()
	}
	return j.config.clock().In(j.config.zone)
}

type connKey struct{}

func (j *Jenkins) server() (*http.Server, error) {
	s := &http.Server{
		Handler: j,
		ConnContext: func(ctx context.Context, _ net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, int(j.conns.Add(1)))
		},
		ErrorLog: log.New(io.Discard, "", 0),
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.isClosed {
		return nil, http.ErrServerClosed
	}
	j.servers = append(j.servers, s)
	return s, nil
}

// Serve answers requests on l until [Jenkins.Close], and then returns
// [http.ErrServerClosed]. It numbers the connections for [Request.Conn].
func (j *Jenkins) Serve(l net.Listener) error {
	s, err := j.server()
	if err != nil {
		l.Close()
		return err
	}
	return s.Serve(l)
}

// Close ends the requests that a fault holds, closes the listeners and all
// connections, and waits for the running handlers.
func (j *Jenkins) Close() {
	j.mu.Lock()
	if !j.isClosed {
		j.isClosed = true
		close(j.closed)
	}
	servers := j.servers
	j.servers = nil
	j.mu.Unlock()
	for _, s := range servers {
		s.Close()
	}
	j.running.Wait()
}

// OnDone sets a function that is called after each request with its entry in
// the log, from the goroutine of the request; nil ends that.
func (j *Jenkins) OnDone(f func(Request)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.onDone = f
}

// ServeHTTP answers a request. When a fault drops the connection it panics
// with [http.ErrAbortHandler].
func (j *Jenkins) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := newCall(j, r)
	fault, reply, entry, unknown := j.decide(c)
	defer j.running.Done()
	if unknown != "" && j.onUnknown != nil {
		j.onUnknown(unknown)
	}
	defer func() {
		j.mu.Lock()
		done, e := j.onDone, *entry
		j.mu.Unlock()
		if done != nil {
			done(e)
		}
	}()
	j.send(w, c, reply, fault, func(status int) {
		j.mu.Lock()
		defer j.mu.Unlock()
		entry.Status = status
	})
}

// decide finds the answer and writes the log. It counts the handler as
// running; unknown is the route if it is not known.
func (j *Jenkins) decide(c *call) (fault *Fault, r *reply, entry *Request, unknown string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.isClosed {
		panic(http.ErrAbortHandler)
	}
	entry = c.entry()
	fault = j.pickFault(c)
	r, known := c.answer(fault)
	if fault != nil && c.unsaved && !r.acted {
		// The request changed nothing, so that the fault has yet to come.
		fault.giveBack()
	}
	entry.User, entry.Via = c.login.name, c.login.via
	if r != nil && r.refusal {
		entry.Via = ViaRefused
		j.refused++
	}
	j.log = append(j.log, entry)
	if !known {
		unknown = entry.Method + " " + entry.Path
		j.unknown = append(j.unknown, unknown)
	}
	j.running.Add(1)
	return fault, r, entry, unknown
}
