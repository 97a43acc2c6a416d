package process

import "syscall"

// Linux has real-time signals; the first few are the C library's.
const (
	firstRealTime = syscall.Signal(35)
	lastSignal    = syscall.Signal(64)
	sigInfo       = syscall.Signal(0) // there is none
)
