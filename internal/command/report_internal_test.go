package command

import (
	"errors"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// What is the same but for its name is said once, with a count.
func TestLeftoversThatDifferInTheirNameAreSaidOnce(t *testing.T) {
	t.Parallel()
	of := func(name string, ending lease.Ending, err string) lease.Left {
		return lease.Left{Record: lease.Record{URL: "https://ci.example.com", Username: "alice"}, Name: name, Ending: ending, Err: errors.New(err)}
	}
	all := merged([]lease.Left{
		of("a", lease.Unknown, "no connection"), of("b", lease.Unknown, "no connection"), of("c", lease.Unknown, "no connection"),
		of("d", lease.Unknown, "another"), of("e", lease.Failed, "no connection"), of("f", lease.Failed, "no connection"),
	})
	var got []string
	for _, one := range all {
		text, _, _ := strings.Cut(remains(one.Left, one.more), ": ")
		got = append(got, text)
	}
	want := []string{
		"a token named a, or of one of the 2 other names that this run tried, may exist", "a token named d may exist",
		"token e was not revoked", "token f was not revoked",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
