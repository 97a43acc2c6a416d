package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// pageError is a token page that was not understood.
type pageError struct{ error }

func (e *pageError) Unwrap() error { return e.error }

// sweep revokes expired tokens of ours.
func (j *job) sweep(ctx context.Context) error {
	filter := lease.Filter{Where: j.choice("where"), Run: j.choice("run"), Label: j.choice("label")}
	dryRun, err := strconv.ParseBool(strings.ToLower(j.choice("dry-run")))
	if text := j.choice("dry-run"); err != nil && text != "" {
		return usage("dry-run: neither true nor false")
	}
	if runner, ok := j.system.(*ci.GitHub); filter.Run != "" && ok && runner.EveryRunIsOne() {
		return usage("run: here every run has the same number", "sweep by where, or without a filter")
	}
	if filter.Run != "" && filter.Where == "" {
		// Numbers of runs repeat from project to project.
		if named, _ := j.Lookup("JENKINS_TOKEN_WHERE"); j.system.Name() == "plain" && strings.TrimSpace(named) == "" {
			return usage("--run: the number of a run says nothing without its project", "--where PROJECT says whose run it is, for instance --where github.com/acme/web")
		}
		filter.Where = j.system.Run().Where
	}
	s, err := j.load(ctx, settings.ForAccount)
	if err != nil {
		return err
	}
	// A crowded account's page takes Jenkins longer than other answers: four
	// seconds for 5,000 tokens.
	account, err := j.accountClient(s, jenkins.WithRequestTimeout(s.Timeout))
	if err != nil {
		return err
	}
	defer account.Close()
	result, err := lease.Sweep(ctx, j.life(s.Timeout), account, filter, dryRun)
	failed := 0
	var revoked []string // of this run
	run := j.system.Run()
	for _, one := range result.Found {
		if one.Err != nil {
			failed++
		}
		if one.Revoked && one.Name.IsOf(run.Where, run.ID, "") {
			revoked = append(revoked, one.UUID)
		}
	}
	_ = j.jobMarks().RevokedBy(s.Credential.Secret, revoked...)
	if err == nil || result.Listed > 0 {
		if err := j.tell(result, dryRun); err != nil {
			return err
		}
	}
	var page *jenkins.Error
	switch {
	case errors.As(err, &page) && page.Kind == jenkins.KindPage:
		return &pageError{explained(err, account, s)}
	case err != nil:
		return explained(err, account, s)
	case failed > 0:
		return fmt.Errorf("%d of %d tokens could not be revoked", failed, len(result.Found))
	}
	return nil
}

// choice is a flag, or the input of the sweep action.
func (j *job) choice(name string) string {
	if j.action {
		text, _ := j.Lookup("INPUT_" + strings.ToUpper(name))
		return strings.TrimSpace(text)
	}
	return j.flags.text[name]
}

// sweepReport is the JSON of a sweep.
type sweepReport struct {
	Listed    int     `json:"listed"`    // tokens on the account, ours or not
	Oversized int     `json:"oversized"` // of these, with names too long to read
	Undated   int     `json:"undated"`   // ours, past their end by this machine's clock alone
	Found     []swept `json:"found"`
}

// swept is the JSON of one token that a sweep found.
type swept struct {
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	Until   string `json:"until"`
	Revoked bool   `json:"revoked"`
}

func (j *job) tell(result lease.Sweeping, dryRun bool) error {
	if result.Listed > lease.Crowded {
		defer j.system.Say(ci.Notice, fmt.Sprintf("%d tokens lie on the account: more than %d make the controller slow", result.Listed, lease.Crowded))
	}
	if result.More > 0 {
		defer j.system.Say(ci.Notice, fmt.Sprintf("%d more are ours and over: sweep again", result.More))
	}
	if result.Oversized > 0 {
		defer j.system.Say(ci.Notice, fmt.Sprintf("skipped %d of the account's tokens, whose names are too long to read", result.Oversized))
	}
	if result.Undated > 0 {
		defer j.system.Say(ci.Warning, fmt.Sprintf("did not revoke %d of the tokens that are past their end by this machine's clock: the controller sends no Date to compare with", result.Undated))
	}
	if j.flags.set["json"] {
		out := sweepReport{result.Listed, result.Oversized, result.Undated, []swept{}}
		for _, one := range result.Found {
			out.Found = append(out.Found, swept{one.UUID, one.Name.String(), one.Name.End.Format(time.RFC3339), one.Revoked})
		}
		return json.NewEncoder(j.Stdout).Encode(out)
	}
	for _, one := range result.Found {
		what := "revoked"
		switch {
		case dryRun:
			what = "would be revoked"
		case one.Err != nil:
			what = "not revoked: " + one.Err.Error()
		case !one.Revoked:
			what = "not tried"
		}
		j.system.Say(ci.Progress, one.Name.String()+" ("+one.UUID+"): "+what)
	}
	j.system.Say(ci.Progress, fmt.Sprintf("%d of %d tokens on the account are ours and over", len(result.Found), result.Listed))
	return nil
}
