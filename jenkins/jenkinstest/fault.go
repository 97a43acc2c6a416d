package jenkinstest

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is a disturbance of the controller or of the way to it, made by
// [ParseFault]. See [Jenkins.Inject].
type Fault struct {
	op, what, arg string
	times         int // left; -1 for ever
	rate          float64
	status        int
	delay         time.Duration
}

// ops are the operations a fault can be limited to.
func ops() []string {
	return []string{"any", "crumb", "create", "revoke", "rename", "page", "whoami", "login"}
}

var faultSpec = regexp.MustCompile(`^([a-z]+):([a-z0-9-]+)(?:=(.*?))?(?:\*([0-9]+))?(?:@([0-9]*\.?[0-9]+))?$`)

// changes are the operations that change tokens.
var changes = []string{"create", "revoke", "rename"}

// ParseFault reads a fault of the form
//
//	<op>:<what>[=<arg>][*<times>][@<rate>]
//
// such as "create:500-acted", "any:status=503*3" or "revoke:drop-after@0.25".
// The operation is any, crumb, create (generateNewToken, addFixedToken,
// changeToken), revoke (also revokeAll and revokeAllExcept), rename, page (of
// the tokens), whoami (also /me/api) or login (the page and the form). A fault
// happens times times (once, or for ever when there is a rate), each time with
// the probability rate, from 0 to 1. The whats are:
//
//	drop-before     close the connection without acting
//	drop-after      act, then close the connection without an answer
//	delay=<time>    act, wait (such as 1.5s), then answer; the wait ends early
//	                when the client goes
//	hold            wait until the client goes, without acting
//	status=<n>      answer that status without acting; 503 is the loading page
//	500-acted       act in memory, answer 500; the change is on disk with the
//	                next successful save of the user, as after the race of two
//	                requests for one user
//	500-unsaved     the same, as after a full disk: nothing else saves it, and
//	                a restart undoes it
//	redirect=<url>  302
//	login-page      200 with a login form in HTML, as of a single sign-on
//	gateway-401     401 of an nginx, with WWW-Authenticate: Basic realm="nginx"
//	gateway-403     403 of an nginx
//	truncated       act, then answer less than Content-Length says
//	huge            act, then answer 200 and JSON without an end (16 MiB)
//	garbage         act, then answer 200 and a body that is not JSON
//	hostile         act with hostile texts: create gives a uuid and a value
//	                with newlines and workflow commands, page shows such names
//	                in additional rows, whoami answers such a name
//	other-user=<n>  whoami answers that name
//	no-date         act, and answer without a Date, as some gateways pass it on
//	rate-limit=<n>  429 of a gateway, with Retry-After: <n> seconds
//	refuse          401 of Jenkins although the credentials are good
func ParseFault(spec string) (Fault, error) {
	fail := func(format string, args ...any) (Fault, error) {
		return Fault{}, fmt.Errorf("jenkinstest: fault %q: "+format, append([]any{spec}, args...)...)
	}
	m := faultSpec.FindStringSubmatch(spec)
	if m == nil {
		return fail("not of the form <op>:<what>[=<arg>][*<times>][@<rate>]")
	}
	f := Fault{op: m[1], what: m[2], arg: m[3], times: 1, rate: 1}
	if !slices.Contains(ops(), f.op) {
		return fail("unknown operation %q; there are %s", f.op, strings.Join(ops(), ", "))
	}
	if m[5] != "" {
		rate, err := strconv.ParseFloat(m[5], 64)
		if err != nil || rate < 0 || rate > 1 {
			return fail("the rate is not between 0 and 1")
		}
		f.rate, f.times = rate, -1
	}
	if m[4] != "" {
		n, err := strconv.Atoi(m[4])
		if err != nil || n < 1 {
			return fail("the number of times is not 1 or more")
		}
		f.times = n
	}
	hasArg := strings.HasPrefix(spec[len(f.op)+1+len(f.what):], "=")
	only := []string(nil)
	switch f.what {
	case "delay":
		d, err := time.ParseDuration(f.arg)
		if err != nil || d <= 0 {
			return fail("delay needs a time such as 1.5s")
		}
		f.delay = d
	case "status":
		n, err := strconv.Atoi(f.arg)
		if err != nil || n < 200 || n > 599 {
			return fail("status needs a number from 200 to 599")
		}
		f.status = n
	case "redirect":
		if u, err := url.Parse(f.arg); err != nil || f.arg == "" || strings.ContainsFunc(f.arg, func(r rune) bool { return r <= ' ' }) {
			return fail("redirect needs a URL, not %v", u)
		}
	case "rate-limit":
		n, err := strconv.Atoi(f.arg)
		if err != nil || n < 0 {
			return fail("rate-limit needs a number of seconds")
		}
	case "other-user":
		if f.arg == "" {
			return fail("other-user needs a name")
		}
		only = []string{"whoami"}
	case "500-acted", "500-unsaved":
		only = changes
	case "hostile":
		only = []string{"create", "page", "whoami"}
	case "drop-before", "drop-after", "hold", "login-page", "gateway-401", "gateway-403", "truncated", "huge", "garbage", "refuse", "no-date":
	default:
		return fail("unknown disturbance %q", f.what)
	}
	if hasArg && !slices.Contains([]string{"delay", "status", "redirect", "other-user", "rate-limit"}, f.what) {
		return fail("%s takes no argument", f.what)
	}
	if only != nil && f.op != "any" && !slices.Contains(only, f.op) {
		return fail("%s is for %s", f.what, strings.Join(only, ", "))
	}
	return f, nil
}

// Inject adds faults to those that wait. A request meets at most one of them:
// the first that fits its operation and, if it has a rate, hits by it.
func (j *Jenkins) Inject(specs ...string) error {
	faults := make([]*Fault, len(specs))
	for i, s := range specs {
		f, err := ParseFault(s)
		if err != nil {
			return err
		}
		faults[i] = &f
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = append(j.faults, faults...)
	return nil
}

// Calm takes back all faults that wait.
func (j *Jenkins) Calm() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults = nil
}

// operation tells what a request is for, "" for something else.
func (c *call) operation() string {
	if !c.splitPath() || len(c.segs) == 0 {
		return ""
	}
	segs, last := c.segs, c.segs[len(c.segs)-1]
	switch segs[0] {
	case "crumbIssuer":
		return "crumb"
	case "whoAmI":
		return "whoami"
	case "login", "j_spring_security_check":
		return "login"
	case "me":
		segs = segs[1:]
	case "user":
		segs = segs[min(2, len(segs)):]
	}
	switch {
	case len(segs) == 0:
	case segs[0] == "api":
		if c.segs[0] == "me" {
			return "whoami"
		}
	case last == "configure" || last == "security":
		return "page"
	case segs[0] == "descriptorByName" && len(segs) > 2 && c.r.Method == "POST":
		switch segs[2] {
		case "generateNewToken", "addFixedToken", "changeToken":
			return "create"
		case "revoke", "revokeAll", "revokeAllExcept":
			return "revoke"
		case "rename":
			return "rename"
		}
	}
	return ""
}

func (f *Fault) fits(op string) bool {
	if f.op != "any" {
		return f.op == op
	}
	switch f.what {
	case "500-acted", "500-unsaved":
		return slices.Contains(changes, op)
	case "hostile":
		return op == "create" || op == "page" || op == "whoami"
	case "other-user":
		return op == "whoami"
	}
	return true
}

// pickFault takes the fault that the request meets, if any.
func (j *Jenkins) pickFault(c *call) *Fault {
	op := c.operation()
	for _, f := range j.faults {
		if f.times == 0 || !f.fits(op) {
			continue
		}
		if f.rate < 1 && j.random.rates.Float64() >= f.rate {
			continue
		}
		if f.times > 0 {
			f.times--
		}
		return f
	}
	return nil
}

// giveBack undoes that the fault was picked.
func (f *Fault) giveBack() {
	if f.times >= 0 {
		f.times++
	}
}
