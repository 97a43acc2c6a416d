package command

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

// createCommand describes create.
func createCommand() Command {
	return Command{
		Name: "create", Summary: "create a token and publish it",
		About: "Creates an API token for the account, verifies it, and publishes it with a lease, from which revoke can revoke it later. " +
			"The lease goes to the file of --lease. On GitHub-like runners the token is also masked and set as outputs, and the lease goes to RUNNER_TEMP unless a file is named. " +
			"A token that cannot be published is revoked.",
		Settings: creationSettings(),
		Flags: []cli.Flag{
			{Name: "lease", Value: "FILE|-", Text: "write the lease, which holds the token, to a new file or to standard output"},
			{Name: "show", Text: "write the lease even to a terminal or a log", Boolean: true}, ciFlag(),
		},
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "the token is created and published"},
			{Number: "1", Meaning: "failed; a token that may be left is reported"},
			wrongUse(),
			{Number: "130, 143", Meaning: "ended by SIGINT or SIGTERM; what was created is revoked"},
		},
		Examples: []cli.Example{
			{Purpose: "write the lease to a file", Line: "jenkins-token create --url https://ci.example.com --username deploy --lease token.json"},
			{Purpose: "a token for two days with a name that is easy to find", Line: "jenkins-token create --ttl 2d --label nightly --lease token.json"},
		},
		Run: runCreate,
	}
}

// runCreate creates a token and publishes it.
func runCreate(ctx context.Context, inv *invocation) error {
	if err := requireKnownCI(inv); err != nil {
		return err
	}
	s, err := loadSettings(ctx, inv, settings.ForCreate)
	if err != nil {
		return err
	}
	store, err := openStore(inv)
	if err != nil {
		return err
	}
	connect := newClients(inv)
	account, err := connect.account(s)
	if err != nil {
		store.Clear()
		return err
	}
	defer account.Close()
	created, leftovers, err := lease.Create(ctx, newLife(inv, s.Timeout), account, newRequest(connect, s), store, store)
	if err == nil {
		if err = store.posted(); err != nil {
			created.Token = secret.String{} // the post step may have revoked it: the account looks
		} else {
			err = publish(inv, created, store)
		}
		if err != nil {
			if leftovers = revokeUnpublished(ctx, newRevoker(inv, s, false), created); len(leftovers) == 0 {
				store.Clear()
			}
		}
	}
	if err != nil {
		newReporter(inv).leftovers(leftovers)
		return explained(err, account, s)
	}
	inv.system.Say(ci.Progress, subject(created)+" of "+created.Username+" is ready")
	warnOfLegacy(inv.system, created)
	if inv.action {
		warnOfRunner(inv.runner, s)
	}
	if !s.Revoke && created.Settings.Legacy != settings.LegacyRead {
		inv.system.Say(ci.Notice, "this job does not revoke the token, because revoke is false")
	}
	return nil
}

// newRequest is the token that the settings ask for.
func newRequest(c clients, s *settings.Settings) lease.Request {
	run := c.system.Run
	post := s.Post()
	post.Proxy, _ = c.plainProxy(s.URL) // settings.Load has seen that it can be used
	post.AllProxy = settings.NewProxies(c.lookup).All(s.URL)
	return lease.Request{
		URL: s.URL.String(), Username: s.Username, ForUser: s.ForUser,
		Project: run.Project, Run: run.ID, Label: cmp.Or(s.Label, run.Job), TTL: s.TTL, Legacy: s.Legacy, Settings: post,
	}
}

// publish gives the token to later steps: as outputs, or as the lease, on standard
// output or in a file.
func publish(inv *invocation, created lease.Lease, store *createStore) error {
	outputs := inv.system.Outputs
	switch {
	case store.stdout:
		line, err := created.Encode()
		if err == nil {
			err = printLine(inv.write, inv.Streams.Out, "record", string(line))
		}
		if err != nil {
			return &ci.ChannelError{Channel: "lease on standard output", Err: err}
		}
	case outputs != nil:
		for _, output := range outputsOf(created) {
			err := inv.write("output "+output[0], func() error { return outputs.Output(output[0], output[1]) })
			if err != nil {
				return err
			}
		}
	case store.private:
		// Nobody knows the file's name otherwise.
		if err := printLine(inv.write, inv.Streams.Out, "path of the lease file", store.file.Path()); err != nil {
			return &ci.ChannelError{Channel: "path of the lease file", Err: err}
		}
	}
	return nil
}

// outputsOf are the outputs of the step, names and values.
func outputsOf(r lease.Lease) [][2]string {
	return [][2]string{
		{"token", r.Token.Reveal()}, {"token-name", r.TokenName}, {"token-uuid", r.TokenUUID},
		{"username", r.Username}, {"url", r.URL}, {"expires-at", r.ExpiresAt},
	}
}

// printLine publishes a line on out.
func printLine(write writer, out io.Writer, what, line string) error {
	return write(what, func() error { _, err := fmt.Fprintln(out, line); return err })
}

// revokeUnpublished revokes a token that could not be published.
func revokeUnpublished(ctx context.Context, revoker *lease.Revoker, created lease.Lease) []lease.Leftover {
	created.Settings.Revoke, created.Settings.Sweep = true, false
	_, leftovers := revoker.Revoke(ctx, created)
	return leftovers
}

// warnOfLegacy says what it means that an account has one token only.
func warnOfLegacy(system ci.System, r lease.Lease) {
	switch r.Settings.Legacy {
	case settings.LegacyRead:
		system.Say(ci.Notice, "legacy is read: the account has this one token for everything, and the job does not revoke it")
	case settings.LegacyRotate:
		system.Say(ci.Warning, "legacy is rotate: the account has this one token for everything, and the job changes it at its end for everybody; jobs of one account must not overlap")
	}
}

// warnOfRunner says what the runner keeps the step, or its post step, from doing.
func warnOfRunner(runner *ci.GitHub, s *settings.Settings) {
	if runner.OutputsDropped() {
		runner.Say(ci.Notice, "this step has no id, so the runner drops its outputs: add id: jenkins to it, and use steps.jenkins.outputs.token")
	}
	if runner.PostUncertain() {
		runner.Say(ci.Notice, "some versions of this runner do not run post steps of container actions; add a step with if: always() that uses the revoke action of this repository")
	}
	if s.Revoke {
		warnOfPaths(runner, s)
	}
}

// warnOfPaths says what the post step cannot do because it does not read files.
func warnOfPaths(runner *ci.GitHub, s *settings.Settings) {
	switch {
	case len(s.Paths) == 0:
	case slices.Contains(s.Paths, "client-certificate"), slices.Contains(s.Paths, "client-key"):
		runner.Say(ci.Warning, "the post step does not read files, so it has no client certificate to show and may not reach the controller: give "+strings.Join(s.Paths, " and ")+" as PEM text")
	case runner.StateFile() != "":
		runner.Say(ci.Warning, "the post step does not read files, and this runner may pass it no token: without ca-certificate as PEM text the post step may fail to revoke the token")
	default:
		runner.Say(ci.Notice, "the post step does not read files: it trusts the certificates that this step read, and uses the token alone; with ca-certificate as PEM text it can also use the account's credential")
	}
}
