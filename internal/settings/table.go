package settings

import (
	"strings"
	"time"
)

// Defaults of settings that have one.
const (
	DefaultTTL     = 24 * time.Hour
	DefaultTimeout = 30 * time.Second
)

// Setting is a row of the table of settings: what documents, help texts, flags
// and the action's inputs have in common.
type Setting struct {
	Name        string
	Env         []string // environment variables, the first is the one to write
	Default     string
	Secret      bool // no flag; NAME_FILE names a file that holds it
	Boolean     bool
	Advanced    bool
	Creates     bool // says something about a token to be made: nothing to a command that makes none
	Description string

	// guarded settings decide where the credential goes; see the package comment.
	guarded    bool
	credential bool
}

// All returns the settings in the order of the documents.
func All() []Setting {
	table := []Setting{
		{Name: "url", Env: []string{"JENKINS_URL"}, guarded: true,
			Description: "Root URL of Jenkins with its context path, for instance https://ci.example.com/jenkins. https, unless the host is loopback or allow-http is true."},
		{Name: "username", Env: []string{"JENKINS_USERNAME", "JENKINS_USER_ID"},
			Description: "Account that owns the token. Required, but with bearer-token and oidc-audience."},
		{Name: "api-token", Env: []string{"JENKINS_API_TOKEN"}, Secret: true, credential: true,
			Description: "An API token of the account. Exactly one of api-token, password, bearer-token and oidc-audience is required."},
		{Name: "password", Env: []string{"JENKINS_PASSWORD"}, Secret: true, credential: true,
			Description: "The account's password. A value of the form of an API token is used as one."},
		{Name: "bearer-token", Secret: true, credential: true,
			Description: "A token of an identity provider that a gateway in front of Jenkins, or a plugin, accepts."},
		{Name: "oidc-audience", credential: true,
			Description: "Ask GitHub for an ID token with this audience and send it as bearer token. Needs the permission id-token: write."},
		{Name: "label", Creates: true,
			Description: "Readable part of the token's name. Default: the name of the job."},
		{Name: "ttl", Default: "24h", Creates: true,
			Description: "Latest end of the token's life (36h, 2d). Written in its name; Jenkins 2.548 and later also gets it as a date, and ends the token at most 50 hours later."},
		{Name: "revoke", Default: "true", Boolean: true, Creates: true,
			Description: "false leaves the token to ttl, to sweep or to a later revoke."},
		{Name: "on-revoke-failure", Default: "warn", Creates: true,
			Description: "warn or fail when the token could not be revoked."},
		{Name: "sweep", Default: "true", Boolean: true, Creates: true,
			Description: "Before revoking, also revoke expired tokens that this tool made for the same repository."},
		{Name: "ca-certificate", guarded: true,
			Description: "Certificates to trust besides the system's, as PEM text or the path of a file inside the container. Give the text, because the post step does not read files."},
		{Name: "client-certificate", guarded: true,
			Description: "A client certificate, with client-key, as PEM text or a path. Give the text, because the post step does not read files."},
		{Name: "client-key", Secret: true, guarded: true,
			Description: "The key of client-certificate, as PEM text or a path. Give the text, because the post step does not read files."},
		{Name: "headers", Secret: true, guarded: true,
			Description: "Further request headers for an access gateway, one a line (Name: value). Never Authorization, Cookie or Host."},
		{Name: "allow-http", Default: "false", Boolean: true, guarded: true,
			Description: "true allows plain http to a host that is not loopback."},
		{Name: "timeout", Default: "30s",
			Description: "Timeout for the whole command; for sweep, the longest time without a token revoked."},
		{Name: "for-user", Advanced: true, guarded: true,
			Description: "Create the token for another account. Needs an administrator and a controller started with adminCanGenerateNewTokens."},
		{Name: "legacy", Default: "refuse", Advanced: true, Creates: true,
			Description: "On servers before 2.129, which have one token per account: refuse, read it, or rotate it at the end. rotate needs the password, and jobs of one account must not overlap: the first to end takes the token from the others."},
	}
	for i := range table {
		if table[i].Env == nil {
			table[i].Env = []string{"JENKINS_TOKEN_" + upper(table[i].Name)}
		}
		table[i].guarded = table[i].guarded || table[i].credential
	}
	return table
}

// Variables returns the environment variables that can hold a setting, or name
// the file of one, in every spelling. A program that is started by this one has
// no use for them.
func Variables() []string {
	names := []string{urlAnywhere}
	for _, s := range All() {
		spellings := append([]string{"PLUGIN_" + upper(s.Name)}, s.Env...)
		names = append(names, "INPUT_"+strings.ToUpper(s.Name))
		for _, name := range spellings {
			names = append(names, name)
			if s.Secret {
				names = append(names, name+"_FILE")
			}
		}
	}
	return names
}

// urlAnywhere is url's variable inside a Jenkins build, where JENKINS_URL is
// another controller.
const urlAnywhere = "JENKINS_TOKEN_URL"

// upper is a name as environment variables spell it.
func upper(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
