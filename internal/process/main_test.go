//go:build unix

package process_test

import (
	"os"
	"os/signal"
	"syscall"
	"testing"
)

// TestMain takes back the signals that whoever runs the tests has had ignored, as nohup
// does: the commands of the tests would inherit that, and wait for ever.
func TestMain(m *testing.M) {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTSTP, syscall.SIGPIPE} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
	// A bug that signals process group 0 must not end whoever runs the tests.
	_ = syscall.Setpgid(0, 0)
	os.Exit(m.Run())
}
