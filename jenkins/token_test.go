package jenkins_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
			token, err := c.CreateToken(t.Context(), test.text, 1)
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
	if _, err := c.CreateToken(t.Context(), "x", -1); err == nil {
		t.Error("days below zero: got no error, want one")
	}
	for _, id := range []string{"", "x", uuid + "\n", " " + uuid, strings.ToUpper(uuid), "../" + uuid, strings.ReplaceAll(uuid, "-", "")} {
		if jenkins.IsUUID(id) {
			t.Errorf("%q: got the form of a uuid, want none", id)
		}
		if err := c.RevokeToken(t.Context(), id); err == nil {
			t.Errorf("revoke %q: got no error, want one", id)
		}
		if _, err := c.TokenExists(t.Context(), id, "x"); err == nil {
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

func TestExpiry(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version, now string
		days         int
		want         string
	}{
		{"2.548", "2026-11-23T15:04:05Z", 1, "2026-11-25T00:00:00Z"},
		{"2.548", "2026-11-23T15:04:05Z", 0, "2026-11-24T00:00:00Z"},
		{"2.548", "2026-12-31T23:59:59Z", 1, "2027-01-02T00:00:00Z"},
		{"2.578", "2028-02-28T00:00:00Z", 1, "2028-03-01T00:00:00Z"},
		{"2.578", "2026-11-23T15:04:05Z", 30, "2026-12-24T00:00:00Z"},
		{"2.505", "2026-11-23T15:04:05Z", 1, ""},
		{"2.426.2", "2026-11-23T15:04:05Z", 1, ""},
	} {
		t.Run(fmt.Sprintf("%s, %d days from %s", test.version, test.days, test.now), func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password), jenkinstest.WithVersion(test.version), jenkinstest.WithClock(func() time.Time { return now }))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithClock(func() time.Time { return now.AddDate(1, 0, 0) }))
			token, err := c.CreateToken(t.Context(), "x", test.days)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if !token.Expires.IsZero() {
				got = token.Expires.Format(time.RFC3339)
			}
			if got != test.want || !token.Expires.Equal(srv.Tokens(user)[1].Expires) {
				t.Errorf("end: got %s, want %s and that of Jenkins, %v", got, test.want, srv.Tokens(user)[1].Expires)
			}
			if got, want := srv.Requests()[0].Form.Get("expirationDuration"), fmt.Sprint(test.days); got != want {
				t.Errorf("expirationDuration: got %q, want %s", got, want)
			}
		})
	}
	t.Run("no Date", func(t *testing.T) {
		t.Parallel()
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Date"] = nil
			_, _ = fmt.Fprintf(w, `{"status":"ok","data":{"tokenName":"x","tokenUuid":%q,"tokenValue":%q,"expirationDate":"11/24/26"}}`, uuid, madeText)
		})
		c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithClock(func() time.Time { return time.Date(2026, 11, 23, 1, 0, 0, 0, time.UTC) }))
		token, err := c.CreateToken(t.Context(), "x", 1)
		if want := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC); err != nil || !token.Expires.Equal(want) {
			t.Errorf("end: got %v, %v, want %v", token.Expires, err, want)
		}
	})
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
			token, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), "x", 1)
			if test.good {
				if err != nil || token.UUID != uuid || !token.Expires.IsZero() {
					t.Errorf("got %v, %v, want the token %s without an end", token, err, uuid)
				}
				return
			}
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
			found, err := c.TokenExists(t.Context(), uuid, "x")
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
			if got, err := c.TokenExists(t.Context(), id, "a"); err != nil || got != want {
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
	_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), "x", 1)
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
			_, err := newClient(t, "http://"+address, jenkins.APIToken(user, tokenText)).CreateToken(t.Context(), "x", 1)
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
		if _, err := c.CreateToken(b.Context(), "x", 1); err != nil {
			b.Fatal(err)
		}
	}
}
