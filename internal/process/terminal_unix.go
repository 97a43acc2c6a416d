//go:build unix

package process

import (
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// newTerminal returns an output to a terminal, and the end of a pseudo-terminal for
// the command, which then still sees a terminal of the same size. It carries output
// only, and changes no byte of it: input is still that of the terminal itself.
func newTerminal(to *os.File, secrets []secret.String) (*output, *os.File, error) {
	ours, theirs, err := pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if err := raw(theirs); err != nil {
		return nil, nil, errors.Join(err, ours.Close(), theirs.Close())
	}
	ours, waits := withDeadlines(ours)
	o := &output{pipe: ours, waits: waits, to: secret.Hold(newRedactor(to, secrets)), done: make(chan struct{}), terminal: to}
	o.resize()
	return o, theirs, nil
}

// raw keeps a terminal from changing line ends: the terminal that the output ends up
// on does that.
func raw(f *os.File) error {
	state, err := unix.IoctlGetTermios(int(f.Fd()), getTermios)
	if err != nil {
		return err
	}
	state.Oflag &^= unix.OPOST
	return unix.IoctlSetTermios(int(f.Fd()), setTermios, state)
}

// resize gives the pseudo-terminal the size of the terminal.
func (o *output) resize() {
	if o.terminal == nil {
		return
	}
	size, err := unix.IoctlGetWinsize(int(o.terminal.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return // the size is that of before
	}
	conn, err := o.pipe.SyscallConn() // not Fd, after which a read knows no deadline
	if err == nil {
		_ = conn.Control(func(fd uintptr) { _ = unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, size) })
	}
}

// atEnd reports whether a read failed because nobody holds the other end: of a
// pseudo-terminal Linux says so with EIO.
func atEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, syscall.EIO) }

func resizes(s os.Signal) bool { return s == syscall.SIGWINCH }
