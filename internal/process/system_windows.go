package process

import (
	"errors"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// system is a child. Windows has no groups to signal: a console sends Control-C to all
// of its programs.
type system struct{ started *os.Process }

func (p *Process) start(c Command, files []*os.File) (err error) {
	p.started, err = os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env.Reveal(), Files: files})
	return err
}

func (p *Process) reap(bool) {
	state, err := p.started.Wait()
	if err != nil {
		p.exitCode <- 1
		return
	}
	p.exitCode <- state.ExitCode()
}

// signal does nothing: the child has what the console sends.
func (p *Process) signal(os.Signal) {}

func (p *Process) kill() { _ = p.started.Kill() }

// Signals lists the signals to listen for before the child starts.
func (c Command) Signals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func (p *Process) forwards(os.Signal) bool { return true }

func requestsStop(os.Signal) bool { return true }

func isResize(os.Signal) bool { return false }

func onControllingTerminal([]*os.File) bool { return false }

func isTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

// openPseudoTerminal is not implemented: the child writes to a pipe.
func openPseudoTerminal() (ours, theirs *os.File, blocking bool, err error) {
	return nil, nil, false, errors.ErrUnsupported
}

func copySize(_, _ *os.File) {}

func isHangup(error) bool { return false }

// drain does nothing: pipes have no deadlines on Windows.
func drain(*os.File, io.Writer) error { return nil }
