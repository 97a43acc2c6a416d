// Package secret holds what must not be printed.
//
// A credential or a token travels through the program as a [String] from the
// moment it is read. Every way of formatting, logging or encoding it shows a fixed
// word in its place; only Reveal gives the text, so a search for that name finds
// every place where a secret leaves the program.
package secret

import (
	"fmt"
	"io"
	"log/slog"
)

// Redacted stands wherever a secret would have been printed.
const Redacted = "[redacted]"

// Value is something that prints as [Redacted] in every form. The zero value is an
// absent secret.
//
// It holds a function and not the thing itself: of a value in an unexported field
// fmt calls no method, but prints what it finds, and so does whatever walks over
// values by reflection. None of them can look into a function, or call this one.
// Two of them cannot be compared for the same reason.
type Value[T any] struct{ reveal func() T }

// String is a secret text.
type String = Value[string]

// New wraps text. An empty text is an absent secret.
func New(text string) String {
	if text == "" {
		return String{}
	}
	return Hold(text)
}

// Hold wraps what contains secrets: headers, or connections that have sent them.
func Hold[T any](v T) Value[T] { return Value[T]{func() T { return v }} }

// Reveal returns the thing itself, the zero value when the secret is absent. It
// belongs on a request, in a mask, in the output that publishes the token, in a
// lease and in a child's environment, and nowhere else.
func (v Value[T]) Reveal() (revealed T) {
	if v.reveal != nil {
		revealed = v.reveal()
	}
	return revealed
}

// Empty reports whether there is no secret.
func (v Value[T]) Empty() bool { return v.reveal == nil }

// String implements [fmt.Stringer].
func (Value[T]) String() string { return Redacted }

// GoString implements [fmt.GoStringer].
func (Value[T]) GoString() string { return Redacted }

// Format implements [fmt.Formatter], which covers the verbs that do not ask
// for a Stringer (%x, %d).
func (Value[T]) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, Redacted) }

// LogValue implements [slog.LogValuer].
func (Value[T]) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalText implements [encoding.TextMarshaler], and so covers JSON and XML.
func (Value[T]) MarshalText() ([]byte, error) { return []byte(Redacted), nil }
