package child

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

const token = "1112f4a4654efa2bd11e3a9e97e2e230e1"

// redact writes text in chunks, and returns what came out of each write and of
// the end.
func redact(t testing.TB, secrets []secret.String, chunks ...string) []string {
	t.Helper()
	var out bytes.Buffer
	r := newRedactor(&out, secrets)
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
	basic := masks[len(masks)-1].Reveal()
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

func TestRedactWithoutSecretsChangesNothing(t *testing.T) {
	t.Parallel()
	if got := strings.Join(redact(t, nil, token, "\n"), ""); got != token+"\n" {
		t.Errorf("got %q, want the text", got)
	}
}

// Secrets that overlap, of few letters, so that random text holds many of them
// and many beginnings.
func overlapping() []secret.String {
	return []secret.String{secret.New("aab"), secret.New("abab"), secret.New("ba"), secret.New("aaaab"), secret.New("bbb")}
}

func TestWhereWritesBeginDoesNotMatter(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		text := make([]byte, random.IntN(40))
		for i := range text {
			text[i] = "abc\n"[random.IntN(4)]
		}
		want := strings.Join(redact(t, overlapping(), string(text)), "")
		for range 5 {
			var chunks []string
			for rest := text; len(rest) > 0; {
				n := 1 + random.IntN(len(rest))
				chunks, rest = append(chunks, string(rest[:n])), rest[n:]
			}
			if got := strings.Join(redact(t, overlapping(), chunks...), ""); got != want {
				t.Fatalf("got %q from %q, want %q", got, chunks, want)
			}
		}
	}
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
			held = held || strings.Contains(text, mask.Reveal()[:telling])
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
	if _, err := newRedactor(closed, nil).Write([]byte("x")); !errors.Is(err, os.ErrClosed) {
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
			r := newRedactor(io.Discard, masks)
			for b.Loop() {
				_, _ = r.Write([]byte(text))
			}
		})
	}
}
