package settings

import (
	"reflect"
	"slices"
	"testing"
)

// The table is what documents and flags are made of, and the struct is what is
// filled: a setting in one of them alone would be documented and never read.
func TestTableHasOneRowForEachField(t *testing.T) {
	t.Parallel()
	var fields, rows []string
	given := reflect.TypeFor[raw]()
	for field := range given.Fields() {
		fields = append(fields, field.Tag.Get("env"))
		if field.Type.Kind() != reflect.String {
			t.Errorf("%s is of type %s: everything but a string makes go-envconfig stop at the first error", field.Name, field.Type)
		}
	}
	for _, s := range All() {
		rows = append(rows, upper(s.Name))
		if s.Description == "" {
			t.Errorf("%s has no description", s.Name)
		}
		if s.credential && !s.guarded {
			t.Errorf("%s is a credential and not guarded", s.Name)
		}
	}
	slices.Sort(fields)
	slices.Sort(rows)
	if !slices.Equal(fields, rows) {
		t.Errorf("fields %q\nrows   %q", fields, rows)
	}
}
