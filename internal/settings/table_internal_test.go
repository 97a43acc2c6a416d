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
		i := slices.IndexFunc(All(), func(s Setting) bool { return upper(s.Name) == field.Tag.Get("env") })
		want := reflect.TypeFor[string]()
		if i >= 0 && All()[i].Secret {
			want = reflect.TypeFor[hidden]()
		}
		if field.Type != want {
			t.Errorf("%s is of type %s, want %s: what can fail to be read makes go-envconfig stop at the first error", field.Name, field.Type, want)
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
