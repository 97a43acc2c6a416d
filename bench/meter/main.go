//go:build unix

// Command meter runs a program and writes its wall time and its processor time
// in nanoseconds and its peak memory in KiB to file descriptor 3. It is a program of its own because
// Linux counts the memory of the process that starts another as the other's
// (exec keeps signal->maxrss), and it is as small as Go programs get.
package main

import (
	"os"
	"strconv"
	"syscall"
	"time"
)

func main() {
	files := []uintptr{0, 1, 2}
	begin := time.Now()
	pid, err := syscall.ForkExec(os.Args[1], os.Args[1:], &syscall.ProcAttr{Env: os.Environ(), Files: files})
	if err != nil {
		_, _ = os.Stderr.WriteString("meter: " + err.Error() + "\n")
		os.Exit(127)
	}
	var status syscall.WaitStatus
	var usage syscall.Rusage
	for {
		if _, err = syscall.Wait4(pid, &status, 0, &usage); err != syscall.EINTR {
			break
		}
	}
	took := time.Since(begin)
	line := ""
	for _, n := range []int64{took.Nanoseconds(), usage.Utime.Nano() + usage.Stime.Nano(), usage.Maxrss} {
		line += strconv.FormatInt(n, 10) + "\n"
	}
	if _, err := os.NewFile(3, "result").WriteString(line); err != nil {
		os.Exit(127)
	}
	if status.Signaled() {
		os.Exit(128 + int(status.Signal()))
	}
	os.Exit(status.ExitStatus())
}
