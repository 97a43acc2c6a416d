package command

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// create makes a token and hands it on.
func (j *job) create(ctx context.Context) error {
	if err := j.requireKnownCI(); err != nil {
		return err
	}
	s, err := j.load(ctx, settings.ForCreate)
	if err != nil {
		return err
	}
	p, err := j.openStore()
	if err != nil {
		return err
	}
	account, err := j.accountClient(s)
	if err != nil {
		p.Clear()
		return err
	}
	defer account.Close()
	record, left, err := lease.Create(ctx, j.life(s.Timeout), account, j.request(s), p)
	if err == nil {
		if err = p.posted(); err != nil {
			record.Token = secret.String{} // the post step may have revoked it: the account looks
		} else {
			err = j.publish(record, p)
		}
		if err != nil {
			if left = j.revokeUnpublished(ctx, record); len(left) == 0 {
				p.Clear()
			}
		}
	}
	if err != nil {
		j.report(left)
		return explained(err, account, s)
	}
	j.system.Say(ci.Progress, subject(record)+" of "+record.Username+" is ready")
	j.warnOfLegacy(record)
	if j.action && j.runner.OutputsDropped() {
		j.system.Say(ci.Notice, "this step has no id, so the runner drops its outputs: add id: jenkins to it, and use steps.jenkins.outputs.token")
	}
	if j.action && j.runner.PostUncertain() {
		j.system.Say(ci.Notice, "some versions of this runner do not run post steps of container actions; add a step with if: always() that uses the revoke action of this repository")
	}
	if j.action && s.Revoke {
		j.warnOfPaths(s)
	}
	if !s.Revoke && record.Settings.Legacy != settings.LegacyRead {
		j.system.Say(ci.Notice, "the token will not be revoked by this job: revoke is false")
	}
	return nil
}

// warnOfPaths says what the post step cannot do because it does not read files.
func (j *job) warnOfPaths(s *settings.Settings) {
	switch {
	case len(s.Paths) == 0:
	case slices.Contains(s.Paths, "client-certificate"), slices.Contains(s.Paths, "client-key"):
		j.system.Say(ci.Warning, "the post step does not read files, so it has no client certificate to show and may not reach the controller: give "+strings.Join(s.Paths, " and ")+" as PEM text")
	case j.runner.StateFile() != "":
		j.system.Say(ci.Warning, "the post step does not read files, and this runner may give it no token: without ca-certificate as PEM text it may not revoke the token")
	default:
		j.system.Say(ci.Notice, "the post step does not read files: it trusts the certificates that this step read, and uses the token alone; with ca-certificate as PEM text it can also use the account's credential")
	}
}

// order is the token that the settings ask for.
func (j *job) request(s *settings.Settings) lease.Request {
	run := j.system.Run()
	post := s.Post()
	post.Proxy, _ = j.plainProxy(s.URL) // settings.Load has seen that it can be used
	post.AllProxy = settings.NewProxies(j.Lookup).All(s.URL)
	return lease.Request{
		URL: s.URL.String(), Username: s.Username, ForUser: s.ForUser,
		Project: run.Project, Run: run.ID, Label: j.label(s), TTL: s.TTL, Legacy: s.Legacy, Settings: post,
	}
}

// warnOfLegacy says what it means that an account has one token only.
func (j *job) warnOfLegacy(r lease.Lease) {
	switch r.Settings.Legacy {
	case settings.LegacyRead:
		j.system.Say(ci.Notice, "legacy is read: the account has this one token for everything, and the job will not end it")
	case settings.LegacyRotate:
		j.system.Say(ci.Warning, "legacy is rotate: the account has this one token for everything, and whatever uses it loses it when the job ends; jobs of one account must not overlap")
	}
}

// handOn gives the token to later steps: as outputs, or as the record, on standard
// output or in a file.
func (j *job) publish(r lease.Lease, p *createStore) error {
	step, has := j.system.(outputs)
	switch {
	case p.stdout:
		line, err := r.Encode()
		if err == nil {
			err = j.print("record", string(line))
		}
		if err != nil {
			return &ci.ChannelError{Channel: "record on standard output", Err: err}
		}
	case has:
		for _, output := range outputsOf(r) {
			err := j.write("output "+output[0], func() error { return step.Output(output[0], output[1]) })
			if err != nil {
				return err
			}
		}
	case p.private:
		// Nobody knows the file's name otherwise.
		if err := j.print("path of the record", p.file.Path()); err != nil {
			return &ci.ChannelError{Channel: "path of the record", Err: err}
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

// print writes a line to standard output.
func (j *job) print(what, line string) error {
	return j.write(what, func() error { _, err := fmt.Fprintln(j.Stdout, line); return err })
}

// giveBack revokes a token that could not be handed on.
func (j *job) revokeUnpublished(ctx context.Context, r lease.Lease) []lease.Leftover {
	r.Settings.Revoke, r.Settings.Sweep = true, false
	_, left := j.releaser(j.account, false).Revoke(ctx, r)
	return left
}

// explained adds to an error what its hints need to know.
func explained(err error, account *jenkins.Client, s *settings.Settings) error {
	return &requestError{err, account.Version(), s}
}
