package command

import (
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// The first signal leaves time to undo things, and the process ends before GitHub's runner
// kills it, 7.5 s after the signal.
func TestSignalGrace(t *testing.T) {
	t.Parallel()
	if SignalGrace <= lease.Grace || SignalGrace >= 7500*time.Millisecond {
		t.Errorf("got %s, want more than %s and less than 7.5 s", SignalGrace, lease.Grace)
	}
}
