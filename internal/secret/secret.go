// Package secret holds text that must not be printed.
//
// A credential or a token travels through the program as a [String] from the
// moment it is read. Every way of formatting, logging or encoding a String
// shows a fixed word in its place; only [String.Reveal] gives the text, so a
// search for that name finds every place where a secret leaves the program.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands wherever a secret would have been printed.
const Redacted = "[redacted]"

// String is text whose every printing form is [Redacted]. The zero value is
// an absent secret.
type String struct{ text string }

// New wraps text.
func New(text string) String { return String{text} }

// Reveal returns the text itself. It belongs on a request, in a mask, in the
// output that hands the token on, in a record and in a child's environment,
// and nowhere else.
func (s String) Reveal() string { return s.text }

// Empty reports whether there is no secret.
func (s String) Empty() bool { return s.text == "" }

// String implements [fmt.Stringer].
func (s String) String() string { return Redacted }

// GoString implements [fmt.GoStringer].
func (s String) GoString() string { return Redacted }

// Format implements [fmt.Formatter], which covers the verbs that do not ask
// for a Stringer (%x, %d).
func (s String) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue implements [slog.LogValuer].
func (s String) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON and XML.
func (s String) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
