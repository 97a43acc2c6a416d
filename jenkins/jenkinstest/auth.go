package jenkinstest

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// identity is who a request speaks for; user is nil for anonymous.
type identity struct {
	user *user
	name string
	via  Via
}

// principal is the name that the security context holds.
func (i identity) principal() string {
	if i.user == nil {
		return "anonymous"
	}
	return i.user.id
}

func (i identity) canAdminister(u *user) bool {
	return i.user != nil && (i.user.admin || i.user == u)
}

func (i identity) isAdmin() bool { return i.user != nil && i.user.admin }

// canRead tells whether the identity has Overall/Read.
func (c *call) canRead() bool {
	if c.login.user == nil {
		return c.j.config.anonymousRead
	}
	return !c.login.user.noRead
}

// authenticate is BasicHeaderProcessor, which comes before everything else and
// answers 401 on any path, even of static files.
func (c *call) authenticate() *reply {
	c.findSession()
	header := c.r.Header.Get("Authorization")
	scheme, blob, _ := strings.Cut(header, " ")
	basic := scheme == "Basic" || c.j.rules.basicAnyCase && strings.EqualFold(scheme, "Basic")
	if !basic || !strings.Contains(header, " ") {
		if trusted := c.j.config.trustedHeader; trusted != "" {
			if u := c.j.user(c.r.Header.Get(trusted)); u != nil {
				c.login = identity{u, u.id, ViaProxy}
				return nil
			}
		}
		if c.sess != nil && c.sess.user != "" {
			if u := c.j.user(c.sess.user); u != nil {
				c.login = identity{u, u.id, ViaSession}
			}
			return nil
		}
		if strings.EqualFold(scheme, "Bearer") {
			c.login.via = ViaBearer
			if f := c.j.config.jwt; f != nil {
				if u := f.user(c, blob); u != nil {
					c.login = identity{u, u.id, ViaBearer}
				}
			}
		}
		return nil
	}
	name, secret, ok := basicCredentials(blob)
	if !ok {
		return c.unauthorized("Malformed HTTP basic Authorization header")
	}
	c.login.name = name
	// A session of a login form under the same name makes Jenkins skip the
	// check of the credentials (1.590, JENKINS-25144); a crumb is needed then.
	if c.sess != nil && c.sess.user != "" && c.sess.user == name && c.j.user(name) != nil {
		c.login = identity{c.j.user(name), name, ViaSession}
		return nil
	}
	u := c.j.user(name)
	if id, ok := c.j.config.aliases[userKey(name)]; ok {
		if u = c.j.user(id); secret != u.password {
			return c.badLogin(name)
		}
	}
	if u == nil {
		return c.badLogin(name)
	}
	if t, ok := u.match(secret, c.j.rules.tokenStore, c.j.now()); ok && !c.j.config.noTokenLogins {
		c.login = identity{u, u.id, ViaToken}
		u.uses[t.UUID] = use{u.uses[t.UUID].count + 1, c.j.now()}
		return nil
	}
	if secret == "" || secret != u.password {
		return c.badLogin(name)
	}
	c.login = identity{u, u.id, ViaPassword}
	return nil
}

// badLogin is the answer to a name and a secret that the security realm does not know.
func (c *call) badLogin(name string) *reply {
	if c.j.config.realmThrows {
		r := c.oops()
		r.refusal = true
		return r
	}
	return c.unauthorized("Invalid password/token for user: " + name)
}

func basicCredentials(blob string) (name, secret string, ok bool) {
	blob = strings.TrimSpace(blob)
	b, err := base64.StdEncoding.DecodeString(blob)
	if err != nil {
		if b, err = base64.RawStdEncoding.DecodeString(blob); err != nil {
			return "", "", false
		}
	}
	return strings.Cut(string(b), ":")
}

// unauthorized is BasicAuthenticationEntryPoint. Spring (2.266) says
// "Unauthorized", Acegi before it says what was wrong.
func (c *call) unauthorized(message string) *reply {
	if c.j.rules.spring401 {
		message = "Unauthorized"
	}
	r := c.containerError(http.StatusUnauthorized, message, "Stapler")
	r.header.Add("Set-Cookie", "remember-me=; Path="+c.cookiePath()+"; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=0")
	r.header.Set("WWW-Authenticate", `Basic realm="Jenkins"`)
	r.refusal = true
	return r
}

// formLogin is POST /j_spring_security_check, which is a filter before that of
// the crumbs and needs one all the same since 2.541 (SECURITY-1166).
func (c *call) formLogin() *reply {
	name, _, _ := c.param("j_username")
	password, _, _ := c.param("j_password")
	from, _, _ := c.param("from")
	u := c.j.user(name)
	if u == nil || password == "" || password != u.password || c.j.rules.loginCrumb && !c.crumbValid() {
		return c.redirect(c.rootURL() + "/loginError")
	}
	// A new session keeps others from fixing its id beforehand.
	if c.sess != nil {
		delete(c.j.sessions, c.sess.id)
		c.sess = nil
	}
	c.session().user = u.id
	target := c.rootURL() + "/"
	if strings.HasPrefix(from, "/") && !strings.HasPrefix(from, "//") {
		target = strings.TrimSuffix(c.rootURL(), c.j.config.contextPath) + from
	}
	r := c.redirect(target)
	r.header.Set("Expires", epoch)
	return r
}

func (c *call) logout() *reply {
	if c.sess != nil {
		delete(c.j.sessions, c.sess.id)
		c.sess = nil
	}
	r := c.redirect(c.rootURL() + "/")
	r.header.Add("Set-Cookie", "remember-me=; Path="+c.cookiePath()+"; Expires=Thu, 01-Jan-1970 00:00:00 GMT; Max-Age=0; HttpOnly")
	r.header.Set("Expires", epoch)
	return r
}
