package jenkins_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// counting is a transport that counts requests.
type counting struct {
	http.RoundTripper
	requests atomic.Int64
}

// RoundTrip implements [http.RoundTripper].
func (c *counting) RoundTrip(r *http.Request) (*http.Response, error) {
	c.requests.Add(1)
	return c.RoundTripper.RoundTrip(r)
}

// failing is a transport that answers nothing.
type failing struct{ err error }

// RoundTrip implements [http.RoundTripper].
func (f failing) RoundTrip(*http.Request) (*http.Response, error) { return nil, f.err }

func TestWithTransport(t *testing.T) {
	t.Parallel()
	server := jenkinstest.Start(t, jenkinstest.WithUser(user, password))
	transport := &counting{RoundTripper: http.DefaultTransport}
	client := newClient(t, server.URL, jenkins.Password(user, password), jenkins.WithTransport(transport))
	token, err := client.CreateToken(t.Context(), jenkins.TokenRequest{Name: "traced"})
	if err != nil {
		t.Fatal(err)
	}
	own := client.WithCredential(jenkins.APIToken(user, token.Value()))
	if err := own.RevokeToken(t.Context(), token.UUID); err != nil {
		t.Fatal(err)
	}
	client.Close()
	if got, want := int(transport.requests.Load()), len(server.Requests()); got != want || got != 3 {
		t.Errorf("got %d requests by the transport of %d, want all 3", got, want)
	}
}

// A redirect is not followed, whatever the transport is.
func TestWithTransportFollowsNoRedirect(t *testing.T) {
	t.Parallel()
	requests := 0
	transport := roundTrip(func(r *http.Request) (*http.Response, error) {
		requests++
		header := http.Header{"Location": {"https://elsewhere.example.com/"}}
		return &http.Response{StatusCode: http.StatusFound, Header: header, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	})
	_, err := newClient(t, "https://ci.example.com", jenkins.APIToken(user, tokenText), jenkins.WithTransport(transport)).LegacyToken(t.Context())
	if err == nil || requests == 0 {
		t.Fatalf("got %v after %d requests, want an error", err, requests)
	}
	if failed, ok := errors.AsType[*jenkins.Error](err); !ok || failed.Kind == 0 {
		t.Errorf("got %v, want an error of a kind", err)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What failed in a transport of one's own counts as sent, unless it did not connect.
func TestWithTransportCountsAsSent(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err     error
		unclear bool
	}{
		"cut off":      {io.ErrUnexpectedEOF, true},
		"out of time":  {context.DeadlineExceeded, true},
		"not resolved": {&net.DNSError{Err: "no such host", Name: "ci.example.com", IsNotFound: true}, false},
		"refused":      {&net.OpError{Op: "dial", Err: errors.New("connection refused")}, false},
	} {
		client := newClient(t, "https://ci.example.com", jenkins.APIToken(user, tokenText), jenkins.WithTransport(failing{row.err}))
		_, err := client.CreateToken(t.Context(), jenkins.TokenRequest{Name: "x"})
		failed, ok := errors.AsType[*jenkins.Error](err)
		if !ok || failed.Unclear() != row.unclear || failed.Unsent() == row.unclear {
			t.Errorf("%s: got %v, want unclear %t", name, err, row.unclear)
		}
	}
}

func TestWithTransportRefuses(t *testing.T) {
	t.Parallel()
	root, err := jenkins.ParseRoot("https://ci.example.com")
	if err != nil {
		t.Fatal(err)
	}
	own := jenkins.WithTransport(http.DefaultTransport)
	for name, options := range map[string][]jenkins.Option{
		"none":             {jenkins.WithTransport(nil)},
		"with a proxy":     {own, jenkins.WithProxy(func(*url.URL) (*url.URL, error) { return nil, nil })},
		"with connections": {jenkins.WithDial(func(context.Context, string, string) (net.Conn, error) { return nil, nil }), own},
	} {
		if _, err := jenkins.New(root, jenkins.APIToken(user, tokenText), options...); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
