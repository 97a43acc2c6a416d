package jenkinstest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"strings"
)

// crumbField is the name of the header and parameter since Jenkins 2.0; the
// ".crumb" before is not accepted.
const crumbField = "Jenkins-Crumb"

const noValidCrumb = "No valid crumb was included in the request"

// session is an HTTP session; user is set by the login form only.
type session struct{ id, user string }

func (c *call) findSession() {
	for _, k := range c.r.CookiesNamed(c.j.cookieName) {
		if s := c.j.sessions[k.Value]; s != nil {
			c.sess = s
			return
		}
	}
}

// session returns the session of the request and starts one if need be.
func (c *call) session() *session {
	if c.sess == nil {
		c.sess = &session{id: c.j.random.session()}
		c.cookie = c.j.cookieName + "=" + c.sess.id + "; Path=" + c.cookiePath() + "; HttpOnly"
		c.j.sessions[c.sess.id] = c.sess
	}
	return c.sess
}

func (c *call) cookiePath() string {
	if c.j.config.contextPath == "" {
		return "/"
	}
	return c.j.config.contextPath
}

// crumb is DefaultCrumbIssuer: a digest of the user, since 2.186 the session
// (forced into being since 2.192) and until 2.543 the client's address.
func (c *call) crumb() string {
	parts := []string{c.login.principal()}
	if !c.j.rules.crumbNoIP {
		parts = append(parts, c.clientAddress())
	}
	if c.j.rules.crumbSession {
		switch {
		case c.j.rules.crumbForced || c.sess != nil:
			parts = append(parts, c.session().id)
		default:
			parts = append(parts, "NO_SESSION")
		}
	}
	sum := sha256.Sum256([]byte(c.j.crumbSalt + strings.Join(parts, ";")))
	text := hex.EncodeToString(sum[:])
	if !c.j.rules.crumbSHA256 {
		// Jenkins uses MD5 here; clients see the length only.
		text = text[:32]
	}
	return text
}

func (c *call) clientAddress() string {
	if f := c.r.Header.Get("X-Forwarded-For"); f != "" {
		first, _, _ := strings.Cut(f, ",")
		return first
	}
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		return c.r.RemoteAddr
	}
	return host
}

// crumbFilter is CrumbFilter: POST needs a crumb unless the login was by API
// token (ApiCrumbExclusion, 2.96).
func (c *call) crumbFilter() *reply {
	if c.r.Method != "POST" || c.j.config.noCrumbs {
		return nil
	}
	if c.login.via == ViaToken && c.j.rules.tokenNoCrumb || c.login.via == ViaBearer && c.login.user != nil {
		return nil
	}
	if c.r.Header.Get(crumbField) == "" {
		if _, _, err := c.param(crumbField); err != nil {
			return c.oops()
		}
	}
	if !c.crumbValid() {
		return c.containerError(403, noValidCrumb, "Stapler")
	}
	return nil
}

// crumbValid looks at the header first; a wrong header is not rescued by a
// good parameter.
func (c *call) crumbValid() bool {
	given := c.r.Header.Get(crumbField)
	if given == "" {
		given, _, _ = c.param(crumbField)
	}
	// Without a crumb nothing is computed, and no session begins.
	return given != "" && subtle.ConstantTimeCompare([]byte(given), []byte(c.crumb())) == 1
}

// crumbIssuer is GET /crumbIssuer/api/…; segs follow /crumbIssuer.
func (c *call) crumbIssuer(segs []string) (*reply, bool) {
	if c.j.config.noCrumbs {
		return c.notFound(), true
	}
	if len(segs) == 0 {
		if !c.slash {
			return c.addSlash(), true
		}
		return c.notFound(), true
	}
	if segs[0] != "api" {
		return c.notFound(), false
	}
	return c.api(segs[1:], func() object {
		return object{"hudson.security.csrf.DefaultCrumbIssuer", "defaultCrumbIssuer", []field{
			{"crumb", c.crumb()}, {"crumbRequestField", crumbField},
		}}
	})
}

// crumbText answers the four xpath expressions that give plain text (1.502,
// SECURITY-47).
func (c *call) crumbText(xpath string) *reply {
	var text string
	switch xpath {
	case "/*/crumbRequestField/text()":
		text = crumbField
	case "/*/crumb/text()":
		text = c.crumb()
	case `concat(//crumbRequestField,":",//crumb)`:
		text = crumbField + ":" + c.crumb()
	case `concat(//crumbRequestField,'=',//crumb)`:
		text = crumbField + "=" + c.crumb()
	default:
		return nil
	}
	return c.apiReply("text/plain;charset=utf-8", text)
}
