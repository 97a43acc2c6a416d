//go:build unix

package file

import (
	"os"
	"syscall"
)

const withoutBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY

func owned(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid() && info.Mode().Perm()&0o022 == 0
}
