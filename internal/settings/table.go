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
			Description: "Root URL of Jenkins with its context path, such as https://ci.example.com/jenkins. It must be https unless the host is loopback or allow-http is true."},
		{Name: "username", Env: []string{"JENKINS_USERNAME", "JENKINS_USER_ID"},
			Description: "Account that owns the token. Required unless bearer-token or oidc-audience is set."},
		{Name: "api-token", Env: []string{"JENKINS_API_TOKEN"}, Secret: true, credential: true,
			Description: "API token of the account. Set exactly one of api-token, password, bearer-token and oidc-audience."},
		{Name: "password", Env: []string{"JENKINS_PASSWORD"}, Secret: true, credential: true,
			Description: "Password of the account. A value that has the form of an API token is used as one."},
		{Name: "bearer-token", Secret: true, credential: true,
			Description: "Token of an identity provider that a gateway in front of Jenkins, or a plugin, accepts."},
		{Name: "oidc-audience", credential: true,
			Description: "Request an ID token with this audience from GitHub and send it as bearer token. Needs the permission id-token: write."},
		{Name: "label", Creates: true,
			Description: "Readable part of the token's name. Defaults to the name of the job."},
		{Name: "ttl", Default: "24h", Creates: true,
			Description: "Time until the token expires, such as 36h or 2d. It is part of the token's name. Jenkins 2.548 and later also enforces it, at most 50 hours later."},
		{Name: "revoke", Default: "true", Boolean: true, Creates: true,
			Description: "Set to false to keep the token until a later revoke, a sweep or its expiry."},
		{Name: "on-revoke-failure", Default: "warn", Creates: true,
			Description: "What happens when the token could not be revoked: warn or fail."},
		{Name: "sweep", Default: "true", Boolean: true, Creates: true,
			Description: "Before revoking, also revoke expired tokens that jenkins-token created for the same project."},
		{Name: "ca-certificate", guarded: true,
			Description: "Certificates to trust in addition to the system's, as PEM text or as a path inside the container. Prefer the text: the post step does not read files."},
		{Name: "client-certificate", guarded: true,
			Description: "Client certificate, with client-key, as PEM text or as a path. Prefer the text: the post step does not read files."},
		{Name: "client-key", Secret: true, guarded: true,
			Description: "Private key of client-certificate, as PEM text or as a path. Prefer the text: the post step does not read files."},
		{Name: "headers", Secret: true, guarded: true,
			Description: "Additional request headers for a gateway, one per line (Name: value). Authorization, Cookie and Host cannot be set."},
		{Name: "allow-http", Default: "false", Boolean: true, guarded: true,
			Description: "Set to true to allow plain http to a host that is not loopback."},
		{Name: "timeout", Default: "30s",
			Description: "Timeout for the whole command. For sweep: the longest time without revoking a token."},
		{Name: "for-user", Advanced: true, guarded: true,
			Description: "Create the token for another account. Needs an administrator's credential and a controller started with adminCanGenerateNewTokens."},
		{Name: "legacy", Default: "refuse", Advanced: true, Creates: true,
			Description: "For Jenkins before 2.129, where an account has a single API token: refuse, read it, or rotate it when the job ends. rotate needs the password and an account that no other job uses."},
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
