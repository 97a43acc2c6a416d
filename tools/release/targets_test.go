package main

import (
	"strings"
	"testing"
)

// What is released is checked for its own system, with its tests.
func TestEveryTargetIsVetted(t *testing.T) {
	t.Parallel()
	script := string(read(t, repository, ".ci", "run"))
	_, list, _ := strings.Cut(script, "for target in ")
	list, _, _ = strings.Cut(list, ";")
	var want []string
	for _, t := range targets {
		if t != (target{"linux", "amd64"}) { // which a plain go vet checks
			want = append(want, t.os+"/"+t.arch)
		}
	}
	if list != strings.Join(want, " ") {
		t.Errorf("got go vet for %q in .ci/run, want %q", list, want)
	}
}
