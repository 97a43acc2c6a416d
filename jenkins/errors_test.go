package jenkins_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

func TestKindsOfConnections(t *testing.T) {
	t.Parallel()
	short := jenkins.WithRequestTimeout(50 * time.Millisecond)
	through := func(t *testing.T, address string) jenkins.Option {
		return jenkins.WithProxy(func(*url.URL) (*url.URL, error) {
			return &url.URL{Scheme: "http", User: url.UserPassword("bob", "proxy-pa55"), Host: address}, nil
		})
	}
	for _, test := range []struct {
		name string
		to   func(*testing.T) (address string, options []jenkins.Option)
		want jenkins.Kind
		sent bool
	}{
		{"refused", func(t *testing.T) (string, []jenkins.Option) { return "http://" + closedPort, nil }, jenkins.KindConnect, false},
		// The label is longer than DNS allows, so that no name server is asked.
		{"unknown name", func(t *testing.T) (string, []jenkins.Option) {
			return "https://" + strings.Repeat("a", 64) + ".invalid", nil
		}, jenkins.KindResolve, false},
		{"silent", func(t *testing.T) (string, []jenkins.Option) {
			return "http://" + listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), []jenkins.Option{short}
		}, jenkins.KindTimeout, true},
		{"silent in the handshake", func(t *testing.T) (string, []jenkins.Option) {
			return "https://" + listen(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }), []jenkins.Option{short}
		}, jenkins.KindTimeout, false},
		{"closed at once in the handshake", func(t *testing.T) (string, []jenkins.Option) {
			return "https://" + listen(t, func(net.Conn) {}), nil
		}, jenkins.KindConnection, false},
		{"closed after the request", func(t *testing.T) (string, []jenkins.Option) {
			return "http://" + listen(t, func(c net.Conn) { _, _ = http.ReadRequest(bufio.NewReader(c)) }), nil
		}, jenkins.KindConnection, true},
		{"no HTTP", func(t *testing.T) (string, []jenkins.Option) {
			return "http://" + listen(t, func(c net.Conn) {
				_, _ = http.ReadRequest(bufio.NewReader(c))
				_, _ = io.WriteString(c, "SSH-2.0-OpenSSH "+bodyText+"\r\n\r\n")
			}), nil
		}, jenkins.KindConnection, true},
		{"plain http on the port of TLS", func(t *testing.T) (string, []jenkins.Option) {
			address, _ := serve(t, func(http.ResponseWriter, *http.Request) {})
			return strings.Replace(address, "http:", "https:", 1), nil
		}, jenkins.KindNotTLS, false},
		{"something else on the port of TLS", func(t *testing.T) (string, []jenkins.Option) {
			return "https://" + listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n") }), nil
		}, jenkins.KindNotTLS, false},
		{"proxy not there", func(t *testing.T) (string, []jenkins.Option) {
			return "https://ci.example.com", []jenkins.Option{through(t, closedPort)}
		}, jenkins.KindProxy, false},
		{"proxy refuses", func(t *testing.T) (string, []jenkins.Option) {
			address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusProxyAuthRequired)
				_, _ = io.WriteString(w, bodyText)
			})
			return "https://ci.example.com", []jenkins.Option{through(t, strings.TrimPrefix(address, "http://"))}
		}, jenkins.KindProxyRefused, false},
		{"proxy has no address", func(t *testing.T) (string, []jenkins.Option) {
			return "https://ci.example.com", []jenkins.Option{jenkins.WithProxy(func(*url.URL) (*url.URL, error) {
				return nil, errors.New("parse http://bob:proxy-pa55@")
			})}
		}, jenkins.KindProxyAddress, false},
		{"proxy of a kind that is not known", func(t *testing.T) (string, []jenkins.Option) {
			return "https://ci.example.com", []jenkins.Option{jenkins.WithProxy(func(*url.URL) (*url.URL, error) {
				return &url.URL{Scheme: "gopher", User: url.UserPassword("bob", "proxy-pa55"), Host: "127.0.0.1:1"}, nil
			})}
		}, jenkins.KindProxyAddress, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, options := test.to(t)
			c := newClient(t, address, jenkins.APIToken(user, tokenText), options...)
			_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			created := failure(t, err, test.want)
			_, err = c.WhoAmI(t.Context())
			asked := failure(t, err, test.want)
			if created.Sent != test.sent || created.Unclear() != test.sent || created.Unsent() == test.sent {
				t.Errorf("POST: got sent %t, unclear %t, unsent %t, want %t, %t, %t", created.Sent, created.Unclear(), created.Unsent(), test.sent, test.sent, !test.sent)
			}
			if asked.Sent != test.sent || asked.Unclear() {
				t.Errorf("GET: got sent %t, unclear %t, want %t, false", asked.Sent, asked.Unclear(), test.sent)
			}
			if created.Status != 0 {
				t.Errorf("status: got %d, want 0", created.Status)
			}
		})
	}
}

func TestDisturbedCreate(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		fault   string
		want    jenkins.Kind
		unclear bool
		tokens  int
	}{
		{"drop-before", jenkins.KindConnection, true, 0},
		{"drop-after", jenkins.KindConnection, true, 1},
		{"hold", jenkins.KindTimeout, true, 0},
		{"delay=1m", jenkins.KindTimeout, true, 1},
		{"500-acted", jenkins.KindServer, true, 1},
		{"500-unsaved", jenkins.KindServer, true, 1},
		{"status=502", jenkins.KindUnavailable, true, 0},
		{"status=503", jenkins.KindUnavailable, true, 0},
		{"truncated", jenkins.KindAnswer, true, 1},
		{"huge", jenkins.KindAnswer, true, 1},
		{"garbage", jenkins.KindAnswer, true, 1},
		{"hostile", jenkins.KindAnswer, true, 1},
		{"login-page", jenkins.KindLoginPage, false, 0},
		{"gateway-401", jenkins.KindGateway, false, 0},
		{"gateway-403", jenkins.KindForbidden, false, 0},
		{"refuse", jenkins.KindRefused, false, 0},
		{"redirect=https://sso.example.com/", jenkins.KindRedirect, false, 0},
	} {
		t.Run(test.fault, func(t *testing.T) {
			t.Parallel()
			srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
			c := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value), jenkins.WithRequestTimeout(time.Second))
			// The connection is in use already: a second POST on a new one would
			// be a repetition.
			if _, err := c.WhoAmI(t.Context()); err != nil {
				t.Fatal(err)
			}
			srv.Forget()
			inject(t, srv, "create:"+test.fault)
			token, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
			failed := failure(t, err, test.want)
			if !failed.Sent || failed.Unsent() || failed.Unclear() != test.unclear {
				t.Errorf("got sent %t, unsent %t, unclear %t, want true, false, %t", failed.Sent, failed.Unsent(), failed.Unclear(), test.unclear)
			}
			if token.Value() != "" || token.UUID != "" {
				t.Errorf("token: got %v, want none", token)
			}
			if got := len(srv.Requests()); got != 1 {
				t.Errorf("requests: got %d, want 1", got)
			}
			if got := len(srv.Tokens(user)) - 1; got != test.tokens {
				t.Errorf("tokens made: got %d, want %d", got, test.tokens)
			}
			for _, made := range srv.Tokens(user) {
				noSecrets(t, err, made.Value)
			}
		})
	}
}

func TestContext(t *testing.T) {
	t.Parallel()
	t.Run("cancelled before", func(t *testing.T) {
		t.Parallel()
		address, count := serve(t, created)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(ctx, jenkins.TokenRequest{Name: "x"})
		failed := failure(t, err, jenkins.KindCanceled)
		if failed.Sent || !failed.Unsent() || failed.Unclear() || count.Load() != 0 {
			t.Errorf("got sent %t, unclear %t, %d requests, want nothing sent", failed.Sent, failed.Unclear(), count.Load())
		}
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error: got %v, want context.Canceled in it", err)
		}
	})
	t.Run("cancelled while Jenkins acts", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			cancel()
			<-r.Context().Done()
		})
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(ctx, jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindCanceled); !failed.Sent || !failed.Unclear() {
			t.Errorf("got sent %t, unclear %t, want true, true", failed.Sent, failed.Unclear())
		}
	})
	t.Run("cancelled in the body", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, `{"status":`)
			_ = http.NewResponseController(w).Flush()
			cancel()
			<-r.Context().Done()
		})
		_, err := newClient(t, address, jenkins.APIToken(user, tokenText)).CreateToken(ctx, jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindCanceled); !failed.Unclear() {
			t.Error("got clear, want unclear")
		}
	})
	t.Run("time-out in the body", func(t *testing.T) {
		t.Parallel()
		address, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = fmt.Fprint(w, `{"status":`)
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})
		c := newClient(t, address, jenkins.APIToken(user, tokenText), jenkins.WithRequestTimeout(100*time.Millisecond))
		_, err := c.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		if failed := failure(t, err, jenkins.KindTimeout); !failed.Unclear() || failed.Status != http.StatusOK {
			t.Errorf("got unclear %t, status %d, want true, 200", failed.Unclear(), failed.Status)
		}
	})
	t.Run("the caller's deadline", func(t *testing.T) {
		t.Parallel()
		srv := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
		inject(t, srv, "whoami:hold")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := newClient(t, srv.URL, jenkins.APIToken(user, srv.AddToken(user, "a").Value)).WhoAmI(ctx)
		failure(t, err, jenkins.KindTimeout)
	})
}

func TestKinds(t *testing.T) {
	t.Parallel()
	seen := map[string]jenkins.Kind{}
	for kind := jenkins.KindAnswer; kind <= jenkins.KindNotTLS; kind++ {
		name := kind.String()
		if other, twice := seen[name]; twice || strings.HasPrefix(name, "Kind(") {
			t.Errorf("%d: got the name %q, of %d too", kind, name, other)
		}
		seen[name] = kind
		failed := &jenkins.Error{Op: jenkins.OpCreate, Kind: kind}
		if !errors.Is(fmt.Errorf("wrapped: %w", failed), kind) || errors.Is(failed, kind+1) {
			t.Errorf("%s: errors.Is does not tell it", name)
		}
	}
	if got := jenkins.Kind(0).String(); got != "Kind(0)" {
		t.Errorf("the zero value: got %q, want no name", got)
	}
}
