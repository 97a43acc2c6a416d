package main

import (
	"crypto/rand"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the pictures anew")

func TestDemoShowsTheLifeOfATokenAndNoSecret(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out, stage{now: time.Now, random: rand.Reader}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"\n1. ", "\n2. ", "\n3. ", "\n4. ", "\n5. ", "\n6. ",
		"is ready", "with ***: 201", "is revoked", "with ***: 401", "alice has 0 tokens now", "the revoked token, refused",
		"| a step that prints the token by mistake: ***\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no line with %q in:\n%s", want, out.String())
		}
	}
	if got := strings.Count(out.String(), "by password\n"); got != 3 {
		t.Errorf("got %d requests with the password, and the text says three:\n%s", got, out.String())
	}
	if strings.Contains(out.String(), password) || strings.Contains(out.String(), "add-mask::1") {
		t.Error("the demo shows a secret")
	}
}

// The pictures of the documentation show what the program prints today.
func TestPictures(t *testing.T) {
	t.Parallel()
	dir := filepath.Join("..", "..", "docs", "pictures")
	if *update {
		if err := writePictures(t.Context(), dir); err != nil {
			t.Fatal(err)
		}
	}
	all, err := pictures(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range all {
		have, err := os.ReadFile(filepath.Join(dir, one.file))
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != one.svg {
			t.Errorf("docs/pictures/%s is not what the program prints: go run ./cmd/demo --pictures docs/pictures", one.file)
		}
	}
}

// On Windows the lines of commands end with a carriage return too.
func TestLinesOfWindows(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	l := &log{out: &out}
	for _, part := range []string{"::add-mask::hun", "ter2\r\n", "the token is hunter2\r", "\nhunter2\n"} {
		if _, err := l.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "| the token is ***\n| ***\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
	path := filepath.Join(t.TempDir(), "output")
	if err := os.WriteFile(path, []byte("token<<end\r\nhunter2\r\nend\r\nurl<<end\r\nhttp://jenkins\r\nend\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := pairs(path); err != nil || !maps.Equal(got, map[string]string{"token": "hunter2", "url": "http://jenkins"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
