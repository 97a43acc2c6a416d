package settings

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sethvargo/go-envconfig"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Kind is the kind of the account's credential.
type Kind int

// The kinds. OIDC has no secret yet: the credential is the audience to ask a
// token for.
const (
	None Kind = iota
	APIToken
	Password
	Bearer
	OIDC
)

// Credential is the account's credential.
type Credential struct {
	Kind     Kind
	Secret   secret.String
	Audience string // of OIDC
}

// What to do when the token could not be revoked.
const (
	Warn = "warn"
	Fail = "fail"
)

// What to do with Jenkins before 2.129.
const (
	LegacyRefuse = "refuse"
	LegacyRead   = "read"
	LegacyRotate = "rotate"
)

// Bounds in bytes of what is written into a lease.
const (
	URLLimit  = 2048
	NameLimit = 1024 // of a user
)

// Settings are the settings of one command, checked.
type Settings struct {
	URL               *url.URL // nil when a post step was given none
	Username          string
	Credential        Credential
	Label             string
	TTL               time.Duration
	Revoke            bool
	OnRevokeFailure   string
	Sweep             bool
	CA                []byte // PEM
	ClientCertificate []byte // PEM
	ClientKey         secret.String
	Headers           secret.Value[http.Header]
	AllowHTTP         bool
	Timeout           time.Duration
	ForUser           string
	Legacy            string
	// Paths are the settings that name a file. The post step of the action does not
	// read them: another step can have written to that file since.
	Paths []string
	// Notices are remarks for the user about what was given.
	Notices []string
	// From says by setting what gave it: a flag, an input or a variable. Settings
	// that have their default, or none, are not in it.
	From map[string]string
}

// hidden is a secret that go-envconfig can fill.
type hidden struct{ secret.String }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (h *hidden) UnmarshalText(text []byte) error {
	h.String = secret.New(string(text))
	return nil
}

// raw is what go-envconfig fills: plain texts, because the checks are ours and
// report everything at once.
type raw struct {
	URL               string `env:"URL"`
	Username          string `env:"USERNAME"`
	APIToken          hidden `env:"API_TOKEN"`
	Password          hidden `env:"PASSWORD"`
	BearerToken       hidden `env:"BEARER_TOKEN"`
	OIDCAudience      string `env:"OIDC_AUDIENCE"`
	Label             string `env:"LABEL"`
	TTL               string `env:"TTL"`
	Revoke            string `env:"REVOKE"`
	OnRevokeFailure   string `env:"ON_REVOKE_FAILURE"`
	Sweep             string `env:"SWEEP"`
	CACertificate     string `env:"CA_CERTIFICATE"`
	ClientCertificate string `env:"CLIENT_CERTIFICATE"`
	ClientKey         hidden `env:"CLIENT_KEY"`
	Headers           hidden `env:"HEADERS"`
	AllowHTTP         string `env:"ALLOW_HTTP"`
	Timeout           string `env:"TIMEOUT"`
	ForUser           string `env:"FOR_USER"`
	Legacy            string `env:"LEGACY"`
}

// Load reads and checks all settings. An error is of type [*Error] and names
// everything that is wrong.
func Load(ctx context.Context, source Source, need Need) (*Settings, error) {
	find := newFinder(source, need)
	var given raw
	if err := envconfig.ProcessWith(ctx, &envconfig.Config{Target: &given, Lookuper: find}); err != nil {
		// All fields are strings, so there is nothing here to parse; whatever it
		// is, its text could hold a value.
		find.problem("settings", "cannot be read")
	}
	for _, other := range source.Others {
		find.checkPlaceholder(other[0], other[1])
	}
	s := find.check(given)
	s.From = find.from
	if len(find.problems) > 0 {
		withheld := source.Fork && slices.ContainsFunc(find.problems, func(p Problem) bool { return p.Setting == "credential" })
		return nil, &Error{Problems: find.problems, Withheld: withheld}
	}
	return s, nil
}

func (f *finder) check(given raw) *Settings {
	s := &Settings{
		Username: strings.TrimSpace(given.Username),
		Label:    strings.TrimSpace(given.Label),
		ForUser:  strings.TrimSpace(given.ForUser),
	}
	s.AllowHTTP = f.boolean("allow-http", given.AllowHTTP)
	f.checkURL(s, given.URL)
	f.checkCredential(s, given)
	f.checkProxy(s.URL)
	s.TTL = f.duration("ttl", given.TTL, time.Minute, 365*24*time.Hour)
	s.Timeout = f.duration("timeout", given.Timeout, time.Second, time.Hour)
	s.Revoke = f.boolean("revoke", given.Revoke)
	s.Sweep = f.boolean("sweep", given.Sweep)
	s.OnRevokeFailure = f.choice("on-revoke-failure", given.OnRevokeFailure, Warn, Fail)
	s.Legacy = f.choice("legacy", given.Legacy, LegacyRefuse, LegacyRead, LegacyRotate)
	s.CA = certificates(f.pem("ca-certificate", given.CACertificate))
	if len(s.CA) > caLimit {
		f.problem("ca-certificate", "larger than %d KiB: give only the certificates of your own authority", caLimit>>10)
	}
	s.ClientCertificate = f.pem("client-certificate", given.ClientCertificate)
	s.ClientKey = secret.New(string(f.pem("client-key", given.ClientKey.Reveal())))
	s.Paths = f.paths
	f.checkTLS(s)
	s.Headers = secret.Hold(f.headers(given.Headers.Reveal()))
	return s
}

func (f *finder) checkURL(s *Settings, text string) {
	if blank(text) {
		switch {
		case f.need == ForPost:
		case f.inputs && !blank(f.environment("JENKINS_URL")):
			f.problem("url", "missing: set %s (credential and url come from the same source, so JENKINS_URL is not used beside inputs)", f.place("url"))
		case f.InJenkins:
			f.problem("url", "missing: set %s (JENKINS_URL is the controller that runs this build)", f.place("url"))
		default:
			f.problem("url", "missing: set %s", f.place("url"))
		}
		return
	}
	if len(text) > URLLimit {
		f.problem("url", "longer than %d bytes", URLLimit)
		return
	}
	if found := addressFlaws(text); len(found) > 0 {
		f.problem("url", "is not an address: %s", texts(found))
		f.advise("url", found[0].cure)
		return
	}
	if holdsPlaceholder(text) {
		f.problem("url", "holds a placeholder that was not replaced")
		f.advise("url", placeholderCure)
		return
	}
	root, err := ParseRoot(text, s.AllowHTTP)
	if err != nil {
		text := err.Error()
		if wrong, ok := err.(*jenkins.RootError); ok && wrong.Problem == jenkins.RootPlainHTTP {
			text += ", or set allow-http to true"
		}
		f.problem("url", "%s", text)
		return
	}
	s.URL = root
}

func (f *finder) environment(name string) string {
	text, _ := f.Source.Lookup(name)
	return text
}

func (f *finder) checkCredential(s *Settings, given raw) {
	var found []string
	for _, c := range []struct {
		name, text string
		kind       Kind
	}{
		{"api-token", given.APIToken.Reveal(), APIToken},
		{"password", given.Password.Reveal(), Password},
		{"bearer-token", given.BearerToken.Reveal(), Bearer},
		{"oidc-audience", given.OIDCAudience, OIDC},
	} {
		if blank(c.text) {
			continue
		}
		found = append(found, c.name)
		text := withoutNewline(c.text)
		s.Credential = Credential{Kind: c.kind, Secret: secret.New(text)}
		switch c.kind {
		case APIToken:
			if found := tokenFlaws(text); len(found) > 0 {
				f.problem(c.name, "does not have the form of an API token: %s", texts(found))
				f.advise(c.name, found[0].cure)
			}
		case Bearer:
			if found := bearerFlaws(text); len(found) > 0 {
				f.problem(c.name, "does not have the form of a bearer token: %s", texts(found))
				f.advise(c.name, found[0].cure)
			}
		case OIDC:
			if found := nameFlaws(text); len(found) > 0 {
				f.problem(c.name, "is not an audience: %s", texts(found))
				f.advise(c.name, found[0].cure)
			}
		}
		if c.kind == OIDC {
			s.Credential = Credential{Kind: OIDC, Audience: strings.TrimSpace(c.text)}
		}
	}
	switch {
	case len(found) > 1:
		f.problem("credential", "%s are set: set only one", strings.Join(found, " and "))
	case len(found) == 0 && f.need != ForPost:
		f.problem("credential", "missing: set %s or %s (or bearer-token, oidc-audience)", f.place("api-token"), f.place("password"))
	}
	if s.Credential.Kind == Password && jenkins.IsAPIToken(s.Credential.Secret.Reveal()) {
		s.Credential.Kind = APIToken
		s.Notices = append(s.Notices, "password has the form of an API token and is used as one; give it as api-token")
	}
	for _, name := range [][2]string{{"username", given.Username}, {"for-user", given.ForUser}} {
		if found := nameFlaws(name[1]); len(found) > 0 {
			f.problem(name[0], "is not a user name: %s", texts(found))
			f.advise(name[0], found[0].cure)
		}
	}
	owner := s.Credential.Kind != Bearer && s.Credential.Kind != OIDC
	switch {
	case s.Username == "" && owner && f.need != ForPost:
		f.problem("username", "missing: set %s", f.place("username"))
	case len(s.Username) > NameLimit, len(s.ForUser) > NameLimit:
		f.problem("username", "longer than %d bytes", NameLimit)
	case strings.Contains(s.Username, ":"):
		f.problem("username", "has a colon, which a login over HTTP cannot carry")
	case strings.ContainsFunc(s.Username+s.ForUser, func(r rune) bool { return r < 0x20 || r == 0x7f }):
		f.problem("username", "holds a control character")
	}
}

func (f *finder) checkTLS(s *Settings) {
	if f.postOfAction() && len(s.Paths) > 0 {
		return
	}
	if (len(s.ClientCertificate) > 0) != !s.ClientKey.Empty() {
		f.problem("client-certificate", "must be set together with client-key")
	}
}

// withoutNewline drops the one line end that a file or a secret store adds.
func withoutNewline(text string) string {
	text = strings.TrimSuffix(text, "\n")
	return strings.TrimSuffix(text, "\r")
}

// ParseRoot reads the address of a controller, plain http to any host with allowHTTP.
func ParseRoot(text string, allowHTTP bool) (*url.URL, error) {
	if allowHTTP {
		return jenkins.ParseInsecureRoot(text)
	}
	return jenkins.ParseRoot(text)
}
