package cli

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"create", "revoke", "sweep", "doctor", "dry-run", "client-key", "client-certificate", "ca-certificate", "ttl", "url", "uuid"}
	for _, test := range []struct{ name, typed, want string }{
		{"one letter missing", "creat", "create"},
		{"one letter too many", "sweeep", "sweep"},
		{"one letter changed", "rewoke", "revoke"},
		{"two letters swapped", "docotr", "doctor"},
		{"no hyphen", "dryrun", "dry-run"},
		{"underline", "client_key", "client-key"},
		{"capitals", "TTL", "ttl"},
		{"beginning", "rev", "revoke"},
		{"beginning of two", "client-", ""},
		{"as near to two", "utl", ""},
		{"another word", "hunter2", ""},
		{"one letter", "c", ""},
		{"nothing", "", ""},
		{"very long", strings.Repeat("create", 10), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := nearest(test.typed, names); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestDistance(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"label", "lable", 1}, {"kitten", "sitting", 3}, {"abc", "abc", 0}, {"ca", "abc", 3}} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("%q, %q: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
