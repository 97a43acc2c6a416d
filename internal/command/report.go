package command

import (
	"fmt"
	"net/url"
	"runtime"
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
		text, command := leftoverText(one.Leftover, one.more), revokeLine(one.Leftover)
		level, lines := ci.Warning, []string{text}
		if command != "" {
			lines = []string{"to revoke a token that may outlive this job, run", command, text}
		}
		if one.Outcome == lease.Kept {
			level = ci.Notice
		}
		r.system.Say(level, lines...)
		fmt.Fprintf(&summary, "- %s\n", markdown(text))
		if command != "" {
			fmt.Fprintf(&summary, "\n  ```sh\n  %s\n  ```\n", ci.Clean(command))
		}
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
		r.system.Say(ci.Notice, subject(of)+" of "+of.Username+" is left as it was, because legacy is read")
	case outcome == lease.Gone && !of.Complete() && of.TokenUUID == "":
		r.system.Say(ci.Progress, "no token named "+nameOf(of)+" was found")
	case outcome == lease.Revoked && of.TokenUUID == "" && !of.Legacy():
		// Said when it was found, by its name.
	case outcome == lease.Gone && of.Legacy():
		r.system.Say(ci.Progress, subject(of)+" of "+of.Username+" was already changed")
	case outcome == lease.Gone:
		r.system.Say(ci.Progress, subject(of)+" was already gone")
	case of.Legacy():
		r.system.Say(ci.Progress, subject(of)+" of "+of.Username+" is changed; the one before is no longer valid")
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
		b.WriteString(token + " is revoked, but may be valid again after the controller restarts")
	case lease.Unknown:
		named := one.Name
		if more > 0 {
			named += fmt.Sprintf(", or of one of the %d other names that this run tried,", more)
		}
		b.WriteString("a token named " + named + " may exist")
	case lease.Kept:
		b.WriteString(token + " is kept, because revoke is false")
	default:
		b.WriteString(token + " was not " + map[bool]string{true: "changed", false: "revoked"}[one.Lease.Legacy()])
	}
	if one.Err != nil {
		b.WriteString(": " + one.Err.Error())
	}
	switch page := tokenPage(one.Lease, one.Version); {
	case one.Lease.Legacy() && one.Outcome == lease.Undurable:
		b.WriteString("; change it again at " + page + " to make the controller save the account")
	case one.Lease.Legacy():
		b.WriteString("; change it at " + page + ": it is valid until then")
	case one.Outcome == lease.Undurable:
		b.WriteString("; create and revoke a token at " + page + " to make the controller save the account")
	default:
		b.WriteString("; or revoke it at " + page)
	}
	end, named := one.Lease.Until()
	switch own := one.UUID != "" && one.UUID == one.Lease.TokenUUID; {
	case own && one.Lease.ExpiresAt != "":
		b.WriteString("; Jenkins revokes it no later than " + one.Lease.ExpiresAt)
	case named && (own || neverExpires(one)):
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339) + ", Jenkins itself never does")
	case named:
		// No answer said whether the controller ends it.
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339))
	}
	return b.String()
}

// neverExpires reports whether the controller is known not to expire tokens.
func neverExpires(one lease.Leftover) bool {
	version := one.Version
	if !version.Known() {
		version = jenkins.ParseVersion(one.Lease.Version)
	}
	return version.Known() && !version.AtLeast(2, 548)
}

// revokeLine is the command line that revokes the token, ready to paste; empty when there
// is none. A sweep of its run finds a token that is known by its name alone.
func revokeLine(one lease.Leftover) string {
	var args []string
	name, ours := lease.ParseName(one.Name)
	switch {
	case one.Lease.Legacy():
		return ""
	case one.UUID != "":
		args = []string{"revoke", "--uuid", one.UUID}
	case ours:
		args = []string{"sweep", "--project", name.Project, "--run", name.Run}
	default:
		return ""
	}
	args = append(args, "--url", one.Lease.URL)
	switch {
	case one.Lease.ForUser != "":
		args = append(args, "--for-user", one.Lease.ForUser)
	case one.Lease.Username != "":
		args = append(args, "--username", one.Lease.Username)
	}
	if one.Lease.Settings.AllowHTTP {
		args = append(args, "--allow-http")
	}
	line := "jenkins-token"
	for _, arg := range args {
		line += " " + quote(arg, runtime.GOOS == "windows")
	}
	return line
}

// quote writes an argument as a shell reads it: a POSIX shell, or PowerShell.
func quote(arg string, powershell bool) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=+", r)
	}
	switch {
	case arg != "" && strings.IndexFunc(arg, func(r rune) bool { return !plain(r) }) < 0:
		return arg
	case powershell:
		return "'" + strings.ReplaceAll(arg, "'", "''") + "'"
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
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
