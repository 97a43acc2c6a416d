package command

import (
	"crypto/x509"
	"errors"
	"net/http"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/internal/web"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// requestError is an error with what its hints need to know.
type requestError struct {
	error
	version jenkins.Version
	given   *settings.Settings
}

func (e *requestError) Unwrap() error { return e.error }

// hints says what to do about an error, in at most two lines.
func hints(err error, action bool) []string {
	if wrong, ok := errors.AsType[*cli.UsageError](err); ok {
		return wrong.Hints
	}
	if wrong, ok := errors.AsType[*settings.Error](err); ok {
		return wrong.Hints()
	}
	if channel, ok := errors.AsType[*ci.ChannelError](err); ok && channel.Hint != "" {
		return []string{channel.Hint}
	} else if ok && channel.Variable != "" {
		return []string{"the runner makes this file; an image with a USER, or a read-only mount, cannot write it"}
	}
	if stranger, ok := errors.AsType[*lease.IdentityError](err); ok {
		if stranger.Anonymous {
			return []string{"something in front of the controller drops the Authorization header, or its security realm takes no API tokens"}
		}
		return []string{"does a gateway in front of the controller replace the login? the token has been revoked"}
	}
	if unusable, ok := errors.AsType[*lease.NewTokenError](err); ok {
		if failed, ok := errors.AsType[*jenkins.Error](unusable); ok && failed.Kind == jenkins.KindGateway {
			return []string{"the gateway in front of the controller asks for a login of its own: exempt /me/, /user/, /whoAmI/ and /crumbIssuer/ from it, so that Jenkins checks the token"}
		}
		return []string{"the security realm does not accept new API tokens of this account: use an account whose tokens work, for instance one of Jenkins' own users"}
	}
	if old, ok := errors.AsType[*lease.LegacyError](err); ok {
		return legacyHints(old)
	}
	if none, ok := errors.AsType[*ci.IDTokenError](err); ok {
		if none.Unoffered {
			return []string{"the job needs permissions: id-token: write; jobs for pull requests of forks cannot have it"}
		}
		if errors.As(none, new(x509.UnknownAuthorityError)) {
			return []string{"give the certificate of your private authority as ca-certificate"}
		}
		return []string{"may this machine reach the address in ACTIONS_ID_TOKEN_REQUEST_URL, and is oidc-audience the one that the gateway wants?"}
	}
	if errors.Is(err, file.ErrForeign) {
		return []string{"whoever can write to it chooses the token that is revoked: look at it, then give it to yourself alone (chown, chmod 600)"}
	}
	if errors.Is(err, lease.ErrNotLease) {
		return []string{"give the record as create wrote it, whole and unchanged"}
	}
	if errors.Is(err, lease.ErrNoCredential) {
		return []string{"give url, username and a credential of the account for the same controller"}
	}
	failed, ok := errors.AsType[*jenkins.Error](err)
	if !ok {
		return nil
	}
	about, _ := errors.AsType[*requestError](err)
	var s *settings.Settings
	if about != nil {
		s = about.given
	}
	all := advice(failed, s, action)
	return all[:min(2, len(all))]
}

// advice is what to do about an answer of the controller.
func advice(failed *jenkins.Error, s *settings.Settings, action bool) []string {
	token := failed.Credential == jenkins.CredentialAPIToken
	if last, ok := failed.Err.(*jenkins.Error); ok && failed.Kind == jenkins.KindSpent {
		failed = last
	}
	switch failed.Kind {
	case jenkins.KindRefused, jenkins.KindRepeated:
		return refused(failed, s)
	case jenkins.KindGateway:
		if failed.Credential == jenkins.CredentialBearer {
			return []string{"the gateway did not take the bearer token: are its issuer, its audience and the job that it names (repository, branch, environment) those that may log in?"}
		}
		return []string{"a gateway asks for a login of its own: exempt Jenkins' paths from it, or give what it accepts beside Authorization with headers or client-certificate"}
	case jenkins.KindRealm:
		return []string{"is the " + failed.Credential.String() + " right, and does the security realm accept it for scripts? use an API token of the account (api-token)", "nothing more was sent, so that no account is locked"}
	case jenkins.KindOther:
		if failed.Status == http.StatusNotFound {
			return []string{"is url the root of Jenkins, with its context path (often /jenkins) and without /login or /job?"}
		}
		return []string{"is url the root of Jenkins? the answer itself is not shown, it could hold a secret", "where a firewall or an edge service stands in front of it, exempt the runner there, or give its service token with headers"}
	case jenkins.KindRateLimit:
		return []string{"raise the limit for the runner, or give the command more time with timeout"}
	case jenkins.KindCrumb:
		if failed.CookiePath {
			return []string{"the session cookie is for another path than url: in nginx set proxy_cookie_path, in Apache ProxyPassReverseCookiePath", "an API token of the account in place of its password needs no crumb"}
		}
		return []string{"a crumb belongs to a session and, before Jenkins 2.543, to an address: does a proxy drop cookies or change X-Forwarded-For?", "an API token of the account in place of its password needs no crumb"}
	case jenkins.KindPermission:
		return []string{"the account needs the permission that is missing (Overall/Read at least); an administrator grants it"}
	case jenkins.KindOwner:
		if s != nil && s.ForUser != "" {
			return []string{"only an administrator can create for another user, and only when the controller was started with -Djenkins.security.ApiTokenProperty.adminCanGenerateNewTokens=true"}
		}
		return []string{"tokens are made by their owner alone: is username the account that the credential belongs to?"}
	case jenkins.KindAnonymous:
		if failed.Credential == jenkins.CredentialBearer {
			return []string{"Jenkins itself takes no bearer tokens: a gateway or a plugin must turn it into a user"}
		}
		return []string{"something in front of the controller drops the Authorization header, or its security realm is off"}
	case jenkins.KindForbidden:
		return []string{"a gateway or a plugin forbids this path to the account; what a gateway wants besides goes into headers or client-certificate"}
	case jenkins.KindRedirect, jenkins.KindLoginPage:
		if failed.Moved != "" {
			return []string{"something in front of the controller sends its visitors on: if " + failed.Moved + " is your controller, write that as url"}
		}
		if failed.Target != "" && !strings.Contains(failed.Target, "login") && failed.Credential == jenkins.CredentialNone {
			return []string{"is url the address that the controller is reached by in the end?"}
		}
		if token {
			return []string{"the login plugin refuses tokens without a session: in the OpenId Connect plugin switch on \"Allow API token access without an OpenId Connect session\" (allowTokenAccessWithoutOicSession)", "or url is not the controller's own: write the one that it redirects to"}
		}
		return []string{"single sign-on takes no passwords: use an API token of that account (api-token)", "or url is not the controller's own: write the one that it redirects to"}
	case jenkins.KindNotFound:
		if failed.Version.Legacy() {
			return []string{"this is Jenkins " + failed.Version.String() + ": web methods for tokens exist since 2.129"}
		}
		if s != nil && s.ForUser != "" && failed.Version.Known() {
			return []string{"for-user is the id of a user that the controller knows, not the full name: it is the last part of the user's page, <url>/user/<id>/"}
		}
		return []string{
			"is url the root of Jenkins, with its context path (often /jenkins) and without /login or /job?",
			"or the server is older than 2.129, which has no web methods for tokens",
		}
	case jenkins.KindMethod:
		return []string{"something in front of the controller does not let this request pass"}
	case jenkins.KindUnavailable:
		return []string{"the controller is starting, stopping or cut off from its proxy, or a gateway limits the rate of requests: try again in a minute"}
	case jenkins.KindServer:
		if failed.Op != jenkins.OpCreate {
			return []string{"the controller's log says why"}
		}
		return []string{"the controller's log says why; a token that was made all the same is looked for and revoked"}
	case jenkins.KindAnswer:
		return []string{"expected was an answer of Jenkins: is url the root of Jenkins? the answer itself is not shown, it could hold a secret"}
	case jenkins.KindRejected:
		return []string{"the controller's log says why"}
	case jenkins.KindPage, jenkins.KindCut:
		return []string{"nothing was decided from a page that is not understood; please report the version of the controller"}
	}
	return connection(failed, action)
}

// legacyHints says what can be done with a controller before 2.129.
func legacyHints(old *lease.LegacyError) []string {
	switch old.Problem {
	case lease.LegacyRefused:
		return []string{"legacy: read hands that one token on as it is, and it stays valid; legacy: rotate also changes it at the end, for whatever else uses it"}
	case lease.LegacyRotates:
		return []string{"give the password of the account, with which the token can be changed and read again"}
	}
	return nil
}

// refused explains a login that Jenkins refused. Nothing repeats it: Jenkins
// tries a wrong token as a password, which can lock an account.
func refused(failed *jenkins.Error, s *settings.Settings) []string {
	const once = "nothing was tried again, so that no account is locked"
	switch {
	case failed.Credential == jenkins.CredentialPassword && s != nil && doubt(s) != "":
		return []string{doubt(s), once}
	case failed.Credential == jenkins.CredentialPassword:
		return []string{"is it the password of username? behind single sign-on only an API token of the account works (api-token)", once}
	}
	return []string{"is the API token one of username's, not revoked and not expired? see <url>/user/<username>/security/", once}
}

// doubt says what is suspicious about the password that was refused.
func doubt(s *settings.Settings) string {
	what, cure := s.Credential.Doubt()
	if what == "" {
		return ""
	}
	return "password: " + what + "; unless the password is like that, " + cure
}

// connection explains a request without an answer.
func connection(failed *jenkins.Error, action bool) []string {
	host := failed.Host
	if i := strings.LastIndexByte(host, ':'); i > 0 && !strings.HasSuffix(host, "]") {
		host = host[:i]
	}
	switch failed.Kind {
	case jenkins.KindAuthority:
		return []string{"give the certificate of your authority as ca-certificate: PEM text, or a path that the container sees"}
	case jenkins.KindChain:
		return []string{"let the server send its intermediate certificates too, or add the missing certificate to ca-certificate"}
	case jenkins.KindNoName:
		return []string{"the certificate has at most a common name, which is not looked at: issue it again with a subjectAltName"}
	case jenkins.KindOldTLS:
		return []string{"switch TLS 1.2 or 1.3 on in the server, or in the gateway in front of it"}
	case jenkins.KindClientCertificate:
		return []string{"set client-certificate and client-key"}
	case jenkins.KindTLSPort:
		return []string{"write url with https://"}
	case jenkins.KindHostname:
		return []string{"write url with a name that the certificate has"}
	case jenkins.KindCertificate:
		return []string{"is the certificate expired, or the clock of this machine wrong?"}
	case jenkins.KindNotTLS:
		return []string{"is the port that of plain http? then url begins with http:// (and needs allow-http)"}
	case jenkins.KindProxy:
		return []string{"is the address in HTTPS_PROXY, HTTP_PROXY or ALL_PROXY right? hosts to be reached without it belong in NO_PROXY"}
	case jenkins.KindProxyAddress:
		return []string{"see HTTPS_PROXY, HTTP_PROXY and ALL_PROXY: percent-encode the user name and the password in them"}
	case jenkins.KindProxyLogin:
		return []string{"write the proxy's user name and password into its variable (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY): http://USER:PASSWORD@HOST:PORT, percent-encoded"}
	case jenkins.KindProxyRefused:
		return []string{"the user name or the password in the proxy's variable (HTTPS_PROXY, HTTP_PROXY or ALL_PROXY) is wrong; percent-encode both"}
	case jenkins.KindProxyForbidden:
		return []string{"let the proxy's administrator allow it, or put the host into NO_PROXY"}
	case jenkins.KindProxyTarget:
		return []string{"is the controller running, and may the proxy reach it? hosts to be reached without the proxy belong in NO_PROXY"}
	case jenkins.KindProxyTLS:
		return []string{"write http:// in the proxy's variable (HTTPS_PROXY or ALL_PROXY) if the proxy itself does not speak TLS; its certificate has to be one of the system's or of ca-certificate"}
	case jenkins.KindResolve:
		return []string{"a name of a service container is known only in its job's network; VPN names only to a runner inside"}
	case jenkins.KindConnect:
		if web.IsLoopback(strings.Trim(host, "[]")) && action {
			return []string{"in a container action localhost is the action's own container: use the name of the service container, or the host's address"}
		}
		return []string{"is the controller running, and may this machine reach it?"}
	case jenkins.KindConnection:
		return []string{"a firewall or a gateway in front of the controller may have cut it, as one does that wants a client-certificate"}
	case jenkins.KindTimeout:
		return []string{"may this machine reach the controller? timeout gives it more time"}
	}
	return nil
}
