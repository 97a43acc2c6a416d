package jenkins_test

import (
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		good       bool
	}{
		{"of the grammar", "jenkins-token:github.com/acme/web:17.1:deploy:7f3k9q2m:until-20261124T150000Z", true},
		{"250 bytes", strings.Repeat("a", 250), true},
		{"not ASCII", "José ☕ 日本語 😀", true},
		{"HTML", `<b>&amp; "q" 'r'</b>`, true},
		{"blanks around", "  x ", true},
		{"percent", "100%41+%zz", true},
		{"empty", "", false},
		{"blanks", " \u00a0\u2003", false},
		{"line break", "a\nb", false},
		{"carriage return", "a\r", false},
		{"tab", "a\tb", false},
		{"NUL", "a\x00", false},
		{"escape", "\x1b[2J", false},
		{"DEL", "a\x7f", false},
		{"control character of Latin 1", "a\u0085b", false},
		{"U+FFFE", "a\ufffe", false},
		{"U+FFFF", "a\uffff", false},
		{"U+1FFFE", "a\U0001fffe", false},
		{"U+10FFFF", "a\U0010ffff", false},
		{"replacement character", "a\ufffd", false},
		{"no UTF-8", "a\xff", false},
		{"surrogate", "a\xed\xa0\x80", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: test.text})
			_, renameErr := c.RenameToken(t.Context(), srv.Tokens(user)[0].UUID, test.text)
			if !test.good {
				if err == nil || renameErr == nil || len(srv.Requests()) != 0 {
					t.Errorf("got %v, %v and %d requests, want errors and none", err, renameErr, len(srv.Requests()))
				}
				if _, sent := errors.AsType[*jenkins.Error](err); sent {
					t.Errorf("error: got %v, want none of a request", err)
				}
				return
			}
			if err != nil || renameErr != nil {
				t.Fatalf("got %v, %v, want no error", err, renameErr)
			}
			for _, made := range srv.Tokens(user) {
				if made.Name != test.text {
					t.Errorf("name: got %q, want %q", made.Name, test.text)
				}
			}
			if made := srv.Tokens(user)[1]; token.Name != test.text || token.UUID != made.UUID || token.Value() != made.Value {
				t.Errorf("token: got %v %q, want %s %q", token, token.Name, made.UUID, made.Name)
			}
		})
	}
}

func TestArgumentsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	address, count := serve(t, created)
	c := newClient(t, address, jenkins.APIToken(user, tokenText))
	for _, year := range []int{-2, 9999, 12000} {
		if _, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: time.Date(year, 12, 31, 12, 0, 0, 0, time.UTC)}); err == nil {
			t.Errorf("an expiry in the year %d: got no error, want one", year)
		}
	}
	for _, id := range []string{"", "x", uuid + "\n", " " + uuid, strings.ToUpper(uuid), "../" + uuid, strings.ReplaceAll(uuid, "-", "")} {
		if jenkins.IsUUID(id) {
			t.Errorf("%q: got the form of a uuid, want none", id)
		}
		if err := c.RevokeToken(t.Context(), id); err == nil {
			t.Errorf("revoke %q: got no error, want one", id)
		}
		if _, err := c.RenameToken(t.Context(), id, "x"); err == nil {
			t.Errorf("exists %q: got no error, want one", id)
		}
	}
	if !jenkins.IsUUID(uuid) {
		t.Errorf("%s: got no uuid, want one", uuid)
	}
	if count.Load() != 0 {
		t.Errorf("requests: got %d, want 0", count.Load())
	}
}

// hours are the fixed zones of the world, and one that is off by a quarter.
func hours() []*time.Location {
	zones := []*time.Location{time.FixedZone("UTC+05:45", 5*3600+45*60)}
	for h := -12; h <= 14; h++ {
		zones = append(zones, time.FixedZone(fmt.Sprintf("UTC%+d", h), h*3600))
	}
	return zones
}

// Whatever the controller's zone, its own end is not before the expiry asked for nor
// after the bound that is told, and an end a day earlier would be too early in one.
func TestExpiryInEveryZone(t *testing.T) {
	t.Parallel()
	zones := hours()
	for _, name := range []string{"Asia/Tokyo", "America/Los_Angeles", "Europe/Berlin", "America/Santiago", "Africa/Cairo", "Pacific/Kiritimati"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		zones = append(zones, zone)
	}
	var expiries []time.Time
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, near := range []time.Time{
		midnight,
		midnight.Add(10 * time.Hour),                   // the day turns at UTC+14
		midnight.Add(12 * time.Hour),                   // at UTC-12
		midnight.Add(15 * time.Hour),                   // in Tokyo
		midnight.Add(8 * time.Hour),                    // in Los Angeles
		time.Date(2028, 2, 29, 10, 0, 0, 0, time.UTC),  // a leap day
		time.Date(2026, 12, 31, 10, 0, 0, 0, time.UTC), // a new year
		time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC),   // summer time begins in Berlin
		time.Date(2026, 9, 6, 4, 0, 0, 0, time.UTC),    // at midnight in Santiago
		time.Date(2027, 4, 29, 22, 0, 0, 0, time.UTC),  // at midnight in Cairo
		time.Date(2027, 10, 28, 21, 0, 0, 0, time.UTC), // and ends there
	} {
		expiries = append(expiries, near.Add(-time.Second), near, near.Add(time.Second))
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		expiries = append(expiries, midnight.Add(time.Duration(random.Int64N(int64(400*24*time.Hour)))))
	}
	now := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	for _, zone := range zones {
		t.Run(zone.String(), func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.548"), jenkinstest.WithZone(zone), jenkinstest.WithClock(func() time.Time { return now }))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
			for _, expiry := range expiries {
				token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: expiry})
				if err != nil {
					t.Fatal(err)
				}
				made := srv.Tokens(user)[1]
				if end := made.Expires; end.Before(expiry) || token.Expires.Before(end) || token.Expires.Sub(end) > 26*time.Hour || token.Expires.Sub(expiry) >= 50*time.Hour {
					t.Errorf("expiry %v: got the end %v, told as no later than %v", expiry, end.UTC(), token.Expires)
				}
				requests := srv.Requests()
				form := requests[len(requests)-1].Form
				day, err := time.Parse(time.DateOnly, form.Get("tokenExpiration"))
				if earliest := day.Add(-14 * time.Hour); err != nil || form.Get("expirationDuration") != "custom" || !earliest.Before(expiry) {
					t.Errorf("expiry %v: got %q, want a custom date that is the earliest", expiry, form.Encode())
				}
				if err := c.RevokeToken(t.Context(), token.UUID); err != nil {
					t.Fatal(err)
				}
			}
			if n := len(srv.Requests()); n != 2*len(expiries) {
				t.Errorf("requests: got %d, want a creation and a revocation each of %d times", n, len(expiries))
			}
		})
	}
}

// A token for a minute is created, and lives for it, whatever day it is there.
func TestExpiryAroundMidnight(t *testing.T) {
	t.Parallel()
	for _, zone := range hours() {
		t.Run(zone.String(), func(t *testing.T) {
			t.Parallel()
			var now time.Time
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.578"), jenkinstest.WithZone(zone), jenkinstest.WithClock(func() time.Time { return now }))
			now = time.Date(2026, 11, 23, 0, 0, 0, 0, zone)
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
			for _, turn := range []time.Time{time.Date(2026, 11, 24, 0, 0, 0, 0, zone), time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC), time.Date(2026, 11, 24, 10, 0, 0, 0, time.UTC)} {
				for _, off := range []time.Duration{-time.Minute - time.Second, -time.Minute, -time.Second, 0, time.Second} {
					now = turn.Add(off)
					expiry := now.Add(time.Minute)
					token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: expiry})
					if err != nil {
						t.Fatal(err)
					}
					own := c.WithCredential(jenkins.APIToken(user, token.Value()))
					now = expiry.Add(-time.Second)
					if _, err := own.WhoAmI(t.Context()); err != nil {
						t.Errorf("created at %v: dead within the minute: %v", turn.Add(off), err)
					}
					now = token.Expires
					failure(t, func() error { _, err := own.WhoAmI(t.Context()); return err }(), jenkins.KindRefused)
				}
			}
		})
	}
}

// Without an expiry asked for, or with a controller that has none, no end is told.
func TestNoExpiry(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		version string
		expires time.Time
		form    string
	}{
		{"2.578", time.Time{}, "newTokenName=x"},
		{"2.541.3", expiry, "expirationDuration=custom&newTokenName=x&tokenExpiration=2026-11-25"},
		{"2.426.2", expiry, "expirationDuration=custom&newTokenName=x&tokenExpiration=2026-11-25"},
		{"2.129", expiry, "expirationDuration=custom&newTokenName=x&tokenExpiration=2026-11-25"},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(test.version), jenkinstest.WithClock(func() time.Time { return expiry.AddDate(1, 0, 0) }))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value))
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: test.expires})
			if err != nil || !token.Expires.IsZero() {
				t.Errorf("got end %v, %v, want none", token.Expires, err)
			}
			if requests := srv.Requests(); len(requests) != 1 || requests[0].Form.Encode() != test.form {
				t.Errorf("requests: got %q, want one with %s", lines(requests), test.form)
			}
		})
	}
}

// Nor is one told that was not asked for: its date is not to be read.
func TestExpiryNotAskedFor(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(w, `{"status":"ok","data":{"tokenName":"x","tokenUuid":%q,"tokenValue":%q,"expirationDate":"11/24/26"}}`, uuid, madeText)
	})
	token, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	if err != nil || !token.Expires.IsZero() {
		t.Errorf("got end %v, %v, want none", token.Expires, err)
	}
}

// A controller whose clock is ahead takes a date for past, creates nothing, and is
// asked once more.
func TestExpiryThatIsPast(t *testing.T) {
	t.Parallel()
	expiry := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	tokyo := time.FixedZone("Tokyo", 9*3600)
	for _, test := range []struct {
		name  string
		clock time.Time
		dates string
	}{
		{"at its last second", time.Date(2026, 11, 23, 23, 59, 59, 0, tokyo), "2026-11-23"},
		{"a second after midnight", time.Date(2026, 11, 24, 0, 0, 1, 0, tokyo), "2026-11-23 2026-11-24"},
		{"days ahead", time.Date(2026, 11, 27, 17, 0, 0, 0, tokyo), "2026-11-23 2026-11-27"},
		{"years ahead", time.Date(2036, 11, 27, 17, 0, 0, 0, tokyo), "2026-11-23 2036-11-27"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion("2.548"), jenkinstest.WithZone(tokyo), jenkinstest.WithClock(func() time.Time { return test.clock }))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithClock(func() time.Time { return expiry.Add(-time.Hour) }))
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: expiry})
			if err != nil {
				t.Fatal(err)
			}
			var dates []string
			for _, r := range srv.Requests() {
				dates = append(dates, r.Form.Get("tokenExpiration"))
			}
			if got := strings.Join(dates, " "); got != test.dates {
				t.Errorf("dates: got %s, want %s", got, test.dates)
			}
			tokens := srv.Tokens(user)
			if len(tokens) != 2 || token.Expires.Before(tokens[1].Expires) || !tokens[1].Expires.After(test.clock) {
				t.Errorf("got %d tokens, the end told as no later than %v, want two, and one after %v", len(tokens), token.Expires, test.clock)
			}
		})
	}
	rejected := `{"status":"error","message":"Expiration date is in the past."}`
	for _, test := range []struct{ name, date, expiry, first, second string }{
		{"rejected again", "Mon, 23 Nov 2026 08:00:00 GMT", "2026-11-23T09:00:00Z", "2026-11-23", "2026-11-24"},
		{"no Date", "", "2026-11-23T09:00:00Z", "2026-11-23", "2026-11-24"},
		{"a Date that is behind", "Thu, 01 Jan 1970 00:00:00 GMT", "2026-11-23T09:00:00Z", "2026-11-23", "2026-11-24"},
		{"a Date too far ahead", "Fri, 31 Dec 9999 23:59:59 GMT", "9998-11-23T09:00:00Z", "9998-11-23", "9998-11-24"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := make(chan string, 9)
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header()["Date"] = []string{test.date}
				asked <- r.FormValue("tokenExpiration")
				_, _ = io.WriteString(w, rejected)
			})
			c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithClock(func() time.Time { return expiry.Add(-time.Hour) }))
			until, err := time.Parse(time.RFC3339, test.expiry)
			if err != nil {
				t.Fatal(err)
			}
			_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: until})
			failure(t, err, jenkins.KindRejected)
			if first, second := <-asked, <-asked; first != test.first || second != test.second || len(asked) != 0 {
				t.Errorf("dates: got %s, %s and %d more, want %s, %s", first, second, len(asked), test.first, test.second)
			}
			_, err = c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			failure(t, err, jenkins.KindRejected)
			if <-asked; len(asked) != 0 {
				t.Errorf("without an expiry: got %d more requests, want none", len(asked))
			}
		})
	}
}

// The second request shares the time of the first: a lease says until when a request
// for a token may still be running.
func TestExpiryThatIsPastTooLate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cred  jenkins.Credential
		takes time.Duration
		kind  jenkins.Kind
		posts int
	}{
		{jenkins.APIToken(user, tokenText), 9 * time.Minute, jenkins.KindRejected, 2},
		{jenkins.APIToken(user, tokenText), 10 * time.Minute, jenkins.KindTimeout, 1},
		{jenkins.Password(user, password), 19 * time.Minute, jenkins.KindRejected, 2},
		{jenkins.Password(user, password), 20 * time.Minute, jenkins.KindTimeout, 1},
	} {
		var elapsed, posts atomic.Int64
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.NotFound(w, r) // no crumbs
				return
			}
			posts.Add(1)
			elapsed.Store(int64(test.takes))
			_, _ = io.WriteString(w, `{"status":"error","message":"Expiration date is in the past."}`)
		})
		start := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
		c := newClient(t, address, test.cred, jenkins.WithRequestTimeout(10*time.Minute), jenkins.WithClock(func() time.Time { return start.Add(time.Duration(elapsed.Load())) }))
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: start.Add(time.Hour)})
		if failed := failure(t, err, test.kind); failed.Unclear() || int(posts.Load()) != test.posts {
			t.Errorf("%v after %v: got %d requests, unclear %v, want %d and a clear end", test.cred, test.takes, posts.Load(), failed.Unclear(), test.posts)
		}
	}
}

func TestCreateAnswers(t *testing.T) {
	t.Parallel()
	data := func(name, id, value string) string {
		return fmt.Sprintf(`{"status":"ok","data":{"tokenName":%s,"tokenUuid":%s,"tokenValue":%s}}`, name, id, value)
	}
	quoted, value := `"`+uuid+`"`, `"`+madeText+`"`
	good := data(`"x"`, quoted, value)
	for _, test := range []struct {
		name, body string
		want       jenkins.Kind // KindAnswer unless it is good
		good       bool
	}{
		{"good", good, 0, true},
		{"blanks around", " \r\n" + good + "\n", 0, true},
		{"keys not known", strings.Replace(good, `"data":{`, `"more":[1,{}],"data":{"aboutToExpire":true,`, 1), 0, true},
		{"no end", strings.Replace(good, `"data":{`, `"data":{"expirationDate":null,`, 1), 0, true},
		{"a value of another form to come", data(`"x"`, quoted, `"jat_0123456789ABCDEFabcdef"`), 0, true},
		{"empty", "", 0, false},
		{"cut short", good[:len(good)-2], 0, false},
		{"more after it", good + good, 0, false},
		{"not JSON", "<!-- -->" + good, 0, false},
		{"null", "null", 0, false},
		{"list", "[" + good + "]", 0, false},
		{"no data", `{"status":"ok"}`, 0, false},
		{"data of another kind", `{"status":"ok","data":"x"}`, 0, false},
		{"no status", strings.Replace(good, `"ok"`, `""`, 1), 0, false},
		{"status of another kind", strings.Replace(good, `"ok"`, `1`, 1), 0, false},
		{"error", `{"status":"error","message":"` + bodyText + `"}`, jenkins.KindRejected, false},
		{"error with a token", strings.Replace(good, `"ok"`, `"error"`, 1), jenkins.KindRejected, false},
		{"another name", data(`"y"`, quoted, value), 0, false},
		{"name with a blank", data(`"x "`, quoted, value), 0, false},
		{"no uuid", data(`"x"`, `""`, value), 0, false},
		{"uuid with a line break", data(`"x"`, `"`+uuid+`\n::error::"`, value), 0, false},
		{"uuid in capitals", data(`"x"`, strings.ToUpper(quoted), value), 0, false},
		{"no value", data(`"x"`, quoted, `""`), 0, false},
		{"value with a line break", data(`"x"`, quoted, `"`+madeText+`\n"`), 0, false},
		{"value with a quote", data(`"x"`, quoted, `"`+madeText+`\""`), 0, false},
		{"value with a dollar", data(`"x"`, quoted, `"`+madeText+`$x"`), 0, false},
		{"short value", data(`"x"`, quoted, `"11aa"`), 0, false},
		{"long value", data(`"x"`, quoted, `"`+strings.Repeat("a", 257)+`"`), 0, false},
		{"number for a value", data(`"x"`, quoted, `1`), 0, false},
		{"200,000 lists in lists", strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000), 0, false},
		{"200,000 lists as data", `{"status":"ok","data":` + strings.Repeat("[", 200_000), 0, false},
		{"1 MiB and one byte", good + strings.Repeat(" ", 1<<20+1-len(good)), 0, false},
		{"1 MiB", good + strings.Repeat(" ", 1<<20-len(good)), 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, test.body)
			})
			token, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if test.good {
				if err != nil || token.UUID != uuid || !token.Expires.IsZero() {
					t.Errorf("got %v, %v, want the token %s without an end", token, err, uuid)
				}
				return
			}
			test.want = cmp.Or(test.want, jenkins.KindAnswer)
			failed := failure(t, err, test.want)
			if want := test.want == jenkins.KindAnswer; failed.Unclear() != want || token.Value() != "" {
				t.Errorf("got unclear %t, token %v, want %t and none", failed.Unclear(), token, want)
			}
		})
	}
}

func TestRevokeAndRenameAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body, contentType string
		revoke, rename          jenkins.Kind // -1 is no error
		found                   bool
	}{
		{"empty", "", "", -1, -1, true},
		{"blank", " \n", "", -1, -1, true},
		{"ok", `{"status":"ok"}`, "application/json", jenkins.KindAnswer, -1, true},
		{"error", `{"status":"error","message":"` + bodyText + `"}`, "application/json", jenkins.KindAnswer, -1, false},
		{"status not known", `{"status":"x"}`, "application/json", jenkins.KindAnswer, jenkins.KindAnswer, false},
		{"not JSON", bodyText, "text/plain", jenkins.KindAnswer, jenkins.KindAnswer, false},
		{"login page", "<form>", "text/html", jenkins.KindLoginPage, jenkins.KindLoginPage, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				_, _ = io.WriteString(w, test.body)
			})
			c := newClient(t, address, jenkins.APIToken(user, tokenText))
			check := func(err error, want jenkins.Kind) {
				t.Helper()
				if want >= 0 {
					failure(t, err, want)
				} else if err != nil {
					t.Errorf("got %v, want no error", err)
				}
			}
			check(c.RevokeToken(t.Context(), uuid), test.revoke)
			found, err := c.RenameToken(t.Context(), uuid, "x")
			check(err, test.rename)
			if found != test.found {
				t.Errorf("found: got %t, want %t", found, test.found)
			}
		})
	}
}

func TestTokenExists(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"2.129", "2.426.2", "2.505", "2.578"} {
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(version))
		token := srv.AddToken(user, "a")
		c := newClient(t, srv.URL, jenkins.APIToken(user, token.Value))
		for id, want := range map[string]bool{token.UUID: true, uuid: false} {
			if got, err := c.RenameToken(t.Context(), id, "a"); err != nil || got != want {
				t.Errorf("%s, %s: got %t, %v, want %t", version, id, got, err, want)
			}
		}
		if got := srv.Tokens(user); len(got) != 1 || got[0].Name != "a" {
			t.Errorf("%s: got %v, want the token unchanged", version, got)
		}
	}
}

func TestIdentityAnswers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body, want string
		anonymous        bool
	}{
		{"good", `{"anonymous":false,"name":"Alice B"}`, "Alice B", false},
		{"anonymous", `{"anonymous":true,"name":"anonymous"}`, "anonymous", true},
		{"no answer to anonymous", `{"name":"alice"}`, "", false},
		{"no name", `{"anonymous":false}`, "", false},
		{"name with a line break", `{"anonymous":false,"name":"a\n::error::"}`, "", false},
		{"name without an end", `{"anonymous":false,"name":"` + strings.Repeat("a", 1025) + `"}`, "", false},
		{"not JSON", bodyText, "", false},
	} {
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, test.body) })
		who, err := newClient(t, address, jenkins.APIToken(user, tokenText)).WhoAmI(t.Context())
		if want := (jenkins.Identity{Name: test.want, Anonymous: test.anonymous}); who != want || (err == nil) != (test.want != "") {
			t.Errorf("%s: got %+v, %v, want %+v", test.name, who, err, want)
		}
		if err != nil {
			failure(t, err, jenkins.KindAnswer)
		}
	}
}

// flood writes up to a GB and says how much of it the other side took.
func flood(w io.Writer, taken *atomic.Int64) {
	block := []byte(strings.Repeat(bodyText, 4096))
	for taken.Load() < 1<<30 {
		n, err := w.Write(block)
		taken.Add(int64(n))
		if err != nil {
			return
		}
	}
}

// buffered is more than the buffers of two sockets hold.
const buffered = 64 << 20

func TestBodiesWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for _, status := range []int{200, 201, 302, 400, 401, 403, 404, 500, 503} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			var taken atomic.Int64
			done := make(chan struct{})
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				defer close(done)
				w.WriteHeader(status)
				flood(w, &taken)
			})
			c := newClient(t, address, jenkins.APIToken(user, tokenText))
			if _, err := c.WhoAmI(t.Context()); err == nil {
				t.Error("got no error, want one")
			}
			<-done
			if got := taken.Load(); got > buffered {
				t.Errorf("bytes taken: got %d, want at most %d", got, buffered)
			}
		})
	}
}

func TestGzipBomb(t *testing.T) {
	t.Parallel()
	address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z, _ := gzip.NewWriterLevel(w, gzip.BestSpeed)
		defer z.Close()
		_, _ = io.WriteString(z, `{"status":"ok","data":{"tokenName":"`)
		block := make([]byte, 1<<20)
		for range 64 {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
	})
	_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
	failure(t, err, jenkins.KindAnswer)
}

func TestHeadersWithoutAnEnd(t *testing.T) {
	t.Parallel()
	for name, line := range map[string]string{
		"one long header":   "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", 65<<10) + "\r\n\r\n",
		"many headers":      "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: aaaaaaaaaaaaaaaa\r\n", 10_000) + "\r\n",
		"status line":       "HTTP/1.1 200 " + strings.Repeat("a", 1<<20) + "\r\n\r\n",
		"answers 1xx":       strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", 100_000),
		"answers 102":       strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 100_000),
		"a long answer 103": "HTTP/1.1 103 Early Hints\r\nX: " + strings.Repeat("a", 65<<10) + "\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := listen(t, func(c net.Conn) {
				_, _ = io.CopyN(io.Discard, c, 1)
				_, _ = io.WriteString(c, line)
				_, _ = io.Copy(io.Discard, c)
			})
			_, err := newClient(t, "http://"+address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			if failed := failure(t, err, jenkins.KindConnection); !failed.Unclear() {
				t.Error("got clear, want unclear")
			}
		})
	}
}

func BenchmarkCreate(b *testing.B) {
	address, _ := serve(b, created)
	c := newClient(b, address, jenkins.APIToken(user, tokenText))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.CreateToken(b.Context(), jenkins.TokenRequest{Name: "x"}); err != nil {
			b.Fatal(err)
		}
	}
}
