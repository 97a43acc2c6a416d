package command_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// created is a siege in which a token was made.
func created(t *testing.T) func(*siege) {
	return func(s *siege) {
		if r := s.run("create"); r.code != 0 {
			t.Fatalf("create: exit code %d\n%s", r.code, r.stdout)
		}
		s.honest.Forget()
	}
}

// said checks that a token which is left is told of, where a user and a later
// step look, and that nothing is told of when none is.
func said(t *testing.T, s *siege, r result) {
	t.Helper()
	for _, token := range s.honest.Tokens(hostileUser) {
		if !strings.HasPrefix(token.Name, "jenkins-token:") {
			continue
		}
		for place, text := range map[string]string{"log": r.stdout, "summary": r.summary} {
			if !strings.Contains(text, token.UUID) || !strings.Contains(text, "/user/alice/") {
				t.Errorf("%s: got %q, want it to name the token %s that is left", place, text, token.UUID)
			}
		}
	}
	if len(s.left()) == 0 && (r.summary != "" || strings.Contains(r.stdout, "::warning::")) {
		t.Errorf("nothing is left, and told was\n%s%s", r.stdout, r.summary)
	}
}

// TestHostileRevoke: the controller answers to the post step, and revokes
// nothing.
func TestHostileRevoke(t *testing.T) {
	t.Parallel()
	for _, credential := range []bool{false, true} {
		carried := carriers
		if credential {
			carried = light
		}
		for _, a := range append(carried("revoke", 0),
			attack{name: "text where none belongs", on: "revoke", answer: body(injected)},
			attack{name: "a new token", on: "revoke", answer: body(`{"status":"ok","data":{"tokenName":"x","tokenUuid":"00000000-0000-4000-8000-000000000000","tokenValue":"` + marker + `"}}`)},
			attack{name: "blanks without an end", on: "revoke", answer: endless("", " \n")},
		) {
			t.Run(fmt.Sprintf("%s, account %t", a.name, credential), func(t *testing.T) {
				t.Parallel()
				a.most, a.check = 120, said
				besiege(t, "revoke", a, func(s *siege) {
					created(t)(s)
					if !credential {
						delete(s.env, "INPUT_API-TOKEN")
					}
				})
			})
		}
	}
}

// TestHostileRename: the token cannot revoke itself, and the controller answers
// to the proof that it is gone.
func TestHostileRename(t *testing.T) {
	t.Parallel()
	for _, a := range append(light("rename", 0),
		attack{name: "still there", answer: body(`{"status":"ok"}`)},
		attack{name: "still there, with a blank", answer: body(" ")},
		attack{name: "number for a status", answer: body(`{"status":1}`)},
		attack{name: "another status", answer: body(`{"status":"` + marker + `"}`)},
		attack{name: "status given twice", answer: body(`{"status":"error","status":"ok"}`)},
		attack{name: "list", answer: body(`["error"]`)},
		attack{name: "text", answer: body(injected)},
	) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			answer, holds := a.answer, a.times == 1
			a.on, a.times, a.most, a.check = "revoke rename", 0, 120, said
			a.answer = func(r *answering) {
				_, secret, _ := r.r.BasicAuth()
				switch {
				case operation(r.r) == "rename":
					answer(r)
				case secret == r.siege.account.Value: // a lie: nothing is revoked
				default:
					r.WriteHeader(http.StatusForbidden)
				}
			}
			besiege(t, "revoke", a, func(s *siege) {
				if holds {
					s.env["INPUT_TIMEOUT"] = "1s"
				}
				created(t)(s)
			})
		})
	}
}

// TestHostileStart: the token is refused, and the controller answers to the
// question whether it is starting, which carries no login.
func TestHostileStart(t *testing.T) {
	t.Parallel()
	for _, a := range light("login", 0) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			answer, holds := a.answer, a.times == 1
			a.on, a.times, a.most = "revoke login", 0, 120
			a.answer = func(r *answering) {
				if operation(r.r) == "login" {
					answer(r)
					return
				}
				r.Header().Set("WWW-Authenticate", `Basic realm="Jenkins"`)
				r.WriteHeader(http.StatusUnauthorized)
			}
			a.check = func(t *testing.T, s *siege, _ result) {
				refused := map[string]int{}
				for _, r := range s.seen {
					login := r.Header.Get("Authorization")
					if operation(r) == "login" && (login != "" || r.Header.Get("Cookie") != "") {
						t.Error("the question for the state carries a login")
					}
					if operation(r) == "revoke" {
						refused[login]++
					}
				}
				total := 0
				for _, n := range refused {
					total += n
				}
				if total > 2 {
					t.Errorf("got %d logins refused, want at most 2", total)
				}
			}
			besiege(t, "revoke", a, func(s *siege) {
				if holds {
					s.env["INPUT_TIMEOUT"] = "1s"
				}
				created(t)(s)
			})
		})
	}
}

// TestHostilePageInPost: the page that the post step tidies holds nothing up.
func TestHostilePageInPost(t *testing.T) {
	t.Parallel()
	over := lease.Name{Project: "github.com/acme/web", Run: "1.1", Label: "deploy", Nonce: "aaaaaaaa", End: hostileNoon.Add(-time.Hour)}.String()
	rows := append(carriers("page", 0),
		attack{name: "a thousand of ours that are over", answer: pageOf(func(i int) (string, string) { return uuidOf(i), over }, 1000)},
		attack{name: "our own living token, as one that is over", answer: func(a *answering) {
			own := a.siege.honest.Tokens(hostileUser)[1].UUID
			pageOf(func(int) (string, string) { return own, over }, 100)(a)
		}},
	)
	for _, a := range rows {
		a.on = "page"
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			a.check = func(t *testing.T, s *siege, r result) {
				said(t, s, r)
				if left := s.left(); len(left) > 0 {
					t.Errorf("left: %q\n%s", left, r.stdout)
				}
				if n := len(s.revoked); n > 21 {
					t.Errorf("got %d revocations, want at most 20 besides the token's own", n)
				}
			}
			besiege(t, "revoke", a, created(t))
		})
	}
}

func uuidOf(i int) string { return fmt.Sprintf("00000000-0000-4000-8000-%012d", i) }

const pageHead, pageEnd = `<html><body><div class="token-list">`, `</div></body></html>`

func rowOf(uuid, name string) string {
	return `<input name="tokenUuid" value="` + uuid + `"><input name="tokenName" value="` + name + `">`
}

// pageOf is a token page of n rows.
func pageOf(row func(i int) (uuid, name string), n int) func(*answering) {
	return func(a *answering) {
		_, _ = io.WriteString(a, pageHead)
		var block strings.Builder
		for i := range n {
			block.WriteString(rowOf(row(i)))
			if block.Len() > 64<<10 || i == n-1 {
				written, err := io.WriteString(a, block.String())
				a.siege.taken.Add(int64(written))
				if err != nil {
					return
				}
				block.Reset()
			}
		}
		_, _ = io.WriteString(a, pageEnd)
	}
}

// swept is a siege with a token of ours that is over.
func swept(s *siege) jenkinstest.Token {
	return s.honest.AddToken(hostileUser, lease.Name{Project: "github.com/acme/web", Run: "1.1", Label: "deploy", Nonce: "aaaaaaaa", End: hostileNoon.Add(-time.Hour)}.String())
}
