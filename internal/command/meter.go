package command

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// How often a meter shows something new.
const (
	logEvery = 10 * time.Second // a line in a log
	barEvery = 200 * time.Millisecond
	barAfter = time.Second // what is done by then needs no bar
)

// meter shows how far a command is: as a bar on a terminal, as lines in a log.
type meter struct {
	now  func() time.Time
	line func(string) // writes a line to the log
	bar  io.Writer    // the terminal, nil for a log

	begun, next time.Time
	before      int // done when it begun
	width       int // of the bar that is on the terminal now
}

// advance shows that done of all are done, when it is time to.
func (m *meter) advance(done, all int) {
	now := m.now()
	if m.begun.IsZero() {
		m.begun, m.before, m.next = now, done, now.Add(logEvery)
		if m.bar != nil {
			m.next = now.Add(barAfter)
		}
		return
	}
	if now.Before(m.next) {
		return
	}
	text := fmt.Sprintf("revoked %d of %d tokens", done, all)
	if done > m.before {
		left := now.Sub(m.begun) * time.Duration(all-done) / time.Duration(done-m.before)
		text += ", about " + left.Round(time.Second).String() + " left"
	}
	if m.bar == nil {
		m.next = now.Add(logEvery)
		m.line(text)
		return
	}
	m.next = now.Add(barEvery)
	const cells = 30
	full := cells * done / max(1, all)
	m.draw("[" + strings.Repeat("#", full) + strings.Repeat(" ", cells-full) + "] " + text)
}

// clear takes the bar off the terminal, so that a line can be written.
func (m *meter) clear() {
	if m.width > 0 {
		m.draw("")
		_, _ = io.WriteString(m.bar, "\r")
	}
}

// draw writes text over the bar that is there.
func (m *meter) draw(text string) {
	_, _ = fmt.Fprintf(m.bar, "\r%-*s", m.width, text)
	m.width = len(text)
}
