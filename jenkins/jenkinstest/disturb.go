package jenkinstest

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// hugeSize is where the endless body of the fault "huge" ends all the same, in
// bytes, so that a client without a limit fails and does not hang.
const hugeSize = 16 << 20

// faultBefore prepares a fault; done means that Jenkins does not see the
// request.
func (c *call) faultBefore(f *Fault) (r *reply, done bool) {
	switch f.what {
	case "drop-before", "hold":
		return nil, true
	case "status":
		if f.status == http.StatusServiceUnavailable {
			return c.busyPage("Starting Jenkins", "Please wait while Jenkins is getting ready to work"), true
		}
		return c.containerError(f.status, http.StatusText(f.status), "Stapler"), true
	case "redirect":
		return c.redirect(f.arg), true
	case "login-page":
		return c.foreign(http.StatusOK, "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body><h1>Sign in to your account</h1>"+
			`<form method="post" action="/sso/login"><input name="username"><input name="password" type="password"><button>Sign in</button></form></body></html>`+"\n"), true
	case "gateway-401":
		r := c.nginx(http.StatusUnauthorized, "401 Authorization Required")
		r.header.Set("WWW-Authenticate", `Basic realm="nginx"`)
		return r, true
	case "gateway-403":
		return c.nginx(http.StatusForbidden, "403 Forbidden"), true
	case "rate-limit":
		r := c.nginx(http.StatusTooManyRequests, "429 Too Many Requests")
		r.header.Set("Retry-After", f.arg)
		return r, true
	case "refuse":
		c.authenticate()
		return c.unauthorized("Unauthorized"), true
	case "500-acted", "500-unsaved":
		c.unsaved = true
	case "hostile":
		c.hostile = true
		if c.operation() == "whoami" {
			c.other = "x\n::set-output name=user::pwned\r\n\x1b[2J"
		}
	case "other-user":
		c.other = f.arg
	}
	return nil, false
}

// foreign is an answer that is not of Jenkins.
func (c *call) foreign(status int, body string) *reply {
	r := c.plain(status, "text/html", body)
	r.header.Del("X-Content-Type-Options")
	r.header.Set("Server", "nginx")
	return r
}

func (c *call) nginx(status int, title string) *reply {
	return c.foreign(status, "<html>\r\n<head><title>"+title+"</title></head>\r\n<body>\r\n<center><h1>"+title+
		"</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n")
}

// faultAfter changes the answer of Jenkins.
func (c *call) faultAfter(f *Fault, r *reply) *reply {
	switch f.what {
	case "huge":
		if r.status == http.StatusOK {
			r = c.json(`{"status":"ok","data":{"tokenName":"`)
		}
	case "garbage":
		if r.status < 300 {
			r = c.json("<!-- not JSON -->{\"status\":\"ok\",\"data\":")
		}
	}
	return r
}

// wait ends after d (never when 0), when the client goes, or with Close.
func (j *Jenkins) wait(r *http.Request, d time.Duration) {
	var timeout <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-timeout:
	case <-r.Context().Done():
	case <-j.closed:
	}
}

// send writes a reply, disturbed by the fault; sent is told the status.
func (j *Jenkins) send(w http.ResponseWriter, c *call, r *reply, f *Fault, sent func(int)) {
	what := ""
	if f != nil {
		what = f.what
	}
	switch what {
	case "drop-before", "drop-after":
		panic(http.ErrAbortHandler)
	case "hold":
		if r == nil {
			j.wait(c.r, 0)
			panic(http.ErrAbortHandler)
		}
	case "delay":
		j.wait(c.r, f.delay)
		select {
		case <-j.closed:
			panic(http.ErrAbortHandler)
		default:
		}
	}
	sent(r.status)
	h := w.Header()
	for k, v := range r.header {
		h[k] = v
	}
	h.Set("Date", j.now().UTC().Format(http.TimeFormat))
	if what == "no-date" {
		h["Date"] = nil // or net/http would set its own
	}
	if h.Get("Server") == "" {
		h.Set("Server", "Jetty(10.0.18)")
	}
	if c.cookie != "" {
		h.Add("Set-Cookie", c.cookie)
	}
	if len(h["Content-Type"]) == 0 {
		h["Content-Type"] = nil // or net/http would guess one
	}
	switch {
	case what == "huge" && r.status == http.StatusOK && c.r.Method != "HEAD":
		j.sendHuge(w, c, r)
		return
	case what == "truncated" && c.r.Method != "HEAD":
		h.Set("Content-Length", strconv.Itoa(len(r.body)+100))
		w.WriteHeader(r.status)
		w.Write([]byte(r.body[:len(r.body)/2]))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	if bodyAllowed(r.status) {
		h.Set("Content-Length", strconv.Itoa(len(r.body)))
	}
	w.WriteHeader(r.status)
	if c.r.Method != "HEAD" && bodyAllowed(r.status) {
		w.Write([]byte(r.body))
	}
}

func bodyAllowed(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

func (j *Jenkins) sendHuge(w http.ResponseWriter, c *call, r *reply) {
	w.WriteHeader(r.status)
	w.Write([]byte(r.body))
	block := []byte(strings.Repeat("a", 64<<10))
	for n := 0; n < hugeSize; n += len(block) {
		select {
		case <-j.closed:
			panic(http.ErrAbortHandler)
		default:
		}
		if _, err := w.Write(block); err != nil {
			panic(http.ErrAbortHandler)
		}
	}
	panic(http.ErrAbortHandler)
}
