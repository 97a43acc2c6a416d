package jenkins

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// kindOf classifies what the transport returned in place of an answer.
func kindOf(err error) Kind {
	var (
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		verify    *tls.CertificateVerificationError
		record    tls.RecordHeaderError
		dns       *net.DNSError
		op        *net.OpError
		timeout   net.Error
	)
	switch {
	case errors.Is(err, errProxyAddress):
		return KindProxyAddress
	case errors.Is(err, errProxyLogin):
		return KindProxyLogin
	case errors.Is(err, errProxyRefused):
		return KindProxyRefused
	case errors.Is(err, errProxyForbidden):
		return KindProxyForbidden
	case errors.Is(err, errProxyTarget):
		return KindProxyTarget
	case errors.As(err, &op) && op.Op == "proxyconnect" && (errors.As(err, &record) || errors.As(err, &verify)):
		return KindProxyTLS
	case errors.Is(err, errProxy), op != nil && op.Op == "proxyconnect":
		return KindProxy
	case errors.Is(err, errOldTLS):
		return KindOldTLS
	case errors.Is(err, context.Canceled):
		return KindCanceled
	case errors.As(err, &authority):
		return KindAuthority
	case errors.As(err, &hostname):
		if c := hostname.Certificate; c != nil && len(c.DNSNames)+len(c.IPAddresses) == 0 {
			return KindNoName
		}
		return KindHostname
	case errors.As(err, &invalid), errors.As(err, &verify):
		return KindCertificate
	case op != nil && op.Op == "remote error": // a TLS alert; crypto/tls exports no type for it
		return KindCertificate
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return KindNotTLS
	case errors.As(err, &dns):
		return KindResolve
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return KindTimeout
	case errors.As(err, &op) && op.Op == "dial",
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return KindConnect
	}
	return KindConnection
}

// cause drops the layer that repeats the address.
func cause(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

var (
	permission = form(121, `[A-Za-z][A-Za-z0-9_.$-]*`)
	hostPort   = form(259, `[A-Za-z0-9._-]+(:[0-9]{1,5})?`)
)

// classify fills in what an answer other than 200 means.
func classify(e *Error, answer *http.Response, now time.Time) {
	e.Status = answer.StatusCode
	if v := ParseVersion(answer.Header.Get("X-Jenkins")); v.Known() {
		e.Version, e.named = v, true
	}
	switch status := answer.StatusCode; {
	case answer.Header.Get("Cf-Mitigated") != "": // a challenge of Cloudflare's, whatever its status
		e.Kind = KindForbidden
	case status == http.StatusUnauthorized:
		e.Kind = KindGateway
		// BasicAuthenticationEntryPoint writes exactly this.
		for _, challenge := range answer.Header.Values("WWW-Authenticate") {
			if strings.EqualFold(challenge, `Basic realm="Jenkins"`) {
				e.Kind = KindRefused
			}
		}
	case status == http.StatusForbidden:
		e.Kind = forbidden(e, answer)
	case status == http.StatusProxyAuthRequired: // of a proxy for plain http; a tunnel fails before
		e.Kind = KindProxyRefused
		if answer.Request == nil || answer.Request.Header.Get("Proxy-Authorization") == "" {
			e.Kind = KindProxyLogin
		}
	case status >= 300 && status < 400:
		e.Kind = KindRedirect
		if to, err := answer.Location(); err == nil && to.Host != "" && to.Host != e.Host && hostPort.MatchString(to.Host) {
			e.Target = to.Host
		}
	case status == http.StatusNotFound:
		e.Kind = KindNotFound
	case status == http.StatusTooManyRequests:
		e.Kind = KindRateLimit
		e.RetryAfter = retryAfter(answer, now)
	case status == http.StatusBadGateway, status == http.StatusServiceUnavailable, status == http.StatusGatewayTimeout:
		e.Kind = KindUnavailable
		e.RetryAfter = retryAfter(answer, now)
	case status >= 500:
		e.Kind = KindServer
	case status >= 400:
		e.Kind = KindMethod
	default:
		e.Kind = KindAnswer
	}
}

// retryAfter is the pause that an answer asks for, in seconds or until a date
// (RFC 9110, 10.2.3); 0 when it names none.
func retryAfter(answer *http.Response, now time.Time) time.Duration {
	const longest = 24 * time.Hour // more than any timeout
	text := strings.TrimSpace(answer.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, longest)
	}
	until, err := http.ParseTime(text)
	if err != nil {
		return 0
	}
	// The date is by the sender's clock, as its Date is.
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		now = date
	}
	return max(0, min(until.Sub(now), longest))
}

// forbidden tells the answers 403 of Jenkins apart. Only the body tells a crumb
// that was not accepted: CrumbFilter gives no header, and newer servlet
// containers drop the reason phrase.
func forbidden(e *Error, answer *http.Response) Kind {
	body, err := io.ReadAll(io.LimitReader(answer.Body, errorLimit))
	as := answer.Header.Get("X-You-Are-Authenticated-As")
	switch {
	case bytes.Contains(body, []byte("No valid crumb was included")):
		return KindCrumb
	case as == "anonymous", bytes.Contains(body, []byte("Authentication required")):
		return KindAnonymous
	case answer.Header.Get("X-Required-Permission") != "":
		if name := answer.Header.Get("X-Required-Permission"); permission.MatchString(name) {
			e.Permission = name
		}
		return KindPermission
	case err == nil && len(body) == 0 && answer.Header.Get("Content-Type") == "":
		return KindOwner
	}
	return KindForbidden
}

// loginPage reports whether an answer that should have been something else is
// the HTML page of a login.
func loginPage(answer *http.Response, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
	if kind != "text/html" && kind != "application/xhtml+xml" {
		return false
	}
	body = bytes.ToLower(body)
	if bytes.Contains(body, []byte("just a moment")) || bytes.Contains(body, []byte("challenge-platform")) {
		return false // of Cloudflare's, for a browser without a login
	}
	return bytes.Contains(body, []byte("<form")) || bytes.Contains(body, []byte("http-equiv")) || bytes.Contains(body, []byte("<script"))
}
