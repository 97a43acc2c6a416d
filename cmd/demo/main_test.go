package main

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDemoShowsTheLifeOfATokenAndNoSecret(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"is ready", "with ***: 201", "is revoked", "with ***: 401",
		"a step that prints the token by mistake: ***",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got no line with %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), password) {
		t.Error("the demo shows the password")
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
	if want := "::add-mask::***\nthe token is ***\n***\n"; out.String() != want {
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
