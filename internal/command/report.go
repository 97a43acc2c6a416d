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

// report tells what may outlive the job: in the log, and on the page of the run.
func (j *job) report(left []lease.Leftover) {
	if len(left) == 0 {
		return
	}
	var summary strings.Builder
	summary.WriteString("### Jenkins tokens that may outlive this job\n\n")
	for _, one := range groupLeftovers(left) {
		text, level := leftoverText(one.Leftover, one.more), ci.Warning
		if one.Outcome == lease.Kept {
			level = ci.Notice
		}
		j.system.Say(level, text)
		fmt.Fprintf(&summary, "- %s\n", markdown(text))
	}
	if page, ok := j.system.(summarizer); ok {
		j.toPage(page, summary.String())
	}
}

// toPage adds Markdown to the page of the run. That it cannot is worth a notice, and no
// failure.
func (j *job) toPage(page summarizer, markdown string) {
	if err := j.write("summary", func() error { return page.Summary(markdown) }); err != nil {
		j.system.Say(ci.Notice, err.Error())
	}
}

// leftovers are a leftover, and how many others differ from it in their name alone: the
// same command finds them all.
type leftoverGroup struct {
	lease.Leftover
	more int
}

// merged says once what would be said of many names.
func groupLeftovers(left []lease.Leftover) []leftoverGroup {
	var all []leftoverGroup
	for _, one := range left {
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

// remains says what is left, where to end it, and until when it lives.
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
		b.WriteString("; revoke it at " + page + revokeCommand(one))
	}
	end, named := one.Lease.Until()
	switch own := one.UUID != "" && one.UUID == one.Lease.TokenUUID; {
	case own && one.Lease.ExpiresAt != "":
		b.WriteString("; the controller ends it no later than " + one.Lease.ExpiresAt)
	case named && (own || endless(one)):
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339) + ", the controller itself never")
	case named:
		// No answer said whether the controller ends it.
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339))
	}
	return b.String()
}

// endless reports whether the controller is known to be one that ends no tokens.
func endless(one lease.Leftover) bool {
	version := one.Version
	if !version.Known() {
		version = jenkins.ParseVersion(one.Lease.Version)
	}
	return version.Known() && !version.AtLeast(2, 548)
}

// plainUser is a user name that a shell leaves as it is.
var plainUser = regexp.MustCompile(`^[A-Za-z0-9_.][A-Za-z0-9_.@-]*$`)

// command is what else ends the token. What is known by its name alone is found
// by its run.
func revokeCommand(one lease.Leftover) string {
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
