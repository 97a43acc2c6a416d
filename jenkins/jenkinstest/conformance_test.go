package jenkinstest

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
)

// wantCompared is the number of exchanges that the replay has to compare.
const wantCompared = 305

// skipped are the files that are not replayed, with the reason.
var skipped = map[string]string{
	"G017":                            "lists all people in the order of a hash; not an endpoint for tokens",
	"H-startup-timeline":              "a series of measurements; the answers of the phases have tests of their own",
	"H-startup-intervals-restart-api": "a series of measurements",
	"H-startup-intervals-slow-Xint":   "a series of measurements",
	"K-performance-2.548-tokens":      "a series of measurements",
}

var passwords = map[string]string{
	"admin": "admin-pass", "alice": "alice-pass", "bob": "bob-pass", "name@domain.com": "mail-pass",
	"First Last": "space-pass", "Zoë Müller 日本": "uni-pass",
}

// exchange is a recorded file.
type exchange struct {
	id, title, command string
	target             string
	method             string
	header             [][2]string
	resp               *http.Response
	body               string
	whole              bool // the body is not cut
	port               int
}

func (x *exchange) get(name string) string {
	for _, h := range x.header {
		if strings.EqualFold(h[0], name) {
			return h[1]
		}
	}
	return ""
}

func (x *exchange) set(name, value string) {
	for i, h := range x.header {
		if strings.EqualFold(h[0], name) {
			x.header[i][1] = value
			return
		}
	}
	x.header = append(x.header, [2]string{name, value})
}

func (x *exchange) credentials() (name, secret string, ok bool) {
	blob, ok := strings.CutPrefix(x.get("Authorization"), "Basic ")
	if !ok {
		return "", "", false
	}
	return basicCredentials(blob)
}

var portPattern = regexp.MustCompile(`\(127\.0\.0\.1\) port (\d+) `)

func readExchange(t *testing.T, recorded txtar.File) *exchange {
	t.Helper()
	id, _, _ := strings.Cut(recorded.Name, "-")
	head, tail, _ := strings.Cut(string(recorded.Data), "\n--- body")
	_, body, _ := strings.Cut(tail, "\n")
	x := &exchange{id: id, body: body}
	title, rest, _ := strings.Cut(head, "\n")
	x.title = strings.TrimPrefix(title, "# ")
	command, rest, _ := strings.Cut(rest, "\n\n")
	x.command = strings.TrimPrefix(command, "$ ")
	m := portPattern.FindStringSubmatch(rest)
	if m == nil {
		t.Fatalf("%s: no port", id)
	}
	x.port, _ = strconv.Atoi(m[1])
	var resp strings.Builder
	for _, line := range strings.Split(rest, "\n") {
		if l, ok := strings.CutPrefix(line, "< "); ok && l != "" && !strings.HasPrefix(l, "Transfer-Encoding") && !strings.HasPrefix(l, "Content-Length") {
			resp.WriteString(strings.TrimSuffix(l, "\r") + "\r\n")
		}
		l, ok := strings.CutPrefix(line, "> ")
		l = strings.TrimSuffix(l, "\r")
		switch {
		case !ok || l == "":
		case x.method == "":
			f := strings.Split(l, " ")
			x.method, x.target = f[0], f[1]
		default:
			k, v, _ := strings.Cut(l, ": ")
			x.header = append(x.header, [2]string{strings.TrimSuffix(k, ":"), v})
		}
	}
	if resp.Len() > 0 {
		var err error
		x.resp, err = http.ReadResponse(bufio.NewReader(strings.NewReader(resp.String()+"\r\n")), &http.Request{Method: "HEAD"})
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	for _, mark := range []string{"[... body cut here ...]", "… cut"} {
		if i := strings.LastIndex(x.body, mark); i >= 0 && i > len(x.body)-40 {
			x.body = x.body[:i]
			return x
		}
	}
	x.whole = true
	return x
}

// words splits a command of a shell.
func words(s string) []string {
	var list []string
	var w strings.Builder
	in, quote := false, byte(0)
	for i := 0; i < len(s); i++ {
		ch := s[i]
		switch {
		case quote != 0 && ch == quote:
			quote = 0
		case quote != 0:
			w.WriteByte(ch)
		case ch == '\'' || ch == '"':
			quote, in = ch, true
		case ch == ' ' || ch == '\n':
			if in {
				list = append(list, w.String())
				w.Reset()
			}
			in = false
		default:
			w.WriteByte(ch)
			in = true
		}
	}
	if in {
		list = append(list, w.String())
	}
	return list
}

// form returns the body of the request, built from curl's arguments.
func (x *exchange) form(t *testing.T) string {
	var parts []string
	args := words(x.command)
	for i := 0; i < len(args)-1; i++ {
		switch v := args[i+1]; args[i] {
		case "-G":
			return ""
		case "-d":
			if v == "@FILE" {
				n, _ := strconv.Atoi(x.get("Content-Length"))
				v = "newTokenName=" + strings.Repeat("n", n-len("newTokenName="))
			}
			parts = append(parts, v)
		case "--data-urlencode":
			k, v, _ := strings.Cut(v, "=")
			parts = append(parts, k+"="+url.QueryEscape(v))
		case "-F":
			_, boundary, _ := strings.Cut(x.get("Content-Type"), "boundary=")
			k, v, _ := strings.Cut(v, "=")
			return fmt.Sprintf("--%s\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n--%s--\r\n", boundary, k, v, boundary)
		}
	}
	body := strings.Join(parts, "&")
	if n := x.get("Content-Length"); n != "" && n != strconv.Itoa(len(body)) {
		t.Errorf("%s: the rebuilt body has %d bytes, recorded %s", x.id, len(body), n)
	}
	return body
}

// newServer starts the server that the port stands for.
func newServer(t *testing.T, port int, clock func() time.Time) *Server {
	opts := []Option{WithClock(clock)}
	for name, password := range passwords {
		opts = append(opts, WithUser(name, password))
		if port != 18094 || name == "admin" {
			opts = append(opts, WithAdmin(name))
		}
	}
	switch port {
	case 18091:
		opts = append(opts, WithAdminCanGenerate())
	case 18092:
		opts = append(opts, WithoutCrumbs())
	case 18093:
		opts = append(opts, WithContextPath("/jenkins"))
	case 18094:
		opts = append(opts, WithoutRead("bob"))
	case 18095:
		opts = append(opts, WithAnonymousRead())
	case 18097:
		opts = append(opts, WithVersion("2.468"))
	case 18098:
		opts = append(opts, WithVersion("2.548"))
	}
	return Start(ignoreUnknown{t}, opts...)
}

// ignoreUnknown is a TB for which unknown routes are no errors.
type ignoreUnknown struct{ *testing.T }

func (ignoreUnknown) Errorf(string, ...any) {}

// send sends the request over a connection of its own and returns the answer.
func (x *exchange) send(t *testing.T, s *Server, from string) (*http.Response, string) {
	t.Helper()
	addr, err := net.ResolveTCPAddr("tcp", from+":0")
	if err != nil {
		t.Fatal(err)
	}
	u, _ := url.Parse(s.URL)
	conn, err := (&net.Dialer{LocalAddr: addr}).Dial("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", x.method, x.target)
	body := x.form(t)
	for _, h := range x.header {
		if h[0] == "Content-Length" {
			h[1] = strconv.Itoa(len(x.override(body)))
		}
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("Connection: close\r\n\r\n")
	body = x.override(body)
	if x.get("Transfer-Encoding") == "chunked" {
		fmt.Fprintf(&b, "%x\r\n%s\r\n0\r\n\r\n", len(body), body)
	} else {
		b.WriteString(body)
	}
	conn.Write(b.Bytes())
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: x.method})
	if err != nil {
		t.Fatalf("%s: %v", x.id, err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", x.id, err)
	}
	return resp, string(got)
}

// override puts the crumb of the replay into a form that holds one.
func (x *exchange) override(body string) string {
	if crumb := x.get("X-Replay-Crumb"); crumb != "" {
		return crumbInForm.ReplaceAllString(body, "Jenkins-Crumb="+crumb)
	}
	return body
}

var (
	crumbInForm = regexp.MustCompile(`Jenkins-Crumb=[0-9a-f]{64}`)
	crumbHeader = regexp.MustCompile(`^[0-9a-f]{64}$`)
	tokenValue  = regexp.MustCompile(`^..[0-9a-fA-F]{32}$`)
	formUUID    = regexp.MustCompile(`tokenUuid=([0-9a-f-]{36})`)
	headCrumb   = regexp.MustCompile(`data-crumb-value="([0-9a-f]*)"`)
	titleTag    = regexp.MustCompile(`<title>([^<]+)</title>`)
)

// TestReplay replays the recorded exchanges, each on a fresh emulator.
func TestReplay(t *testing.T) {
	t.Parallel()
	unused := maps.Clone(skipped)
	compared := 0
	for _, recorded := range recordedExchanges(t) {
		id, _, _ := strings.Cut(recorded.Name, "-")
		if skipped[recorded.Name] != "" || skipped[id] != "" {
			delete(unused, recorded.Name)
			delete(unused, id)
			continue
		}
		compared++
		t.Run(recorded.Name, func(t *testing.T) {
			t.Parallel()
			replay(t, readExchange(t, recorded))
		})
	}
	if compared != wantCompared {
		t.Errorf("%d exchanges are compared, want %d", compared, wantCompared)
	}
	for name := range unused {
		t.Errorf("the reason to skip %s is for no exchange", name)
	}
}

// recordedExchanges are all exchanges of the archives, one archive a letter.
func recordedExchanges(t *testing.T) []txtar.File {
	t.Helper()
	archives, err := filepath.Glob("testdata/transcripts/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var all []txtar.File
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, archive.Files...)
	}
	return all
}

func replay(t *testing.T, x *exchange) {
	now := time.Now()
	if x.resp != nil {
		var err error
		if now, err = http.ParseTime(x.resp.Header.Get("Date")); err != nil {
			now = time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
		}
	}
	clock := &testClock{at: now}
	s := newServer(t, x.port, clock.now)
	if x.resp == nil {
		replayTLS(t, s)
		return
	}
	r := &replayer{client: client{t: t, s: s}, x: x, clock: clock, from: "127.0.0.1"}
	r.prepare()
	resp, body := x.send(t, s, r.from)
	compare(t, x, resp, body)
	if r.after != nil {
		r.after()
	}
}

// replayTLS is F022: TLS to the plain port fails before any HTTP.
func replayTLS(t *testing.T, s *Server) {
	u, _ := url.Parse(s.URL)
	conn, err := tls.Dial("tcp", u.Host, &tls.Config{InsecureSkipVerify: true})
	if err == nil {
		conn.Close()
		t.Error("TLS to the plain port succeeds")
	}
}

type testClock struct{ at time.Time }

func (c *testClock) now() time.Time { return c.at }
