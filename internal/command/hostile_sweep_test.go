package command_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// TestHostileSweep: the controller answers with a page that is none.
func TestHostileSweep(t *testing.T) {
	t.Parallel()
	for _, a := range carriers("page", 1) {
		switch a.name {
		case "a gigabyte", "gzip bomb of a gigabyte", "200,000 lists in lists", "200,000 objects in data", "coding that nobody asked for",
			"HTML of a login", "page that refreshes to another origin", "JSON of another text", "version of HTTP not known":
			a.code = 4 // it was not understood
		}
		if strings.HasSuffix(a.name, "gigabyte") {
			a.taken = 100 // of a piece that is skipped up to twice the limit of the page is read
		}
		a.check = func(t *testing.T, s *siege, r result) {
			if len(s.revoked) > 0 || r.output != "" || r.state != "" || r.summary != "" {
				t.Errorf("got revocations %q, output %q, state %q, summary %q", s.revoked, r.output, r.state, r.summary)
			}
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			besiege(t, "sweep", a, func(s *siege) { swept(s) })
		})
	}
}

// TestHostileSweepRevocations: the page is honest, and what is to be revoked is
// not.
func TestHostileSweepRevocations(t *testing.T) {
	t.Parallel()
	for _, a := range light("revoke", 1) {
		a.check = func(t *testing.T, s *siege, r result) {
			if !strings.Contains(r.stdout, "not revoked: ") || len(s.left()) != 1 {
				t.Errorf("left %q, told\n%s", s.left(), r.stdout)
			}
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			besiege(t, "sweep", a, func(s *siege) { swept(s) })
		})
	}
}

// TestHostilePages: rows that want to be revoked, or to hide that others do not.
func TestHostilePages(t *testing.T) {
	t.Parallel()
	name := func(project, until string) string {
		return "jenkins-token:" + project + ":1.1:deploy:aaaaaaaa:" + until
	}
	over := name("github.com/acme/web", "until-20261123T110000Z")
	good := rowOf(uuidOf(1), over)
	for _, row := range []struct {
		name    string
		page    string
		date    time.Time // of the controller, noon when zero
		code    int
		revoked []string
	}{
		{name: "a row of ours, to compare with", page: pageHead + good + pageEnd, revoked: []string{uuidOf(1)}},
		{name: "another word of the grammar", page: pageHead + rowOf(uuidOf(1), name("a", "before-20261123T110000Z")) + pageEnd},
		{name: "another place", page: pageHead + rowOf(uuidOf(1), name("evil.example/acme/web", "until-20261123T110000Z")) + pageEnd},
		{name: "a part too many", page: pageHead + rowOf(uuidOf(1), strings.Replace(over, ":deploy:", ":deploy:x:", 1)) + pageEnd},
		{name: "an end that is none", page: pageHead + rowOf(uuidOf(1), name("github.com/acme/web", "until-20260230T110000Z")) + pageEnd},
		{name: "an end with a zone", page: pageHead + rowOf(uuidOf(1), over+"+0100") + pageEnd},
		{name: "an end in other digits", page: pageHead + rowOf(uuidOf(1), strings.Replace(over, "2026", "２０２６", 1)) + pageEnd},
		{name: "over by this machine's clock alone", page: pageHead + good + pageEnd, date: hostileNoon.Add(-2 * time.Hour)},
		{name: "over by the controller's clock alone", page: pageHead + rowOf(uuidOf(1), name("github.com/acme/web", "until-20261123T130000Z")) + pageEnd, date: hostileNoon.AddDate(0, 0, 1)},
		{name: "over by a minute", page: pageHead + rowOf(uuidOf(1), name("github.com/acme/web", "until-20261123T115900Z")) + pageEnd},
		{name: "a Date of the year 9999", page: pageHead + rowOf(uuidOf(1), name("github.com/acme/web", "until-20261123T130000Z")) + pageEnd, date: time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)},
		{name: "a Date of 1970", page: pageHead + good + pageEnd, date: time.Unix(0, 0).UTC()},
		{name: "NUL before the name", page: pageHead + rowOf(uuidOf(1), "\x00"+over) + pageEnd},
		{name: "NUL after the name", page: pageHead + rowOf(uuidOf(1), over+"\x00") + pageEnd},
		{name: "NUL as an entity", page: pageHead + rowOf(uuidOf(1), over+"&#0;") + pageEnd},
		{name: "a blank before the name", page: pageHead + rowOf(uuidOf(1), " "+over) + pageEnd},
		{name: "a line end after the name", page: pageHead + rowOf(uuidOf(1), over+"\n") + pageEnd},
		{name: "letters that look alike", page: pageHead + rowOf(uuidOf(1), strings.Replace(over, "jenkins", "jenk\u0456ns", 1)) + pageEnd},
		{name: "text of no width in the name", page: pageHead + rowOf(uuidOf(1), strings.Replace(over, "acme", "ac\u200bme", 1)) + pageEnd},
		{name: "bytes that are no UTF-8", page: pageHead + rowOf(uuidOf(1), over+"\xff") + pageEnd},
		{name: "commands in the name", page: pageHead + rowOf(uuidOf(1), over+injected) + rowOf(uuidOf(2), injected) + pageEnd},
		{name: "commands in the uuid", page: pageHead + rowOf(uuidOf(1)+injected, over) + pageEnd},
		{name: "a path for a uuid", page: pageHead + rowOf("../../../"+marker, over) + pageEnd},
		{name: "a uuid in capitals", page: pageHead + rowOf("ABCDEF00-0000-4000-8000-000000000000", over) + pageEnd},
		{name: "parameters in the uuid", page: pageHead + rowOf(uuidOf(1)+"&amp;x="+marker, over) + pageEnd},
		{name: "one uuid a thousand times", page: pageHead + strings.Repeat(good, 1000) + pageEnd, revoked: []string{uuidOf(1)}},
		{name: "rows in a comment", page: pageHead + "<!--" + good + "-->" + pageEnd},
		{name: "rows in a script", page: pageHead + "<script>" + good + "</script>" + pageEnd},
		{name: "rows in a text field", page: pageHead + "<textarea>" + good + "</textarea>" + pageEnd},
		{name: "rows in an attribute", page: pageHead + `<p title='` + good + `'>` + pageEnd},
		{name: "a row over two", page: pageHead + `<input name="tokenUuid" value="` + uuidOf(1) + `"><input name="tokenUuid" value="` + uuidOf(2) + `"><input name="tokenName" value="` + over + `">` + pageEnd, revoked: []string{uuidOf(2)}},
		{name: "a card that goes on", page: pageHead + `<div class="token-card" id="` + uuidOf(1) + `"><span class="token-name">` + over + `<b>no</b></span></div>` + pageEnd},
		{name: "an attribute of 15 MB", page: pageHead + good + `<p title="` + strings.Repeat("a", 15<<20) + `">` + rowOf(uuidOf(2), over) + pageEnd, revoked: []string{uuidOf(1), uuidOf(2)}},
		{name: "a name of 15 MB", page: pageHead + good + rowOf(uuidOf(2), strings.Repeat(over, 150_000)) + pageEnd, revoked: []string{uuidOf(1)}},
		{name: "a hundred thousand attributes", page: pageHead + good + "<p" + strings.Repeat(" a=b", 100_000) + ">" + pageEnd, revoked: []string{uuidOf(1)}},
		{name: "a million open elements", page: pageHead + strings.Repeat("<b>", 1_000_000) + good + pageEnd, revoked: []string{uuidOf(1)}},
		{name: "no end", page: pageHead + good, code: 1, revoked: []string{uuidOf(1)}},
		{name: "UTF-16", page: "\xff\xfe" + strings.Join(strings.Split(pageHead+good+pageEnd, ""), "\x00"), code: 4},
		{name: "UTF-7", page: strings.ReplaceAll(pageHead+good+pageEnd, "<", "+ADw-"), code: 4},
		{name: "no list", page: "<html>" + marker + "</html>", code: 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := attack{on: "page revoke", code: row.code, answer: func(a *answering) {
				if operation(a.r) == "revoke" {
					return
				}
				if !row.date.IsZero() {
					a.Header().Set("Date", row.date.Format(http.TimeFormat))
				}
				a.Header().Set("Content-Type", "text/html; charset=x-"+marker)
				_, _ = io.WriteString(a, row.page)
			}}
			a.check = func(t *testing.T, s *siege, r result) {
				if !slices.Equal(s.revoked, row.revoked) {
					t.Errorf("revoked: got %q, want %q\n%s", s.revoked, row.revoked, r.stdout)
				}
			}
			besiege(t, "sweep", a, func(s *siege) { s.env["INPUT_PROJECT"] = "github.com/acme/web" })
		})
	}
}

// TestHostileCrowds: pages of very many rows, and such that do not end. TestMemory
// of the program has more of them, each read by a process of its own.
func TestHostileCrowds(t *testing.T) {
	t.Parallel()
	over := lease.Name{Project: "github.com/acme/web", Run: "1.1", Label: "deploy", Nonce: "aaaaaaaa", End: hostileNoon.Add(-time.Hour)}.String()
	for _, row := range []struct {
		name    string
		page    func(*answering)
		code    int
		revoked int
		say     string
	}{
		{"100,000 rows of others", pageOf(func(i int) (string, string) { return uuidOf(i), "somebody's" }, 100_000), 0, 0, "the account has 100000 tokens"},
		{"text without an end", endless(pageHead+rowOf(uuidOf(1), over), "a"), 1, 1, "could not be read to its end"},
		{"gzip bomb", bomb(pageHead+rowOf(uuidOf(1), over), "<!-- "+strings.Repeat("a", 16<<10)+" -->"), 1, 1, "could not be read to its end"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := attack{on: "page revoke", code: row.code, taken: 100, answer: func(a *answering) {
				if operation(a.r) == "page" {
					row.page(a)
				}
			}}
			a.check = func(t *testing.T, s *siege, r result) {
				if len(s.revoked) != row.revoked || !strings.Contains(r.stdout, row.say) {
					t.Errorf("got %d revocations, want %d, and %q:\n%.2000s", len(s.revoked), row.revoked, row.say, r.stdout)
				}
			}
			besiege(t, "sweep", a, func(s *siege) {
				s.env["INPUT_TIMEOUT"] = "5m" // what counts is how much is read
			})
		})
	}
}
