package process_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/process"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
)

const (
	token       = "1112f4a4654efa2bd11e3a9e97e2e230e1"
	replacement = "***"
)

// redact writes text in chunks, and returns what came out of each write and of
// the end.
func redact(t testing.TB, secrets []secret.String, chunks ...string) []string {
	t.Helper()
	var out bytes.Buffer
	r := process.NewRedactor(&out, secrets)
	var got []string
	for _, chunk := range chunks {
		if n, err := r.Write([]byte(chunk)); n != len(chunk) || err != nil {
			t.Fatalf("got %d, %v from a write of %d bytes", n, err, len(chunk))
		}
		got = append(got, out.String())
		out.Reset()
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return append(got, out.String())
}

func TestRedact(t *testing.T) {
	t.Parallel()
	masks := secret.Masks("alice", secret.New(token))
	basic := base64.StdEncoding.EncodeToString([]byte("alice:" + token))
	for name, row := range map[string]struct {
		chunks, want []string
	}{
		"nothing":                        {[]string{""}, []string{"", ""}},
		"text":                           {[]string{"hello\n"}, []string{"hello\n", ""}},
		"a line waits for nothing":       {[]string{"token 11\n", "next"}, []string{"token 11\n", "next", ""}},
		"the token":                      {[]string{"a " + token + " b\n"}, []string{"a *** b\n", ""}},
		"two tokens":                     {[]string{token + token}, []string{"******", ""}},
		"a token in two writes":          {[]string{"a " + token[:20], token[20:] + " b"}, []string{"a ", "*** b", ""}},
		"a beginning that comes to none": {[]string{"a " + token[:20], "x"}, []string{"a ", token[:20] + "x", ""}},
		"a beginning within a beginning": {[]string{"11", token[1:] + "\n"}, []string{"", "1***\n", ""}},
		"a beginning after a beginning":  {[]string{token[:30] + "11", token[2:] + "\n"}, []string{token[:30], "***\n", ""}},
		"its last 32 characters":         {[]string{"x" + token[2:] + "\n"}, []string{"x***\n", ""}},
		"the value of a Basic header":    {[]string{"Basic " + basic + "\n"}, []string{"Basic ***\n", ""}},
		"Basic in two writes":            {[]string{"Basic " + basic[:53], basic[53:] + "\n"}, []string{"Basic ", "***\n", ""}},
		"the end within the token":       {[]string{"a " + token[:33]}, []string{"a ", "***"}},
		"the end after a few characters": {[]string{"a " + token[:7]}, []string{"a ", token[:7]}},
		"the end after eight characters": {[]string{"a " + token[:8]}, []string{"a ", "***"}},
		"bytes that are no text":         {[]string{"\x00\xff\xfe" + token + "\x00"}, []string{"\x00\xff\xfe***\x00", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := redact(t, masks, row.chunks...); strings.Join(got, "|") != strings.Join(row.want, "|") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestRedactSecretsThatOverlap(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		secrets, chunks, want []string
	}{
		"a longer one at the same place":       {[]string{"secret", "secret-longer"}, []string{"a secret", "-longer b"}, []string{"a ", "*** b", ""}},
		"a longer one that comes to none":      {[]string{"secret", "secret-longer"}, []string{"a secret", "-lo b"}, []string{"a ", "***-lo b", ""}},
		"a beginning within a complete one":    {[]string{"abc", "bcde"}, []string{"abcd", "e"}, []string{"***d", "e", ""}},
		"a short one in front of a line end":   {[]string{"ab"}, []string{"ab\ncd"}, []string{"***\ncd", ""}},
		"an empty one":                         {[]string{"", "secret"}, []string{"a secret"}, []string{"a ***", ""}},
		"the first one, even if it is shorter": {[]string{"abcd", "cdefgh"}, []string{"abcdefgh"}, []string{"***efgh", ""}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := redact(t, secrets(row.secrets...), row.chunks...); !slices.Equal(got, row.want) {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestRedactWithoutSecretsChangesNothing(t *testing.T) {
	t.Parallel()
	if got := strings.Join(redact(t, nil, token, "\n"), ""); got != token+"\n" {
		t.Errorf("got %q, want the text", got)
	}
}

// Secrets that overlap, of few letters, so that random text holds many of them
// and many beginnings. All are longer than what may stand at the end of a line.
func overlapping() []string { return []string{"aabab", "ababba", "baaab", "aaaabaa", "bbbbb"} }

// lineEnd is one line end, without a second one behind it: that is a blank line.
var lineEnd = regexp.MustCompile(`(?:\r\n|\r|\n)([\r\n]*)`)

func secrets(texts ...string) []secret.String {
	var all []secret.String
	for _, text := range texts {
		all = append(all, secret.New(text))
	}
	return all
}

func TestWhereWritesBeginDoesNotMatter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		var text []byte
		for range random.IntN(8) {
			piece := overlapping()[random.IntN(5)]
			text = append(text, piece[random.IntN(2):random.IntN(2)+len(piece)-1]...)
			text = append(text, "abc\n\r\n"[random.IntN(6)])
			at := random.IntN(len(text))
			text = slices.Insert(text, at, "\nc"[random.IntN(2)])
		}
		want := strings.Join(redact(t, secrets(overlapping()...), string(text)), "")
		if flat := lineEnd.ReplaceAllString(want, "$1"); slices.ContainsFunc(overlapping(), func(s string) bool { return strings.Contains(flat, s) }) {
			t.Fatalf("got %q from %q, which holds a secret", want, text)
		}
		for range 5 {
			var chunks []string
			for rest := text; len(rest) > 0; {
				n := 1 + random.IntN(len(rest))
				chunks, rest = append(chunks, string(rest[:n])), rest[n:]
			}
			if got := strings.Join(redact(t, secrets(overlapping()...), chunks...), ""); got != want {
				t.Fatalf("got %q from %q, want %q", got, chunks, want)
			}
		}
	}
}

// TestWrappedBase64: base64 breaks its output into lines, for every length of the
// user name somewhere else in the token. What is left in the log gives away fewer than
// eight of its characters.
func TestWrappedBase64(t *testing.T) {
	t.Parallel()
	for length := 1; length <= 80; length++ {
		username := strings.Repeat("u", length)
		masks := secret.Masks(username, secret.New(token))
		for width := 60; width <= 80; width++ {
			for _, end := range []string{"\n", "\r\n"} {
				for _, text := range []string{username + ":" + token, username + ":" + token + "\n", token, "password=" + token + "&x=1"} {
					var wrapped strings.Builder
					for encoded := base64.StdEncoding.EncodeToString([]byte(text)); encoded != ""; {
						n := min(width, len(encoded))
						wrapped.WriteString(encoded[:n] + end)
						encoded = encoded[n:]
					}
					for _, chunk := range []int{1 << 20, 7} {
						got := strings.Join(redact(t, masks, slices.Collect(chunked(wrapped.String(), chunk))...), "")
						if n := told(got, text); n >= 8 {
							t.Fatalf("user name of %d, width %d, line end %q, writes of %d: %d characters of the token are left in %q", length, width, end, chunk, n, got)
						}
					}
				}
			}
		}
	}
}

// What is held back, and the time that it takes, have a bound.
func TestLineEndsWithoutEnd(t *testing.T) {
	t.Parallel()
	masks := secret.Masks("alice", secret.New(token))
	for _, ends := range []string{"\n", "\r", "\r\n", "\n\r"} {
		var out bytes.Buffer
		r := process.NewRedactor(&out, masks)
		written, most := 0, 0
		for _, chunk := range append([]string{token[:20]}, slices.Repeat([]string{strings.Repeat(ends, 50)}, 20)...) {
			n, err := r.Write([]byte(chunk))
			if err != nil {
				t.Fatal(err)
			}
			written, most = written+n, max(most, written+n-out.Len())
		}
		if longest := len(masks[0].Reveal()); most > 3*longest {
			t.Errorf("%q: got %d bytes held back, want at most three times the longest mask of %d", ends, most, longest)
		}
		if err := r.Close(); err != nil || out.Len() != written {
			t.Errorf("%q: got %d bytes and %v, want all %d", ends, out.Len(), err, written)
		}
	}
}

func TestABlankLineEndsASecret(t *testing.T) {
	t.Parallel()
	masks := secret.Masks("alice", secret.New(token))
	half := token[:20]
	for _, end := range []string{"\n", "\r", "\r\n"} {
		for _, chunks := range [][]string{{half + end + token[20:] + end}, {half, end, token[20:] + end}, {half + end, token[20:] + end}} {
			if got := strings.Join(redact(t, masks, chunks...), ""); got != replacement+end {
				t.Errorf("%q: got %q, want it redacted", chunks, got)
			}
		}
		for _, chunks := range [][]string{{half + end + end + "x"}, {half + end, end + "x"}, {half, end, end, "x"}} {
			if got := strings.Join(redact(t, masks, chunks...), ""); got != half+end+end+"x" {
				t.Errorf("%q: got %q, want it as it is", chunks, got)
			}
		}
	}
}

func chunked(text string, n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			part := text[:min(n, len(text))]
			if text = text[len(part):]; !yield(part) {
				return
			}
		}
	}
}

// told is how many characters of the token in text a reader can decode from what is
// left of its base64 in front of the first and behind the last replacement.
func told(got, text string) int {
	flat := strings.NewReplacer("\n", "", "\r", "").Replace(got)
	begin := strings.Index(text, token)
	end := begin + len(token)
	first, last := strings.Index(flat, replacement), strings.LastIndex(flat, replacement)
	if first < 0 {
		return len(token)
	}
	known := first * 6 / 8 // bytes of text that the beginning decodes to
	behind := len(flat) - last - len(replacement)
	n := max(0, known-begin)
	if from := len(text) - behind*6/8; from < end {
		n += end - from
	}
	return n
}

func FuzzNoMaskGetsThrough(f *testing.F) {
	f.Add("a "+token+" b", uint8(5))
	f.Add(token[:30]+token+token, uint8(1))
	f.Fuzz(func(t *testing.T, text string, size uint8) {
		masks := secret.Masks("alice", secret.New(token))
		var chunks []string
		for rest := text; len(rest) > 0; {
			n := min(len(rest), int(size)+1)
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		got := strings.Join(redact(t, masks, chunks...), "")
		for _, mask := range masks {
			if strings.Contains(got, mask.Reveal()) {
				t.Errorf("got %q from %q, which holds a mask", got, chunks)
			}
		}
		held := false
		for _, mask := range masks {
			held = held || strings.Contains(text, mask.Reveal()[:8])
		}
		if !held && got != text {
			t.Errorf("got %q, want %q, which holds no secret", got, text)
		}
	})
}

func TestRedactPassesErrorsOn(t *testing.T) {
	t.Parallel()
	closed, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	if _, err := process.NewRedactor(closed, nil).Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("got %v, want the error of the file below", err)
	}
}

func BenchmarkRedact(b *testing.B) {
	masks := secret.Masks("alice", secret.New(token))
	for name, text := range map[string]string{
		"log lines":      strings.Repeat("2026-11-23T15:00:00Z INFO compile src/main/java/com/example/Service.java in 1234 ms\n", 400),
		"beginnings":     strings.Repeat("1", 32<<10),
		"token in token": strings.Repeat(token, 1000),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			r := process.NewRedactor(io.Discard, masks)
			for b.Loop() {
				_, _ = r.Write([]byte(text))
			}
		})
	}
}

func TestARedactorShowsNoSecret(t *testing.T) {
	t.Parallel()
	r := process.NewRedactor(io.Discard, secret.Masks("alice", secret.New(token)))
	if _, err := r.Write([]byte("a " + token + " " + token[:20])); err != nil {
		t.Fatal(err)
	}
	secrettest.Hidden(t, "redactor", r, token, token[:20])
}
