// Package process runs one child process: it passes signals on, reaps the child,
// and redacts what it prints. It does not know Jenkins.
//
// On a person's terminal the child stays in the process group of the program, so
// that job control works. The terminal sends Control-C and the like to both, and the
// program passes on only the signals that the terminal does not send. Elsewhere the
// child leads a process group, and signals go to the whole group.
//
// Some CI agents give a job a pseudo-terminal and publish what is written to it. There
// the child gets a pseudo-terminal of the same size for its output, and the program
// redacts what comes out of it. The child also gets its own session without a
// controlling terminal, because /dev/tty would be another way into the log. The new
// pseudo-terminal does not control that session either: the kernel would then end the
// background processes that the child leaves when it exits.
package process

import (
	"io"
	"os"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Command describes the child.
type Command struct {
	Path   string   // file of the program
	Args   []string // including the name of the program
	Env    secret.Value[[]string]
	Stdin  io.Reader // an *os.File; the child has no input otherwise
	Stdout io.Writer // the child gets an *os.File itself unless it is redacted
	Stderr io.Writer
	// Redact lists the secrets that must not appear in the child's output.
	Redact []secret.String
	// TerminalIsLog means that what is written to a terminal is published, as CI agents
	// do. Output to a terminal is redacted only then.
	TerminalIsLog bool
	// ReapOrphans is for a program that runs as process 1. It becomes the parent of
	// every process that loses its own, and has to reap them.
	ReapOrphans bool
}

// Process is a started child.
type Process struct {
	system
	controlled bool // the terminal of the program controls the child, too
	exitCode   chan int
	outputs    []*output
}

// Exit tells how a child ended.
type Exit struct {
	Code          int  // exit code, or 128+n after signal n
	StopRequested bool // SIGINT or SIGTERM was passed on to the child
}

// outputGrace is how long FlushOutput waits. Background processes may hold the pipes of
// the child open for ever.
const outputGrace = 500 * time.Millisecond

// Start starts the child. It returns the system's error.
func Start(c Command) (*Process, error) {
	p := &Process{controlled: onControllingTerminal(c.files()) && !c.isolated(), exitCode: make(chan int, 1)}
	files, opened, err := p.connect(c)
	if err == nil {
		err = p.start(c, files)
	}
	for _, f := range opened {
		_ = f.Close() // the child has its own
	}
	if err != nil {
		for _, o := range p.outputs {
			_ = o.source.Close()
		}
		return nil, err
	}
	for _, o := range p.outputs {
		go o.copy()
	}
	go p.reap(c.ReapOrphans)
	return p, nil
}

// Wait passes signals on until the child has ended and is reaped. The second request to
// stop kills the child. At the first one Wait calls onStopRequest, unless it is nil,
// even if the terminal has sent the signal to the child already.
func (p *Process) Wait(signals <-chan os.Signal, onStopRequest func()) Exit {
	var exit Exit
	for {
		select {
		case s := <-signals:
			if requestsStop(s) && onStopRequest != nil {
				onStopRequest()
				onStopRequest = nil
			}
			switch {
			case isResize(s) && p.resizeOutputs():
				p.signal(s)
			case !p.forwards(s):
			case requestsStop(s) && exit.StopRequested:
				p.kill()
			default:
				exit.StopRequested = exit.StopRequested || requestsStop(s)
				p.signal(s)
			}
		case exit.Code = <-p.exitCode:
			return exit
		}
	}
}

// FlushOutput returns when everything that the child wrote has been copied. It waits a
// short time for background processes that hold the same pipes.
func (p *Process) FlushOutput() {
	expired := make(chan struct{})
	defer time.AfterFunc(outputGrace, func() { close(expired) }).Stop()
	for _, o := range p.outputs {
		o.flush(expired)
	}
}

// connect returns the child's standard files. Those that were opened for it are to be
// closed when it has started.
func (p *Process) connect(c Command) (files, opened []*os.File, err error) {
	stdin, _ := c.Stdin.(*os.File)
	if stdin != nil && c.isolated() && isTerminal(stdin) {
		if reader, err := reopenReadOnly(stdin); err == nil {
			stdin, opened = reader, append(opened, reader)
		}
	}
	files = []*os.File{stdin}
	for i, w := range []io.Writer{c.Stdout, c.Stderr} {
		f, isFile := w.(*os.File)
		switch {
		case isFile && !c.redacts(f):
			files = append(files, f)
		case i == 1 && len(p.outputs) == 1 && same(c.Stdout, c.Stderr):
			files = append(files, files[1]) // one pipe keeps the order of what is written
		default:
			o, end, err := newOutput(w, c.Redact)
			if err != nil {
				return nil, opened, err
			}
			p.outputs, files, opened = append(p.outputs, o), append(files, end), append(opened, end)
		}
	}
	return files, opened, nil
}

// resizeOutputs reports whether the child has a pseudo-terminal. It gives each the
// present size of the terminal.
func (p *Process) resizeOutputs() bool {
	resized := false
	for _, o := range p.outputs {
		if o.terminal != nil {
			copySize(o.source, o.terminal)
			resized = true
		}
	}
	return resized
}

// isolated reports whether the child must have no access to the program's terminal.
func (c Command) isolated() bool { return c.TerminalIsLog && len(c.Redact) > 0 }

func (c Command) redacts(f *os.File) bool {
	return len(c.Redact) > 0 && (c.TerminalIsLog || !isTerminal(f))
}

func (c Command) files() []*os.File {
	var files []*os.File
	for _, stream := range []any{c.Stdin, c.Stdout, c.Stderr} {
		if f, ok := stream.(*os.File); ok && f != nil {
			files = append(files, f)
		}
	}
	return files
}

// same reports whether two writers are the same, or open the same file.
func same(a, b io.Writer) bool {
	f, ok1 := a.(*os.File)
	g, ok2 := b.(*os.File)
	if !ok1 || !ok2 {
		return a == b
	}
	one, err1 := f.Stat()
	other, err2 := g.Stat()
	return err1 == nil && err2 == nil && os.SameFile(one, other)
}
