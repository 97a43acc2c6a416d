//go:build unix && !linux

package process

import "syscall"

// Systems without real-time signals that Go knows of. Control-T sends SIGINFO.
const (
	firstRealTime = syscall.Signal(32)
	lastSignal    = syscall.Signal(31)
	sigInfo       = syscall.Signal(29)
)
