package jenkinstest

import (
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// epoch is the Expires that Jetty sends together with a new session cookie.
const epoch = "Thu, 01 Jan 1970 00:00:00 GMT"

// favicon stands for the 17 kB of the real one.
const favicon = "\x00\x00\x01\x00\x00\x00"

// reply is an answer before it is written.
type reply struct {
	status  int
	header  http.Header
	body    string
	refusal bool // 401 of Jenkins
	acted   bool // a change was made in memory
}

func text(s string) string { return html.EscapeString(s) }

// plain is a reply with the headers that all have.
func (c *call) plain(status int, contentType, body string) *reply {
	r := &reply{status: status, header: http.Header{}, body: body}
	r.header.Set("X-Content-Type-Options", "nosniff")
	if contentType != "" {
		r.header.Set("Content-Type", contentType)
	}
	return r
}

// advertise sets what Functions.advertiseHeaders does.
func (c *call) advertise(r *reply) {
	r.header.Set("X-Jenkins", c.j.config.version)
	r.header.Set("X-Jenkins-Session", c.j.sessionHash)
}

// badMessage is Jetty's answer to what it does not take for a request.
func (c *call) badMessage(status int, reason string) *reply {
	r := c.plain(status, "text/html;charset=iso-8859-1", fmt.Sprintf("<h1>Bad Message %d</h1><pre>reason: %s</pre>", status, reason))
	r.header.Del("X-Content-Type-Options")
	r.header.Set("Connection", "close")
	return r
}

// containerError is Jetty's error page, in the form that Accept asks for.
func (c *call) containerError(status int, message, servlet string) *reply {
	r := c.plain(status, "", "")
	r.header.Set("Cache-Control", "must-revalidate,no-cache,no-store")
	switch acceptable(c.r.Header.Values("Accept")) {
	case "html":
		r.header.Set("Content-Type", "text/html;charset=iso-8859-1")
		m := fmt.Sprintf("%d %s", status, text(message))
		var b strings.Builder
		b.WriteString("<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n")
		b.WriteString("<title>Error " + m + "</title>\n</head>\n<body><h2>HTTP ERROR " + m + "</h2>\n<table>\n")
		for _, row := range [][2]string{{"URI", c.rawPath}, {"STATUS", strconv.Itoa(status)}, {"MESSAGE", message}, {"SERVLET", servlet}} {
			b.WriteString("<tr><th>" + row[0] + ":</th><td>" + text(row[1]) + "</td></tr>\n")
		}
		b.WriteString("</table>\n<hr/><a href=\"https://eclipse.org/jetty\">Powered by Jetty:// 10.0.18</a><hr/>\n\n</body>\n</html>\n")
		r.body = b.String()
	case "json":
		r.header.Set("Content-Type", "application/json")
		r.body = fmt.Sprintf("{\n%q:%s,\n%q:%s,\n%q:%s,\n%q:\"%d\"\n}\n",
			"servlet", quote(servlet), "message", quote(message), "url", quote(c.rawPath), "status", status)
	case "text":
		r.header.Set("Content-Type", "text/plain;charset=iso-8859-1")
		r.body = fmt.Sprintf("HTTP ERROR %d %s\nURI: %s\nSTATUS: %d\nMESSAGE: %s\nSERVLET: %s\n", status, message, c.rawPath, status, message, servlet)
	}
	return r
}

// acceptable chooses between the forms that Jetty's ErrorHandler can write.
func acceptable(accept []string) string {
	type choice struct {
		form string
		q    float64
	}
	var list []choice
	for _, part := range strings.Split(strings.Join(accept, ","), ",") {
		media, params, _ := strings.Cut(part, ";")
		ch := choice{q: 1}
		if _, q, ok := strings.Cut(params, "q="); ok {
			q, _, _ = strings.Cut(q, ";")
			ch.q, _ = strconv.ParseFloat(strings.TrimSpace(q), 64)
		}
		switch strings.ToLower(strings.TrimSpace(media)) {
		case "text/html", "text/*", "*/*":
			ch.form = "html"
		case "application/json", "text/json", "application/*":
			ch.form = "json"
		case "text/plain":
			ch.form = "text"
		}
		if ch.form != "" && ch.q > 0 {
			list = append(list, ch)
		}
	}
	if len(accept) == 0 {
		return "html"
	}
	if len(list) == 0 {
		return ""
	}
	slices.SortStableFunc(list, func(a, b choice) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return list[0].form
}

// page is a page of Jenkins: it starts a session and carries the crumb.
func (c *call) page(status int, title, body string) *reply {
	fresh := c.sess == nil
	c.session()
	field, value := crumbField, ""
	if c.j.config.noCrumbs {
		field = ""
	} else {
		value = c.crumb()
	}
	head, script := "", ""
	if c.j.rules.crumbInHead {
		head = fmt.Sprintf(` data-crumb-header="%s" data-crumb-value="%s"`, field, value)
	} else {
		script = fmt.Sprintf(`<script>crumb.init("%s", "%s");</script>`, field, value)
	}
	static := c.j.config.contextPath + "/static/" + c.j.sessionHash
	r := c.plain(status, "text/html;charset=utf-8", fmt.Sprintf(
		"\n  \n  <!DOCTYPE html><html><head resURL=\"%s\" data-rooturl=\"%s\" data-resurl=\"%s\"%s>\n    \n    \n\n    <title>%s</title>"+
			"<meta name=\"ROBOTS\" content=\"INDEX,NOFOLLOW\">%s</head><body data-model-type=\"hudson.model.Hudson\" id=\"jenkins\">"+
			"<div id=\"page-body\"><div id=\"main-panel\"><a id=\"skip2content\"></a>%s</div></div></body></html>",
		static, c.j.config.contextPath, static, head, title, script, body))
	c.advertise(r)
	h := r.header
	h.Set("Expires", "0")
	if fresh {
		h.Set("Expires", epoch)
	}
	h.Set("Cache-Control", "no-cache,no-store,must-revalidate")
	h.Set("X-Hudson-Theme", "default")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("X-Hudson", "1.395")
	h.Set("X-Frame-Options", "sameorigin")
	return r
}

// notFound is a page of Jenkins since 2.421, of the container before.
func (c *call) notFound() *reply {
	if !c.j.rules.page404 {
		return c.containerError(http.StatusNotFound, "Not Found", "Stapler")
	}
	r := c.page(http.StatusNotFound, "Not Found [Jenkins]", "<h1>Not Found</h1><p>This page may not exist, or you may not have permission to see it.</p>")
	r.header.Set("Expires", "0")
	return r
}

// methodNotAllowed is the refusal of @RequirePOST: a page since 2.96 (without
// Allow), a line and "Allow: POST" before.
func (c *call) methodNotAllowed() *reply {
	if !c.j.rules.page405 {
		r := c.plain(http.StatusMethodNotAllowed, "text/html;charset=utf-8", "<html>POST is required for "+text(c.rawPath)+"<br></html>")
		r.header.Set("Allow", "POST")
		return r
	}
	return c.page(http.StatusMethodNotAllowed, "Method Not Allowed [Jenkins]",
		`<h1>Method Not Allowed</h1><p>This URL requires POST</p><form method="post"><button name="Submit">Retry using POST</button></form>`)
}

// oops is the page of an unexpected exception.
func (c *call) oops() *reply {
	return c.page(http.StatusInternalServerError, "Jenkins [Jenkins]",
		"<h1>Oops!</h1><h2 style=\"text-align: center\">A problem occurred while processing the request</h2><p>Logging ID="+c.j.random.uuid()+"</p>")
}

// denied is the refusal of a permission: a login for anonymous, else the page
// and the headers of AccessDeniedHandlerImpl.
func (c *call) denied(permission string) *reply {
	if c.login.user == nil {
		return c.authenticationRequired()
	}
	name := "Overall/" + permission[strings.LastIndex(permission, ".")+1:]
	r := c.page(http.StatusForbidden, "Jenkins", "<h1>Access Denied</h1><div class=\"error\">"+
		text(c.login.user.id)+" is missing the "+name+" permission</div>")
	r.header.Set("X-You-Are-Authenticated-As", headerText(c.login.user.id))
	r.header.Set("X-You-Are-In-Group-Disabled", "JENKINS-39402: use -Dhudson.security.AccessDeniedException2.REPORT_GROUP_HEADERS=true or use /whoAmI to diagnose")
	r.header.Set("X-Required-Permission", permission)
	if name == "Overall/Read" {
		r.header["X-Permission-Implied-By"] = []string{"hudson.security.Permission.GenericRead", "hudson.model.Hudson.Administer"}
	}
	return r
}

// headerText is how Jetty writes a string as a header value: ISO-8859-1.
func headerText(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r < ' ' || r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// authenticationRequired is HudsonAuthenticationEntryPoint: 403, never 401.
func (c *call) authenticationRequired() *reply {
	if c.r.Header.Get("X-Requested-With") == "XMLHttpRequest" {
		return c.containerError(http.StatusForbidden, "Forbidden", "Stapler")
	}
	c.session()
	path := c.j.config.contextPath
	login := path + "/login?from=" + strings.ReplaceAll(url.QueryEscape(c.rawPath+c.queryPart()), "+", "%20")
	script, gap := "<script>window.location.replace('"+login+"');</script>", "\n\n\n"
	if c.j.rules.redirectJS {
		script = "<script id='redirect' data-redirect-url='" + login + "' src='" + path + "/static/" + c.j.sessionHash + "/scripts/redirect.js'></script>"
		gap = "\n"
	}
	r := c.plain(http.StatusForbidden, "text/html;charset=utf-8", "<html><head><meta http-equiv='refresh' content='1;url="+login+"'/>"+script+
		"</head><body style='background-color:white; color:white;'>"+gap+"Authentication required\n<!--\n-->\n\n</body></html>"+strings.Repeat(" ", 300))
	c.advertise(r)
	r.header.Set("X-Hudson", "1.395")
	if c.cookie != "" {
		r.header.Set("Expires", epoch)
	}
	return r
}

func (c *call) loginPage() *reply {
	r := c.page(http.StatusOK, "Sign in [Jenkins]", loginForm)
	for _, k := range []string{"X-Hudson-Theme", "Referrer-Policy", "Cross-Origin-Opener-Policy"} {
		r.header.Del(k)
	}
	return r
}

const loginForm = `<h1>Sign in to Jenkins</h1><form method="post" name="login" action="j_spring_security_check">` +
	`<input name="j_username" id="j_username" type="text"><input name="j_password" id="j_password" type="password">` +
	`<input name="from" type="hidden"><button type="submit" name="Submit">Sign in</button></form>`

// busyPage is HudsonIsLoading or HudsonIsRestarting.
func (c *call) busyPage(title, message string) *reply {
	r := c.plain(http.StatusServiceUnavailable, "text/html;charset=utf-8",
		"\n    \n    \n    <!DOCTYPE html><html lang=\"en\"><head><title>"+title+"</title></head><body><div class=\"simple-page\" role=\"main\">"+
			"<h1 class=\"loading\">\n                            "+message+"\n                            <span>.</span><span>.</span><span>.</span></h1>"+
			"<p>Your browser will reload automatically when Jenkins is ready.</div></body></html>")
	r.header.Set("Expires", "0")
	r.header.Set("Cache-Control", "no-cache,no-store,must-revalidate")
	if !c.j.rules.loadingPlain {
		c.advertise(r)
	}
	return r
}

// missingDescriptor is the exception of the crumb filter during the start.
func (c *call) missingDescriptor() *reply {
	const what = "class hudson.security.csrf.DefaultCrumbIssuer is missing its descriptor"
	return c.plain(http.StatusInternalServerError, "text/html;charset=utf-8",
		"<html><head><title>Error 500</title></head>\n<body bgcolor=#fff><h1>Status Code: 500</h1>Exception: "+what+
			"<br>Stacktrace: <pre>java.lang.AssertionError: "+what+"\n\tat jenkins.model.Jenkins.getDescriptorOrDie(Jenkins.java:1666)\n</pre></body></html>")
}

func (c *call) redirect(location string) *reply {
	r := c.plain(http.StatusFound, "", "")
	r.header.Set("Location", location)
	return r
}

// addSlash is the redirect of Stapler from an object to its directory.
func (c *call) addSlash() *reply {
	root := strings.TrimSuffix(c.rootURL(), c.j.config.contextPath)
	return c.redirect(root + c.rawPath + "/" + c.queryPart())
}

// file is a file of the web application, cached for some days.
func (c *call) file(contentType, body string, days int) *reply {
	r := c.plain(http.StatusOK, contentType, body)
	now := c.j.now().UTC()
	r.header.Set("Last-Modified", now.Truncate(24*time.Hour).Format(http.TimeFormat))
	r.header.Set("Expires", now.AddDate(0, 0, days).Format(http.TimeFormat))
	r.header.Set("Accept-Ranges", "bytes")
	return r
}
