package cli

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// The first signal ends the program even when something hangs.
func TestTheFirstSignalIsEnough(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Signals{incoming: make(chan os.Signal, 1), grace: 7 * time.Second}
		left := make(chan int, 1)
		begin := time.Now()
		ctx := s.Watch(t.Context(), func(code int) { left <- code })
		s.incoming <- syscall.SIGTERM
		<-ctx.Done()
		// Whatever was going on goes on.
		if code, took := <-left, time.Since(begin); code != 143 || took != s.grace {
			t.Errorf("got the end with code %d after %s, want 143 after %s", code, took, s.grace)
		}
		s.Stop()
	})
}

func TestAWatchThatStoppedEndsNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &Signals{incoming: make(chan os.Signal, 1), grace: 7 * time.Second}
		ctx := s.Watch(t.Context(), func(int) { t.Error("the program was ended") })
		s.incoming <- syscall.SIGINT
		<-ctx.Done()
		s.Stop()
		time.Sleep(time.Minute)
	})
}
