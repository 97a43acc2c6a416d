package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// revokeCommand describes revoke.
func revokeCommand() Command {
	return Command{
		Name: "revoke", Summary: "revoke the token of a lease, or a token by its uuid",
		About: "Lets the token of a lease revoke itself. The settings are needed only where that fails. " +
			"Without --lease and --uuid it revokes the tokens of this run that have a lease in the CI system's private directory for the job. " +
			"With --uuid it revokes a token of the account that the credential belongs to. Revoking twice does no harm.",
		Settings: accountSettings(),
		Flags: []cli.Flag{
			{Name: "lease", Value: "FILE|-", Text: "the lease; the file is deleted when the token is gone"},
			{Name: "label", Value: "LABEL", Text: "without --lease, only tokens of this run with this label"},
			{Name: "all", Text: "without --lease, also tokens of other runs and labels", Boolean: true},
			{Name: "uuid", Value: "UUID", Text: "a token of the account that the credential belongs to"}, ciFlag(),
		},
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "the token is gone, or there was none"},
			{Number: "1", Meaning: "it may still be valid, and is reported"},
			wrongUse(),
		},
		Examples: []cli.Example{
			{Purpose: "the token of a lease", Line: "jenkins-token revoke --lease token.json"},
			{Purpose: "a token that an administrator found", Line: "jenkins-token revoke --username deploy --uuid 3f2504e0-4f89-41d3-9a0c-0305e82c3301"},
		},
		Run: runRevoke,
	}
}

// runRevoke revokes the tokens of the leases that it finds.
func runRevoke(ctx context.Context, inv *invocation) error {
	if uuid := inv.input.Text["uuid"]; uuid != "" {
		return revokeUUID(ctx, inv, uuid)
	}
	leases, err := findLeases(inv)
	if err != nil {
		return err
	}
	if len(leases) == 0 {
		inv.system.Say(ci.Notice, "there is no token to revoke")
		return nil
	}
	// What is wrong with the settings of a post step need not matter: the lease
	// is usually enough.
	s, wrong := loadSettings(ctx, inv, settings.ForPost)
	if wrong != nil {
		inv.system.Say(ci.Notice, wrong.Error())
	}
	if err := checkProxies(inv, leases); err != nil {
		return err
	}
	revoker := newRevoker(inv, s, inv.action)
	revoker.Life.Timeout = 0
	for i, one := range leases {
		leases[i].lease.Settings = postSettings(one.lease.Settings, s, inv.action)
		revoker.Life.Timeout = max(revoker.Life.Timeout, leases[i].lease.Settings.Deadline())
	}
	report := newReporter(inv)
	leftovers, kept, fail := revokeLeases(ctx, inv, revoker, report, leases, s)
	report.leftovers(append(leftovers, kept...))
	switch {
	case len(leftovers) == 0:
		return nil
	case !inv.action:
		return &requestError{leftovers[0].Err, leftovers[0].Version, s}
	case fail:
		return fmt.Errorf("%d of the tokens may outlive this job", len(leftovers))
	}
	return nil
}

// revokeLeases revokes the tokens of leases. It returns the leftovers, and the tokens that
// the settings say to keep; fail says that a leftover is a failure.
func revokeLeases(ctx context.Context, inv *invocation, revoker *lease.Revoker, report reporter, leases []savedLease, s *settings.Settings) (leftovers, kept []lease.Leftover, fail bool) {
	marks := stepMarks(inv.runner)
	var credential secret.String
	if s != nil {
		credential = s.Credential.Secret
	}
	for _, one := range leases {
		// A mark that cannot be written costs at most what it would have saved.
		_ = marks.Posted(one.lease)
		if marks.IsRevoked(one.lease, credential) || marks.MayBeRevoked(one.lease) && revoker.Absent(ctx, one.lease) {
			inv.system.Say(ci.Progress, subject(one.lease)+" was revoked by another step")
			_ = one.markDone()
			continue
		}
		outcome, left := revoker.Revoke(ctx, one.lease)
		leftovers = append(leftovers, left...)
		fail = fail || len(left) > 0 && one.lease.Settings.OnRevokeFailure == settings.Fail
		switch {
		case outcome == lease.Kept && one.lease.Settings.Legacy != settings.LegacyRead:
			kept = append(kept, keptLeftover(one.lease))
			continue
		case len(left) > 0:
			continue
		}
		report.outcome(one.lease, outcome)
		if err := inv.write("done", one.markDone); err != nil {
			inv.system.Say(ci.Notice, "the token is revoked, but its lease could not be removed")
		}
	}
	return leftovers, kept, fail
}

// checkProxies says which variable names a proxy that cannot be used, so that nothing
// is sent. The post step goes on, to say what it leaves.
func checkProxies(inv *invocation, leases []savedLease) error {
	connect := newClients(inv)
	for _, one := range leases {
		root, err := jenkins.ParseInsecureRoot(one.lease.URL)
		if err != nil {
			continue
		}
		_, err = connect.proxyOf(one.lease, inv.action)(root)
		wrong, ok := errors.AsType[*settings.ProxyError](err)
		switch {
		case !ok:
		case inv.action:
			inv.system.Say(ci.Notice, wrong.Settings().Error())
			return nil
		default:
			return wrong.Settings()
		}
	}
	return nil
}

// postSettings are the settings that count for a lease. Where the step has inputs they
// decide, and of the lease only what happened counts: which proxy was used, what
// was done with a controller before 2.129. The smaller of two timeouts counts.
func postSettings(leased settings.Post, s *settings.Settings, action bool) settings.Post {
	post := leased
	if !action {
		post.Revoke = true // revoke: false is said to the post step
	}
	if s == nil {
		return post
	}
	if action && s.URL != nil {
		post.Revoke, post.OnRevokeFailure, post.Sweep = s.Revoke, s.OnRevokeFailure, s.Sweep
	}
	if _, given := s.From["timeout"]; given || action && s.URL != nil {
		post.Timeout = min(leased.Deadline(), s.Timeout).String()
	}
	return post
}

// revokeByInput is the action that revokes the token of an earlier step. Where that
// step created none there is no uuid.
func revokeByInput(ctx context.Context, inv *invocation) error {
	uuid, _ := inv.Env.Lookup("INPUT_TOKEN-UUID")
	if uuid = strings.TrimSpace(uuid); uuid == "" {
		inv.system.Say(ci.Notice, "there is no token to revoke")
		return nil
	}
	return revokeUUID(ctx, inv, uuid)
}

// revokeUUID revokes a token of the account that the credential belongs to, and proves
// it where the account's token page can be read.
func revokeUUID(ctx context.Context, inv *invocation, uuid string) error {
	if !jenkins.IsUUID(uuid) {
		return cli.Usage("a uuid has the form 01234567-89ab-cdef-0123-456789abcdef", "find it in create's output token-uuid, or on the token's page in Jenkins")
	}
	s, err := loadSettings(ctx, inv, settings.ForAccount)
	if err != nil {
		return err
	}
	account, err := newClients(inv).account(s)
	if err != nil {
		return err
	}
	defer account.Close()
	outcome, name, err := lease.RevokeUUID(ctx, newLife(inv, s.Timeout), account, uuid)
	if s.Credential.Kind == settings.APIToken && (outcome == lease.Revoked || outcome == lease.Unknown) {
		// In the step for runners without post steps the credential is the token itself. Of
		// any other credential no lease has this uuid and this token.
		_ = jobMarks(inv.system).Revoked(uuid, s.Credential.Secret)
	}
	if outcome == lease.Revoked {
		_ = jobMarks(inv.system).RevokedBy(s.Credential.Secret, uuid)
	}
	owner := cmp.Or(s.ForUser, s.Username, "the account")
	switch outcome {
	case lease.Revoked:
		inv.system.Say(ci.Progress, "token "+name+" ("+uuid+") of "+owner+" is revoked")
	case lease.Gone:
		inv.system.Say(ci.Notice, owner+" has no token "+uuid)
	case lease.Unknown:
		inv.system.Say(ci.Notice, "if "+owner+" had a token "+uuid+", it is revoked now: Jenkins gives this answer to every uuid, and its list of tokens could not be read")
	case lease.Undurable:
		return explained(fmt.Errorf("token %s is revoked, but may be valid again after the controller restarts: %w", uuid, err), account, s)
	default:
		return explained(err, account, s)
	}
	return nil
}
