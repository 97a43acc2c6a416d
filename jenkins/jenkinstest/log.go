package jenkinstest

import (
	"net/http"
	"net/url"
	"slices"
)

// Via is how a request was authenticated.
type Via string

const (
	// ViaNone is a request without an Authorization header that Jenkins reads.
	ViaNone Via = "none"
	// ViaPassword is HTTP Basic with the password.
	ViaPassword Via = "password"
	// ViaToken is HTTP Basic with an API token.
	ViaToken Via = "token"
	// ViaBearer is a Bearer header, which Jenkins ignores without [WithJWTFilter].
	ViaBearer Via = "bearer"
	// ViaProxy is the header of [WithTrustedHeader].
	ViaProxy Via = "proxy"
	// ViaSession is the session of a login form.
	ViaSession Via = "session"
	// ViaRefused is a request whose credentials were refused with 401.
	ViaRefused Via = "refused"
)

// Request is a request as the controller saw it.
type Request struct {
	Method string
	// Path is the path as it was sent, with "?" and the query if there is one.
	Path string
	// Form holds the parameters of the query and of the body, which include
	// secrets.
	Form url.Values
	// User is the name of the authenticated user, or the name that was refused;
	// it is empty for anonymous requests.
	User string
	Via  Via
	// Status is the status that was sent; 0 while the request is being
	// answered and when the connection was dropped instead.
	Status int
	// Conn numbers the connections in the order of their acceptance, from 1.
	// It is 0 when the handler does not run under [Jenkins.Serve].
	Conn   int
	Header http.Header
}

// Requests returns the requests since the start or the last
// [Jenkins.Forget], in the order of their arrival.
func (j *Jenkins) Requests() []Request {
	j.mu.Lock()
	defer j.mu.Unlock()
	list := make([]Request, len(j.log))
	for i, r := range j.log {
		list[i] = *r
		list[i].Form = cloneValues(r.Form)
		list[i].Header = r.Header.Clone()
	}
	return list
}

func cloneValues(v url.Values) url.Values { return url.Values(http.Header(v).Clone()) }

// Forget empties the log of requests and the lists behind
// [Jenkins.RefusedLogins] and [Jenkins.Unknown].
func (j *Jenkins) Forget() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.log, j.unknown, j.refused = nil, nil, 0
}

// RefusedLogins returns how many requests were answered 401 by Jenkins (not by
// a gateway). Each of them can count against an account that is locked after
// some failed logins, as Jenkins tries a bad token as a password, too.
func (j *Jenkins) RefusedLogins() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.refused
}

// Unknown returns the requests for routes that the emulator does not know, as
// "GET /x", in the order of their arrival. They were answered 404.
func (j *Jenkins) Unknown() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.unknown)
}
