//go:build unix

package file

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

const withoutBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY

// protect has nothing to do: the mode says who may read.
func protect(string) error { return nil }

func owned(_ string, info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}

// inherited is the descriptor of this process that a path stands for.
func inherited(path string) (fd int, ok bool) {
	if path == "/dev/stdin" {
		return 0, true
	}
	for _, dir := range []string{"/dev/fd/", "/proc/self/fd/", "/proc/thread-self/fd/", "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/"} {
		if number, within := strings.CutPrefix(path, dir); within {
			fd, err := strconv.ParseUint(number, 10, 31)
			return int(fd), err == nil
		}
	}
	return 0, false
}

// duplicate opens a descriptor a second time. Apart from the standard streams, child
// processes do not get it any more: a secret may be read from it.
func duplicate(fd int) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	second, err := syscall.Dup(fd)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: "/dev/fd/" + strconv.Itoa(fd), Err: err}
	}
	syscall.CloseOnExec(second)
	if fd > 2 {
		syscall.CloseOnExec(fd)
	}
	return os.NewFile(uintptr(second), "/dev/fd/"+strconv.Itoa(fd)), nil
}
