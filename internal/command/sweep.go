package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/cli"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// exitPage is the exit code when the token page was not understood.
const exitPage = 4

// sweepCommand describes sweep.
func sweepCommand() Command {
	return Command{
		Name: "sweep", Summary: "revoke expired tokens created by jenkins-token",
		About: "Reads the account's list of tokens and revokes the expired tokens created by jenkins-token. " +
			"It leaves all others alone. A list that it does not understand is an error, never \"nothing to do\". " +
			"A long sweep shows its progress: a bar on a terminal, a line every ten seconds in a log. It continues as long as tokens are being revoked. " +
			"With a password and more than five tokens to revoke, it creates a token for itself, which is faster, and revokes that last.",
		Settings: accountSettings(),
		Flags: []cli.Flag{
			{Name: "project", Value: "PROJECT", Text: "only tokens of this host and project"},
			{Name: "run", Value: "RUN[.ATTEMPT]", Text: "only tokens of this run, expired or not; of the detected project, or of --project"},
			{Name: "label", Value: "LABEL", Text: "only tokens of this label"},
			{Name: "dry-run", Text: "list them and revoke nothing", Boolean: true},
			{Name: "json", Text: "the result as JSON on standard output", Boolean: true}, ciFlag(),
		},
		ExitCodes: []cli.ExitCode{
			{Number: "0", Meaning: "all tokens that were found are revoked"},
			{Number: "1", Meaning: "some could not be revoked, or the list could not be read"},
			wrongUse(),
			{Number: "4", Meaning: "the list was not understood; nothing was revoked"},
			{Number: "130, 143", Meaning: "ended by SIGINT or SIGTERM; the rest was not tried"},
		},
		Examples: []cli.Example{
			{Purpose: "see what would be revoked", Line: "jenkins-token sweep --dry-run"},
			{Purpose: "expired tokens of one project", Line: "jenkins-token sweep --project github.com/acme/web"},
		},
		Run: runSweep,
	}
}

// runSweep revokes expired tokens that this program created.
func runSweep(ctx context.Context, inv *invocation) error {
	dryRun, err := strconv.ParseBool(strings.ToLower(choice(inv, "dry-run")))
	if err != nil && choice(inv, "dry-run") != "" {
		return cli.Usage("dry-run: must be true or false")
	}
	filter, err := sweepFilter(inv)
	if err != nil {
		return err
	}
	var inputs [][2]string
	if inv.action {
		for _, name := range []string{"project", "run", "label"} {
			inputs = append(inputs, [2]string{name, choice(inv, name)})
		}
	}
	s, err := loadSettings(ctx, inv, settings.ForAccount, inputs...)
	if err != nil {
		return err
	}
	// A crowded account's page takes Jenkins longer than other answers: four
	// seconds for 5,000 tokens.
	account, err := newClients(inv).account(s, jenkins.WithRequestTimeout(s.Timeout))
	if err != nil {
		return err
	}
	defer account.Close()
	progress := newMeter(inv)
	sweeper := &lease.Sweeper{Life: progress.around(newLife(inv, s.Timeout)), Account: account, Own: sweepToken(inv.system.Run, s), Advance: progress.advance}
	result, err := sweeper.Sweep(ctx, filter, dryRun)
	progress.clear()
	report := newReporter(inv)
	report.leftovers(result.Leftovers)
	markRevoked(inv.system, s, result)
	if err == nil || result.Listed > 0 {
		if err := printSweep(inv, report, result, dryRun); err != nil {
			return err
		}
	}
	_, failed, notTried := result.Counts()
	notTried -= result.More
	var page *jenkins.Error
	switch {
	case errors.As(err, &page) && page.Kind == jenkins.KindPage:
		return &cli.ExitError{Code: exitPage, Cause: explained(err, account, s)}
	case err != nil:
		return explained(err, account, s)
	case !dryRun && failed+notTried > 0:
		return fmt.Errorf("%d of %d tokens were not revoked: %d failed, %d were not tried", failed+notTried, len(result.Found), failed, notTried)
	}
	return nil
}

// sweepFilter selects tokens as the flags say, or the inputs of the sweep action.
func sweepFilter(inv *invocation) (lease.Filter, error) {
	filter := lease.Filter{Project: choice(inv, "project"), Run: choice(inv, "run"), Label: choice(inv, "label")}
	if runner := inv.system.Runner; filter.Run != "" && runner != nil && runner.EveryRunIsOne() {
		return filter, cli.Usage("run: act gives every run the same number", "set project, or leave run empty")
	}
	if filter.Run != "" && filter.Project == "" {
		// Numbers of runs repeat from project to project.
		if named, _ := inv.Env.Lookup("JENKINS_TOKEN_PROJECT"); inv.system.Name == "plain" && strings.TrimSpace(named) == "" {
			return filter, cli.Usage("--run: needs --project here", "add the project, for instance --project github.com/acme/web")
		}
		filter.Project = inv.system.Run.Project
	}
	return filter, nil
}

// markRevoked tells the post steps of this run which tokens are revoked.
func markRevoked(system ci.System, s *settings.Settings, result lease.SweepResult) {
	var revoked []string
	run := system.Run
	for _, one := range result.Found {
		if one.Revoked && one.Name.IsOf(run.Project, run.ID, "") {
			revoked = append(revoked, one.UUID)
		}
	}
	_ = jobMarks(system).RevokedBy(s.Credential.Secret, revoked...)
}

// sweepToken is what a long sweep by password creates a token for itself from; nil
// where the token would be another user's.
func sweepToken(run ci.Run, s *settings.Settings) *lease.Request {
	if s.Credential.Kind != settings.Password || s.ForUser != "" {
		return nil
	}
	return &lease.Request{URL: s.URL.String(), Username: s.Username, Project: run.Project, Run: run.ID, Settings: settings.Post{Revoke: true}}
}

// choice is a flag, or the input of the sweep action.
func choice(inv *invocation, name string) string {
	if inv.action {
		text, _ := inv.Env.Lookup("INPUT_" + strings.ToUpper(name))
		return strings.TrimSpace(text)
	}
	return inv.input.Text[name]
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

// printSweep says what a sweep found and did: in the log, or as JSON, and on the page of
// the run.
func printSweep(inv *invocation, report reporter, result lease.SweepResult, dryRun bool) error {
	if result.Listed > lease.Crowded {
		defer inv.system.Say(ci.Notice, fmt.Sprintf("the account has %d tokens; more than %d make the controller slow", result.Listed, lease.Crowded))
	}
	if result.More > 0 {
		defer inv.system.Say(ci.Notice, fmt.Sprintf("%d more tokens are expired: run the sweep again", result.More))
	}
	if result.Oversized > 0 {
		defer inv.system.Say(ci.Notice, fmt.Sprintf("skipped %d tokens of the account: their names are too long to read", result.Oversized))
	}
	if result.Undated > 0 {
		defer inv.system.Say(ci.Warning, fmt.Sprintf("did not revoke %d tokens that are expired by this machine's clock: the controller sends no Date to compare with", result.Undated))
	}
	out := reportOf(result)
	report.summary(sweepSummary(out, dryRun))
	if inv.input.Set["json"] {
		return json.NewEncoder(inv.Streams.Out).Encode(out)
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
		inv.system.Say(ci.Progress, one.Name.String()+" ("+one.UUID+"): "+what)
	}
	for _, one := range out.Reasons {
		inv.system.Say(ci.Progress, fmt.Sprintf("%d not revoked: %s", one.Count, one.Reason))
	}
	text := fmt.Sprintf("tokens on the account: %d", out.Listed)
	for _, one := range out.counts(dryRun) {
		text += fmt.Sprintf("; %s: %d", one.what, one.n)
	}
	inv.system.Say(ci.Progress, text)
	return nil
}

// sweepSummary is what the page of the run shows of a sweep.
func sweepSummary(out sweepReport, dryRun bool) string {
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
	return summary.String()
}

// newMeter is a bar on a person's terminal. The log of a CI gets lines, even where its
// agent gives a job a terminal.
func newMeter(inv *invocation) *meter {
	m := &meter{now: inv.Clock.Now, line: func(text string) { inv.system.Say(ci.Progress, text) }}
	if inv.Streams.ErrIsTerminal && inv.system.Name == "plain" {
		m.bar = inv.Streams.Err
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

// How often a meter shows something new.
const (
	logEvery = 10 * time.Second // a line in a log
	barEvery = 200 * time.Millisecond
	barAfter = time.Second // what is done by then needs no bar
)

// meter shows how far a command is: as a bar on a terminal, as lines in a log.
type meter struct {
	now  func() time.Time
	line func(string) // writes a line to the log
	bar  io.Writer    // the terminal, nil for a log

	begun, next time.Time
	before      int // done when it begun
	width       int // of the bar that is on the terminal now
}

// advance shows that done of all are done, when it is time to.
func (m *meter) advance(done, all int) {
	now := m.now()
	if m.begun.IsZero() {
		m.begun, m.before, m.next = now, done, now.Add(logEvery)
		if m.bar != nil {
			m.next = now.Add(barAfter)
		}
		return
	}
	if now.Before(m.next) {
		return
	}
	text := fmt.Sprintf("revoked %d of %d tokens", done, all)
	if done > m.before {
		left := now.Sub(m.begun) * time.Duration(all-done) / time.Duration(done-m.before)
		text += ", about " + left.Round(time.Second).String() + " left"
	}
	if m.bar == nil {
		m.next = now.Add(logEvery)
		m.line(text)
		return
	}
	m.next = now.Add(barEvery)
	const cells = 30
	full := cells * done / max(1, all)
	m.draw("[" + strings.Repeat("#", full) + strings.Repeat(" ", cells-full) + "] " + text)
}

// clear takes the bar off the terminal, so that a line can be written.
func (m *meter) clear() {
	if m.width > 0 {
		m.draw("")
		_, _ = io.WriteString(m.bar, "\r")
	}
}

// draw writes text over the bar that is there.
func (m *meter) draw(text string) {
	_, _ = fmt.Fprintf(m.bar, "\r%-*s", m.width, text)
	m.width = len(text)
}
