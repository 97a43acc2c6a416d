package command_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
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

// The state that the runner took before it cancelled create names the token as it was
// before create gave it another name, for the controller's clock.
func TestCreateThatRenamesAndOutlivesThePostStep(t *testing.T) {
	t.Parallel()
	for _, system := range []string{"github", "gitea"} {
		t.Run(system, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
			clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
			ahead := jenkinstest.WithClock(func() time.Time { return clock().Add(time.Hour) })
			s := newStage(t, clock, ahead).listen().on("github", true)
			if system == "gitea" {
				s.env["GITEA_ACTIONS"] = "true"
			}
			s.pause = func(ctx context.Context, d time.Duration) error {
				mu.Lock()
				defer mu.Unlock()
				now = now.Add(d)
				return ctx.Err()
			}
			first := ""
			s.around = func(what string, write func() error) error {
				err := write()
				if first == "" && what == "state" {
					first = s.state()
				}
				return err
			}
			h := newHold(3) // after the token was created and renamed
			s.hold.Store(h)
			created := make(chan ran, 1)
			go func() { created <- s.run("create") }()
			<-h.arrived
			s.env["STATE_LEASE"] = first
			s.system = "cancelled" // the state file has what the runner did not take
			post := s.run("revoke")
			if system == "github" && !strings.Contains(post.stdout, "the token may appear later") || strings.Contains(post.stdout, "dealt with already") {
				t.Errorf("got %s\nwant the post step to look for the token", post.stdout)
			}
			close(h.release)
			create := <-created
			if create.exit != 1 || strings.Contains(create.stdout, "is ready") {
				t.Errorf("got exit code %d\n%s\nwant create to fail", create.exit, create.stdout)
			}
			if memory, disk := s.left(); len(memory)+len(disk) > 0 {
				t.Errorf("got the tokens %q and %q left, want none", memory, disk)
			}
			s.wantOwn()
		})
	}
}
