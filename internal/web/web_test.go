package web_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/web"
)

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "localhost.": true, "ci.localhost": true, "127.0.0.1": true, "127.255.0.9": true, "::1": true,
		"::ffff:127.0.0.1": true, "": false, "localhost.example.com": false, "notlocalhost": false, "127.0.0.1.example.com": false, "0.0.0.0": false,
		"::": false, "128.0.0.1": false, "10.0.0.1": false, "127.1": false, "2130706433": false, "[::1]": false, "127.0.0.1:80": false,
	} {
		if got := web.IsLoopback(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}

func TestIsHeader(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"X-Gate": true, "X.Gate": true, ".crumb": true, "X_Gate": true, "7": true, strings.Repeat("a", 64): true,
		"": false, "-x": false, "_x": false, strings.Repeat("a", 65): false, "a b": false, "a:": false, "ü": false, "a\r": false,
	} {
		if got := web.IsHeader(name, "value"); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
	}
	for value, want := range map[string]bool{"": true, "a\tb": true, "ü": true, "a\rb": false, "a\nb": false, "\x00": false, "\x7f": false} {
		if got := web.IsHeader("X", value); got != want {
			t.Errorf("value %q: got %t, want %t", value, got, want)
		}
	}
}

func TestMaySet(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"X-Gate": true, "Cf-Access-Client-Id": true, "proxy-authorization": true, "Proxy-Connection": false, "authorization": false, "COOKIE": false,
		"x-forwarded-for": false, "Host": false, "If-None-Match": false, "Sec-Fetch-Mode": false, "Idempotency-Key": false, "X-Http-Method-Override": false,
	} {
		if got := web.MaySet(name); got != want {
			t.Errorf("%s: got %t, want %t", name, got, want)
		}
	}
}

// FuzzIsHeader: a name that is taken has the form of the documentation.
func FuzzIsHeader(f *testing.F) {
	f.Add("X-Gate", "a")
	form := regexp.MustCompile(`^[A-Za-z0-9.][A-Za-z0-9_.-]{0,63}$`)
	f.Fuzz(func(t *testing.T, name, value string) {
		if got, want := web.IsHeader(name, ""), form.MatchString(name); got != want {
			t.Errorf("%q: got %t, want %t", name, got, want)
		}
		if web.IsHeader("X", value) && strings.ContainsAny(value, "\r\n\x00") {
			t.Errorf("%q would be more than one line", value)
		}
	})
}
