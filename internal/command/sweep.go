package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	filter := lease.Filter{Project: j.choice("project"), Run: j.choice("run"), Label: j.choice("label")}
	dryRun, err := strconv.ParseBool(strings.ToLower(j.choice("dry-run")))
	if text := j.choice("dry-run"); err != nil && text != "" {
		return usage("dry-run: neither true nor false")
	}
	if runner, ok := j.system.(*ci.GitHub); filter.Run != "" && ok && runner.EveryRunIsOne() {
		return usage("run: here every run has the same number", "sweep by project, or without a filter")
	}
	if filter.Run != "" && filter.Project == "" {
		// Numbers of runs repeat from project to project.
		if named, _ := j.Lookup("JENKINS_TOKEN_PROJECT"); j.system.Name() == "plain" && strings.TrimSpace(named) == "" {
			return usage("--run: the number of a run says nothing without its project", "--project PROJECT says whose run it is, for instance --project github.com/acme/web")
		}
		filter.Project = j.system.Run().Project
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
	progress := j.meter()
	sweeper := &lease.Sweeper{Life: progress.around(j.life(s.Timeout)), Account: account, Own: j.sweepToken(s), Advance: progress.advance}
	result, err := sweeper.Sweep(ctx, filter, dryRun)
	progress.clear()
	j.report(result.Leftovers)
	var revoked []string // of this run
	run := j.system.Run()
	for _, one := range result.Found {
		if one.Revoked && one.Name.IsOf(run.Project, run.ID, "") {
			revoked = append(revoked, one.UUID)
		}
	}
	_ = j.jobMarks().RevokedBy(s.Credential.Secret, revoked...)
	if err == nil || result.Listed > 0 {
		if err := j.tell(result, dryRun); err != nil {
			return err
		}
	}
	_, failed, notTried := result.Counts()
	notTried -= result.More
	var page *jenkins.Error
	switch {
	case errors.As(err, &page) && page.Kind == jenkins.KindPage:
		return &pageError{explained(err, account, s)}
	case err != nil:
		return explained(err, account, s)
	case !dryRun && failed+notTried > 0:
		return fmt.Errorf("%d of %d tokens were not revoked: %d failed, %d were not tried", failed+notTried, len(result.Found), failed, notTried)
	}
	return nil
}

// sweepToken is what a long sweep by password creates a token for itself from; nil
// where the token would be another user's.
func (j *job) sweepToken(s *settings.Settings) *lease.Request {
	if s.Credential.Kind != settings.Password || s.ForUser != "" {
		return nil
	}
	run := j.system.Run()
	return &lease.Request{URL: s.URL.String(), Username: s.Username, Project: run.Project, Run: run.ID, Settings: settings.Post{Revoke: true}}
}

// meter is a bar on a person's terminal. The log of a CI gets lines, even where its
// agent gives a job a terminal.
func (j *job) meter() *meter {
	m := &meter{now: j.Now, line: func(text string) { j.system.Say(ci.Progress, text) }}
	if j.StderrTTY && j.system.Name() == "plain" {
		m.bar = j.Stderr
	}
	return m
}

// around is life with messages that make room for themselves.
func (m *meter) around(life lease.Life) lease.Life {
	for _, say := range []*func(string){&life.Progress, &life.Notice, &life.Warn} {
		write := *say
		*say = func(text string) { m.clear(); write(text) }
	}
	return life
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
	Foreign   int     `json:"foreign"`   // of these, not ours
	Oversized int     `json:"oversized"` // of the foreign, with names too long to read
	Kept      int     `json:"kept"`      // ours, not expired or not taken by the filter
	Undated   int     `json:"undated"`   // ours, past their end by this machine's clock alone
	Revoked   int     `json:"revoked"`
	Failed    int     `json:"failed"`
	NotTried  int     `json:"notTried"`
	Reasons   []why   `json:"reasons"` // of the failed
	Found     []swept `json:"found"`
}

// why is the JSON of a reason, and of how many tokens it is one.
type why struct {
	Reason string `json:"reason"`
	Count  int    `json:"count"`
}

// swept is the JSON of one token that a sweep found.
type swept struct {
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	Until   string `json:"until"`
	Revoked bool   `json:"revoked"`
}

// reportOf is what is said of a sweep, whatever the form.
func reportOf(result lease.SweepResult) sweepReport {
	r := sweepReport{
		Listed: result.Listed, Foreign: result.Foreign, Oversized: result.Oversized, Kept: result.Kept, Undated: result.Undated,
		Reasons: []why{}, Found: []swept{},
	}
	r.Revoked, r.Failed, r.NotTried = result.Counts()
	for _, one := range result.Found {
		r.Found = append(r.Found, swept{one.UUID, one.Name.String(), one.Name.End.Format(time.RFC3339), one.Revoked})
		if one.Err == nil {
			continue
		}
		i := slices.IndexFunc(r.Reasons, func(known why) bool { return known.Reason == one.Err.Error() })
		if i < 0 {
			i = len(r.Reasons)
			r.Reasons = append(r.Reasons, why{Reason: one.Err.Error()})
		}
		r.Reasons[i].Count++
	}
	return r
}

// count is a number of tokens, and what they are.
type count struct {
	what, about string
	n           int
}

// counts are the counts in the order in which they are shown.
func (r sweepReport) counts(dryRun bool) []count {
	tried := []count{{"revoked", "", r.Revoked}, {"failed", "", r.Failed}, {"not tried", "", r.NotTried}}
	if dryRun {
		tried = []count{{"would be revoked", "", len(r.Found)}}
	}
	return append(tried, count{"kept", "not expired, or not selected", r.Kept + r.Undated}, count{"foreign", "not created by jenkins-token", r.Foreign})
}

// tell says what a sweep found and did: in the log, or as JSON, and on the page of the
// run.
func (j *job) tell(result lease.SweepResult, dryRun bool) error {
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
	out := reportOf(result)
	j.summarize(out, dryRun)
	if j.flags.set["json"] {
		return json.NewEncoder(j.Stdout).Encode(out)
	}
	for _, one := range result.Found {
		what := "not revoked"
		switch {
		case dryRun:
			what = "would be revoked"
		case one.Revoked:
			what = "revoked"
		case one.Err == nil:
			continue // the rest of a sweep that ended early can be thousands
		}
		j.system.Say(ci.Progress, one.Name.String()+" ("+one.UUID+"): "+what)
	}
	for _, one := range out.Reasons {
		j.system.Say(ci.Progress, fmt.Sprintf("%d not revoked: %s", one.Count, one.Reason))
	}
	text := fmt.Sprintf("tokens on the account: %d", out.Listed)
	for _, one := range out.counts(dryRun) {
		text += fmt.Sprintf("; %s: %d", one.what, one.n)
	}
	j.system.Say(ci.Progress, text)
	return nil
}

// summarize writes the counts of a sweep to the page of the run.
func (j *job) summarize(out sweepReport, dryRun bool) {
	page, ok := j.system.(summarizer)
	if !ok {
		return
	}
	var summary strings.Builder
	summary.WriteString("### Sweep of Jenkins tokens\n\n| tokens | number |\n| --- | --- |\n")
	for _, one := range out.counts(dryRun) {
		if one.about != "" {
			one.what += ": " + one.about
		}
		fmt.Fprintf(&summary, "| %s | %d |\n", one.what, one.n)
	}
	fmt.Fprintf(&summary, "| all on the account | %d |\n", out.Listed)
	if len(out.Reasons) > 0 {
		summary.WriteString("\n")
	}
	for _, one := range out.Reasons {
		fmt.Fprintf(&summary, "- %d not revoked: %s\n", one.Count, markdown(one.Reason))
	}
	j.toPage(page, summary.String())
}
