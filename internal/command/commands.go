package command

import (
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// option is a flag that is no setting.
type option struct {
	name, meta, text string
	boolean          bool
}

// verb is a command: what its command line takes, and what help says of it.
type Command struct {
	name, arguments string
	text            string // in a line
	about           string // in two or three sentences
	settings        bool   // takes the settings as flags
	creates         bool   // takes those about a token to be made too
	options         []option
	positional      int // how many arguments, or anyNumber
	codes           []code
	examples        []example
}

// anyNumber is the number of arguments of a command that takes another one.
const anyNumber = -1

// code is an exit code, and when it comes.
type code struct {
	number, meaning string
}

// example is a command line with what it is for.
type example struct {
	purpose, line string
}

// takes reports whether a setting means something to the command.
func (v Command) takes(s settings.Setting) bool { return v.settings && (v.creates || !s.Creates) }

// verbs are all commands, in the order of the help text.
func commands() []Command {
	on := option{name: "ci", meta: "SYSTEM", text: "the CI around the program, when it is not detected: " + strings.Join(ci.Names(), ", ")}
	wrong := code{"2", "wrong use or wrong settings; nothing was sent"}
	return []Command{
		{
			name: "create", text: "make a token and hand it on",
			about: "Makes an API token for the account, tries it, and hands it on with a record from which revoke can end it later. " +
				"The record goes to the file of --lease; on GitHub-like runners, where the token is also masked and set as outputs, to RUNNER_TEMP when none is named. " +
				"A token that cannot be handed on is revoked again.",
			settings: true, creates: true,
			options: []option{
				{name: "lease", meta: "FILE|-", text: "write the record, which holds the token, to a new file or to standard output"},
				{name: "show", text: "write the record to a terminal or a log all the same", boolean: true}, on,
			},
			codes: []code{
				{"0", "the token is made and handed on"}, {"1", "no token was left; if one may be, that is said"}, wrong,
				{"130, 143", "ended by SIGINT, SIGTERM; what was made is undone"},
			},
			examples: []example{
				{"keep the record in a file", "jenkins-token create --url https://ci.example.com --username deploy --lease token.json"},
				{"a token for two days, with a name to be found", "jenkins-token create --ttl 2d --label nightly --lease token.json"},
			},
		},
		{
			name: "revoke", text: "revoke the token of a record, or one by its uuid",
			about: "Ends the token of a record, by the token itself; the settings are needed only when that does not work. " +
				"Without --lease and --uuid it ends the tokens of this run whose records lie in the directory that the CI keeps for the job. " +
				"With --uuid it ends a token of the account whose credential is given. Revoking twice does no harm.",
			settings: true,
			options: []option{
				{name: "lease", meta: "FILE|-", text: "the record; the file is deleted when the token is gone"},
				{name: "label", meta: "LABEL", text: "without --lease: only the tokens of this run with this label"},
				{name: "all", text: "without --lease: the tokens of other runs and labels too", boolean: true},
				{name: "uuid", meta: "UUID", text: "a token of the account whose credential is given"}, on,
			},
			codes: []code{
				{"0", "the token is gone, or there was none"}, {"1", "it may live on; what is left is said"}, wrong,
			},
			examples: []example{
				{"the token of a record", "jenkins-token revoke --lease token.json"},
				{"a token that an administrator found", "jenkins-token revoke --username deploy --uuid 3f2504e0-4f89-41d3-9a0c-0305e82c3301"},
			},
		},
		{
			name: "exec", arguments: "COMMAND [ARG...]", text: "lend a token to one command, and revoke it when that ends",
			about: "Runs the command with a token in JENKINS_URL, JENKINS_USER_ID, JENKINS_USERNAME and JENKINS_API_TOKEN; of the settings below nothing else is left in its environment. " +
				"Signals go on to the command and its children, and the second SIGINT or SIGTERM kills them. " +
				"The token is replaced by *** in what the command prints. " +
				"The token is revoked when the command has ended, whatever that left running; on a CI system also a few seconds after the first SIGINT or SIGTERM. " +
				"On a person's own terminal nothing is replaced, and Control-C is the command's own. " +
				"In the script of a step begin the line with exec, so that a signal to the shell gets here: exec jenkins-token exec -- make deploy",
			settings: true, creates: true, positional: anyNumber,
			options: []option{
				{name: "set", meta: "NAME=WHAT", text: "set another variable, to token, username or url; may be given more than once"},
				{name: "auth-file", meta: "NAME", text: "set NAME to the path of a file that holds username:token, which jenkins-cli reads with -auth @FILE"},
				{name: "netrc", meta: "NAME", text: "set NAME to the path of a netrc file, which curl reads with --netrc-file FILE"},
				{name: "no-redact", text: "leave what the command prints as it is", boolean: true},
				{name: "lease", meta: "FILE", text: "keep the record in a new file too, from which revoke can end the token after a kill -9"}, on,
			},
			codes: []code{
				{"0-255", "that of the command, 128+n after the signal n"}, wrong,
				{"3", "the command succeeded, its token may live on, and on-revoke-failure is fail"},
				{"125", "no token could be made; the command did not run"}, {"126", "the command cannot be run"}, {"127", "there is no such command"},
				{"130, 143", "ended by SIGINT, SIGTERM before the command ran; what was made is undone"},
			},
			examples: []example{
				{"a script that reads JENKINS_API_TOKEN", "jenkins-token exec --url https://ci.example.com --username deploy -- ./trigger.sh"},
				{"a tool that reads another variable", "jenkins-token exec --set JENKINS_PASSWORD=token -- terraform apply"},
			},
		},
		{
			name: "sweep", text: "revoke expired tokens that this program made",
			about: "Reads the account's list of tokens and revokes those that this program made and whose end is past. " +
				"It leaves all others alone. A list that is not understood is an error, never \"nothing to do\". " +
				"A long sweep shows how far it is: with a bar on a terminal, with a line every ten seconds in a log. It goes on as long as tokens are being revoked. " +
				"With a password and more than five tokens to revoke it creates a token for itself, which is faster, and revokes it last.",
			settings: true,
			options: []option{
				{name: "project", meta: "PROJECT", text: "only tokens of this host and project"},
				{name: "run", meta: "RUN[.ATTEMPT]", text: "only tokens of this run, expired or not; of the detected project, or of --project"},
				{name: "label", meta: "LABEL", text: "only tokens of this label"},
				{name: "dry-run", text: "list them and revoke nothing", boolean: true},
				{name: "json", text: "the result as JSON on standard output", boolean: true}, on,
			},
			codes: []code{
				{"0", "all that were found are revoked"}, {"1", "some could not be revoked, or the list could not be read"}, wrong,
				{"4", "the list was not understood; nothing was revoked"}, {"130, 143", "ended by SIGINT, SIGTERM; the rest was not tried"},
			},
			examples: []example{
				{"see what would be revoked", "jenkins-token sweep --dry-run"},
				{"those of one project", "jenkins-token sweep --project github.com/acme/web"},
			},
		},
		{
			name: "doctor", text: "say whether a token could be created and revoked from here",
			about: "Checks, one after the other, all that a token needs: proxy, name, connection, certificates, login, version, crumb, permission, list of tokens, clock. " +
				"It changes nothing unless --write is given, and shows a refused credential no second time. No secret is in its output, so that it can go into a ticket.",
			settings: true,
			options: []option{
				{name: "write", text: "also make a token and revoke it", boolean: true},
				{name: "json", text: "the result as JSON on standard output", boolean: true}, on,
			},
			codes: []code{
				{"0", "it could"}, {"1", "it could not; the check that failed has a hint"}, wrong,
			},
			examples: []example{
				{"look without touching", "jenkins-token doctor --url https://ci.example.com --username deploy"},
				{"make a token and revoke it, for a script", "jenkins-token doctor --write --json"},
			},
		},
		{
			name: "install", arguments: "DIR", text: "copy the program to DIR/jenkins-token", positional: 1,
			about: "Copies the program, for images without cp: an init container installs it into a volume that another container shares. The file is whole or not there. " +
				"With --unreadable other users can run the copy and not read it (mode 0711): on Linux no other process of theirs can then read its environment, not even in the moment before the program protects itself.",
			options:  []option{{name: "unreadable", text: "let other users run the copy and not read it", boolean: true}},
			codes:    []code{{"0", "the file is there; its path is printed"}, {"1", "it could not be written"}, {"2", "wrong use"}},
			examples: []example{{"into a shared volume", "jenkins-token install /shared"}, {"into a directory of PATH", "jenkins-token install /usr/local/bin"}},
		},
		{
			name: "version", text: "print the version",
			about:    "Prints one line: the version, the commit it was built from, the version of Go and the platform.",
			codes:    []code{{"0", "always"}},
			examples: []example{{"as a command", "jenkins-token version"}, {"as a flag", "jenkins-token --version"}},
		},
		{
			name: "help", arguments: "[COMMAND]", text: "explain a command", positional: 1,
			about:    "Without a command, lists the commands.",
			codes:    []code{{"0", "the text was printed"}, {"2", "there is no such command"}},
			examples: []example{{"all commands", "jenkins-token help"}, {"one of them", "jenkins-token help create"}},
		},
	}
}
