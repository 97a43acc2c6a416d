package command

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/internal/web"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Bounds of what doctor finds good.
const (
	doctorBytes     = 32 << 20            // of a token page
	doctorExpiry    = 14 * 24 * time.Hour // for which a certificate should be valid
	doctorClock     = 2 * time.Minute     // from which create renames a token
	doctorExact     = 2 * time.Second     // to which clocks can be compared: Date has whole seconds
	doctorTTL       = time.Hour           // of the token that --write makes
	doctorAddresses = 4                   // of a name that are told
)

// doctorCommand describes doctor.
func doctorCommand() Command {
	return Command{
		Name: "doctor", Summary: "check whether a token can be created and revoked from here",
		About: "Checks in this order what a token needs: proxy, name, connection, certificates, login, version, crumb, permission, list of tokens, clock. " +
			"It changes nothing unless --write is given, and never sends a refused credential again. Its output has no secrets, so you can attach it to a ticket.",
		Settings: accountSettings(),
		Flags: []cli.Flag{
			{Name: "write", Text: "also create a token and revoke it", Boolean: true},
			{Name: "json", Text: "the result as JSON on standard output", Boolean: true}, ciFlag(),
		},
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "healthy: a token can be created and revoked"},
			{Number: "1", Meaning: "not healthy; the last line says what to do first"},
			wrongUse(),
		},
		Examples: []cli.Example{
			{Purpose: "check without changing anything", Line: "jenkins-token doctor --url https://ci.example.com --username deploy"},
			{Purpose: "also create a token and revoke it, for a script", Line: "jenkins-token doctor --write --json"},
		},
		Run: runDoctor,
	}
}

// runDoctor says whether a token could be created and revoked from here. Without
// --write it only asks; after a check that failed, what stands on it is skipped,
// so that a refused login is not repeated.
func runDoctor(ctx context.Context, inv *invocation) error {
	s, err := loadSettings(ctx, inv, settings.ForAccount)
	if err != nil {
		return err
	}
	client, err := newClients(inv).account(s)
	if err != nil {
		return err
	}
	defer client.Close()
	d := &diagnosis{inv: inv, settings: s, client: client, end: inv.Clock.Now().Add(s.Timeout)}
	work, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	d.examine(work)
	d.write(ctx)
	if err := d.print(); err != nil {
		return err
	}
	switch {
	case ctx.Err() != nil:
		return lease.ErrInterrupted
	case d.over:
		return errors.New("a token cannot be created and revoked from here, see above")
	}
	return nil
}

// examine makes all checks that change nothing, in the order in which one stands
// on the other.
func (d *diagnosis) examine(ctx context.Context) {
	d.good("settings", d.given())
	d.way(ctx)
	d.login(ctx)
	d.version()
	crumb := d.crumb(ctx)
	list := d.list(ctx)
	d.permission(crumb, list)
	d.expiry()
	d.clock()
}

// given says where the settings come from, and no value.
func (d *diagnosis) given() string {
	var texts []string
	for _, s := range settings.All() {
		if from := d.settings.From[s.Name]; from != "" {
			texts = append(texts, s.Name+" from "+from)
		}
	}
	return strings.Join(texts, ", ")
}

// doctorPatience is how long doctor waits for a gateway that limits the rate, or a
// controller that is not ready, before it says so.
const doctorPatience = 6 * time.Second

func (d *diagnosis) patiently(ctx context.Context, f func() error) error {
	return newLife(d.inv, d.left()).RepeatWhileLimited(ctx, d.client, doctorPatience, f)
}

// way checks how the controller is reached, without a credential.
func (d *diagnosis) way(ctx context.Context) {
	var seen jenkins.Connection
	err := d.patiently(ctx, func() (err error) {
		seen, err = d.client.Probe(ctx)
		return err
	})
	failed, _ := errors.AsType[*jenkins.Error](err)
	d.proxy(seen, failed)
	d.name(seen, failed)
	d.reach(seen, failed)
	d.secure(seen, failed)
	d.answer(failed)
}

func (d *diagnosis) proxy(seen jenkins.Connection, failed *jenkins.Error) {
	variable, _ := settings.NewProxies(d.inv.Env.Lookup).Variable(d.settings.URL.Scheme)
	switch {
	case is(failed, jenkins.KindProxy, jenkins.KindProxyAddress, jenkins.KindProxyLogin, jenkins.KindProxyRefused, jenkins.KindProxyForbidden, jenkins.KindProxyTarget, jenkins.KindProxyTLS):
		d.fail("proxy", seen.Proxy+" from "+variable+": "+what(failed), failed)
	case seen.Proxy != "":
		d.good("proxy", seen.Proxy+" from "+variable)
	case variable != "":
		d.good("proxy", "none, though "+variable+" is set: NO_PROXY, or this machine itself")
	default:
		d.good("proxy", "none")
	}
}

func (d *diagnosis) name(seen jenkins.Connection, failed *jenkins.Error) {
	host := d.settings.URL.Hostname()
	if seen.Proxy != "" {
		host = "the proxy"
	}
	switch {
	case d.over:
		d.skip("name", "")
	case is(failed, jenkins.KindResolve):
		d.fail("name", host+" is not known", failed)
	case len(seen.Addresses) > 0:
		var texts []string
		for _, address := range seen.Addresses[:min(len(seen.Addresses), doctorAddresses)] {
			texts = append(texts, address.String())
		}
		d.good("name", host+" is "+strings.Join(texts, ", "))
	case seen.Proxy != "":
		d.skip("name", "the proxy looks it up")
	default:
		d.skip("name", "an address is given")
	}
}

func (d *diagnosis) reach(seen jenkins.Connection, failed *jenkins.Error) {
	switch {
	case d.over:
		d.skip("connection", "")
	case is(failed, jenkins.KindConnect, jenkins.KindTimeout, jenkins.KindConnection, jenkins.KindCanceled):
		d.fail("connection", what(failed), failed)
	default:
		d.good("connection", "to "+seen.Remote)
	}
}

func (d *diagnosis) secure(seen jenkins.Connection, failed *jenkins.Error) {
	switch {
	case d.over:
		d.skip("TLS", "")
	case is(failed, jenkins.KindTLSPort):
		d.fail("TLS", what(failed), failed)
	case d.settings.URL.Scheme == "http" && web.IsLoopback(d.settings.URL.Hostname()):
		d.skip("TLS", "plain http within this machine")
	case d.settings.URL.Scheme == "http":
		d.warn("TLS", "plain http: whoever is on the way can read the credential", "use an https address of the controller")
	case is(failed, jenkins.KindAuthority, jenkins.KindChain, jenkins.KindHostname, jenkins.KindNoName, jenkins.KindCertificate, jenkins.KindOldTLS, jenkins.KindClientCertificate, jenkins.KindNotTLS):
		found := what(failed)
		if shown, ok := errors.AsType[*tls.CertificateVerificationError](failed); ok && len(shown.UnverifiedCertificates) > 0 {
			found += ": " + certificate(shown.UnverifiedCertificates[0]) + ", until " + day(shown.UnverifiedCertificates[0].NotAfter)
		}
		d.fail("TLS", found, failed)
	case seen.TLS == nil:
		d.skip("TLS", "")
	default:
		protocol := "HTTP/1.1"
		if seen.TLS.NegotiatedProtocol == "h2" {
			protocol = "HTTP/2"
		}
		d.good("TLS", tls.VersionName(seen.TLS.Version)+", "+protocol)
		d.chain(seen.TLS)
	}
}

// chain tells of the certificates: a chain is valid until the first of them
// ends.
func (d *diagnosis) chain(state *tls.ConnectionState) {
	chain := state.PeerCertificates
	if len(state.VerifiedChains) > 0 {
		chain = state.VerifiedChains[0]
	}
	first := slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
	left := first.NotAfter.Sub(d.inv.Clock.Now())
	found := fmt.Sprintf("%s, chain of %d, until %s (%d days)", certificate(chain[0]), len(chain), day(first.NotAfter), int(left/(24*time.Hour)))
	if left < doctorExpiry {
		d.warn("certificate", found, "renew it before it expires")
		return
	}
	d.good("certificate", found)
}

// certificate names who vouches for whom: both are the words of whoever made it.
func certificate(c *x509.Certificate) string {
	return fmt.Sprintf("of %s by %s", foreign(cmp.Or(c.Subject.CommonName, strings.Join(c.DNSNames, " "))),
		foreign(cmp.Or(c.Issuer.CommonName, strings.Join(c.Issuer.Organization, " "))))
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// answer decides whether there is a controller to show the credential to.
func (d *diagnosis) answer(failed *jenkins.Error) {
	switch {
	case d.over:
		d.skip("controller", "")
	case failed == nil:
		d.good("controller", "Jenkins is there and up")
	case is(failed, jenkins.KindAnswer) && !d.client.Version().Known():
		other := *failed
		other.Kind = jenkins.KindOther
		d.fail("controller", what(&other), &other)
	case failed.Moved != "", is(failed, jenkins.KindAnswer, jenkins.KindUnavailable, jenkins.KindServer, jenkins.KindRateLimit):
		d.fail("controller", what(failed), failed)
	default:
		// A gateway may let only a login pass, or not this path.
		d.warn("controller", "not seen without a login: "+what(failed))
	}
}

func (d *diagnosis) login(ctx context.Context) {
	if d.over {
		d.skip("login", "")
		return
	}
	var who jenkins.Identity
	err := d.patiently(ctx, func() (err error) {
		who, err = d.client.WhoAmI(ctx)
		return err
	})
	d.unseen = err
	failed, _ := errors.AsType[*jenkins.Error](err)
	as := foreign(who.Name) + " by " + d.client.Credential().Kind().String()
	switch {
	case is(failed, jenkins.KindForbidden, jenkins.KindNotFound):
		d.warn("login", "unknown, because something blocks whoAmI: "+what(failed), advice(failed, d.settings, d.inv.action)...)
	case err != nil:
		d.fail("login", what(err), err)
	case who.Anonymous:
		d.fail("login", "the controller saw an anonymous user", &jenkins.Error{Kind: jenkins.KindAnonymous, Credential: d.client.Credential().Kind()})
	case d.settings.Username != "" && !jenkins.SameUser(who.Name, d.settings.Username) && d.client.Credential().Kind() == jenkins.CredentialAPIToken:
		d.warn("login", as+", who is not username", "give username as the account's page in Jenkins shows it; does a gateway replace the login?")
	default:
		d.good("login", as)
	}
}

func (d *diagnosis) version() {
	switch v := d.client.Version(); {
	case !v.Known() && d.over:
		d.skip("version", "")
	case !v.Known():
		d.warn("version", "no answer names it", "does a gateway drop the header X-Jenkins? 2.129 or later is needed")
	case v.AtLeast(2, 129):
		d.good("version", "Jenkins "+v.String())
	case d.settings.Legacy == settings.LegacyRefuse:
		d.fail("version", "Jenkins "+v.String()+", which has one token for each account", &jenkins.Error{Kind: jenkins.KindNotFound, Version: v})
	default:
		d.warn("version", "Jenkins "+v.String()+", which has one token for each account: legacy is "+d.settings.Legacy)
	}
}

// crumb returns the error of its request, which may tell of a permission.
func (d *diagnosis) crumb(ctx context.Context) error {
	switch {
	case d.over:
		d.skip("crumb", "")
		return nil
	case d.client.Credential().Kind() == jenkins.CredentialAPIToken:
		d.skip("crumb", "an API token needs none")
		return nil
	}
	wanted := false
	err := d.patiently(ctx, func() (err error) {
		wanted, err = d.client.Crumb(ctx)
		return err
	})
	failed, _ := errors.AsType[*jenkins.Error](err)
	switch {
	case is(failed, jenkins.KindPermission):
		d.skip("crumb", "not given, see Overall/Read")
		d.over = true
	case err != nil:
		d.fail("crumb", what(err), err)
	case wanted:
		d.unseen = nil
		d.good("crumb", "given")
	default:
		d.good("crumb", "the controller wants none")
	}
	return err
}

// list counts the tokens of the account, and returns the error of its request.
func (d *diagnosis) list(ctx context.Context) error {
	if v := d.client.Version(); d.over || v.Known() && !v.AtLeast(2, 129) {
		d.skip("tokens", "")
		return errUnread
	}
	var all tokenCount
	err := d.patiently(ctx, func() (err error) {
		all, err = d.count(ctx)
		return err
	})
	if err == nil {
		d.tokens, d.unseen = &all, nil
	}
	found := fmt.Sprintf("%d on the account; created by jenkins-token: %d valid, %d expired", all.Listed, all.Living, all.Over)
	if all.Oversized > 0 {
		found += fmt.Sprintf("; %d with names that are too long to read", all.Oversized)
	}
	failed, _ := errors.AsType[*jenkins.Error](err)
	switch {
	case is(failed, jenkins.KindPermission):
		d.skip("tokens", "not shown, see Overall/Read")
	case is(failed, jenkins.KindRefused, jenkins.KindGateway):
		d.fail("tokens", what(err), err)
	case failed != nil:
		d.warn("tokens", "cannot be read, but sweep and the search for a lost token need it: "+what(err), advice(failed, d.settings, d.inv.action)...)
	case all.Listed > lease.Crowded:
		d.warn("tokens", found, fmt.Sprintf("more than %d tokens make the controller slow", lease.Crowded))
	case all.Over > 0:
		d.warn("tokens", found, "run jenkins-token sweep to revoke the expired ones")
	default:
		d.good("tokens", found)
	}
	return err
}

// count reads the token page.
func (d *diagnosis) count(ctx context.Context) (all tokenCount, err error) {
	for token, err := range d.client.Tokens(ctx, jenkins.WithPageLimit(doctorBytes)) {
		if err != nil {
			return all, err
		}
		all.Listed++
		if token.Oversized {
			all.Oversized++
		}
		if name, ours := lease.ParseName(token.Name); ours && (token.Expired || name.End.Before(d.inv.Clock.Now())) {
			all.Over++
		} else if ours {
			all.Living++
		}
	}
	return all, nil
}

// errUnread is a token page that was not asked for.
var errUnread = errors.New("not read")

// permission is told by the requests before: each of crumb and token page needs
// Overall/Read.
func (d *diagnosis) permission(crumb, list error) {
	for _, err := range []error{crumb, list} {
		if failed, ok := errors.AsType[*jenkins.Error](err); ok && failed.Kind == jenkins.KindPermission {
			d.fail("Overall/Read", cmp.Or(failed.Permission, "a permission")+" is missing", failed)
			return
		}
	}
	switch {
	case d.over:
		d.skip("Overall/Read", "")
	case d.unseen != nil:
		d.fail("Overall/Read", "nothing here answered as Jenkins", d.unseen)
	case list == nil, d.client.Credential().Kind() != jenkins.CredentialAPIToken:
		d.good("Overall/Read", "the account has it")
	default:
		d.skip("Overall/Read", "not to be seen")
	}
}

func (d *diagnosis) expiry() {
	switch v := d.client.Version(); {
	case v.AtLeast(2, 548):
		d.good("expiry", "Jenkins expires tokens by itself")
	case v.Known():
		d.good("expiry", "only revoke and sweep revoke tokens here: Jenkins expires them from 2.548 on")
	case d.over:
		d.skip("expiry", "")
	default:
		d.skip("expiry", "the version is not known; --write finds out")
	}
}

func (d *diagnosis) clock() {
	offset, known := d.client.ClockOffset()
	offset = offset.Round(time.Second)
	found := "the controller's agrees with this machine's"
	if offset > doctorExact {
		found = "the controller's is " + offset.String() + " ahead"
	} else if offset < -doctorExact {
		found = "the controller's is " + offset.Abs().String() + " behind"
	}
	switch {
	case !known, d.over && !d.client.Version().Known():
		d.skip("clock", "")
	case offset.Abs() > doctorClock:
		d.warn("clock", found, "correct the wrong clock: a crumb or a certificate may fail")
	default:
		d.good("clock", found)
	}
}
