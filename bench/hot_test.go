package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

const (
	tokenName  = "jenkins-token:github.com/acme/web:17263512.1:deploy:7f3k9q2m:until-20261124T150000Z"
	tokenUUID  = "0b8d8f2f-3f0e-4b8e-9d0e-5a4a6d7f8c9b"
	tokenValue = "11aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
)

// hotPath is a piece of the product that is run often or on much.
type hotPath struct {
	name string
	run  func(testing.TB)
}

func hotPaths(tb testing.TB) []hotPath {
	created := canned(tb, "application/json", fmt.Sprintf(`{"status":"ok","data":{"tokenName":%q,"tokenUuid":%q,"tokenValue":%q}}`, tokenName, tokenUUID, tokenValue))
	page := canned(tb, "text/html", tokenPage(tb, 100))
	record := lease.Lease{
		URL: "https://jenkins.example.com", Username: username, Names: []string{tokenName}, TokenName: tokenName, TokenUUID: tokenUUID,
		Token: secret.New(tokenValue), Settings: settings.Post{Revoke: true, OnRevokeFailure: settings.Warn, Sweep: true, Timeout: "30s"},
	}
	encoded, err := record.Encode()
	if err != nil {
		tb.Fatal(err)
	}
	return []hotPath{
		{"create a token", func(tb testing.TB) {
			if _, err := created.CreateToken(tb.Context(), jenkins.TokenRequest{Name: tokenName, Expires: time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)}); err != nil {
				tb.Fatal(err)
			}
		}},
		{"read a page of 100 tokens", func(tb testing.TB) {
			n := 0
			for _, err := range page.Tokens(tb.Context(), jenkins.WithPageLimit(1<<20)) {
				if err != nil {
					tb.Fatal(err)
				}
				n++
			}
			if n != 100 {
				tb.Fatalf("got %d tokens, want 100", n)
			}
		}},
		{"parse a name", func(tb testing.TB) {
			if _, ok := lease.ParseName(tokenName); !ok {
				tb.Fatal("not a name")
			}
		}},
		{"encode a record", func(tb testing.TB) {
			if again, err := record.Encode(); err != nil || len(again) != len(encoded) {
				tb.Fatal("not the record")
			}
		}},
		{"decode a record", func(tb testing.TB) {
			if _, err := lease.Decode(encoded); err != nil {
				tb.Fatal(err)
			}
		}},
		{"the masks of a token", func(tb testing.TB) {
			if len(secret.Masks(username, record.Token)) == 0 {
				tb.Fatal("no masks")
			}
		}},
	}
}

// BenchmarkHotPaths times what the budget counts.
func BenchmarkHotPaths(b *testing.B) {
	for _, path := range hotPaths(b) {
		b.Run(path.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				path.run(b)
			}
		})
	}
}

// tokenPage is the page of an account with so many tokens.
func tokenPage(tb testing.TB, tokens int) string {
	tb.Helper()
	s := jenkinstest.Start(tb, jenkinstest.WithUser(username, password), jenkinstest.WithVersion(version))
	for range tokens {
		s.AddToken(username, tokenName)
	}
	r, err := http.NewRequestWithContext(tb.Context(), http.MethodGet, s.URL+"/me/security/", nil)
	if err != nil {
		tb.Fatal(err)
	}
	r.SetBasicAuth(username, password)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		tb.Fatal(err)
	}
	defer answer.Body.Close()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(content)
}

// canned is a client of a server that gives the same answer to everything and
// allocates nothing for it, so that what is counted is the client's.
func canned(tb testing.TB, contentType, body string) *jenkins.Client {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = l.Close() })
	answer := []byte(fmt.Sprintf("HTTP/1.1 200 OK\r\nX-Jenkins: %s\r\nDate: Mon, 23 Nov 2026 15:00:00 GMT\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", version, contentType, len(body), body))
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go serve(conn, answer)
		}
	}()
	root, err := jenkins.ParseRoot("http://" + l.Addr().String())
	if err != nil {
		tb.Fatal(err)
	}
	c, err := jenkins.New(root, jenkins.APIToken(username, "11"+strings.Repeat("b", 32)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func serve(conn net.Conn, answer []byte) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for length := 0; ; {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		const header = "Content-Length: "
		switch text := line; {
		case len(text) > len(header) && strings.EqualFold(string(text[:len(header)]), header):
			length = 0
			for _, digit := range text[len(header) : len(text)-2] {
				length = length*10 + int(digit-'0')
			}
		case len(text) == 2:
			if _, err := in.Discard(length); err != nil {
				return
			}
			length = 0
			if _, err := conn.Write(answer); err != nil {
				return
			}
		}
	}
}
