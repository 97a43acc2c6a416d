//go:build unix

package process

import (
	"errors"
	"io"
	"os"
	"slices"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// system is a child and its process group.
type system struct {
	pid      int
	ownGroup bool // the child leads a process group
	// leadsSession is true if the program leads the session. The kernel reports the
	// hangup of a terminal to the leader only, and a leader such as a shell passes it on.
	leadsSession bool
}

func (p *Process) start(c Command, files []*os.File) error {
	p.ownGroup, p.leadsSession = !p.controlled, leadsSession()
	isolated := c.isolated()
	attributes := &syscall.SysProcAttr{Setsid: isolated, Setpgid: p.ownGroup && !isolated} // a new session is a new group, too
	started, err := os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env.Reveal(), Files: files, Sys: attributes})
	if err != nil {
		return err
	}
	p.pid = started.Pid
	// From here on only reap waits: while it reaps orphans, a second Wait for the child
	// would lose the exit code now and then.
	return started.Release()
}

// reap waits until the child has ended. With orphans it goes on until there is nothing
// to reap.
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
		case err != nil: // nothing is left to reap; the child itself has been reaped before
			select {
			case p.exitCode <- unknownExitCode:
			default:
			}
			return
		case pid == p.pid:
			p.exitCode <- exitCode(status)
			if !orphans {
				return
			}
		}
	}
}

const unknownExitCode = 255

// exitCode returns what a shell shows in $?.
func exitCode(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

func (p *Process) signal(s os.Signal) {
	target := p.pid
	if p.ownGroup {
		target = -p.pid
	}
	_ = syscall.Kill(target, s.(syscall.Signal))
}

func (p *Process) kill() { p.signal(syscall.SIGKILL) }

// Signals lists the signals to listen for before the child starts: all that a program
// can catch, except those that are about the program itself. On a terminal the system
// handles those of job control, so that program and child stop together. SIGPIPE is in
// the list so that a reader that goes away does not end the program.
func (c Command) Signals() []os.Signal {
	except := []syscall.Signal{
		syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCHLD, syscall.SIGURG,
		syscall.SIGSEGV, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGTRAP, syscall.SIGSYS,
	}
	if onControllingTerminal(c.files()) {
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

// forwards reports whether the program passes a signal on. SIGPIPE is about the program
// itself, and the terminal sends some signals to the child directly.
func (p *Process) forwards(s os.Signal) bool {
	switch s {
	case syscall.SIGPIPE:
		return false
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGWINCH, sigInfo:
		return !p.controlled
	case syscall.SIGHUP:
		return !p.controlled || p.leadsSession
	}
	return true
}

func requestsStop(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGTERM }

func isResize(s os.Signal) bool { return s == syscall.SIGWINCH }

// onControllingTerminal reports whether a file is the controlling terminal of the
// program. No other terminal sends signals.
func onControllingTerminal(files []*os.File) bool {
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

// openPseudoTerminal opens a pseudo-terminal that changes no byte of the child's output.
func openPseudoTerminal() (ours, theirs *os.File, blocking bool, err error) {
	if ours, theirs, err = pty.Open(); err != nil {
		return nil, nil, false, err
	}
	if err := disableOutputProcessing(theirs); err != nil {
		return nil, nil, false, errors.Join(err, ours.Close(), theirs.Close())
	}
	ours, blocking = withDeadlines(ours)
	return ours, theirs, blocking, nil
}

// disableOutputProcessing keeps a pseudo-terminal from changing line ends: the terminal
// that the output goes to does that.
func disableOutputProcessing(f *os.File) error {
	state, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return err
	}
	state.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(f.Fd()), setTermios, state)
}

// copySize gives a pseudo-terminal the size of a terminal.
func copySize(to, from *os.File) {
	size, err := unix.IoctlGetWinsize(int(from.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return
	}
	conn, err := to.SyscallConn() // after Fd a read would ignore deadlines
	if err == nil {
		_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// isHangup reports whether a read failed because the other end of a pseudo-terminal is
// closed: Linux returns EIO then.
func isHangup(err error) bool { return errors.Is(err, syscall.EIO) }

// drain copies what a pipe holds and does not wait for more.
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
