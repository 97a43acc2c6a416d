package command

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// savedLease is a lease that was found, and what to do when its token is gone.
type savedLease struct {
	lease    lease.Lease
	markDone func() error
}

// findLeases finds the leases: in the post step in the CI's state and the runner state
// file, else where the command line says.
func findLeases(inv *invocation) ([]savedLease, error) {
	if inv.action {
		return leasesOfAction(inv)
	}
	path := inv.input.Text["lease"]
	switch {
	case path == "-":
		content, err := io.ReadAll(io.LimitReader(inv.Streams.In, lease.SizeLimit+1))
		if err != nil {
			return nil, fmt.Errorf("read the lease from standard input: %w", err)
		}
		r, err := lease.Decode(content)
		if err != nil {
			return nil, err
		}
		return []savedLease{{r, func() error { return nil }}}, nil
	case path != "":
		saved, err := leaseFromFile(path)
		if err != nil {
			return nil, err
		}
		return []savedLease{saved}, nil
	case inv.ambiguous != nil:
		return nil, requireKnownCI(inv)
	case inv.system.Files.Private == "":
		return nil, cli.Usage("no token to revoke is named", "pass --lease FILE with the lease that create wrote, or --uuid UUID for a token of the account")
	}
	return leasesOfRun(inv)
}

// leasesOfAction finds the leases of the post step: the one in the runner's state, or
// those in the runner state file.
func leasesOfAction(inv *invocation) ([]savedLease, error) {
	var leases []savedLease
	if text, ok := inv.runner.SavedState(); ok {
		r, err := lease.Decode([]byte(text))
		if err != nil {
			inv.system.Say(ci.Warning, "the state of this step is not a lease of jenkins-token; it is ignored")
		} else {
			leases = append(leases, savedLease{r, func() error { return nil }})
		}
	}
	path := inv.runner.StateFile()
	if path == "" {
		return leases, nil
	}
	file := lease.OpenStateFile(path)
	if len(leases) > 0 {
		// The state is this step's own. What else the file names has a post step too.
		own, done := file.Current(leases[0].lease)
		if done {
			inv.system.Say(ci.Progress, subject(own)+" was dealt with already")
			return nil, nil
		}
		leases[0] = savedLease{own, func() error { return file.MarkDone(own) }}
		return leases, nil
	}
	more, err := file.Leases()
	if err != nil {
		inv.system.Say(ci.Warning, "the runner state file of this step has lines that are not leases")
	}
	for _, r := range more {
		leases = append(leases, savedLease{r, func() error { return file.MarkDone(r) }})
	}
	return leases, nil
}

// leasesOfRun finds the leases in the job's private directory: of this run, and of the
// label where one is named, because parallel jobs can share the directory. With --all
// they are all that this user can have written.
func leasesOfRun(inv *invocation) ([]savedLease, error) {
	files := inv.system.Files
	entries, err := os.ReadDir(files.Private)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("look for leases: %w", cause(err))
	}
	run := inv.system.Run
	label, _ := inv.Env.Lookup("JENKINS_TOKEN_LABEL")
	label = cmp.Or(inv.input.Text["label"], strings.TrimSpace(label))
	var leases []savedLease
	others := 0
	for _, entry := range entries {
		if !files.IsLeaseFile(entry.Name()) {
			continue
		}
		saved, err := leaseFromFile(filepath.Join(files.Private, entry.Name()))
		if err != nil {
			inv.system.Say(ci.Warning, "a file that is named like a lease is not a lease, or belongs to another user")
			continue
		}
		name, _ := lease.ParseName(saved.lease.Names[0])
		if !inv.input.Set["all"] && !name.IsOf(run.Project, run.ID, label) {
			others++
			continue
		}
		leases = append(leases, saved)
	}
	if others > 0 {
		inv.system.Say(ci.Notice, fmt.Sprintf("left %d leases of other runs or labels alone; --all revokes them too", others))
	}
	return leases, nil
}

func leaseFromFile(path string) (savedLease, error) {
	content, err := lease.ReadFile(path)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return savedLease{}, cli.Usage("--lease: there is no such file", "the token has been revoked, or create wrote the lease to another file")
		}
		return savedLease{}, fmt.Errorf("read the lease: %w", cause(err))
	}
	r, err := lease.Decode(content)
	return savedLease{r, func() error { return os.Remove(path) }}, err
}
