package lease_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

var end = time.Date(2026, 11, 24, 15, 0, 0, 0, time.UTC)

func TestName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 30)
	for _, row := range []struct {
		name string
		in   lease.Name
		want string
	}{
		{"as documented", lease.Name{"github.com/acme/web", "17263512.1", "deploy", "7f3k9q2m", end}, "jenkins-token:github.com/acme/web:17263512.1:deploy:7f3k9q2m:until-20261124T150000Z"},
		{"an end in another zone", lease.Name{"w", "r", "l", "7f3k9q2m", end.In(time.FixedZone("", 3600))}, "jenkins-token:w:r:l:7f3k9q2m:until-20261124T150000Z"},
		{"colons and blanks", lease.Name{"ghes:8443/a b", "1:2", "a::b", "7f3k9q2m", end}, "jenkins-token:ghes-8443/a-b:1-2:a--b:7f3k9q2m:until-20261124T150000Z"},
		{"every letter that is kept", lease.Name{"azAZ09._/@#+=,-", "r", "l", "7f3k9q2m", end}, "jenkins-token:azAZ09._/@#+=,-:r:l:7f3k9q2m:until-20261124T150000Z"},
		{"texts that break out of a line or of HTML", lease.Name{"a\n::error::", "<b>", "\x1b[2J\x00\ufffe", "7f3k9q2m", end}, "jenkins-token:a---error--:-b-:--2J--:7f3k9q2m:until-20261124T150000Z"},
		{"other scripts and bytes that are no UTF-8", lease.Name{"größe", "東京", "\xff\xfe", "7f3k9q2m", end}, "jenkins-token:gr--e:--:--:7f3k9q2m:until-20261124T150000Z"},
		{"nothing", lease.Name{"", "", "", "7f3k9q2m", end}, "jenkins-token:-:-:-:7f3k9q2m:until-20261124T150000Z"},
		{"a long label is cut at its end", lease.Name{"where", "run", long, "7f3k9q2m", end}, "jenkins-token:where:run:" + long[:194] + ":7f3k9q2m:until-20261124T150000Z"},
		{"a long label leaves the project whole", lease.Name{long[:180], "run", long, "7f3k9q2m", end}, "jenkins-token:" + long[:180] + ":run:" + long[:19] + ":7f3k9q2m:until-20261124T150000Z"},
		{"the project is cut at its start when the label is short", lease.Name{long[:200], "run", "labels", "7f3k9q2m", end}, "jenkins-token:" + long[7:200] + ":run:labels:7f3k9q2m:until-20261124T150000Z"},
		{"eight letters of the label stay", lease.Name{long[:200], "run", long, "7f3k9q2m", end}, "jenkins-token:" + long[9:200] + ":run:" + long[:8] + ":7f3k9q2m:until-20261124T150000Z"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := row.in.String()
			if got != row.want || len(got) > 250 {
				t.Errorf("got  %s (%d bytes)\nwant %s", got, len(got), row.want)
			}
			if back, ok := lease.ParseName(got); !ok || back.String() != got || !back.End.Equal(end) {
				t.Errorf("read back: %+v %v", back, ok)
			}
		})
	}
}

func TestNamesOfOthers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "ci", "Token created on 2026-11-23T15:00:00Z", "jenkins-token:", "jenkins-token:a:b:c",
		"jenkins-token:a:b:c:7f3k9q2m", "jenkins-token:a:b:c:7f3k9q2m:20261124T150000Z", "jenkins-token:a:b:c:7f3k9q2m:before-20261124T150000Z",
		"jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000", "jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000.5Z", "jenkins-token:a:b:c:7f3k9q2m:until-20261132T150000Z",
		"jenkins-token:a:b:c:7f3k9q2m:until-20261124T150060Z", "jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000+", "jenkins-token:a:b:c:7f3k9q2m:until-20261124t150000z",
		"jenkins-token:a:b:c:7f3k9q2:until-20261124T150000Z", "jenkins-token:a:b:c:7f3k9q2mm:until-20261124T150000Z", "jenkins-token:a:b::7f3k9q2m:until-20261124T150000Z",
		"jenkins-token::b:c:7f3k9q2m:until-20261124T150000Z", "jenkins-token:a:b:c:d:7f3k9q2m:until-20261124T150000Z", "Jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000Z",
		" jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000Z", "jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000Z\n", "jenkins-token:a b:b:c:7f3k9q2m:until-20261124T150000Z",
		"jenkins-token:a\x00:b:c:7f3k9q2m:until-20261124T150000Z", "jenkins-token:ä:b:c:7f3k9q2m:until-20261124T150000Z",
		"jenkins-token:" + strings.Repeat("a", 201) + ":b:c:7f3k9q2m:until-20261124T150000Z",
	} {
		if name, ok := lease.ParseName(text); ok {
			t.Errorf("%q is taken for ours: %+v", text, name)
		}
	}
}

func TestNonce(t *testing.T) {
	t.Parallel()
	got, err := lease.NewNonce(bytes.NewReader([]byte{0, 0xff, 0, 0xff, 0, 1}))
	if err != nil || got != "ad7qb7ya" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := lease.NewNonce(bytes.NewReader([]byte{1, 2, 3, 4})); err == nil {
		t.Error("no error without randomness")
	}
}

// FuzzTokenName: whatever a CI calls itself, the name is of the grammar; and
// whatever is read as a name is written the same again.
func FuzzTokenName(f *testing.F) {
	f.Add("github.com/acme/web", "1.1", "deploy", "jenkins-token:a:b:c:7f3k9q2m:until-20261124T150000Z", int64(0))
	f.Add(strings.Repeat("w", 300), strings.Repeat("r", 300), strings.Repeat("l", 300), "jenkins-token:a:b:c:7f3k9q2m:until-00000101T000000Z", int64(1<<35))
	f.Add("\x00\ufffe\xff", "\n", ":", "jenkins-token:a:b:c:7f3k9q2m:until-20260230T000000Z", int64(-1))
	f.Add(strings.Repeat("w", 190), "1", "l", "jenkins-token:"+strings.Repeat("w", 200)+":b:c:7f3k9q2m:until-20261124T150000Z", int64(5))
	f.Fuzz(func(t *testing.T, project, run, label, text string, seconds int64) {
		const years = 200 * 365 * 24 * 3600
		in := lease.Name{project, run, label, "7f3k9q2m", end.Add(time.Duration(seconds%years) * time.Second)}
		name := in.String()
		back, ok := lease.ParseName(name)
		if !ok || len(name) > 250 {
			t.Fatalf("%q (%d bytes) is not of the grammar", name, len(name))
		}
		if !back.End.Equal(in.End) || back.Nonce != in.Nonce || back.String() != name {
			t.Errorf("%q is read as %+v", name, back)
		}
		if !strings.HasPrefix(lease.Part(label), back.Label) || !strings.HasSuffix(lease.Part(project), back.Project) || !strings.HasPrefix(lease.Part(run), back.Run) {
			t.Errorf("%q is cut elsewhere than at the label's end and the project's start", name)
		}
		if name, ok := lease.ParseName(text); ok && name.String() != text {
			t.Errorf("%q is written as %q", text, name.String())
		}
	})
}
