package jenkinstest

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Option configures a controller made by [New], [Start] or [StartTLS].
type Option func(*config)

type config struct {
	version          string
	users            []*user
	admins, noReads  []string
	aliases          map[string]string // login: id
	realmThrows      bool
	noTokenLogins    bool
	contextPath      string
	noCrumbs         bool
	anonymousRead    bool
	adminCanGenerate bool
	trustedHeader    string
	jwt              *JWTFilter
	jobs             []string
	seed             *uint64
	clock            func() time.Time
	zone             *time.Location
	loading500       int
	loading403       int
}

// DefaultVersion is the Jenkins version that is emulated without [WithVersion].
const DefaultVersion = "2.426.2"

// WithVersion sets the Jenkins version, such as "2.548" or "2.479.1". There
// are profiles for 2.60, 2.107, 2.129, 2.190, 2.222, 2.426.2, 2.468, 2.505,
// 2.548 and 2.578; any other version behaves like the nearest profile below it
// (at least 2.60) and is reported as X-Jenkins as it is given.
func WithVersion(v string) Option { return func(c *config) { c.version = v } }

// WithUser adds an ordinary user: Overall/Read and nothing else, apart from
// the administration of the own account that every user has. It can be
// repeated. As in Jenkins, user names are equal when they differ only in case.
func WithUser(name, password string) Option {
	return func(c *config) { c.users = append(c.users, &user{id: name, password: password}) }
}

// WithAlias lets the user id, given with [WithUser], log in under another name too, such
// as a mail address or CORP\name, as directories do: with the password alone. An API
// token works under the id, and Jenkins calls the user by it.
func WithAlias(id, login string) Option {
	return func(c *config) {
		if c.aliases == nil {
			c.aliases = map[string]string{}
		}
		c.aliases[userKey(login)] = id
	}
}

// WithThrowingRealm answers a credential that it does not know with 500, as the security
// realm of azure-ad-plugin did (its issues 27 and 54).
func WithThrowingRealm() Option { return func(c *config) { c.realmThrows = true } }

// WithoutTokenLogins refuses API tokens as logins, though they can be created.
func WithoutTokenLogins() Option { return func(c *config) { c.noTokenLogins = true } }

// WithAdmin gives Overall/Administer to a user given with [WithUser].
func WithAdmin(name string) Option {
	return func(c *config) { c.admins = append(c.admins, name) }
}

// WithoutRead takes Overall/Read from a user given with [WithUser], who then
// reaches hardly more than /whoAmI.
func WithoutRead(name string) Option {
	return func(c *config) { c.noReads = append(c.noReads, name) }
}

// WithContextPath puts the controller below a path such as "/jenkins"; what is
// outside answers the 404 of the servlet container, without a login.
func WithContextPath(path string) Option { return func(c *config) { c.contextPath = path } }

// WithoutCrumbs switches the protection against cross-site request forgery
// off: /crumbIssuer answers 404 and no POST needs a crumb.
func WithoutCrumbs() Option { return func(c *config) { c.noCrumbs = true } }

// WithAnonymousRead gives Overall/Read to everybody.
func WithAnonymousRead() Option { return func(c *config) { c.anonymousRead = true } }

// WithAdminCanGenerate lets administrators create tokens for other users, as
// -Djenkins.security.ApiTokenProperty.adminCanGenerateNewTokens=true does
// (Jenkins 2.129 and later).
func WithAdminCanGenerate() Option { return func(c *config) { c.adminCanGenerate = true } }

// WithTrustedHeader logs in whom a request header names, if it is a user and no
// Basic header logs in, as the plugin reverse-proxy-auth does. Whoever can reach
// such a controller can be anybody: the proxy in front has to drop that header
// from what it is sent, and the controller has to be reachable by the proxy alone.
func WithTrustedHeader(name string) Option { return func(c *config) { c.trustedHeader = name } }

// WithJob adds a job, which every user with Overall/Read may read and build. POST
// /job/<name>/build answers 201 with the Location of an item of the queue; the API
// of the item and of the build tell how it goes on, see [Jenkins.HoldBuilds].
func WithJob(name string) Option { return func(c *config) { c.jobs = append(c.jobs, name) } }

// WithSeed makes the uuids, tokens, crumbs, session ids and the rates of
// faults a reproducible sequence. Without it they come from crypto/rand.
func WithSeed(n uint64) Option { return func(c *config) { c.seed = &n } }

// WithClock sets the clock that is used for the Date header, for creation
// dates and for expiry, and its location is the time zone of the controller
// unless [WithZone] sets one. Without it the clock is [time.Now].
func WithClock(now func() time.Time) Option { return func(c *config) { c.clock = now } }

// WithZone sets the time zone of the controller, in which it counts the days of
// expiry dates and writes the dates of its pages.
func WithZone(zone *time.Location) Option { return func(c *config) { c.zone = zone } }

// WithLoadingSequence sets how many POSTs of a loading controller (see
// [PhaseLoading]) answer 500 "DefaultCrumbIssuer is missing its descriptor"
// and how many after them 403 "No valid crumb" before they answer 503. Without
// it there is one of each, the order that Jenkins 2.426.2 showed.
func WithLoadingSequence(errors500, crumb403 int) Option {
	return func(c *config) { c.loading500, c.loading403 = errors500, crumb403 }
}

func (c *config) check() error {
	find := func(option, name string) (*user, error) {
		for _, u := range c.users {
			if u.key() == userKey(name) {
				return u, nil
			}
		}
		return nil, fmt.Errorf("jenkinstest: %s(%q) without WithUser", option, name)
	}
	seen := map[string]bool{}
	for _, u := range c.users {
		switch {
		case u.id == "":
			return errors.New("jenkinstest: WithUser needs a name")
		case strings.Contains(u.id, ":"):
			return fmt.Errorf("jenkinstest: user %q: a name with ':' cannot log in by HTTP Basic", u.id)
		case seen[u.key()]:
			return fmt.Errorf("jenkinstest: user %q is given twice", u.id)
		}
		seen[u.key()] = true
	}
	for _, name := range c.admins {
		u, err := find("WithAdmin", name)
		if err != nil {
			return err
		}
		u.admin = true
	}
	for _, id := range c.aliases {
		if _, err := find("WithAlias", id); err != nil {
			return err
		}
	}
	for _, name := range c.noReads {
		u, err := find("WithoutRead", name)
		if err != nil {
			return err
		}
		if u.admin {
			return fmt.Errorf("jenkinstest: user %q cannot be administrator and lack Overall/Read", name)
		}
		u.noRead = true
	}
	if len(c.noReads) > 0 && c.anonymousRead {
		return errors.New("jenkinstest: WithoutRead contradicts WithAnonymousRead")
	}
	p := strings.TrimSuffix(c.contextPath, "/")
	if p != "" && (!strings.HasPrefix(p, "/") || strings.ContainsAny(p, "?#;% \t\n") || strings.Contains(p, "//")) {
		return fmt.Errorf("jenkinstest: context path %q is not of the form /jenkins", c.contextPath)
	}
	c.contextPath = p
	for _, name := range c.jobs {
		if name == "" || strings.Contains(name, "/") {
			return fmt.Errorf("jenkinstest: %q is not a job name", name)
		}
	}
	if c.clock == nil {
		return errors.New("jenkinstest: WithClock(nil)")
	}
	if c.loading500 < 0 || c.loading403 < 0 {
		return errors.New("jenkinstest: WithLoadingSequence needs counts of 0 or more")
	}
	return nil
}
