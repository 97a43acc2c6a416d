package jenkinstest

import (
	"net/http"
	"strings"
)

// answer runs the filters and the routes in the order of Jenkins. The bool is
// false for a route that is not known. A nil reply means that the fault gives
// the answer.
func (c *call) answer(f *Fault) (*reply, bool) {
	if f != nil {
		if r, done := c.faultBefore(f); done {
			return r, true
		}
	}
	r, known := c.container(), true
	if r == nil {
		r, known = c.jenkins()
	}
	if f != nil {
		r = c.faultAfter(f, r)
	}
	return r, known
}

// container is what the servlet container answers itself.
func (c *call) container() *reply {
	// Jetty limits the request line and the headers to 8192 bytes together.
	size := len(c.r.Method) + len(c.rawPath) + len(c.query) + len(" ? HTTP/1.1\r\n")
	if size > 8192 {
		return c.badMessage(http.StatusRequestURITooLong, "URI Too Long")
	}
	for k, values := range c.r.Header {
		for _, v := range values {
			size += len(k) + len(v) + len(": \r\n")
		}
	}
	if size > 8192 {
		return c.badMessage(http.StatusRequestHeaderFieldsTooLarge, "Request Header Fields Too Large")
	}
	if c.r.Method == "TRACE" {
		r := c.plain(http.StatusForbidden, "", "")
		r.header.Del("X-Content-Type-Options")
		return r
	}
	if !c.splitPath() {
		r := c.containerError(http.StatusNotFound, "Not Found", "-")
		r.header.Del("X-Content-Type-Options")
		return r
	}
	if c.rawPath == c.j.config.contextPath && c.rawPath != "" {
		r := c.redirect(c.rootURL() + "/" + c.queryPart())
		r.header.Del("X-Content-Type-Options")
		return r
	}
	if c.j.rules.semicolon400 && strings.Contains(c.rawPath, ";") {
		r := c.containerError(http.StatusBadRequest, "Semicolons are not allowed in the request URI", "Stapler")
		r.header.Del("X-Content-Type-Options")
		return r
	}
	return nil
}

func (c *call) queryPart() string {
	if c.query == "" {
		return ""
	}
	return "?" + c.query
}

// jenkins runs the filters of the web application, the check of Overall/Read
// and the route.
func (c *call) jenkins() (*reply, bool) {
	if c.j.phase != PhaseUp {
		return c.notUp(), true
	}
	if r := c.authenticate(); r != nil {
		return r, true
	}
	if len(c.segs) == 1 && c.r.Method == "POST" && (c.segs[0] == "j_spring_security_check" || c.segs[0] == "j_acegi_security_check") {
		return c.formLogin(), true
	}
	if r := c.crumbFilter(); r != nil {
		return r, true
	}
	first := ""
	if len(c.segs) > 0 {
		first = c.segs[0]
	}
	if !alwaysReadable(first) && !c.canRead() {
		return c.denied("hudson.model.Hudson.Read"), true
	}
	return c.route(first)
}

// alwaysReadable lists the first segments that need no Overall/Read
// (Jenkins.ALWAYS_READABLE_PATHS, unprotected root actions, and the files of
// the web application).
func alwaysReadable(first string) bool {
	switch first {
	case "whoAmI", "login", "loginError", "logout", "signup", "error", "oops", "accessDenied", "adjuncts",
		"tcpSlaveAgentListener", "federatedLoginService", "securityRealm", "static", "robots.txt", "favicon.ico",
		"favicon.svg", "jnlpJars":
		return true
	}
	return false
}

// notUp is a controller that starts or stops.
func (c *call) notUp() *reply {
	j, post := c.j, c.r.Method == "POST"
	if j.phase == PhaseRestarting {
		if r := c.authenticate(); r != nil {
			return r
		}
		if post && (c.login.via == ViaToken || c.login.via == ViaPassword) {
			return c.unauthorized("Unauthorized")
		}
		return c.busyPage("Restarting Jenkins", "Please wait while Jenkins is restarting")
	}
	loading := func() *reply {
		return c.busyPage("Starting Jenkins", "Please wait while Jenkins is getting ready to work")
	}
	switch {
	case j.left500 > 0 && post:
		j.left500--
		return c.missingDescriptor()
	case j.left500 > 0:
		return loading()
	case j.left403 > 0 && post:
		j.left403--
		return c.containerError(http.StatusForbidden, noValidCrumb, "Stapler")
	case j.left403 > 0:
		return loading()
	}
	if r := c.authenticate(); r != nil {
		return r
	}
	return loading()
}

func (c *call) route(first string) (*reply, bool) {
	segs := c.segs
	leaf := len(segs) == 1 && !c.slash
	switch first {
	case "":
		return c.page(http.StatusOK, "Dashboard [Jenkins]", "<h1>Welcome to Jenkins!</h1>"), true
	case "crumbIssuer":
		return c.crumbIssuer(segs[1:])
	case "whoAmI":
		return c.whoAmI(segs[1:])
	case "api":
		return c.api(segs[1:], c.rootObject)
	case "me":
		if c.login.user == nil {
			return c.authenticationRequired(), true
		}
		return c.userRoute(c.login.user, segs[1:])
	case "user":
		if len(segs) == 1 {
			return c.notFound(), false
		}
		u := c.j.user(segs[1])
		if u == nil {
			return c.notFound(), true
		}
		return c.userRoute(u, segs[2:])
	case "descriptorByName":
		return c.descriptor(nil, segs[1:])
	case "job":
		return c.job(segs[1:])
	case "queue":
		return c.queue(segs[1:])
	case "login", "loginError":
		if leaf {
			return c.loginPage(), true
		}
		return c.notFound(), true
	case "logout":
		return c.logout(), true
	case "robots.txt":
		return c.file("text/plain", "# we don't want robots to click \"build\" links\nUser-agent: *\nDisallow: /\n", 1), true
	case "favicon.ico":
		return c.file("image/x-icon", favicon, 1), true
	case "static":
		if strings.HasSuffix(segs[len(segs)-1], ".ico") {
			return c.file("image/x-icon", favicon, 365), true
		}
		return c.notFound(), true
	case "manage":
		switch {
		case leaf:
			return c.addSlash(), true
		case len(segs) > 1:
			return c.notFound(), false
		case !c.login.isAdmin():
			return c.denied("hudson.model.Hudson.Administer"), true
		}
		return c.page(http.StatusOK, "Manage Jenkins [Jenkins]", "<h1>Manage Jenkins</h1>"), true
	case "quietDown", "cancelQuietDown":
		return c.adminPost(func() *reply { return c.redirect(c.rootURL() + "/") }), true
	case "scriptText":
		if c.login.isAdmin() && c.r.Method == "POST" {
			return c.notFound(), false
		}
		return c.adminPost(nil), true
	case "instance-identity", "tcpSlaveAgentListener":
		return c.notFound(), true
	}
	return c.notFound(), false
}

// adminPost is a web method for administrators.
func (c *call) adminPost(do func() *reply) *reply {
	switch {
	case c.r.Method != "POST":
		return c.methodNotAllowed()
	case !c.login.isAdmin():
		return c.denied("hudson.model.Hudson.Administer")
	}
	return do()
}

// userRoute is /me/… or /user/<id>/…; segs follow that.
func (c *call) userRoute(u *user, segs []string) (*reply, bool) {
	if len(segs) == 0 {
		if !c.slash {
			return c.addSlash(), true
		}
		return c.page(http.StatusOK, text(u.id)+" [Jenkins]", "<h1>"+text(u.id)+"</h1>"), true
	}
	one := len(segs) == 1
	switch segs[0] {
	case "api":
		return c.api(segs[1:], func() object { return c.userObject(u) })
	case "descriptorByName":
		return c.descriptor(u, segs[1:])
	case "configure":
		if !one || c.slash || c.j.rules.securityPage {
			return c.notFound(), true
		}
		return c.tokensPage(u), true
	case "security", "account":
		switch {
		case !one || !c.j.rules.securityPage:
			return c.notFound(), true
		case !c.slash:
			return c.addSlash(), true
		case segs[0] == "security":
			return c.tokensPage(u), true
		case !c.login.canAdminister(u):
			return c.denied("hudson.model.Hudson.Administer"), true
		}
		return c.page(http.StatusOK, "Account [Jenkins]", "<h1>Account</h1>"), true
	case "config.xml":
		return c.notFound(), true
	case "doDelete":
		return c.adminPost(func() *reply {
			c.j.deleteUser(u.id)
			return c.redirect(c.rootURL() + "/")
		}), true
	}
	return c.notFound(), false
}

// job is /job/<name>/…; segs follow /job.
func (c *call) job(segs []string) (*reply, bool) {
	if len(segs) == 0 {
		return c.notFound(), false
	}
	name := ""
	for _, j := range c.j.config.jobs {
		if j == segs[0] {
			name = j
		}
	}
	switch {
	case name == "":
		return c.notFound(), true
	case len(segs) == 1 && !c.slash:
		return c.addSlash(), true
	case len(segs) == 1:
		return c.page(http.StatusOK, text(name)+" [Jenkins]", "<h1>"+text(name)+"</h1>"), true
	case segs[1] == "build" || segs[1] == "buildWithParameters":
		if c.r.Method != "POST" {
			return c.methodNotAllowed(), true
		}
		if c.login.user == nil {
			return c.authenticationRequired(), true
		}
		return c.schedule(name), true
	}
	return c.build(name, segs[1], segs[2:])
}
