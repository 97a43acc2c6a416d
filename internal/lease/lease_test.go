package lease_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/settings"
)

const (
	uuid      = "11111111-2222-4333-8444-555555555555"
	tokenText = "110123456789abcdef0123456789abcdef"
	firstName = "jenkins-token:ci/acme:1.1:deploy:aaaaaaaa:until-20261124T150000Z"
	nextName  = "jenkins-token:ci/acme:1.1:deploy:bbbbbbbb:until-20261124T160000Z"
)

func post() settings.Post {
	return settings.Post{Revoke: true, OnRevokeFailure: settings.Warn, Sweep: true, Timeout: "30s"}
}

// full is a record with everything in it.
func full() lease.Lease {
	return lease.Lease{
		URL: "https://ci.example/jenkins", Username: "alice", Names: []string{firstName, nextName}, TokenName: nextName,
		TokenUUID: uuid, Token: secret.New(tokenText), ExpiresAt: "2026-11-25T00:00:00Z", Settings: post(),
	}
}

func TestRecordAsWritten(t *testing.T) {
	t.Parallel()
	const frame = `{"v":1,"url":"https://ci.example/jenkins","username":"alice","forUser":"","names":["` + firstName + `","` + nextName + `"],` +
		`"tokenName":"` + nextName + `","tokenUuid":"` + uuid + `","token":"%s","expiresAt":"2026-11-25T00:00:00Z",` +
		`"settings":{"revoke":true,"onRevokeFailure":"warn","sweep":true,"timeout":"30s"}}`
	r := full()
	if got, want := string(encoded(t, r)), fmt.Sprintf(frame, tokenText); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := string(withoutToken(t, r)), fmt.Sprintf(frame, ""); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if strings.Contains(fmt.Sprintf("%v %+v %#v", r, r, r), tokenText) {
		t.Error("printing a record shows the token")
	}
	r.Settings.CA = "-----BEGIN CERTIFICATE-----\n<&>\u2028\n"
	if strings.ContainsAny(string(encoded(t, r)), "\r\n") {
		t.Error("a record is not one line")
	}
	for _, text := range [][]byte{encoded(t, r), withoutToken(t, r), append(encoded(t, r), '\n')} {
		back, err := lease.Decode(text)
		if err != nil {
			t.Fatal(err)
		}
		want := r
		want.Token = back.Token
		if !alike(back, want) || !back.Token.Empty() && back.Token.Reveal() != tokenText {
			t.Errorf("got  %+v\nwant %+v", back, want)
		}
	}
}

func TestWhatARecordSays(t *testing.T) {
	t.Parallel()
	intent := lease.Lease{Names: []string{firstName}}
	if r := full(); !r.Complete() || !slices.Equal(r.Unconfirmed(), []string{firstName}) {
		t.Errorf("a full record: complete %v, lost %q", r.Complete(), r.Unconfirmed())
	}
	if intent.Complete() || !slices.Equal(intent.Unconfirmed(), []string{firstName}) {
		t.Errorf("an intent: complete %v, lost %q", intent.Complete(), intent.Unconfirmed())
	}
	for _, row := range []struct {
		in   lease.Lease
		want time.Time
		ok   bool
	}{
		{full(), end.Add(time.Hour), true}, {intent, end, true}, {lease.Lease{}, time.Time{}, false}, {lease.Lease{Names: []string{"x"}}, time.Time{}, false},
	} {
		if got, ok := row.in.Until(); !got.Equal(row.want) || ok != row.ok {
			t.Errorf("until %v %v, want %v", got, ok, row.want)
		}
	}
	r := full()
	names := slices.Clone(r.Names)
	r.Unconfirmed()
	r.Until()
	if !slices.Equal(r.Names, names) {
		t.Error("asking changes the names")
	}
}

// forge is the JSON of the full record with changes; nil deletes a key.
func forge(t testing.TB, changes map[string]any) string {
	t.Helper()
	var fields map[string]any
	if err := json.Unmarshal(encoded(t, full()), &fields); err != nil {
		t.Fatal(err)
	}
	for key, value := range changes {
		if key, sub, ok := strings.Cut(key, "."); ok {
			fields[key].(map[string]any)[sub] = value
			continue
		}
		fields[key] = value
		if value == nil {
			delete(fields, key)
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// forged are records that somebody else may have written.
func forged(t testing.TB) map[string]string {
	t.Helper()
	many := make([]string, 65)
	for i := range many {
		many[i] = firstName
	}
	many[0] = nextName
	all := map[string]string{
		"nothing":                "",
		"no JSON":                "{",
		"a list":                 "[" + string(encoded(t, full())) + "]",
		"null":                   "null",
		"two records":            string(encoded(t, full())) + string(encoded(t, full())),
		"a bracket behind":       string(encoded(t, full())) + "}",
		"a square bracket":       string(encoded(t, full())) + "]",
		"words behind":           string(encoded(t, full())) + " x",
		"larger than the limit":  string(encoded(t, full())) + strings.Repeat(" ", lease.SizeLimit),
		"a NUL behind":           string(encoded(t, full())) + "\x00",
		"a mark of completion":   `{"done":"` + firstName + `"}`,
		"a version of tomorrow":  forge(t, map[string]any{"v": 2}),
		"no version":             forge(t, map[string]any{"v": nil}),
		"a version as text":      forge(t, map[string]any{"v": "1"}),
		"no url":                 forge(t, map[string]any{"url": nil}),
		"a url with a slash":     forge(t, map[string]any{"url": "https://ci.example/jenkins/"}),
		"a url with blanks":      forge(t, map[string]any{"url": " https://ci.example/jenkins"}),
		"a url with a password":  forge(t, map[string]any{"url": "https://a:b@ci.example"}),
		"a url with a query":     forge(t, map[string]any{"url": "https://ci.example/?x"}),
		"plain http":             forge(t, map[string]any{"url": "http://ci.example"}),
		"another scheme":         forge(t, map[string]any{"url": "file:///etc/passwd"}),
		"no names":               forge(t, map[string]any{"names": nil}),
		"an empty list of names": forge(t, map[string]any{"names": []string{}, "tokenName": "", "tokenUuid": "", "token": ""}),
		"a blank name":           forge(t, map[string]any{"names": []string{""}, "tokenName": ""}),
		"a blank name among":     forge(t, map[string]any{"names": []string{firstName, nextName, ""}}),
		"a foreign name":         forge(t, map[string]any{"names": []string{nextName, "my own token"}}),
		"too many names":         forge(t, map[string]any{"names": many}),
		"a token's name alone":   forge(t, map[string]any{"names": []string{firstName}}),
		"a uuid without a name":  forge(t, map[string]any{"tokenName": ""}),
		"a name without a uuid":  forge(t, map[string]any{"names": []string{firstName}, "tokenUuid": "", "token": ""}),
		"a foreign token's name": forge(t, map[string]any{"tokenName": "my own token"}),
		"a uuid of another form": forge(t, map[string]any{"tokenUuid": "../../x"}),
		"a uuid in capitals":     forge(t, map[string]any{"tokenUuid": strings.ToUpper(strings.ReplaceAll(uuid, "1", "a"))}),
		"a token without a uuid": forge(t, map[string]any{"tokenUuid": "", "tokenName": ""}),
		"a token with a break":   forge(t, map[string]any{"token": "a\nb"}),
		"a token too long":       forge(t, map[string]any{"token": strings.Repeat("a", 257)}),
		"a user with a colon":    forge(t, map[string]any{"username": "a:b"}),
		"a user with a command":  forge(t, map[string]any{"username": "a\n::error::x"}),
		"a user with an escape":  forge(t, map[string]any{"username": "a\x1b[2J"}),
		"a user too long":        forge(t, map[string]any{"username": strings.Repeat("a", 1025)}),
		"another with a command": forge(t, map[string]any{"forUser": "a\r\nb"}),
		"an end that is no time": forge(t, map[string]any{"expiresAt": "tomorrow"}),
		"no settings":            forge(t, map[string]any{"settings": nil}),
		"an endless time-out":    forge(t, map[string]any{"settings.timeout": "999h"}),
		"a legacy unknown":       forge(t, map[string]any{"settings.legacy": "keep", "tokenUuid": "", "tokenName": ""}),
		"a legacy with a uuid":   forge(t, map[string]any{"settings.legacy": "rotate"}),
		"a legacy for another":   forge(t, map[string]any{"settings.legacy": "read", "tokenUuid": "", "tokenName": "", "forUser": "bob"}),
		"a failure unknown":      forge(t, map[string]any{"settings.onRevokeFailure": "::error::"}),
		"a list as user":         forge(t, map[string]any{"username": []string{"a"}}),
	}
	return all
}

func TestForgedRecords(t *testing.T) {
	t.Parallel()
	if _, err := lease.Decode([]byte(forge(t, nil))); err != nil {
		t.Fatalf("the forger's own form: %v", err)
	}
	for name, text := range forged(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := lease.Decode([]byte(text))
			if !errors.Is(err, lease.ErrNotLease) || !alike(r, lease.Lease{}) {
				t.Errorf("got %+v, %v", r, err)
			}
		})
	}
}

// largest is a record with every field at its bound.
func largest() lease.Lease {
	name := func(i int) string {
		return lease.Name{Project: strings.Repeat("w", 200), Run: strings.Repeat("1", 40), Label: "deploy", Nonce: fmt.Sprintf("%08d", i), End: noon}.String()
	}
	r := full()
	r.URL = "https://" + strings.Repeat("a", 2048-len("https://"))
	r.Username, r.ForUser = strings.Repeat(`"`, 1024), strings.Repeat(`\`, 1024)
	r.Names = nil
	for i := range 64 {
		r.Names = append(r.Names, name(i))
	}
	r.TokenName = r.Names[63]
	r.Token = secret.New(strings.Repeat(`"`, 256))
	r.PendingUntil = noon
	r.Settings.Proxy = "socks5h://" + strings.Repeat("p", 270)
	line := strings.Repeat("A", 64) + "\n"
	r.Settings.CA = strings.Repeat(line, 64<<10/len(line))
	return r
}

// What create writes, revoke can read: each field at its bound, and all at once.
func TestLargestRecord(t *testing.T) {
	t.Parallel()
	all := largest()
	for name, change := range map[string]func(*lease.Lease){
		"url":      func(r *lease.Lease) { r.URL = all.URL },
		"username": func(r *lease.Lease) { r.Username = all.Username },
		"for-user": func(r *lease.Lease) { r.ForUser = all.ForUser },
		"names":    func(r *lease.Lease) { r.Names, r.TokenName = all.Names, all.TokenName },
		"token":    func(r *lease.Lease) { r.Token = all.Token },
		"settings": func(r *lease.Lease) { r.Settings = all.Settings },
		"all":      func(r *lease.Lease) { *r = all },
	} {
		r := full()
		change(&r)
		if back, err := lease.Decode(encoded(t, r)); err != nil || !alike(back, r) {
			t.Errorf("%s: got %v, want the record back", name, err)
		}
	}
	for name, change := range map[string]func(*lease.Lease){
		"url":      func(r *lease.Lease) { r.URL += "a" },
		"username": func(r *lease.Lease) { r.Username += "a" },
		"for-user": func(r *lease.Lease) { r.ForUser += "a" },
		"names":    func(r *lease.Lease) { r.Names = append(r.Names, firstName) },
		"token":    func(r *lease.Lease) { r.Token = secret.New(r.Token.Reveal() + "a") },
		"proxy":    func(r *lease.Lease) { r.Settings.Proxy += "p" },
		"ca":       func(r *lease.Lease) { r.Settings.CA = strings.Repeat("\x01", 60<<10) },
	} {
		r := largest()
		change(&r)
		if line, err := r.Encode(); !errors.Is(err, lease.ErrNotLease) {
			t.Errorf("%s beyond its bound: got %d bytes and %v, want %v", name, len(line), err, lease.ErrNotLease)
		}
	}
}

// The kernel takes the largest record as one variable of an environment.
func TestLargestRecordAsAVariable(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows bounds the whole environment of a process at 32 Ki characters; its runners hand on no more")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^$")
	cmd.Env = []string{"STATE_LEASE=" + string(encoded(t, largest())), "GORACE=atexit_sleep_ms=0"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("got %v: %s", err, out)
	}
}

// FuzzRecord: nothing makes Decode panic, and what it takes is one line of the
// strict form when it is written again.
func FuzzRecord(f *testing.F) {
	f.Add(encoded(f, full()))
	f.Add(withoutToken(f, full()))
	f.Add(encoded(f, lease.Lease{URL: "http://127.0.0.1:8080", Username: "größe", ForUser: "bob", Names: []string{firstName}, Settings: post()}))
	f.Add([]byte(forge(f, map[string]any{"settings.legacy": "rotate", "tokenUuid": "", "tokenName": ""})))
	for _, text := range slices.Sorted(maps.Values(forged(f))) {
		if len(text) < 4096 {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := lease.Decode(text)
		if err != nil {
			return
		}
		if len(r.Names) == 0 || slices.Contains(r.Names, "") {
			t.Errorf("names %q", r.Names)
		}
		for _, name := range r.Names {
			if _, ok := lease.ParseName(name); !ok {
				t.Errorf("name %q", name)
			}
		}
		if r.TokenUUID != "" && r.TokenName == "" || !r.Token.Empty() && r.TokenUUID == "" && !r.Legacy() {
			t.Errorf("a token without a name or a uuid: %+v", r)
		}
		for _, text := range []string{r.URL, r.Username, r.ForUser, r.Token.Reveal(), r.TokenName} {
			if strings.ContainsFunc(text, func(c rune) bool { return c < 0x20 || c == 0x7f }) {
				t.Errorf("%q holds a control character", text)
			}
		}
		again, err := r.Encode()
		if err != nil && len(text) < lease.SizeLimit/8 {
			t.Fatalf("%+v cannot be written again: %v", r, err)
		}
		if strings.ContainsAny(string(again), "\r\n") {
			t.Errorf("%q is not one line", again)
		}
		if back, err := lease.Decode(again); again != nil && (err != nil || !alike(back, r)) {
			t.Errorf("%q came back as %+v, %v", again, back, err)
		}
	})
}

// encoded is a record as it is written.
func encoded(t testing.TB, r lease.Lease) []byte {
	t.Helper()
	line, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func withoutToken(t testing.TB, r lease.Lease) []byte {
	t.Helper()
	line, err := r.EncodeWithoutToken()
	if err != nil {
		t.Fatal(err)
	}
	return line
}
