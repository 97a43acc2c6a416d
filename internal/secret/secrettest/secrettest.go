// Package secrettest looks for secrets in whatever can print a value.
package secrettest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
)

// Hidden fails the test when a way of printing the value shows a secret: all verbs of
// fmt, JSON, XML, slog, and a walk over everything that reflection reaches. The value
// is tried alone, behind a pointer, and in fields that are not exported; of those fmt
// calls no method.
func Hidden[T any](t testing.TB, name string, value T, secrets ...string) {
	t.Helper()
	var forms []string
	for _, secret := range secrets {
		if len(secret) < 8 {
			t.Fatalf("%q is too short to look for", secret)
		}
		forms = append(forms, secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), fmt.Sprintf("%v", []byte(secret)), strings.Trim(base64.StdEncoding.EncodeToString([]byte(secret)), "="))
	}
	for form, text := range printed(value) {
		for _, secret := range forms {
			if strings.Contains(text, secret) {
				t.Errorf("%s, %s: got %q, which shows a secret", name, form, text)
			}
		}
	}
}

type hidden[T any] struct{ value T }

type exported[T any] struct{ Value T }

// printed is the value in every form.
func printed[T any](value T) map[string]string {
	forms := map[string]string{}
	for place, v := range map[string]any{
		"alone": value, "behind a pointer": &value, "in a list": []T{value}, "in a map": map[string]any{"k": value}, "in a field": exported[T]{value},
		"in an unexported field": hidden[T]{value}, "behind a pointer to one": &hidden[T]{value}, "below one": hidden[hidden[T]]{hidden[T]{value}},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
			forms[verb+" "+place] = fmt.Sprintf(verb, v)
		}
		if text, err := json.Marshal(v); err == nil {
			forms["JSON "+place] = string(text)
		}
		if text, err := xml.Marshal(v); err == nil {
			forms["XML "+place] = string(text)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v, slog.Any("w", v))
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		forms["slog "+place] = log.String()
	}
	w := walker{seen: map[visit]bool{}}
	w.walk(reflect.ValueOf(&value))
	forms["reflection"] = w.text.String()
	return forms
}

// walker writes down every text that reflection reaches without package unsafe, the
// way of formatters such as go-spew.
type walker struct {
	text strings.Builder
	seen map[visit]bool
}

type visit struct {
	at  uintptr
	typ reflect.Type
}

func (w *walker) walk(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		w.text.WriteString(v.String() + "\n")
	case reflect.Pointer, reflect.Map:
		if v.IsNil() || w.again(v.Pointer(), v.Type()) {
			return
		}
		if v.Kind() == reflect.Pointer {
			w.walk(v.Elem())
			return
		}
		for entries := v.MapRange(); entries.Next(); {
			w.walk(entries.Key())
			w.walk(entries.Value())
		}
	case reflect.Interface:
		w.walk(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			w.walk(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for i := range v.Len() {
				w.text.WriteByte(byte(v.Index(i).Uint()))
			}
			w.text.WriteByte('\n')
			return
		}
		for i := range v.Len() {
			w.walk(v.Index(i))
		}
	}
}

func (w *walker) again(at uintptr, typ reflect.Type) bool {
	here := visit{at, typ}
	seen := w.seen[here]
	w.seen[here] = true
	return seen
}
