package command_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// crumbOf is an answer of the crumb issuer.
func crumbOf(field, value string) func(*answering) {
	return body(`{"crumb":` + text(value) + `,"crumbRequestField":` + text(field) + `}`)
}

// TestHostileCrumb: the controller chooses a header and cookies of requests that
// carry a password.
func TestHostileCrumb(t *testing.T) {
	t.Parallel()
	var rows []attack
	for _, field := range []string{
		"Authorization", "aUTHORIZATION", "Host", "Cookie", "Content-Length", "Transfer-Encoding", "Content-Type", "Connection", "Upgrade", "Expect", "TE", "Trailer",
		"Proxy-Authorization", "X-Forwarded-Host", "X-Http-Method-Override", "Sec-Fetch-Site", "Referer", "User-Agent", "", " ", "A b", "A:b", "A\r\nX-" + marker, "A\n",
		":authority", "Ünicode", strings.Repeat("a", 65), strings.Repeat("a", 900_000), injected,
	} {
		rows = append(rows, attack{name: fmt.Sprintf("field %.20q", field), answer: crumbOf(field, marker)})
	}
	for _, value := range []string{"", "a b", "a\r\nX-" + marker + ": 1", "a\x00", "ü" + marker, strings.Repeat("a", 1001), strings.Repeat("a", 900_000), injected} {
		rows = append(rows, attack{name: fmt.Sprintf("value %.20q", value), answer: crumbOf("Jenkins-Crumb", value)})
	}
	rows = append(rows,
		attack{name: "number for a value", answer: body(`{"crumb":1,"crumbRequestField":"Jenkins-Crumb"}`)},
		attack{name: "list for a field", answer: body(`{"crumb":"a","crumbRequestField":["Authorization"]}`)},
		attack{name: "field given twice", answer: body(`{"crumb":"a","crumbRequestField":"Jenkins-Crumb","crumbRequestField":"Authorization"}`)},
		attack{name: "field in another case", answer: body(`{"crumb":"a","CRUMBREQUESTFIELD":"Cookie"}`)},
	)
	for _, a := range light("crumb", 1) {
		if a.name != "not found" && !strings.Contains(a.name, " version") && !strings.Contains(a.name, "version of a") { // 404 says that no crumb is wanted
			rows = append(rows, a)
		}
	}
	for _, a := range rows {
		a.on, a.code, a.login, a.most = "crumb", 1, "password", 60
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			a.check = func(t *testing.T, s *siege, _ result) {
				for _, r := range s.seen {
					if operation(r) == "create" {
						t.Errorf("the password went out with a crumb that is none")
					}
				}
			}
			besiege(t, "create", a, nil)
		})
	}
}

// TestHostileCookies: the session of a crumb, and no other cookie, goes back to
// the controller, and to no request but a POST with the crumb.
func TestHostileCookies(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name   string
		set    []string
		cookie string // on the creation
		code   int
	}{
		{"of another path", []string{"a=" + marker + "; Path=/job", "b=1; Path=/crumbIssuer"}, "", 1},
		{"of another domain", []string{"a=" + marker + "; Domain=example.com", "b=" + marker + "; Domain=.0.0.1"}, "", 1},
		{"for https alone", []string{"a=" + marker + "; Secure"}, "", 1},
		{"over already", []string{"a=" + marker + "; Max-Age=0", "b=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT"}, "", 1},
		{"with a line end", []string{"a=b\\r\\nX-" + marker + ": 1; Path=/"}, "", 1},
		{"with quotes and blanks", []string{`a="b c"; Path=/`}, `a="b c"`, 1},
		{"huge", []string{"a=" + strings.Repeat("x", 50_000) + "; Path=/"}, "a=" + strings.Repeat("x", 50_000), 1},
		{"of many names", strings.Split(strings.Join(many(1000), "; Path=/\n")+"; Path=/", "\n"), strings.Join(many(1000), "; "), 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := attack{on: "crumb", login: "password", code: row.code, clear: true, answer: func(a *answering) {
				a.Header()["Set-Cookie"] = row.set
				crumbOf("Jenkins-Crumb", "0a1b")(a)
			}}
			a.check = func(t *testing.T, s *siege, _ result) {
				for _, r := range s.seen {
					got := r.Header.Get("Cookie")
					want := ""
					if operation(r) == "create" {
						want = row.cookie
					}
					if got != want {
						t.Errorf("%s: got cookie %.80q, want %.80q", operation(r), got, want)
					}
				}
			}
			besiege(t, "create", a, nil)
		})
	}
}

func many(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("c%d=x", i))
	}
	return all
}

// identity is an answer to whoAmI.
func identity(name string) func(*answering) {
	return body(`{"anonymous":false,"authenticated":true,"name":` + text(name) + `}`)
}

// TestHostileIdentity: the controller lies about whom the new token belongs to.
func TestHostileIdentity(t *testing.T) {
	t.Parallel()
	rows := light("whoami", 1)
	for i := range rows {
		// A path that is blocked is said, and is no reason to go without.
		switch rows[i].name {
		case "permission with commands", "not found", "version of a million digits", "negative version", "418":
			rows[i].code = 0
		}
		rows[i].clear = false
	}
	for _, name := range []string{"bob", "alice" + injected, "alice\n", "alice\u202e", "\u202ealice", "alice\x00", "al\u200bice", " alice", "alice:x", strings.Repeat("alice", 300_000), "", "::error::" + marker, delimiter} {
		rows = append(rows, attack{name: fmt.Sprintf("name %.30q", name), code: 1, answer: identity(name)})
	}
	rows = append(rows,
		attack{name: "nobody", code: 1, answer: body(`{"anonymous":true,"name":"anonymous"}`)},
		attack{name: "number for a name", code: 1, answer: body(`{"anonymous":false,"name":1}`)},
		attack{name: "text for anonymous", code: 1, answer: body(`{"anonymous":"false","name":"alice"}`)},
		attack{name: "name given twice", code: 1, answer: body(`{"anonymous":false,"name":"alice","name":"` + marker + `"}`)},
		attack{name: "name in capitals", code: 0, answer: identity("ALICE")},
	)
	for _, a := range rows {
		a.on = "whoami"
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			besiege(t, "create", a, nil)
		})
	}
}

// TestHostileOwner: with a bearer login only the controller knows the owner.
func TestHostileOwner(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, owner string
		code        int
	}{
		{"plain", "carol", 0},
		{"commands", "a" + injected, 1},
		{"old commands", "##[add-mask]e", 0},
		{"delimiter", delimiter, 1},
		{"colon", "repo:acme/web", 1},
		{"path", "../../../x", 0},
		{"percent", "a%0A::error::b", 1},
		{"1,024 letters", strings.Repeat("a", 1024), 0},
		{"1,025 letters", strings.Repeat("a", 1025), 1},
		{"NUL", "a\x00", 1},
		{"C1 escape", "a\u009b2J", 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			a := attack{on: "whoami create crumb", login: "bearer", code: row.code, clear: true, answer: func(a *answering) {
				switch operation(a.r) {
				case "crumb":
					http.NotFound(a, a.r)
				case "create":
					body(`{"status":"ok","data":{"tokenName":` + text(a.r.PostFormValue("newTokenName")) + `,"tokenUuid":"00000000-0000-4000-8000-000000000000","tokenValue":"1100112233445566778899aabbccddeeff"}}`)(a)
				default:
					identity(row.owner)(a)
				}
			}}
			a.check = func(t *testing.T, s *siege, r result) {
				for _, pair := range s.pairs("output", r.output) {
					if pair[0] == "username" && pair[1] != row.owner {
						t.Errorf("username: got %q, want %q", pair[1], row.owner)
					}
				}
				if strings.Contains(r.stdout, "##[") {
					t.Errorf("got %q", r.stdout)
				}
			}
			besiege(t, "create", a, nil)
		})
	}
}

// TestHostileProxy: what stands between answers CONNECT.
func TestHostileProxy(t *testing.T) {
	t.Parallel()
	const secret = "proxy-secret"
	for _, row := range []struct{ name, head, block string }{
		{"another login", "HTTP/1.1 407 " + marker + "\r\nProxy-Authenticate: Basic realm=\"" + marker + "\"\r\n\r\n" + injected, ""},
		{"redirect", "HTTP/1.1 302 Found\r\nLocation: http://" + marker + "/\r\n\r\n", ""},
		{"200 and no TLS", "HTTP/1.1 200 OK\r\n\r\n" + injected, ""},
		{"200 with a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n" + marker + marker, ""},
		{"204", "HTTP/1.1 204 " + marker + "\r\n\r\n", ""},
		{"101", "HTTP/1.1 101 " + marker + "\r\nUpgrade: " + marker + "\r\nConnection: Upgrade\r\n\r\n", ""},
		{"garbage", injected, ""},
		{"header without an end", "HTTP/1.1 200 OK\r\n", "X-A: " + marker + "\r\n"},
		{"body without an end", "HTTP/1.1 403 No\r\n\r\n", marker},
		{"endless 100", "", "HTTP/1.1 100 Continue\r\n\r\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					s.mu.Lock()
					s.requests++
					s.mu.Unlock()
					go func() {
						defer conn.Close()
						_, _ = conn.Read(make([]byte, 4096))
						_, _ = io.WriteString(conn, row.head)
						if row.block != "" {
							(&answering{siege: s}).flood(conn, strings.Repeat(row.block, 1000), 1<<30)
						}
					}()
				}
			}()
			s.env["INPUT_URL"] = "https://jenkins.test"
			s.env["HTTPS_PROXY"] = "http://user:" + secret + "@" + l.Addr().String()
			s.env["INPUT_TIMEOUT"] = "1s"
			r := s.run("create")
			s.check(r)
			if r.code != 1 || strings.Contains(fmt.Sprint(r), secret) {
				t.Errorf("got exit code %d, want 1 and nothing of the proxy's login:\n%s", r.code, r.stdout)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.requests == 0 || s.requests > 40 || s.taken.Load() > int64(s.requests)*(8<<20) {
				t.Errorf("got %d connections that took %d bytes", s.requests, s.taken.Load())
			}
		})
	}
}
