package jenkins_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
)

// After 101 the body of an answer is the connection, which no context closes.
func TestSwitchingProtocolsDoesNotHang(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	t.Cleanup(func() { close(held) })
	address := listen(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 4096))
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		<-held
	})
	c := newClient(t, "http://"+address, jenkins.APIToken(user, tokenText))
	done := make(chan error, 1)
	go func() { done <- c.RevokeToken(t.Context(), uuid) }()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	select {
	case err := <-done:
		if failed := failure(t, err, jenkins.KindOther); failed.Status != http.StatusSwitchingProtocols {
			t.Errorf("status: got %d, want 101", failed.Status)
		}
	case <-ctx.Done():
		t.Fatal("the client waits for the end of a connection that is no answer's body")
	}
}

// The account's own credential must not come back as the new token: it would be
// recorded and handed to later steps.
func TestCredentialIsNoToken(t *testing.T) {
	t.Parallel()
	for _, cred := range []jenkins.Credential{jenkins.APIToken(user, tokenText), jenkins.Password(user, tokenText), jenkins.Bearer(tokenText)} {
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				http.NotFound(w, r) // no crumbs
				return
			}
			fmt.Fprintf(w, `{"status":"ok","data":{"tokenName":"x","tokenUuid":%q,"tokenValue":%q}}`, uuid, tokenText)
		})
		token, err := newClient(t, address, cred).CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		failure(t, err, jenkins.KindAnswer)
		if token.Value() != "" || token.UUID != "" {
			t.Errorf("%v: got %v, want no token", cred, token)
		}
	}
}

// The bound of the end follows from the request alone: no Date, and no date in the
// answer, has a say in it.
func TestDatesThatAreNoClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	for date, expiration := range map[string]string{
		now.Add(23 * time.Hour).Format(http.TimeFormat): "11/24/26",
		"Fri, 31 Dec 9999 23:59:59 GMT":                 "31.12.9999",
		"Mon, 01 Jan 0001 00:00:00 GMT":                 "1/1/01",
		"Thu, 01 Jan 1970 00:00:00 GMT":                 "23/11/2026",
		"yesterday":                                     "Never",
	} {
		address := listen(t, func(conn net.Conn) {
			request := make([]byte, 4096)
			n, _ := conn.Read(request)
			if _, form, _ := strings.Cut(string(request[:n]), "\r\n\r\n"); form == "" {
				_, _ = conn.Read(request)
			}
			body := `{"status":"ok","data":{"tokenName":"x","tokenUuid":"` + uuid + `","tokenValue":"` + madeText + `","expirationDate":"` + expiration + `"}}`
			fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s", date, len(body), body)
		})
		c := newClient(t, "http://"+address, jenkins.APIToken(user, tokenText), jenkins.WithClock(func() time.Time { return now }))
		token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x", Expires: now.Add(time.Hour)})
		if want := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC); err != nil || !token.Expires.Equal(want) {
			t.Errorf("%q, %q: got end %v, %v, want %v", date, expiration, token.Expires, err, want)
		}
	}
}
