package process

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

const getTermios, setTermios = unix.TCGETS, unix.TCSETS

// readOnly opens a terminal again, for reading alone: on a terminal even standard input
// can be written to.
func readOnly(f *os.File) (*os.File, error) {
	return os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), os.O_RDONLY|syscall.O_NOCTTY, 0)
}

// withDeadlines makes a read of a file obey a deadline, or wait for ever: package pty
// leaves the file as one that blocks.
func withDeadlines(f *os.File) (same *os.File, waits bool) {
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
