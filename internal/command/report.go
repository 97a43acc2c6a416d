package command

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// reporter tells what became of tokens: in the log, and on the page of the run.
type reporter struct {
	system ci.System
	write  writer
}

func newReporter(inv *invocation) reporter { return reporter{inv.system, inv.write} }

// leftovers tells what may outlive the job.
func (r reporter) leftovers(leftovers []lease.Leftover) {
	if len(leftovers) == 0 {
		return
	}
	var summary strings.Builder
	summary.WriteString("### Jenkins tokens that may outlive this job\n\n")
	for _, one := range groupLeftovers(leftovers) {
		text, level := leftoverText(one.Leftover, one.more), ci.Warning
		if one.Outcome == lease.Kept {
			level = ci.Notice
		}
		r.system.Say(level, text)
		fmt.Fprintf(&summary, "- %s\n", markdown(text))
	}
	r.summary(summary.String())
}

// summary adds Markdown to the page of the run, where there is one. A failure to do so is
// a notice only.
func (r reporter) summary(markdown string) {
	if r.system.Summary == nil {
		return
	}
	if err := r.write("summary", func() error { return r.system.Summary(markdown) }); err != nil {
		r.system.Say(ci.Notice, err.Error())
	}
}

// outcome tells what became of the token of a lease that needs nothing more.
func (r reporter) outcome(of lease.Lease, outcome lease.Outcome) {
	switch {
	case outcome == lease.Kept:
		r.system.Say(ci.Notice, subject(of)+" of "+of.Username+" is left as it was: legacy is read")
	case outcome == lease.Gone && !of.Complete() && of.TokenUUID == "":
		r.system.Say(ci.Progress, "no token named "+nameOf(of)+" was found")
	case outcome == lease.Revoked && of.TokenUUID == "" && !of.Legacy():
		// Said when it was found, by its name.
	case outcome == lease.Gone && of.Legacy():
		r.system.Say(ci.Progress, subject(of)+" of "+of.Username+" was changed already")
	case outcome == lease.Gone:
		r.system.Say(ci.Progress, subject(of)+" was gone already")
	case of.Legacy():
		r.system.Say(ci.Progress, subject(of)+" of "+of.Username+" is changed: the one before is dead")
	default:
		r.system.Say(ci.Progress, subject(of)+" is revoked")
	}
}

// leftoverGroup is a leftover, and how many others differ from it in their name alone:
// the same command finds them all.
type leftoverGroup struct {
	lease.Leftover
	more int
}

// groupLeftovers joins leftovers of which the same would be said.
func groupLeftovers(leftovers []lease.Leftover) []leftoverGroup {
	var all []leftoverGroup
	for _, one := range leftovers {
		i := slices.IndexFunc(all, func(known leftoverGroup) bool {
			return one.Outcome == lease.Unknown && known.Outcome == lease.Unknown && one.Lease.URL == known.Lease.URL &&
				one.Err != nil && known.Err != nil && one.Err.Error() == known.Err.Error()
		})
		if i < 0 {
			all = append(all, leftoverGroup{Leftover: one})
		} else {
			all[i].more++
		}
	}
	return all
}

// leftoverText says what is left, where to revoke it, and until when it is valid.
func leftoverText(one lease.Leftover, more int) string {
	var b strings.Builder
	token := "token " + one.Name
	if one.UUID != "" {
		token += " (uuid " + one.UUID + ")"
	}
	if one.Lease.Legacy() {
		token = "the one token of " + one.Lease.Username
	}
	switch one.Outcome {
	case lease.Undurable:
		b.WriteString(token + " is dead now, but may return when the controller restarts")
	case lease.Unknown:
		named := one.Name
		if more > 0 {
			named += fmt.Sprintf(", or of one of the %d other names that this run tried,", more)
		}
		b.WriteString("a token named " + named + " may exist")
	case lease.Kept:
		b.WriteString(token + " is left alone: revoke is false")
	default:
		b.WriteString(token + " was not " + map[bool]string{true: "changed", false: "revoked"}[one.Lease.Legacy()])
	}
	if one.Err != nil {
		b.WriteString(": " + one.Err.Error())
	}
	switch page := tokenPage(one.Lease, one.Version); {
	case one.Lease.Legacy() && one.Outcome == lease.Undurable:
		b.WriteString("; changing it again at " + page + " makes the controller save the account")
	case one.Lease.Legacy():
		b.WriteString("; change it at " + page + "; it lives until then")
	case one.Outcome == lease.Undurable:
		b.WriteString("; a token made and revoked at " + page + " makes the controller save the account")
	default:
		b.WriteString("; revoke it at " + page + revokeHint(one))
	}
	end, named := one.Lease.Until()
	switch own := one.UUID != "" && one.UUID == one.Lease.TokenUUID; {
	case own && one.Lease.ExpiresAt != "":
		b.WriteString("; the controller ends it no later than " + one.Lease.ExpiresAt)
	case named && (own || neverExpires(one)):
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339) + ", the controller itself never")
	case named:
		// No answer said whether the controller ends it.
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339))
	}
	return b.String()
}

// neverExpires reports whether the controller is known to end no tokens.
func neverExpires(one lease.Leftover) bool {
	version := one.Version
	if !version.Known() {
		version = jenkins.ParseVersion(one.Lease.Version)
	}
	return version.Known() && !version.AtLeast(2, 548)
}

// plainUser is a user name that a shell leaves as it is.
var plainUser = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.@-]*$`)

// revokeHint names the command that revokes the token. A sweep of its run finds a token
// that is known by its name alone.
func revokeHint(one lease.Leftover) string {
	text := ""
	if name, ok := lease.ParseName(one.Name); ok {
		text = "sweep --project " + name.Project + " --run " + name.Run
	}
	if one.UUID != "" {
		text = "revoke --uuid " + one.UUID
	}
	if text != "" && plainUser.MatchString(one.Lease.ForUser) {
		text += " --for-user " + one.Lease.ForUser
	}
	if text == "" {
		return ""
	}
	return " or with jenkins-token " + text
}

// tokenPage is the owner's page, which administrators can open too; /me/ would
// be the reader's own. Before 2.468 the page is called configure.
func tokenPage(r lease.Lease, v jenkins.Version) string {
	user := r.URL + "/user/" + url.PathEscape(r.Username)
	switch {
	case r.Legacy(), v.Known() && !v.AtLeast(2, 468):
		return user + "/configure"
	case v.Known():
		return user + "/security/"
	}
	return user + "/security/ (before Jenkins 2.468: " + user + "/configure)"
}

// markdown keeps text from being read as anything but text.
func markdown(text string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "<", "&lt;", "[", "\\[", "|", "\\|", "#", "\\#", "@", "&#64;").Replace(ci.Clean(text))
}

// keptLeftover is a token that the settings said to leave.
func keptLeftover(r lease.Lease) lease.Leftover {
	return lease.Leftover{Lease: r, Name: nameOf(r), UUID: r.TokenUUID, Outcome: lease.Kept}
}

func nameOf(r lease.Lease) string {
	if r.TokenName != "" {
		return r.TokenName
	}
	return r.Names[0]
}

// subject is how messages name the token of a lease.
func subject(r lease.Lease) string {
	if r.Legacy() {
		return "the one token"
	}
	return "token " + nameOf(r)
}
