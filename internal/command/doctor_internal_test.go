package command

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"
)

// TestChain has certificates that end soon: those of a story must be valid on the
// day it is played.
func TestChain(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
	of := func(name, by string, days int) *x509.Certificate {
		return &x509.Certificate{Subject: pkix.Name{CommonName: name}, Issuer: pkix.Name{CommonName: by}, NotAfter: now.Add(time.Duration(days)*24*time.Hour + time.Hour)}
	}
	leaf, root := of("ci.example.com", "an authority", 90), of("an authority", "an authority", 900)
	for _, test := range []struct {
		name  string
		state tls.ConnectionState
		want  state
		found string
	}{
		{"good", tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, root}}}, stateOK,
			`of "ci.example.com" by "an authority", chain of 2, until 2027-02-21 (90 days)`},
		{"soon over", tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{of("ci.example.com", "an authority", 13), root}}}, stateWarn,
			`of "ci.example.com" by "an authority", chain of 2, until 2026-12-06 (13 days)`},
		{"an authority that is soon over", tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{leaf, of("an authority", "x", 2)}}}, stateWarn,
			`of "ci.example.com" by "an authority", chain of 2, until 2026-11-25 (2 days)`},
		{"names that are commands", tls.ConnectionState{PeerCertificates: []*x509.Certificate{of("a\n::error::b", "\x1b[2J##[c]", 90)}}, stateOK,
			`of "a ::error::b" by " [2J## [c]", chain of 1, until 2027-02-21 (90 days)`},
		{"names that are long", tls.ConnectionState{PeerCertificates: []*x509.Certificate{of(strings.Repeat("é", 65), "", 90)}}, stateOK,
			`of "` + strings.Repeat("é", 64) + `…" by "", chain of 1, until 2027-02-21 (90 days)`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := &diagnosis{inv: &invocation{Program: &Program{Clock: Clock{Now: func() time.Time { return now }}}}}
			d.chain(&test.state)
			if got := d.checks[0]; got.State != test.want || got.Found != test.found {
				t.Errorf("got %s: %s, want %s: %s", got.State, got.Found, test.want, test.found)
			}
		})
	}
}
