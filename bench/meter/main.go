//go:build unix

// Command meter runs a program and writes its wall time and its processor time in
// nanoseconds and its peak memory in KiB to file descriptor 3. It is a small program
// because Linux counts the memory of the process that starts another as the other's:
// exec keeps signal->maxrss.
package main

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

func main() {
	begin := time.Now()
	pid, err := syscall.ForkExec(os.Args[1], os.Args[1:], &syscall.ProcAttr{Env: os.Environ(), Files: []uintptr{0, 1, 2}})
	var status syscall.WaitStatus
	var usage syscall.Rusage
	if err == nil {
		for _, err = syscall.Wait4(pid, &status, 0, &usage); err == syscall.EINTR; {
			_, err = syscall.Wait4(pid, &status, 0, &usage)
		}
	}
	took := time.Since(begin)
	if err == nil {
		_, err = fmt.Fprintln(os.NewFile(3, "report"), took.Nanoseconds(), usage.Utime.Nano()+usage.Stime.Nano(), usage.Maxrss)
	}
	if err != nil || status.Signaled() {
		fmt.Fprintln(os.Stderr, "meter:", err, status)
		os.Exit(1)
	}
	os.Exit(status.ExitStatus())
}
