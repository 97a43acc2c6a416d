package command

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// kept is a record found, and what to do when its token is gone.
type savedLease struct {
	lease    lease.Lease
	markDone func() error
}

// revoke ends the tokens of the records that it finds.
func (j *job) revoke(ctx context.Context) error {
	if uuid := j.flags.text["uuid"]; uuid != "" {
		return j.revokeUUID(ctx, uuid)
	}
	records, err := j.leases()
	if err != nil {
		return err
	}
	if len(records) == 0 {
		j.system.Say(ci.Notice, "there is no token to revoke")
		return nil
	}
	// What is wrong with the settings of a post step need not matter: the record
	// is usually enough.
	s, wrong := j.load(ctx, settings.ForPost)
	if wrong != nil {
		j.system.Say(ci.Notice, wrong.Error())
	}
	if err := j.checkProxies(records); err != nil {
		return err
	}
	releaser := j.releaser(s, j.action)
	releaser.Life.Timeout = 0
	for i := range records {
		records[i].lease.Settings = j.postSettings(records[i].lease, s)
		releaser.Life.Timeout = max(releaser.Life.Timeout, records[i].lease.Settings.Deadline())
	}
	var left, kept []lease.Leftover
	fail := false
	marks := j.marks()
	var credential secret.String
	if s != nil {
		credential = s.Credential.Secret
	}
	for _, k := range records {
		// A mark that cannot be written costs at most what it would have saved.
		_ = marks.Posted(k.lease)
		if marks.IsRevoked(k.lease, credential) || marks.MayBeRevoked(k.lease) && releaser.Absent(ctx, k.lease) {
			j.system.Say(ci.Progress, subject(k.lease)+" was revoked by another step")
			_ = k.markDone()
			continue
		}
		ending, remains := releaser.Revoke(ctx, k.lease)
		left = append(left, remains...)
		fail = fail || len(remains) > 0 && k.lease.Settings.OnRevokeFailure == settings.Fail
		switch {
		case ending == lease.Kept && k.lease.Settings.Legacy != settings.LegacyRead:
			kept = append(kept, keptLeftover(k.lease))
			continue
		case len(remains) > 0:
			continue
		}
		j.sayOutcome(k.lease, ending)
		if err := j.write("done", k.markDone); err != nil {
			j.system.Say(ci.Notice, "the token is revoked, but its record could not be removed")
		}
	}
	j.report(append(left, kept...))
	switch {
	case len(left) == 0:
		return nil
	case !j.action:
		return &requestError{left[0].Err, left[0].Version, s}
	case fail:
		return fmt.Errorf("%d of the tokens may outlive this job", len(left))
	}
	return nil
}

// checkProxies says which variable names a proxy that cannot be used, so that nothing
// is sent. The post step goes on, to say what it leaves.
func (j *job) checkProxies(records []savedLease) error {
	for _, k := range records {
		root, err := jenkins.ParseInsecureRoot(k.lease.URL)
		if err != nil {
			continue
		}
		_, err = j.proxyOf(k.lease, j.action)(root)
		wrong, ok := errors.AsType[*settings.ProxyError](err)
		switch {
		case !ok:
		case j.action:
			j.system.Say(ci.Notice, wrong.Settings().Error())
			return nil
		default:
			return wrong.Settings()
		}
	}
	return nil
}

// deciding are the settings that count for a lease. Where the step has inputs they
// decide, and of the lease only what happened counts: which proxy was used, what
// was done with a controller before 2.129. The smaller of two timeouts counts.
func (j *job) postSettings(r lease.Lease, s *settings.Settings) settings.Post {
	post := r.Settings
	if !j.action {
		post.Revoke = true // revoke: false is said to the post step
	}
	if s == nil {
		return post
	}
	if j.action && s.URL != nil {
		post.Revoke, post.OnRevokeFailure, post.Sweep = s.Revoke, s.OnRevokeFailure, s.Sweep
	}
	if _, given := s.From["timeout"]; given || j.action && s.URL != nil {
		post.Timeout = min(r.Settings.Deadline(), s.Timeout).String()
	}
	return post
}

// leftAlone is a token that the settings said to leave.
func keptLeftover(r lease.Lease) lease.Leftover {
	return lease.Leftover{Lease: r, Name: nameOf(r), UUID: r.TokenUUID, Outcome: lease.Kept}
}

// ended says how a token ended of which nothing is left to do.
func (j *job) sayOutcome(r lease.Lease, ending lease.Outcome) {
	switch {
	case ending == lease.Kept:
		j.system.Say(ci.Notice, subject(r)+" of "+r.Username+" is left as it was: legacy is read")
	case ending == lease.Gone && !r.Complete() && r.TokenUUID == "":
		j.system.Say(ci.Progress, "no token named "+nameOf(r)+" was found")
	case ending == lease.Revoked && r.TokenUUID == "" && !r.Legacy():
		// Said when it was found, by its name.
	case ending == lease.Gone && r.Legacy():
		j.system.Say(ci.Progress, subject(r)+" of "+r.Username+" was changed already")
	case ending == lease.Gone:
		j.system.Say(ci.Progress, subject(r)+" was gone already")
	case r.Legacy():
		j.system.Say(ci.Progress, subject(r)+" of "+r.Username+" is changed: the one before is dead")
	default:
		j.system.Say(ci.Progress, subject(r)+" is revoked")
	}
}

func nameOf(r lease.Lease) string {
	if r.TokenName != "" {
		return r.TokenName
	}
	return r.Names[0]
}

// subject is how messages name a record's token.
func subject(r lease.Lease) string {
	if r.Legacy() {
		return "the one token"
	}
	return "token " + nameOf(r)
}

// releaser revokes with the credential of the settings, if there are any, where
// it may be used. Foreign says that another step of the job can have written the
// leases: what create holds in memory is its own.
func (j *job) releaser(s *settings.Settings, foreign bool) *lease.Revoker {
	// One client for all leases: it counts how often the credential was sent in vain.
	accounts := map[settings.Post]*jenkins.Client{}
	return &lease.Revoker{
		Life:    j.life(0),
		Own:     func(r lease.Lease) (*jenkins.Client, error) { return j.tokenClient(r, s, foreign) },
		Account: func(r lease.Lease) (*jenkins.Client, error) { return j.accountFor(r, s, foreign, accounts) },
		Foreign: foreign,
	}
}

// accountFor is the account's client for a lease; nil where no credential is given
// for the lease's controller. An error says why the credential is not used.
func (j *job) accountFor(r lease.Lease, s *settings.Settings, foreign bool, made map[settings.Post]*jenkins.Client) (*jenkins.Client, error) {
	if s == nil || s.URL == nil || s.Credential.Kind == settings.None {
		return nil, nil
	}
	var more []jenkins.Option
	why := ""
	switch {
	case foreign:
		more = append(more, jenkins.WithProxy(j.proxyOf(r, foreign)))
		why = cmp.Or(mismatch(s, r), j.mismatchedRun(r, s))
		if s.URL.Scheme == "http" {
			more = append(more, jenkins.WithProxy(direct))
		}
	case s.URL.String() != r.URL:
		return nil, nil
	}
	if r.ForUser != s.ForUser {
		why = cmp.Or(why, "for-user is not that of the lease")
	}
	if why != "" {
		return nil, &lease.WithheldError{Why: why}
	}
	// Where leases are foreign their settings choose the proxy.
	key := settings.Post{}
	if foreign {
		key = r.Settings
	}
	if client := made[key]; client != nil {
		return client, nil
	}
	client, err := j.accountClient(s, append(more, jenkins.WithVersion(jenkins.ParseVersion(r.Version)))...)
	made[key] = client
	return client, err
}

// alien says what of a lease cannot be of this step of the action: empty when
// nothing is.
func (j *job) mismatchedRun(r lease.Lease, s *settings.Settings) string {
	run := j.system.Run()
	for _, text := range r.Names {
		if name, ok := lease.ParseName(text); !ok || !name.IsOf(run.Project, run.ID, "") {
			return "the lease is of another run"
		}
	}
	switch {
	case r.Legacy() && r.Settings.Legacy != s.Legacy:
		return "legacy is not that of the lease"
	case r.Settings.Proxy != "":
		return "the token was created through a proxy that saw the requests in clear text, and another step can have named another"
	}
	return ""
}

// records finds the records: in the post step in the CI's state and the side
// file, else where the command line says.
func (j *job) leases() ([]savedLease, error) {
	if j.action {
		return j.leasesOfAction()
	}
	path := j.flags.text["lease"]
	switch {
	case path == "-":
		content, err := io.ReadAll(io.LimitReader(j.Stdin, lease.SizeLimit+1))
		if err != nil {
			return nil, fmt.Errorf("read the record from standard input: %w", err)
		}
		r, err := lease.Decode(content)
		if err != nil {
			return nil, err
		}
		return []savedLease{{r, func() error { return nil }}}, nil
	case path != "":
		k, err := leaseFromFile(path)
		if err != nil {
			return nil, err
		}
		return []savedLease{k}, nil
	case j.unclear != nil:
		return nil, j.requireKnownCI()
	case j.system.Files().Private == "":
		return nil, usage("nothing says which token to revoke", "--lease FILE|- takes the record that create wrote; --uuid UUID a token of the account")
	}
	return j.leasesOfRun()
}

// recordsOfRun are the leases in the job's private directory: of this run, and of the
// label where one is named, because parallel jobs can share the directory. With --all
// they are all that this user can have written.
func (j *job) leasesOfRun() ([]savedLease, error) {
	files := j.system.Files()
	entries, err := os.ReadDir(files.Private)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for leases: %w", cause(err))
	}
	run := j.system.Run()
	label, _ := j.Lookup("JENKINS_TOKEN_LABEL")
	label = cmp.Or(j.flags.text["label"], strings.TrimSpace(label))
	var records []savedLease
	others := 0
	for _, entry := range entries {
		if !files.IsLeaseFile(entry.Name()) {
			continue
		}
		k, err := leaseFromFile(filepath.Join(files.Private, entry.Name()))
		if err != nil {
			j.system.Say(ci.Warning, "a file of the name of a lease is not one, or is not this user's")
			continue
		}
		name, _ := lease.ParseName(k.lease.Names[0])
		if !j.flags.set["all"] && !name.IsOf(run.Project, run.ID, label) {
			others++
			continue
		}
		records = append(records, k)
	}
	if others > 0 {
		j.system.Say(ci.Notice, fmt.Sprintf("left %d leases of other runs or labels alone; --all revokes them too", others))
	}
	return records, nil
}

func leaseFromFile(path string) (savedLease, error) {
	content, err := lease.ReadFile(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return savedLease{}, usage("--lease: there is no such file", "the token is revoked already, or create wrote its record elsewhere")
		}
		return savedLease{}, fmt.Errorf("read the record: %w", cause(err))
	}
	r, err := lease.Decode(content)
	return savedLease{r, func() error { return os.Remove(path) }}, err
}

// cause is what failed with a file, without its path.
func cause(err error) error {
	if failed, ok := errors.AsType[*os.PathError](err); ok {
		return failed.Err
	}
	return err
}

func (j *job) leasesOfAction() ([]savedLease, error) {
	var records []savedLease
	if text, ok := j.runner.SavedState(); ok {
		r, err := lease.Decode([]byte(text))
		if err != nil {
			j.system.Say(ci.Warning, "the state handed to the post step is not a record of this program; it is ignored")
		} else {
			records = append(records, savedLease{r, func() error { return nil }})
		}
	}
	path := j.runner.StateFile()
	if path == "" {
		return records, nil
	}
	side := lease.OpenStateFile(path)
	if len(records) > 0 {
		// The state is this step's own. What else the file names has a post step too.
		own, done := side.Current(records[0].lease)
		if done {
			j.system.Say(ci.Progress, subject(own)+" was dealt with already")
			return nil, nil
		}
		records[0] = savedLease{own, func() error { return side.MarkDone(own) }}
		return records, nil
	}
	more, err := side.Leases()
	if err != nil {
		j.system.Say(ci.Warning, "the side file of this step holds lines that are no records")
	}
	for _, r := range more {
		records = append(records, savedLease{r, func() error { return side.MarkDone(r) }})
	}
	return records, nil
}

// marks are what the steps of a job tell each other; none where this is no action.
func (j *job) marks() lease.Marks {
	if !j.action {
		return lease.Marks{}
	}
	return j.jobMarks()
}

// jobMarks are the marks of the job, also for a step that is no action: the post step of
// another one reads them.
func (j *job) jobMarks() lease.Marks {
	if runner, ok := j.system.(*ci.GitHub); ok {
		return lease.OpenMarks(runner.MarksFile())
	}
	return lease.Marks{}
}

// revokeByInput is the action that revokes the token of an earlier step. Where that
// step created none there is no uuid.
func (j *job) revokeByInput(ctx context.Context) error {
	uuid, _ := j.Lookup("INPUT_TOKEN-UUID")
	if uuid = strings.TrimSpace(uuid); uuid == "" {
		j.system.Say(ci.Notice, "there is no token to revoke")
		return nil
	}
	return j.revokeUUID(ctx, uuid)
}

// revokeUUID ends a token of the account whose credential is given, and proves
// it where the account's token page can be read.
func (j *job) revokeUUID(ctx context.Context, uuid string) error {
	if !jenkins.IsUUID(uuid) {
		return usage("the uuid of a token has the form 01234567-89ab-cdef-0123-456789abcdef", "the output token-uuid of create has it, and the token's page in Jenkins")
	}
	s, err := j.load(ctx, settings.ForAccount)
	if err != nil {
		return err
	}
	account, err := j.accountClient(s)
	if err != nil {
		return err
	}
	defer account.Close()
	ending, name, err := lease.RevokeUUID(ctx, j.life(s.Timeout), account, uuid)
	if s.Credential.Kind == settings.APIToken && (ending == lease.Revoked || ending == lease.Unknown) {
		// In the step for runners without post steps the credential is the token itself. Of
		// any other credential no lease has this uuid and this token.
		_ = j.jobMarks().Revoked(uuid, s.Credential.Secret)
	}
	if ending == lease.Revoked {
		_ = j.jobMarks().RevokedBy(s.Credential.Secret, uuid)
	}
	owner := cmp.Or(s.ForUser, s.Username, "the account")
	switch ending {
	case lease.Revoked:
		j.system.Say(ci.Progress, "token "+name+" ("+uuid+") of "+owner+" is revoked")
	case lease.Gone:
		j.system.Say(ci.Notice, owner+" has no token "+uuid)
	case lease.Unknown:
		j.system.Say(ci.Notice, "if "+owner+" had a token "+uuid+", it is revoked now: Jenkins gives this answer to every uuid, and its list of tokens could not be read")
	case lease.Undurable:
		return explained(fmt.Errorf("token %s is dead now, but may return when the controller restarts: %w", uuid, err), account, s)
	default:
		return explained(err, account, s)
	}
	return nil
}
