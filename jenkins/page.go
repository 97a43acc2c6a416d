package jenkins

import (
	"net/url"
	"slices"
	"strings"
)

// pages are the first segments of the addresses below the root of a controller
// that no context path is called by: the root's own views and actions
// (jenkins.model.Jenkins and its RootActions), and the pages of security realms.
// What can be a context path as well is in [mayBePages].
var pages = []string{
	"administrativeMonitor", "adjuncts", "asynchPeople", "computer", "configure", "configureClouds", "configureSecurity", "configureTools", "createItem",
	"credential-store", "crumbIssuer", "descriptorByName", "fingerprintCheck", "fingerprints", "github-webhook", "instance-identity", "j_acegi_security_check",
	"j_security_check", "j_spring_security_check", "jnlpJars", "job", "login", "loginError", "logout", "manage", "manageUsers", "my-views", "newJob", "newView", "oauth2",
	"oops", "OicLogin", "people", "pluginManager", "quietDown", "safeRestart", "scriptText", "securityRealm", "signup", "systemInfo", "tcpSlaveAgentListener",
	"threadDump", "updateCenter", "user", "userContent", "view", "whoAmI", "wfapi",
}

// mayBePages are names of pages that a gateway may use for a path of its own
// (/api/jenkins, /blue/jenkins, /me/jenkins), with what follows them in Jenkins.
// The address may also end with them.
var mayBePages = map[string][]string{
	"api":    {"json", "xml", "python", "schema", "search"},
	"blue":   {"organizations", "pipelines", "rest", "create-pipeline", "dashboard"},
	"me":     {"account", "api", "appearance", "builds", "configure", "credentials", "descriptorByName", "experiments", "my-views", "preferences", "security", "user-experimental-flags"},
	"oauth":  {"callback"},
	"script": {},
}

// afterJenkins are names of pages that are context paths of their own elsewhere:
// they count behind a segment that names Jenkins.
var afterJenkins = []string{"about", "builds", "cli", "cloud", "credentials", "exit", "label", "load-statistics", "log", "queue", "restart", "search", "static"}

// rootOf is the address of the controller whose page u is: u itself where it is
// no page.
func rootOf(u *url.URL) *url.URL {
	path, before := u.EscapedPath(), ""
	for at := 0; at < len(path); {
		end := len(path)
		if i := strings.IndexByte(path[at:], '/'); i >= 0 {
			end = at + i
		}
		name := segment(path[at:end])
		if isPage(before, name, path[end:]) {
			root := *u
			root.RawPath = strings.TrimRight(path[:at], "/")
			root.Path, _ = url.PathUnescape(root.RawPath)
			return &root
		}
		before, at = name, end+1
	}
	return u
}

// segment is the name that an escaped segment stands for. Servlets take what follows
// a semicolon for a parameter (;jsessionid=…).
func segment(escaped string) string {
	name, _, _ := strings.Cut(escaped, ";")
	if plain, err := url.PathUnescape(name); err == nil {
		return plain
	}
	return name
}

// isPage reports whether the segment name begins the address of a page. It stands
// between the segment before and the escaped rest of the path.
func isPage(before, name, rest string) bool {
	if slices.Contains(pages, name) {
		return true
	}
	if follow, ok := mayBePages[name]; ok {
		next, _, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/")
		return next == "" || slices.Contains(follow, segment(next))
	}
	if !slices.Contains(afterJenkins, name) {
		return false
	}
	before = strings.ToLower(before)
	return strings.Contains(before, "jenkins") || strings.Contains(before, "hudson")
}
