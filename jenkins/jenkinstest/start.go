package jenkinstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"time"
)

// TB is the part of [testing.TB] that the package needs; *testing.T fits.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Server is a controller that listens.
type Server struct {
	*Jenkins
	// URL is the root URL with the context path and without a slash at the end.
	URL string
	// CA is the certificate of the authority behind the server, in PEM; only
	// after [StartTLS].
	CA []byte
}

// Start starts a controller on a free port of 127.0.0.1 and closes it with the
// test. A request for a route that the emulator does not know is an error of
// the test.
func Start(tb TB, opts ...Option) *Server {
	tb.Helper()
	return start(tb, false, opts)
}

// StartTLS is [Start] with HTTPS, HTTP/2 offered, and a certificate for
// 127.0.0.1, ::1, localhost and jenkins.test of an authority of its own.
func StartTLS(tb TB, opts ...Option) *Server {
	tb.Helper()
	return start(tb, true, opts)
}

func start(tb TB, secure bool, opts []Option) *Server {
	tb.Helper()
	j, err := New(opts...)
	if err != nil {
		tb.Fatalf("%v", err)
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("jenkinstest: %v", err)
		return nil
	}
	s := &Server{Jenkins: j, URL: "http://" + l.Addr().String() + j.config.contextPath}
	j.onUnknown = func(route string) { tb.Errorf("jenkinstest: unknown route %s", route) }
	h, err := j.server()
	if err != nil {
		tb.Fatalf("jenkinstest: %v", err)
		return nil
	}
	if !secure {
		go h.Serve(l)
	} else {
		var cert tls.Certificate
		cert, s.CA, err = certificate()
		if err != nil {
			l.Close()
			tb.Fatalf("jenkinstest: %v", err)
			return nil
		}
		s.URL = "https://" + l.Addr().String() + j.config.contextPath
		h.TLSConfig = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
		go h.ServeTLS(l, "", "")
	}
	tb.Cleanup(func() {
		j.Close()
		// Close of the listener is for the case that Serve did not get to run.
		l.Close()
	})
	return s
}

// certificate makes an authority and a server certificate of it. The dates do
// not follow the clock of the controller, as clients check them by their own.
func certificate() (tls.Certificate, []byte, error) {
	fail := func(err error) (tls.Certificate, []byte, error) { return tls.Certificate{}, nil, err }
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fail(err)
	}
	from, to := time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "jenkinstest authority"},
		NotBefore: from, NotAfter: to, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return fail(err)
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "jenkinstest"},
		NotBefore: from, NotAfter: to, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{"localhost", "jenkins.test"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, key.Public(), caKey)
	if err != nil {
		return fail(err)
	}
	return tls.Certificate{Certificate: [][]byte{der, caDER}, PrivateKey: key},
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}), nil
}
