//go:build unix

package process

import (
	"io"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// process is a command in its group.
type process struct {
	pid   int
	group bool // it leads a process group of its own
	// leads is set when the program leads the session: a hangup of the terminal is
	// told to the leader alone, and a shell's part is to pass it on.
	leads bool
}

func (p *Process) start(c Command, files []*os.File) error {
	p.group, p.leads = !p.terminal, leadsSession()
	apart := c.apart()
	sys := &syscall.SysProcAttr{Setpgid: p.group && !apart, Setsid: apart} // a session is a group, too
	started, err := os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env.Reveal(), Files: files, Sys: sys})
	if err != nil {
		return err
	}
	p.pid = started.Pid
	// From here on reap alone waits: beside a Wait of its own for this process,
	// waiting for orphans would take its exit code now and then.
	return started.Release()
}

// reap waits until the command has ended, and with orphans until nothing is left
// to wait for.
func (p *Process) reap(orphans bool) {
	target := p.pid
	if orphans {
		target = -1
	}
	for {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(target, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil: // nothing left; of the command itself this is never so
			select {
			case p.ended <- unknown:
			default:
			}
			return
		case pid == p.pid:
			p.ended <- exitCode(status)
			if !orphans {
				return
			}
		}
	}
}

// unknown is the exit code of a command of which the system has none.
const unknown = 255

// exitCode is the exit code as a shell gives it.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// signal passes a signal on: to the whole group of the command, or on a terminal
// to the command alone, whose group is the program's own.
func (p *Process) signal(s os.Signal) {
	target := p.pid
	if p.group {
		target = -p.pid
	}
	_ = syscall.Kill(target, s.(syscall.Signal))
}

func (p *Process) kill() { p.signal(syscall.SIGKILL) }

// Signals are the signals to listen for before the command starts: all that can
// be caught, without those that are the program's own or come from its own
// faults. Those of job control are left to the system on a terminal, so that the
// program stops together with the command. SIGPIPE is among them so that a
// reader that went away does not end the program.
func (c Command) Signals() []os.Signal {
	except := []syscall.Signal{
		syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG,
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS,
	}
	if onTerminal(c.streams()) {
		except = append(except, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGCONT)
	}
	var signals []os.Signal
	for s := syscall.Signal(1); s <= lastSignal; s++ {
		if !slices.Contains(except, s) && (s < 32 || s >= firstRealTime) {
			signals = append(signals, s)
		}
	}
	return signals
}

// passes reports whether a signal is passed on: not what was the program's own
// matter, nor what the terminal has sent to the command itself.
func (p *Process) passes(s os.Signal) bool {
	switch s {
	case syscall.SIGPIPE:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, sigInfo:
		return !p.terminal
	case syscall.SIGHUP:
		return !p.terminal || p.leads
	}
	return true
}

// asks reports whether a signal asks a command to end.
func asks(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGTERM }

// onTerminal reports whether a stream is the terminal that controls the program:
// only that sends signals, and only to its own session.
func onTerminal(files []*os.File) bool {
	return slices.ContainsFunc(files, func(f *os.File) bool {
		_, err := unix.IoctlGetInt(int(f.Fd()), unix.TIOCGPGRP)
		return err == nil
	})
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	return err == nil
}

func leadsSession() bool {
	session, err := unix.Getsid(0)
	return err == nil && session == os.Getpid()
}

// drain copies what is in the pipe, at most what a pipe can hold, and does not
// wait for more.
func drain(pipe *os.File, w io.Writer) error {
	conn, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	const capacity = 1 << 20 // fs.pipe-max-size
	buffer := make([]byte, 64<<10)
	for total := 0; total < capacity; {
		var n int
		var failed error
		if err := conn.Read(func(fd uintptr) bool { n, failed = syscall.Read(int(fd), buffer); return true }); err != nil {
			return err
		}
		if failed == syscall.EINTR {
			continue
		}
		if n <= 0 {
			return nil
		}
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		total += n
	}
	return nil
}
