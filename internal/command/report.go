package command

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// report tells what may outlive the job: in the log, and on the page of the run.
func (j *job) report(left []lease.Left) {
	if len(left) == 0 {
		return
	}
	var summary strings.Builder
	summary.WriteString("### Jenkins tokens that may outlive this job\n\n")
	for _, one := range left {
		text := remains(one)
		j.system.Say(ci.Warning, text)
		fmt.Fprintf(&summary, "- %s\n", markdown(text))
	}
	if page, ok := j.system.(summarizer); ok {
		if err := page.Summary(summary.String()); err != nil {
			j.system.Say(ci.Notice, err.Error())
		}
	}
}

// remains says what is left, where to end it, and until when it lives.
func remains(one lease.Left) string {
	var b strings.Builder
	switch one.Ending {
	case lease.Undurable:
		fmt.Fprintf(&b, "token %s (uuid %s) is dead now, but may return when the controller restarts", one.Name, one.UUID)
	case lease.Unknown:
		fmt.Fprintf(&b, "a token named %s may exist", one.Name)
	default:
		fmt.Fprintf(&b, "token %s", one.Name)
		if one.UUID != "" {
			fmt.Fprintf(&b, " (uuid %s)", one.UUID)
		}
		b.WriteString(" was not revoked")
	}
	if one.Err != nil {
		b.WriteString(": " + one.Err.Error())
	}
	if one.Ending == lease.Undurable {
		b.WriteString("; a token made and revoked at " + tokenPage(one.Record) + " makes the controller save the account")
	} else {
		b.WriteString("; revoke it at " + tokenPage(one.Record))
	}
	if one.UUID != "" && one.Ending != lease.Undurable {
		b.WriteString(" or with jenkins-token revoke --uuid " + one.UUID)
	}
	switch end, ok := one.Record.Until(); {
	case one.Record.ExpiresAt != "":
		b.WriteString("; the controller ends it at " + one.Record.ExpiresAt)
	case ok:
		b.WriteString("; a sweep revokes it after " + end.Format(time.RFC3339) + ", the controller itself never")
	}
	return b.String()
}

// tokenPage is the owner's page, which administrators can open too; /me/ would
// be the reader's own. Before 2.468 the page is called configure.
func tokenPage(r lease.Record) string {
	return r.URL + "/user/" + url.PathEscape(r.Username) + "/security/"
}

// markdown keeps text from being read as anything but text.
func markdown(text string) string {
	return strings.NewReplacer("\\", "\\\\", "`", "\\`", "*", "\\*", "_", "\\_", "<", "&lt;", "[", "\\[", "|", "\\|", "#", "\\#", "@", "&#64;").Replace(ci.Clean(text))
}
