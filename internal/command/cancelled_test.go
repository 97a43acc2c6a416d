package command_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// A runner can leave the container of create running after a cancel: its post step looks
// while the controller is still working on the request. Whichever is last revokes.
func TestCreateThatOutlivesThePostStep(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"github", "act"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
			clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
			s := newStage(t, clock).listen().on(system, true)
			s.pause = func(ctx context.Context, d time.Duration) error {
				mu.Lock()
				defer mu.Unlock()
				now = now.Add(d)
				return ctx.Err()
			}
			h := newHold(1)
			s.hold.Store(h)
			created := make(chan ran, 1)
			go func() { created <- s.run("create") }()
			<-h.arrived
			post := s.run("revoke")
			if !strings.Contains(post.stdout, "the token may appear later") || strings.Contains(post.stdout, "no token") {
				t.Errorf("got %s\nwant the post step to say that the token may appear", post.stdout)
			}
			close(h.release)
			create := <-created
			if create.exit != 1 || !strings.Contains(create.stdout, "the post step of this job has run already") || strings.Contains(create.stdout, "is ready") {
				t.Errorf("got exit code %d\n%s\nwant create to fail", create.exit, create.stdout)
			}
			if memory, disk := s.left(); len(memory)+len(disk) > 0 {
				t.Errorf("got the tokens %q and %q left, want none", memory, disk)
			}
			s.wantOwn()
		})
	}
}
