package process

import (
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// process is a command. Windows has no groups to signal: a console tells all its
// programs of Control-C by itself.
type process struct{ started *os.Process }

func (p *Process) start(c Command, files []*os.File) (err error) {
	p.started, err = os.StartProcess(c.Path, c.Args, &os.ProcAttr{Env: c.Env.Reveal(), Files: files})
	return err
}

func (p *Process) reap(bool) {
	state, err := p.started.Wait()
	if err != nil {
		p.ended <- 1
		return
	}
	p.ended <- state.ExitCode()
}

// signal passes nothing on: what the console has sent, the command has.
func (p *Process) signal(os.Signal) {}

func (p *Process) kill() { _ = p.started.Kill() }

// Signals are the signals to listen for before the command starts.
func (c Command) Signals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

func (p *Process) passes(os.Signal) bool { return true }

func asks(os.Signal) bool { return true }

func onTerminal([]*os.File) bool { return false }

func isTerminal(f *os.File) bool {
	var mode uint32
	return windows.GetConsoleMode(windows.Handle(f.Fd()), &mode) == nil
}

func drain(*os.File, io.Writer) error { return nil }
