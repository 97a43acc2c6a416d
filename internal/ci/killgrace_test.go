package ci_test

import (
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/ci"
)

// Every system has a number, and a system that sends a signal leaves time to act on it.
func TestKillGrace(t *testing.T) {
	t.Parallel()
	atOnce := map[string]bool{"bitbucket": true, "woodpecker": true}
	for _, name := range ci.Names() {
		var s stage
		if grace := s.system(t, name, nil).KillGrace; atOnce[name] != (grace == 0) || grace != 0 && grace < 5*time.Second {
			t.Errorf("%s: got %s", name, grace)
		}
	}
}
