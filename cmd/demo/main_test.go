package main

import (
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
