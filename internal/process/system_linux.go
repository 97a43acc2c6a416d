package process

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// MakeUndumpable denies other processes of the same user access to the memory and the
// environment of this one, and prevents core dumps (prctl(2), PR_SET_DUMPABLE).
// Otherwise every process that the program starts can read JENKINS_PASSWORD in
// /proc/$PPID/environ. Root on the host (CAP_SYS_PTRACE) still can; root in a container
// with docker's defaults cannot.
func MakeUndumpable() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }

// The C library uses the first real-time signals.
const (
	firstRealTime = syscall.Signal(35)
	lastSignal    = syscall.Signal(64)
	sigInfo       = syscall.Signal(0) // does not exist on Linux
)

const getTermios, setTermios = unix.TCGETS, unix.TCSETS

// reopenReadOnly opens a terminal again: standard input that is a terminal is often
// open for writing, too.
func reopenReadOnly(f *os.File) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|syscall.O_NOCTTY, 0)
}

// withDeadlines returns a file of which a read obeys deadlines: package pty leaves it in
// blocking mode. The old file is closed.
func withDeadlines(f *os.File) (_ *os.File, blocking bool) {
	fd, err := unix.FcntlInt(f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return f, true
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return f, true
	}
	_ = f.Close()
	return os.NewFile(uintptr(fd), f.Name()), false
}
