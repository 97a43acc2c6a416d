//go:build !unix

package lease_test

import (
	"os"
	"testing"
)

// mkfifo makes a directory: Windows has no pipes in its file system.
func mkfifo(t *testing.T, path string) {
	t.Helper()
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
}
