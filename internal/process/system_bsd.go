//go:build unix && !linux

package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Go knows no real-time signals on these systems. Control-T sends SIGINFO.
const (
	firstRealTime = syscall.Signal(32)
	lastSignal    = syscall.Signal(31)
	sigInfo       = syscall.Signal(29)
)

const getTermios, setTermios = unix.TIOCGETA, unix.TIOCSETA

// withDeadlines does nothing: some of these systems cannot poll a terminal.
func withDeadlines(f *os.File) (_ *os.File, blocking bool) { return f, true }
