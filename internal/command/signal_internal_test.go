package command

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/lease"
)

// The first signal ends the program even when something hangs.
func TestTheFirstSignalIsEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Signals{incoming: make(chan os.Signal, 1)}
		left := make(chan int, 1)
		begin := time.Now()
		ctx := s.watch(t.Context(), func(code int) { left <- code })
		s.incoming <- syscall.SIGTERM
		<-ctx.Done()
		// Whatever was going on goes on.
		if code, took := <-left, time.Since(begin); code != 143 || took <= lease.Grace || took >= 7500*time.Millisecond {
			t.Errorf("got the end with code %d after %s, want 143 after the grace and before the runner kills (7.5 s)", code, took)
		}
		s.stop()
	})
}

func TestAWatchThatStoppedEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Signals{incoming: make(chan os.Signal, 1)}
		ctx := s.watch(t.Context(), func(int) { t.Error("the program was ended") })
		s.incoming <- syscall.SIGINT
		<-ctx.Done()
		s.stop()
		time.Sleep(time.Minute)
	})
}
