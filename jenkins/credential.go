package jenkins

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"unicode"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// CredentialKind says what a [Credential] puts on a request.
type CredentialKind int

// The kinds of credentials.
const (
	CredentialNone     CredentialKind = iota // no Authorization header
	CredentialPassword                       // Basic, and a crumb on every POST
	CredentialAPIToken                       // Basic, without a crumb since 2.96
	CredentialBearer                         // Bearer, for a plugin or a gateway that understands it; with a crumb
)

// String names the kind as messages do.
func (k CredentialKind) String() string {
	switch k {
	case CredentialPassword:
		return "password"
	case CredentialAPIToken:
		return "API token"
	case CredentialBearer:
		return "bearer token"
	default:
		return "no credential"
	}
}

// Credential is what an account shows to Jenkins. Its printing forms name its
// kind and nothing else.
type Credential struct {
	kind     CredentialKind
	username string
	text     secret.String
	ask      func(context.Context) (string, error) // in place of text
}

// Password is the account's password. Every POST with it needs a crumb and the
// session the crumb was made in (SECURITY-626, 2.186 / LTS 2.176.2).
func Password(username, password string) Credential {
	return Credential{kind: CredentialPassword, username: username, text: secret.New(password)}
}

// APIToken is an API token of the account. A request with it needs neither
// crumb nor session (ApiCrumbExclusion, 2.96 / LTS 2.107.1).
func APIToken(username, token string) Credential {
	return Credential{kind: CredentialAPIToken, username: username, text: secret.New(token)}
}

// Bearer is a token of an identity provider. Jenkins itself takes it for
// anonymous; a plugin or a gateway in front may understand it.
func Bearer(token string) Credential {
	return Credential{kind: CredentialBearer, text: secret.New(token)}
}

// BearerFrom is a bearer token that is asked for by each request that needs it:
// ID tokens live for minutes, and a client may not need its own at all. An error
// of ask ends the call before anything is sent, and is what the call returns.
func BearerFrom(ask func(context.Context) (string, error)) Credential {
	return Credential{kind: CredentialBearer, ask: ask}
}

// Kind returns the credential's kind.
func (c Credential) Kind() CredentialKind { return c.kind }

// Username returns the name of the account, empty for a bearer credential.
func (c Credential) Username() string { return c.username }

// apiToken is the form of an API token: the version "11" and 16 random bytes
// since 2.129 (ApiTokenStore.HASH_VERSION), 32 digits before. A prefix that ends
// in an underscore is planned (jenkins_apitoken_, pull request 11187).
var apiToken = form(34+64, `([a-z][a-z0-9]*_)*(11)?[0-9a-f]{32}`)

// IsAPIToken reports whether text has the form of an API token.
func IsAPIToken(text string) bool { return apiToken.MatchString(text) }

// Format implements [fmt.Formatter]: all verbs print the kind.
func (c Credential) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.kind.String()) }

// MarshalText implements [encoding.TextMarshaler]: it gives the kind.
func (c Credential) MarshalText() ([]byte, error) { return []byte(c.kind.String()), nil }

// check reports what makes the credential impossible to send.
func (c Credential) check() error {
	switch {
	case c.kind == CredentialNone, c.ask != nil:
		return nil
	case c.text.Reveal() == "":
		return errors.New("the credential is empty")
	case c.kind == CredentialBearer:
		return checkBearer(c.text.Reveal())
	case c.username == "":
		return errors.New("the user name is empty")
	case strings.Contains(c.username, ":"):
		return errors.New("a user name with a colon cannot be sent (Basic authentication ends it there)")
	}
	return nil
}

func checkBearer(text string) error {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return errors.New("the bearer token holds a line break or another control character")
	}
	return nil
}

func (c Credential) needsCrumb() bool {
	return c.kind == CredentialPassword || c.kind == CredentialBearer
}

// authorize puts the credential on a request, in UTF-8 as Jenkins reads it
// (BasicHeaderProcessor).
func (c Credential) authorize(r *http.Request) error {
	switch c.kind {
	case CredentialPassword, CredentialAPIToken:
		r.SetBasicAuth(c.username, c.text.Reveal())
	case CredentialBearer:
		text := c.text.Reveal()
		if c.ask != nil {
			var err error
			if text, err = c.ask(r.Context()); err != nil {
				return err
			}
		}
		if err := checkBearer(text); err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+text)
	}
	return nil
}
