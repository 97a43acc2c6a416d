// Package child runs one command: it passes signals on, reaps, and redacts what
// the command prints. It knows nothing of Jenkins.
//
// On a person's terminal the command stays in the program's own process group, so
// that job control works, and gets from the program only what the terminal has
// not sent it already. Elsewhere it has a group of its own, to which all signals
// go, so that its own children get them too.
//
// Where a terminal is a log, the command gets a pseudo-terminal for its output: it
// sees a terminal of the same size, and what it prints is redacted. It has a session
// of its own, without a controlling terminal: there is no other way to the log, such
// as /dev/tty. The pseudo-terminal does not control that session either. The kernel
// would then end what the command leaves running when the command itself ends.
package process

import (
	"io"
	"os"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Command is what to run, and with what.
type Command struct {
	Path   string   // the program's file
	Args   []string // with the name it is called by
	Env    secret.Value[[]string]
	Stdin  io.Reader // an *os.File, or the command has none
	Stdout io.Writer // an *os.File is handed over as it is where nothing is redacted
	Stderr io.Writer
	// Redact are the texts that the command's output is not to hold.
	Redact []secret.String
	// Published is set where a terminal is a log: CI agents that give a job a
	// pseudo-terminal publish what is written to it. Where nothing is redacted, or on
	// a person's own terminal, the command gets the terminal itself.
	Published bool
	// Orphans is set in a program that is process 1: whatever loses its parent
	// becomes its child, and has to be reaped.
	Orphans bool
}

// Process is a command that was started.
type Process struct {
	process
	terminal bool
	ended    chan int
	outputs  []*output
}

// linger is how long output is waited for once the command has ended: what it
// left running may hold its pipes for ever.
const linger = 500 * time.Millisecond

// apart reports whether the command is kept from the terminal that the program is on.
func (c Command) apart() bool { return c.Published && len(c.Redact) > 0 }

// Start starts the command. The error is that of the system.
func Start(c Command) (*Process, error) {
	p := &Process{terminal: onTerminal(c.streams()) && !c.apart(), ended: make(chan int, 1)}
	stdin, _ := c.Stdin.(*os.File)
	if stdin != nil && c.apart() && isTerminal(stdin) {
		if reader, err := readOnly(stdin); err == nil {
			defer func() { _ = reader.Close() }()
			stdin = reader
		}
	}
	files := []*os.File{stdin}
	var handed []*os.File
	for i, w := range []io.Writer{c.Stdout, c.Stderr} {
		f, isFile := w.(*os.File)
		terminal := isFile && isTerminal(f)
		switch {
		case isFile && (len(c.Redact) == 0 || terminal && !c.Published):
			files = append(files, f)
		case i == 1 && len(handed) > 0 && same(c.Stdout, c.Stderr):
			// One pipe for both keeps the order of what is written to them.
			files = append(files, handed[0])
		default:
			var o *output
			var end *os.File
			var err error
			if terminal {
				o, end, err = newTerminal(f, c.Redact)
			}
			if !terminal || err != nil { // no more pseudo-terminals, or no /dev/ptmx: a pipe redacts too
				o, end, err = newOutput(w, c.Redact)
			}
			if err != nil {
				p.abandon(handed)
				return nil, err
			}
			p.outputs, handed, files = append(p.outputs, o), append(handed, end), append(files, end)
		}
	}
	err := p.start(c, files)
	if err != nil {
		p.abandon(handed)
		return nil, err
	}
	for _, end := range handed {
		_ = end.Close()
	}
	for _, o := range p.outputs {
		go o.copy()
	}
	go p.reap(c.Orphans)
	return p, nil
}

func (p *Process) abandon(handed []*os.File) {
	for i, end := range handed {
		_, _ = end.Close(), p.outputs[i].pipe.Close()
	}
}

func (c Command) streams() []*os.File {
	var files []*os.File
	for _, stream := range []any{c.Stdin, c.Stdout, c.Stderr} {
		if f, ok := stream.(*os.File); ok && f != nil {
			files = append(files, f)
		}
	}
	return files
}

// same reports whether two streams are one.
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

// Exit is how a command ended.
type Exit struct {
	Code  int  // its exit code, 128+n for the signal n
	Asked bool // it was asked to end, by a signal passed on
}

// Wait passes signals on until the command has ended and is reaped. A second
// request to end is the last: it kills. At the first one asked is called, unless it
// is nil, whether the request is passed on or the terminal has sent it already.
func (p *Process) Wait(signals <-chan os.Signal, asked func()) Exit {
	var exit Exit
	for {
		select {
		case s := <-signals:
			if asks(s) && asked != nil {
				asked()
				asked = nil
			}
			switch {
			case resizes(s) && p.resized():
				p.signal(s)
			case !p.passes(s):
			case asks(s) && exit.Asked:
				p.kill()
			default:
				exit.Asked = exit.Asked || asks(s)
				p.signal(s)
			}
		case exit.Code = <-p.ended:
			return exit
		}
	}
}

// resized gives pseudo-terminals the size of the terminals whose place they take, and
// reports whether there are any.
func (p *Process) resized() bool {
	any := false
	for _, o := range p.outputs {
		o.resize()
		any = any || o.terminal != nil
	}
	return any
}

// Finish writes the rest of the command's output. Everything that the command
// wrote itself is written; for what others hold its pipes it waits a moment, and
// no longer.
func (p *Process) Finish() {
	over := make(chan struct{})
	defer time.AfterFunc(linger, func() { close(over) }).Stop()
	for _, o := range p.outputs {
		o.finish(over)
	}
}
