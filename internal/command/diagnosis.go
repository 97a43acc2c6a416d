package command

import (
	"cmp"
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

// state is how a check ended, as it is printed.
type state string

const (
	stateOK      state = "ok"
	stateWarn    state = "warn"    // it works, with something to know
	stateFail    state = "fail"    // no token can be created and revoked
	stateSkipped state = "skipped" // not needed, or of no use after a failure
)

// check is one line of a diagnosis. Nothing in it is secret.
type check struct {
	Name  string   `json:"check"`
	State state    `json:"state"`
	Found string   `json:"found"`
	Hints []string `json:"hints,omitempty"`
}

// tokenCount counts the tokens of the account: all, and ours by state.
type tokenCount struct {
	Listed int `json:"listed"`
	Living int `json:"living"`
	Over   int `json:"over"`
	// Oversized have names that are too long to read: none of ours.
	Oversized int `json:"oversized"`
}

// diagnosis is what doctor has found so far.
type diagnosis struct {
	inv      *invocation
	settings *settings.Settings
	client   *jenkins.Client
	end      time.Time // of the time for everything
	checks   []check
	over     bool        // a check failed: nothing more is sent
	tokens   *tokenCount // nil when the page was not read
	made     *lease.Lease
	unseen   error // why no answer to the login has shown yet that it is Jenkins'
}

func (d *diagnosis) add(name string, s state, found string, hints []string) {
	c := check{Name: name, State: s, Found: ci.Clean(found)}
	for _, hint := range hints[:min(2, len(hints))] {
		c.Hints = append(c.Hints, ci.Clean(hint))
	}
	d.checks = append(d.checks, c)
}

func (d *diagnosis) good(name, found string) { d.add(name, stateOK, found, nil) }

func (d *diagnosis) warn(name, found string, hints ...string) { d.add(name, stateWarn, found, hints) }

func (d *diagnosis) skip(name, why string) {
	d.add(name, stateSkipped, cmp.Or(why, "not tried after the failure above"), nil)
}

// fail ends the sending. The hints are those that a command would give.
func (d *diagnosis) fail(name, found string, err error) {
	d.over = true
	d.add(name, stateFail, found, hints(&requestError{err, d.client.Version(), d.settings}, d.inv.action))
}

// is reports whether a request failed in one of the kinds.
func is(failed *jenkins.Error, kinds ...jenkins.Kind) bool {
	return failed != nil && slices.Contains(kinds, failed.Kind)
}

// what is the part of an error that tells what came back.
func what(err error) string {
	failed, ok := errors.AsType[*jenkins.Error](err)
	if !ok {
		return err.Error()
	}
	return strings.TrimPrefix(failed.Error(), fmt.Sprintf("%s on %s: ", failed.Op, failed.Host))
}

// foreign quotes what somebody else has written, and shortens it.
func foreign(text string) string {
	if runes := []rune(text); len(runes) > 64 {
		text = string(runes[:64]) + "…"
	}
	return strconv.Quote(ci.Clean(text))
}

// write makes a token and revokes it, when --write wants it.
func (d *diagnosis) write(ctx context.Context) {
	switch {
	case !d.inv.input.Set["write"]:
		d.skip("write", "nothing was changed; --write creates a token and revokes it")
		return
	case d.over || ctx.Err() != nil:
		d.skip("write", "")
		return
	}
	run := d.inv.system.Run
	post := d.settings.Post()
	post.Revoke, post.Sweep = true, false
	record, left, err := lease.Create(ctx, newLife(d.inv, d.left()), d.client, lease.Request{
		URL: d.settings.URL.String(), Username: d.settings.Username, ForUser: d.settings.ForUser,
		Project: run.Project, Run: run.ID, Label: "doctor", TTL: doctorTTL, Settings: post,
	}, lease.Discard{}, lease.Discard{})
	if err != nil {
		d.fail("write", "no token was created: "+err.Error(), err)
		newReporter(d.inv).leftovers(left)
		return
	}
	d.made = &record
	releaser := newRevoker(d.inv, d.settings, false)
	releaser.Life.Timeout = max(d.left(), lease.Grace)
	_, left = releaser.Revoke(context.WithoutCancel(ctx), record)
	if len(left) > 0 {
		found := "token " + record.TokenName + " was created, but not revoked"
		if left[0].Outcome == lease.Undurable {
			found = "token " + record.TokenName + " was created and is revoked, but may be valid again after the controller restarts"
		}
		if left[0].Err != nil {
			found += ": " + what(left[0].Err)
		}
		d.fail("write", found, left[0].Err)
		newReporter(d.inv).leftovers(left)
		return
	}
	ends := "Jenkins would not have expired it"
	if record.ExpiresAt != "" {
		ends = "Jenkins would have expired it no later than " + record.ExpiresAt
	}
	d.good("write", "token "+record.TokenName+" of "+foreign(record.Username)+" was created, verified and revoked; "+ends)
}

// left is the time that is left, and a second at least.
func (d *diagnosis) left() time.Duration { return max(d.end.Sub(d.inv.Clock.Now()), time.Second) }

// print writes the diagnosis to standard output.
func (d *diagnosis) print() error {
	if d.inv.input.Set["json"] {
		return json.NewEncoder(d.inv.Streams.Out).Encode(d.report())
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s, from %s (%s)\n\n", ci.Clean(d.inv.Version), d.settings.URL, ci.Clean(d.inv.system.Run.Project), d.inv.system.Name)
	for _, c := range d.checks {
		fmt.Fprintf(&b, "%-8s %-13s %s\n", c.State, c.Name, c.Found)
		for _, hint := range c.Hints {
			fmt.Fprintf(&b, "%-8s %-13s hint: %s\n", "", "", hint)
		}
	}
	fmt.Fprintf(&b, "\n%s\n", d.result())
	_, err := fmt.Fprint(d.inv.Streams.Out, b.String())
	return err
}

// result is the last line: healthy, or what to do first.
func (d *diagnosis) result() string {
	i := slices.IndexFunc(d.checks, func(c check) bool { return c.State == stateFail })
	switch {
	case i < 0 && d.made != nil:
		return "healthy: a token was created and revoked from here"
	case i < 0:
		return "healthy: a token can be created and revoked from here"
	}
	first := d.checks[i]
	return "not healthy, fix this first: " + first.Name + ": " + cmp.Or(append(first.Hints, first.Found)...)
}

// diagnosisReport is the JSON of a diagnosis.
type diagnosisReport struct {
	V        int               `json:"v"`
	OK       bool              `json:"ok"`
	Program  string            `json:"program"`
	System   string            `json:"system"` // as --ci takes it
	URL      string            `json:"url"`
	Jenkins  string            `json:"jenkins"`  // version, empty when it is not known
	Settings map[string]string `json:"settings"` // by name, the flag, input or variable that gave it
	Checks   []check           `json:"checks"`
	Tokens   *tokenCount       `json:"tokens"`       // null when they could not be counted
	Clock    *float64          `json:"clockSeconds"` // by which the controller's clock is ahead; null when it is not known
	Made     *madeToken        `json:"made"`         // by --write; null without
}

// madeToken is the token that --write made.
type madeToken struct {
	Name      string `json:"tokenName"`
	UUID      string `json:"tokenUuid"`
	ExpiresAt string `json:"expiresAt"` // RFC 3339, in whichever zone; empty when the controller does not end it
}

func (d *diagnosis) report() diagnosisReport {
	r := diagnosisReport{
		V: 1, OK: !d.over, Program: d.inv.Version, System: d.inv.system.Name, URL: d.settings.URL.String(),
		Jenkins: d.client.Version().String(), Settings: d.settings.From, Checks: d.checks, Tokens: d.tokens,
	}
	if offset, known := d.client.ClockOffset(); known {
		seconds := offset.Round(time.Second).Seconds()
		r.Clock = &seconds
	}
	if d.made != nil {
		r.Made = &madeToken{d.made.TokenName, d.made.TokenUUID, d.made.ExpiresAt}
	}
	return r
}
