//go:build !unix

package native_test

import (
	"os/exec"
	"testing"
)

// signalWhenReady skips the test: Windows has no signals to send.
func signalWhenReady(t *testing.T, _ *exec.Cmd, _ bool) string {
	t.Skip("there are no signals on this system")
	return ""
}
