package main

import (
	"bytes"
	"compress/gzip"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// doorCondition knows [ipv6]: whether this machine has an IPv6 loopback, which
// containers often lack.
func doorCondition(name string) (bool, error) {
	if name != "ipv6" {
		return false, fmt.Errorf("no condition %s", name)
	}
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		return false, nil
	}
	return true, l.Close()
}

// front is what stands between the program and the controller: a load balancer,
// or an access gateway.
type front struct {
	header, value string // demanded of every request
	refusal       int    // status without it
	redirect      string // root to send visitors on to
	prefix        string // context path that redirect replaces
	gzip          bool
	below         bool // shows the controller's context path at the root

	mu        sync.Mutex
	protocols []string
	conns     map[string]bool
	requests  int
	refused   int
	packed    int
}

// startFront starts a front before the controller and sets FRONT to its root:
//
//	front [--http] [--http1] [--tls12] [--listen HOST] [--until DATE] [--client-certificate]
//	      [--header NAME=VALUE STATUS] [--redirect ROOT PREFIX] [--gzip] [--below]
//
// It writes front.pem, the certificate of its authority, client.pem and
// client.key, which it takes, and stranger.pem and stranger.key, which it does
// not.
func startFront(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	f := &front{conns: map[string]bool{}}
	listen, until := "127.0.0.1", time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
	config := &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	plain := false
	for len(args) > 0 {
		option := args[0]
		args = args[1:]
		take := func() string {
			value := args[0]
			args = args[1:]
			return value
		}
		switch option {
		case "--http":
			plain = true
		case "--http1":
			config.NextProtos = []string{"http/1.1"}
		case "--listen":
			listen = take()
		case "--tls12":
			config.MaxVersion = tls.VersionTLS12
		case "--until":
			var err error
			until, err = time.Parse(time.DateOnly, take())
			ts.Check(err)
		case "--client-certificate":
			config.ClientAuth = tls.RequireAndVerifyClientCert
		case "--header":
			f.header, f.value, _ = strings.Cut(take(), "=")
			var err error
			f.refusal, err = strconv.Atoi(take())
			ts.Check(err)
		case "--redirect":
			f.redirect, f.prefix = take(), take()
		case "--below":
			f.below = true
		case "--gzip":
			f.gzip = true
		default:
			ts.Fatalf("front: no option %s", option)
		}
	}
	l, err := net.Listen("tcp", net.JoinHostPort(listen, "0"))
	ts.Check(err)
	server := &http.Server{Handler: f.handler(ts), ErrorLog: log.New(io.Discard, "", 0), TLSConfig: config}
	ts.Defer(func() { _ = server.Close() })
	address := net.JoinHostPort(listen, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	ts.Setenv("FRONT_HOST", address)
	s.hide = append(s.hide, address, "front:8443", strings.Replace(address, "0.0.0.0", "127.0.0.1", 1), "front:8443")
	s.doors = append(s.doors, f.tell)
	if plain {
		ts.Setenv("FRONT", "http://"+address)
		go func() { _ = server.Serve(l) }()
		return
	}
	ts.Setenv("FRONT", "https://"+address)
	ca := newPair(ts, "authority of the front", nil, until)
	own := newPair(ts, "front", ca, until)
	client := newPair(ts, "a client", ca, until)
	stranger := newPair(ts, "a stranger", nil, until)
	config.Certificates = []tls.Certificate{{Certificate: [][]byte{own.certificate.Raw}, PrivateKey: own.key}}
	config.ClientCAs = x509.NewCertPool()
	config.ClientCAs.AddCert(ca.certificate)
	ca.write(ts, "front")
	client.write(ts, "client")
	stranger.write(ts, "stranger")
	go func() { _ = server.ServeTLS(l, "", "") }()
}

func (f *front) handler(ts *testscript.TestScript) http.Handler {
	s := on(ts)
	var pass http.Handler
	if server := s.server; server != nil {
		to, err := url.Parse(server.URL)
		ts.Check(err)
		if !f.below {
			to.Path = ""
		}
		pass = &httputil.ReverseProxy{
			Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(to) },
			ModifyResponse: f.answer,
			ErrorLog:       log.New(io.Discard, "", 0),
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		f.requests++
		f.conns[r.RemoteAddr] = true
		if !slices.Contains(f.protocols, r.Proto) {
			f.protocols = append(f.protocols, r.Proto)
		}
		refused := f.header != "" && r.Header.Get(f.header) != f.value
		if refused {
			f.refused++
		}
		f.mu.Unlock()
		w.Header().Set("Date", s.date())
		switch {
		case refused:
			http.Error(w, "no entry", f.refusal)
		case f.redirect != "":
			w.Header().Set("Location", f.redirect+strings.TrimPrefix(r.URL.Path, f.prefix))
			w.WriteHeader(http.StatusMovedPermanently)
		default:
			pass.ServeHTTP(w, r)
		}
	})
}

// answer changes an answer of the controller on its way: its date is that of the
// front, and it is compressed, as a gateway does for clients that take it.
func (f *front) answer(answer *http.Response) error {
	answer.Header.Del("Date")
	if !f.gzip || !strings.Contains(answer.Request.Header.Get("Accept-Encoding"), "gzip") {
		return nil
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write(body)
	if err := z.Close(); err != nil {
		return err
	}
	answer.Body = io.NopCloser(&packed)
	answer.Header.Del("Content-Length")
	answer.Header.Set("Content-Encoding", "gzip")
	f.mu.Lock()
	f.packed++
	f.mu.Unlock()
	return nil
}

// tell adds what the front saw to the transcript, and forgets it.
func (f *front) tell(out *transcript) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.requests > 0 {
		line := fmt.Sprintf("the front saw: requests %d (%s), connections %d", f.requests, strings.Join(f.protocols, ", "), len(f.conns))
		if f.refused > 0 {
			line += fmt.Sprintf(", refused %d", f.refused)
		}
		if f.packed > 0 {
			line += fmt.Sprintf(", compressed %d", f.packed)
		}
		out.line("%s", line)
	}
	f.requests, f.refused, f.packed, f.protocols, f.conns = 0, 0, 0, nil, map[string]bool{}
}

// startProxy starts a proxy that knows one controller by all names, the front or
// else the controller, and sets PROXY_HOST: proxy [--login USER:PASSWORD]
// [--refuse].
func startProxy(ts *testscript.TestScript, _ bool, args []string) {
	s := on(ts)
	login, refuse := "", false
	for len(args) > 0 {
		switch args[0] {
		case "--login":
			login, args = args[1], args[1:]
		case "--refuse":
			refuse = true
		default:
			ts.Fatalf("proxy: no option %s", args[0])
		}
		args = args[1:]
	}
	target := ts.Getenv("FRONT_HOST")
	if target == "" {
		target = ts.Getenv("JENKINS_HOST")
	}
	var mu sync.Mutex
	var lines []string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		switch want := "Basic " + base64.StdEncoding.EncodeToString([]byte(login)); {
		case refuse:
			status = http.StatusForbidden
		case login != "" && r.Header.Get("Proxy-Authorization") != want:
			status = http.StatusProxyAuthRequired
		}
		mu.Lock()
		lines = append(lines, fmt.Sprintf("%s %s: %d", r.Method, r.Host, status))
		mu.Unlock()
		if r.Header.Get("Authorization") != "" && r.Method == http.MethodConnect {
			ts.Logf("FAIL: the proxy was shown a credential of the controller")
		}
		switch {
		case status != http.StatusOK:
			w.Header().Set("Date", s.date())
			w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
			w.WriteHeader(status)
		case r.Method == http.MethodConnect:
			tunnel(w, target)
		default:
			proxy := httputil.ReverseProxy{
				Rewrite:  func(p *httputil.ProxyRequest) { p.SetURL(&url.URL{Scheme: "http", Host: target}) },
				ErrorLog: log.New(io.Discard, "", 0),
			}
			proxy.ServeHTTP(w, r)
		}
	})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	server := &http.Server{Handler: handler, ErrorLog: log.New(io.Discard, "", 0)}
	ts.Defer(func() { _ = server.Close() })
	go func() { _ = server.Serve(l) }()
	ts.Setenv("PROXY_HOST", l.Addr().String())
	s.hide = append(s.hide, l.Addr().String(), "proxy:3128")
	s.doors = append(s.doors, func(out *transcript) {
		mu.Lock()
		defer mu.Unlock()
		out.block("the proxy saw", strings.Join(lines, "\n"))
		lines = nil
	})
}

// tunnel connects the client of a CONNECT with an address.
func tunnel(w http.ResponseWriter, address string) {
	to, err := net.Dial("tcp", address)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer func() { _ = to.Close() }()
	from, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer func() { _ = from.Close() }()
	_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
	go func() {
		_, _ = io.Copy(to, buffered)
		_ = to.Close()
	}()
	_, _ = io.Copy(from, to)
}

// date is the time of the story's controller, which what stands before it has
// too.
func (s *stage) date() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now.UTC().Format(http.TimeFormat)
}

// pair is a certificate with its key.
type pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newPair makes a certificate of an authority, or of itself. Its dates are fixed,
// so that a story can tell the days left.
func newPair(ts *testscript.TestScript, name string, by *pair, until time.Time) *pair {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true,
		NotBefore: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: until,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames: []string{"localhost", "jenkins.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback, net.IPv4zero},
	}
	issuer, signer := template, key
	if by != nil {
		issuer, signer = by.certificate, by.key
	} else {
		template.IsCA, template.KeyUsage, template.ExtKeyUsage = true, x509.KeyUsageCertSign, nil
		template.NotAfter = time.Date(2049, 12, 31, 0, 0, 0, 0, time.UTC)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	ts.Check(err)
	made, err := x509.ParseCertificate(der)
	ts.Check(err)
	return &pair{made, key}
}

// write writes NAME.pem and NAME.key.
func (p *pair) write(ts *testscript.TestScript, name string) {
	key, err := x509.MarshalPKCS8PrivateKey(p.key)
	ts.Check(err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.certificate.Raw})
	ts.Check(os.WriteFile(ts.MkAbs(name+".pem"), certificate, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600))
	s := on(ts)
	s.hide = append(s.hide, strings.ReplaceAll(string(certificate), "\n", "\\n"), "$"+strings.ToUpper(name))
}
