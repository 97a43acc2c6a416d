package command_test

import (
	"cmp"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// attack is one way of a controller to do harm.
type attack struct {
	name   string
	on     string // operations that it answers
	login  string // "password", "bearer" or an API token
	times  int    // how often; 0 is always
	clear  bool   // it says that nothing was made, and that is true
	code   int    // exit code of the command
	most   int    // requests, 40 when 0
	taken  int64  // MiB of each answer, 8 when 0: what the kernel takes counts too
	answer func(*answering)
	floods bool                             // it takes as much as the client lets it
	check  func(*testing.T, *siege, result) // besides what holds of all
}

// answers are bodies of a 200.
func body(text string) func(*answering) {
	return func(a *answering) {
		a.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(a, text)
	}
}

// changed is the honest answer to a creation with one value changed.
func changed(key, value string) func(*answering) {
	return func(a *answering) { body(a.made(key, value))(a) }
}

// raw is a whole answer, head and all; %s is the honest body.
func raw(text string) func(*answering) {
	return func(a *answering) { a.raw(strings.ReplaceAll(text, "%s", a.honest), false) }
}

// status is an answer with a header and a body that wants to be read.
func status(code int, header ...string) func(*answering) {
	return func(a *answering) {
		for i := 0; i+1 < len(header); i += 2 {
			a.Header().Add(header[i], header[i+1])
		}
		a.WriteHeader(code)
		_, _ = io.WriteString(a, injected)
	}
}

// redirect points to a place; %s is the other origin's host and port.
func redirect(code int, to string) func(*answering) {
	return func(a *answering) {
		a.Header()["Location"] = []string{strings.ReplaceAll(to, "%s", strings.TrimPrefix(a.siege.elsewhere.URL, "http://"))}
		a.WriteHeader(code)
	}
}

// zip is text as gzip.
func zip(text string) string {
	var b strings.Builder
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// bomb is head and a gigabyte of block, a thousandth of it on the wire.
func bomb(head, block string) func(*answering) {
	return func(a *answering) {
		a.Header().Set("Content-Encoding", "gzip")
		_, _ = io.WriteString(a, zip(head))
		a.flood(a, zip(strings.Repeat(block, (1<<20)/len(block))), 1<<20)
	}
}

// endless floods with block after head, up to a gigabyte.
func endless(head, block string) func(*answering) {
	return func(a *answering) {
		_, _ = io.WriteString(a, head)
		a.flood(a, strings.Repeat(block, 1+(64<<10)/len(block)), 1<<30)
	}
}

const (
	deep    = 200_000
	head200 = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
)

func delayed(a *answering) { a.delayed() }
func drip(a *answering)    { a.drip() }

// carriers harm whatever is asked: the head of an answer, its coding and its
// length.
func carriers(on string, code int) []attack {
	all := []attack{
		{name: "a gigabyte", floods: true, answer: endless(`{"status":"`, "a")},
		{name: "gzip bomb of a gigabyte", floods: true, answer: bomb(`{"status":"`, "a")},
		{name: "gzip that is none", answer: func(a *answering) { a.Header().Set("Content-Encoding", "gzip"); body(injected)(a) }},
		{name: "coding that nobody asked for", answer: func(a *answering) { a.Header().Set("Content-Encoding", "br, "+marker); body(injected)(a) }},
		{name: "200,000 lists in lists", answer: body(strings.Repeat("[", deep))},
		{name: "200,000 objects in data", answer: body(`{"status":"ok","data":` + strings.Repeat(`{"a":`, deep) + "1" + strings.Repeat("}", deep+1))},
		{name: "length longer than the body", answer: raw(head200 + "Content-Length: 100000\r\n\r\n%s" + injected)},
		{name: "two lengths", answer: raw(head200 + "Content-Length: 1\r\nContent-Length: 400\r\n\r\n%s")},
		{name: "length that is no number", answer: raw(head200 + "Content-Length: -1\r\n\r\n%s")},
		{name: "chunk of 2^64 bytes", answer: raw(head200 + "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n%s")},
		{name: "garbage for a chunk's size", answer: raw(head200 + "Transfer-Encoding: chunked\r\n\r\n" + marker + "\r\n%s\r\n0\r\n\r\n")},
		{name: "transfer coding not known", answer: raw(head200 + "Transfer-Encoding: " + marker + "\r\n\r\n%s")},
		{name: "endless 100", floods: true, answer: func(a *answering) { a.rawFlood("", strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 1000), 1<<30) }},
		{name: "endless 103 with links", floods: true, answer: func(a *answering) {
			a.rawFlood("", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: <http://"+marker+"/>; rel=preload\r\n\r\n", 1000), 1<<30)
		}},
		{name: "101 to no upgrade, and silence", answer: func(a *answering) {
			a.raw("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "+marker+"\r\n\r\n"+injected, true)
		}},
		{name: "header of a gigabyte", floods: true, answer: func(a *answering) { a.rawFlood(head200+"X-"+marker+": ", strings.Repeat("a", 64<<10), 1<<30) }},
		{name: "headers without an end", floods: true, answer: func(a *answering) { a.rawFlood(head200, strings.Repeat("X-A: "+marker+"\r\n", 4000), 1<<30) }},
		{name: "header line without a colon", answer: raw(head200 + marker + "\r\n\r\n%s")},
		{name: "escapes in a header", answer: raw(head200 + "X-A: " + marker + "\x1b[2J\x00\r\n\r\n%s")},
		{name: "garbage for a status line", answer: raw("::error::" + marker + "\r\n\r\n%s")},
		{name: "version of HTTP not known", answer: raw("HTTP/9.9 200 " + marker + "\r\n\r\n" + injected)},
		{name: "commands for a reason", answer: raw("HTTP/1.1 500 \x1b[2J##[set-env name=PATH]" + marker + "\r\nContent-Length: 0\r\n\r\n")},
		{name: "status 999", answer: raw("HTTP/1.1 999 " + marker + "\r\nContent-Length: 0\r\n\r\n")},
		{name: "status 000", answer: raw("HTTP/1.1 000 " + marker + "\r\nContent-Length: 0\r\n\r\n")},
		{name: "204", answer: status(http.StatusNoContent)},
		{name: "206", answer: status(http.StatusPartialContent, "Content-Range", "bytes 0-1/"+marker)},
		{name: "HTML of a login", clear: true, answer: func(a *answering) {
			a.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(a, "<form action='http://"+marker+"/'>"+injected+"</form>")
		}},
		{name: "page that refreshes to another origin", clear: true, answer: func(a *answering) {
			a.Header().Set("Refresh", "0; url="+a.siege.elsewhere.URL)
			a.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(a, `<meta http-equiv="refresh" content="0; url=`+a.siege.elsewhere.URL+`">`)
		}},
		{name: "JSON of another text", answer: body("\xff\xfe{\x00}\x00")},
		{name: "redirect to another host", clear: true, answer: redirect(http.StatusFound, "http://%s/me/"+marker)},
		{name: "redirect that keeps method and body", clear: true, answer: redirect(http.StatusTemporaryRedirect, "http://%s/"+marker)},
		{name: "redirect for ever", clear: true, answer: redirect(http.StatusPermanentRedirect, "http://%s/"+marker)},
		{name: "redirect without a scheme", clear: true, answer: redirect(http.StatusMovedPermanently, "//%s/")},
		{name: "redirect to https", clear: true, answer: redirect(http.StatusSeeOther, "https://%s/")},
		{name: "redirect with a login", clear: true, answer: redirect(http.StatusFound, "http://"+marker+":"+marker+"@%s/")},
		{name: "redirect to a file", clear: true, answer: redirect(http.StatusFound, "file:///etc/passwd")},
		{name: "redirect to a script", clear: true, answer: redirect(http.StatusFound, "javascript:"+marker)},
		{name: "redirect to itself", clear: true, answer: func(a *answering) { redirect(http.StatusTemporaryRedirect, a.r.URL.Path)(a) }},
		{name: "redirect with commands for a host", clear: true, answer: redirect(http.StatusFound, "http://::error::"+marker+"/##[set-env]")},
		{name: "gateway's challenge", clear: true, answer: status(401, "WWW-Authenticate", `Basic realm="`+marker+`"`)},
		{name: "challenges of other kinds", clear: true, answer: status(401, "WWW-Authenticate", "Negotiate", "WWW-Authenticate", `Digest realm="Jenkins", nonce="`+marker+`"`, "WWW-Authenticate", "NTLM")},
		{name: "challenge with more after the realm", clear: true, answer: status(401, "WWW-Authenticate", `Basic realm="Jenkins", x="`+marker+`"`)},
		{name: "challenge of a proxy", clear: true, answer: status(407, "Proxy-Authenticate", `Basic realm="`+marker+`"`)},
		{name: "permission with commands", clear: true, answer: status(403, "X-Required-Permission", "a ::error::"+marker, "X-You-Are-In-Group", marker)},
		{name: "crumb never accepted", clear: true, answer: func(a *answering) {
			a.WriteHeader(403)
			_, _ = io.WriteString(a, "No valid crumb was included in the request "+injected)
		}},
		{name: "not found", clear: true, answer: status(404, "X-Jenkins", "2.426.2 "+marker)},
		{name: "version of a million digits", clear: true, answer: status(404, "X-Jenkins", strings.Repeat("9", 30_000)+".1")},
		{name: "negative version", clear: true, answer: status(404, "X-Jenkins", "-2.-1")},
		{name: "500 for ever", answer: status(500, "X-Error", marker)},
		{name: "503 with a time to wait", answer: status(503, "Retry-After", "99999999999999999999")},
		{name: "418", clear: true, answer: status(418)},
		{name: "slow drip", answer: drip, times: 1},
		{name: "silence", answer: delayed, times: 1},
		{name: "closed at once", answer: raw("")},
	}
	for i := range all {
		all[i].on, all[i].code = on, code
	}
	return all
}

// light are the carriers without those that flood, for answers that are read by
// what reads others too.
func light(on string, code int) []attack {
	return slices.DeleteFunc(carriers(on, code), func(a attack) bool { return a.floods })
}

// besiege runs one attack on a command, and then lets everybody be honest: what it
// left must be found.
func besiege(t *testing.T, name string, a attack, before func(*siege)) {
	t.Helper()
	s := newScene(t)
	switch a.login {
	case "password":
		delete(s.env, "INPUT_API-TOKEN")
		s.env["INPUT_PASSWORD"] = hostilePassword
	case "bearer":
		delete(s.env, "INPUT_USERNAME")
		delete(s.env, "INPUT_API-TOKEN")
		s.env["INPUT_BEARER-TOKEN"] = "eyJ.of.a-provider"
	}
	if a.times == 1 {
		s.env["INPUT_TIMEOUT"] = "1s" // the answer never comes
	}
	if before != nil {
		before(s)
	}
	s.mu.Lock()
	s.attack = &a
	s.mu.Unlock()
	r := s.run(name)
	s.check(r)
	if r.code != a.code {
		t.Errorf("exit code: got %d, want %d\n%s", r.code, a.code, r.stdout)
	}
	s.mu.Lock()
	requests, attacked := s.requests, s.attacked
	s.attack = nil
	s.mu.Unlock()
	most := cmp.Or(a.most, 40)
	if attacked == 0 || requests > most {
		t.Errorf("requests: got %d, %d of them answered by the attack, want some and at most %d", requests, attacked, most)
	}
	if got, want := s.taken.Load(), cmp.Or(a.taken, 8); got > int64(attacked)*want<<20 {
		t.Errorf("bytes taken: got %d of %d answers, want at most %d MiB each", got, attacked, want)
	}
	if a.check != nil {
		a.check(t, s, r)
	}
	if name == "create" {
		last := s.run("revoke")
		s.check(last)
		if got := s.left(); len(got) > 0 && a.login != "bearer" {
			t.Errorf("left after the post step: %q\n%s", got, last.stdout)
		}
	}
}

// TestHostileCreate: the controller answers to create, which it does in truth.
func TestHostileCreate(t *testing.T) {
	t.Parallel()
	named := func(change func(string) string) func(*answering) {
		return func(a *answering) { changed("tokenName", text(change(a.r.PostFormValue("newTokenName"))))(a) }
	}
	rows := carriers("create", 1)
	rows = append(rows, []attack{
		{name: "name with commands", answer: named(func(n string) string { return n + injected })},
		{name: "another name", answer: named(func(n string) string { return strings.Replace(n, "acme", marker, 1) })},
		{name: "name in capitals", answer: named(strings.ToUpper)},
		{name: "value with commands", answer: changed("tokenValue", text(strings.Repeat("a", 34)+injected))},
		{name: "value with a line end", answer: changed("tokenValue", text(strings.Repeat("a", 34)+"\n"))},
		{name: "value with the delimiter", answer: changed("tokenValue", text("x\n"+delimiter+"\nPATH<<x\n"+marker+"\nx\n"))},
		{name: "value with a percent escape", answer: changed("tokenValue", text(strings.Repeat("a", 34)+"%0A::error::"+marker))},
		{name: "value of a megabyte", answer: changed("tokenValue", text(strings.Repeat("a", 900_000)))},
		{name: "value of one letter", answer: changed("tokenValue", text("e"))},
		{name: "number for a value", answer: changed("tokenValue", "1111111111111111111111111111111111")},
		{name: "list for a value", answer: changed("tokenValue", `["`+marker+`"]`)},
		{name: "the account's credential for a value", answer: func(a *answering) { changed("tokenValue", text(a.siege.account.Value))(a) }},
		{name: "uuid with commands", answer: changed("tokenUuid", text("00000000-0000-4000-8000-000000000000"+injected))},
		{name: "uuid with a path", answer: changed("tokenUuid", text("../../../"+marker))},
		{name: "uuid in capitals", answer: changed("tokenUuid", text("ABCDEF00-0000-4000-8000-000000000000"))},
		{name: "number for a uuid", answer: changed("tokenUuid", "1")},
		{name: "another name, by keys given twice", answer: func(a *answering) {
			body(strings.Replace(a.honest, `"tokenName":`, `"tokenName":`+text(a.r.PostFormValue("newTokenName"))+`,"tokenName":"`+marker+`","x":`, 1))(a)
		}},
		{name: "more after the answer", answer: func(a *answering) { body(a.honest + injected)(a) }},
		{name: "number for an end", answer: changed("expirationDate", "1")},
		{name: "refusal with commands", clear: true, answer: body(`{"status":"error","message":` + text(injected) + `}`)},
	}...)
	for i := range rows {
		rows[i].on, rows[i].code = "create", 1
	}
	good := []attack{
		{name: "end with commands", answer: changed("expirationDate", text(injected))},
		{name: "end and a Date of the year 9999", answer: func(a *answering) {
			a.Header().Set("Date", "Fri, 31 Dec 9999 23:59:59 GMT")
			changed("expirationDate", text("12/31/99"))(a)
		}},
		{name: "end and a Date before the calendar", answer: func(a *answering) {
			a.Header().Set("Date", "Mon, 01 Jan 0001 00:00:00 GMT")
			changed("expirationDate", text("1/1/01"))(a)
		}},
		{name: "Date with commands", answer: func(a *answering) {
			a.Header().Set("Date", "Mon, ::error::"+marker)
			body(a.honest)(a)
		}},
		{name: "version with commands", answer: func(a *answering) {
			a.Header().Set("X-Jenkins", "2.426.2##[set-env]"+marker)
			body(a.honest)(a)
		}},
		{name: "keys and a status nobody knows", answer: func(a *answering) {
			body(strings.Replace(a.honest, `{`, `{"message":`+text(injected)+`,"`+marker+`":{"tokenValue":"x"},`, 1))(a)
		}},
		{name: "trailers with a login", answer: func(a *answering) {
			a.raw(fmt.Sprintf(head200+"Transfer-Encoding: chunked\r\nTrailer: Set-Cookie, Authorization\r\n\r\n%x\r\n%s\r\n0\r\nSet-Cookie: %s=1\r\nAuthorization: %[3]s\r\n\r\n",
				len(a.honest), a.honest, marker), false)
		}},
		{name: "a second answer after the first", answer: func(a *answering) {
			a.raw(fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s%[1]sContent-Length: 2\r\n\r\n{}", head200, len(a.honest), a.honest), false)
		}},
		{name: "cookies for everybody", answer: func(a *answering) {
			a.Header().Add("Set-Cookie", marker+"=1; Path=/")
			a.Header().Add("Set-Cookie", "JSESSIONID="+strings.Repeat("a", 20_000)+"; Path=/; Domain=127.0.0.1")
			body(a.honest)(a)
		}, check: func(t *testing.T, s *siege, _ result) {
			for _, r := range s.seen {
				if got := r.Header.Get("Cookie"); got != "" {
					t.Errorf("%s %s: got cookie %.60q, want none with an API token", r.Method, r.URL, got)
				}
			}
		}},
		{name: "hints before the answer", answer: func(a *answering) {
			a.raw(fmt.Sprintf("HTTP/1.1 103 Early Hints\r\nLink: <http://%s/>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n%sContent-Length: %d\r\n\r\n%s", marker, head200, len(a.honest), a.honest), false)
		}},
	}
	for _, a := range good {
		a.on, a.code = "create", 0
		rows = append(rows, a)
	}
	for _, a := range rows {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			besiege(t, "create", a, nil)
		})
	}
}
