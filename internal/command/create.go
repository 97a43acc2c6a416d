package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// create makes a token and hands it on.
func (j *job) create(ctx context.Context) error {
	if j.flags.set["help"] {
		return j.help()
	}
	s, err := j.load(ctx, settings.ForCreate)
	if err != nil {
		return err
	}
	p, err := j.place()
	if err != nil {
		return err
	}
	account, err := j.accountClient(ctx, s)
	if err != nil {
		p.Drop()
		return err
	}
	defer account.Close()
	run := j.system.Run()
	record, left, err := lease.Acquire(ctx, j.life(s.Timeout), account, lease.Order{
		URL: s.URL.String(), Username: s.Username, ForUser: s.ForUser,
		Where: run.Where, Run: run.ID, Label: j.label(s), TTL: s.TTL, Settings: s.Post(),
	}, p)
	if err == nil {
		err = j.handOn(record, p)
		if err != nil {
			left = j.giveBack(ctx, record)
		}
	}
	if err != nil {
		j.report(left)
		return explained(err, account, s)
	}
	j.system.Say(ci.Progress, fmt.Sprintf("token %s of %s is ready", record.TokenName, record.Username))
	if h := j.system.Handover(); h != nil && j.action && h.PostUncertain() {
		j.system.Say(ci.Notice, "some versions of this runner do not run post steps of container actions; add a step with if: always() that uses the revoke action of this repository")
	}
	if !s.Revoke {
		j.system.Say(ci.Notice, "the token will not be revoked by this job: revoke is false")
	}
	return nil
}

// handOn gives the token to later steps: as outputs, or as the record on
// standard output.
func (j *job) handOn(r lease.Record, p *place) error {
	if p.handover != nil && !p.stdout {
		for _, output := range [][2]string{
			{"token", r.Token.Reveal()}, {"token-name", r.TokenName}, {"token-uuid", r.TokenUUID},
			{"username", r.Username}, {"url", r.URL}, {"expires-at", r.ExpiresAt},
		} {
			if err := p.handover.Output(output[0], output[1]); err != nil {
				return err
			}
		}
	}
	if p.stdout {
		if _, err := fmt.Fprintf(j.Stdout, "%s\n", r.Encode()); err != nil {
			return &ci.ChannelError{Channel: "record on standard output", Err: err}
		}
	}
	return nil
}

// giveBack revokes a token that could not be handed on.
func (j *job) giveBack(ctx context.Context, r lease.Record) []lease.Left {
	r.Settings.Revoke, r.Settings.Sweep = true, false
	_, left := j.releaser(j.account).Release(context.WithoutCancel(ctx), r)
	return left
}

// place is where the record goes. It implements lease.Keeper.
type place struct {
	job      *job
	handover ci.Handover // masks and outputs; nil where there are none
	state    bool        // the CI's own state holds the record
	side     *lease.Side
	file     *lease.File
	stdout   bool
	kept     bool // a record was kept
}

// place opens what the record goes to. Nothing has been sent yet, and nothing is
// written.
func (j *job) place() (*place, error) {
	p := &place{job: j, handover: j.system.Handover()}
	if p.handover != nil {
		if err := p.handover.Open(); err != nil {
			return nil, err
		}
	}
	if j.action {
		p.state = true
		if path := p.handover.SideFile(); path != "" {
			p.side = lease.OpenSide(path)
		}
		return p, nil
	}
	path := j.flags.text["lease"]
	switch {
	case path == "-":
		if j.Terminal && !j.flags.set["show"] {
			return nil, usage("the record holds the token, and standard output is a terminal", "add --show to see it, or write it to a file: --lease FILE")
		}
		p.stdout = true
		return p, nil
	case path == "" && p.handover != nil:
		nonce, err := lease.NewNonce(j.Random)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(p.handover.TempDir(), "jenkins-token-"+nonce+".json")
	case path == "":
		return nil, usage("no place for the record, without which nothing can revoke the token",
			"--lease FILE writes it to a file for a later revoke --lease FILE; --lease - to standard output")
	}
	var err error
	if p.file, err = lease.CreateFile(path); err != nil {
		if os.IsExist(err) {
			return nil, usage("--lease: the file exists", "it may hold the record of another token: revoke --lease FILE ends that one")
		}
		return nil, &ci.ChannelError{Channel: "record's file", Err: err}
	}
	return p, nil
}

// Keep implements lease.Keeper. On standard output the record is written at the
// end only: whoever reads it wants one object.
func (p *place) Keep(r lease.Record) error {
	p.kept = true
	if p.state {
		if err := p.handover.Keep(r.Encode()); err != nil {
			return err
		}
	}
	if p.side != nil {
		if err := p.side.Keep(r); err != nil {
			return &ci.ChannelError{Channel: "side file", Variable: "GITHUB_STATE", Err: err}
		}
	}
	if p.file != nil {
		if err := p.file.Keep(r); err != nil {
			return &ci.ChannelError{Channel: "record's file", Err: err}
		}
	}
	return nil
}

// Mask implements lease.Keeper.
func (p *place) Mask(texts []secret.String) error {
	if p.handover == nil {
		return nil
	}
	for _, text := range texts {
		if err := p.handover.Mask(text); err != nil {
			return err
		}
	}
	return nil
}

// Drop implements lease.Keeper. What cannot be dropped costs the post step a
// search that finds nothing.
func (p *place) Drop() {
	if p.state && p.kept {
		_ = p.handover.Keep(nil)
	}
	if p.side != nil && p.kept {
		_ = p.side.Drop()
	}
	if p.file != nil {
		_ = p.file.Remove()
	}
}

// explained adds to an error what its hints need to know.
func explained(err error, account *jenkins.Client, s *settings.Settings) error {
	return &requestError{err, account.Version(), s}
}
