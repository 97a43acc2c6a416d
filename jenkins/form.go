package jenkins

import "regexp"

// bounded is the strict form of a text that a controller sends.
type bounded struct {
	most int // bytes
	*regexp.Regexp
}

// form is the form of an expression, which matches whole texts of at most so
// many bytes. The bound is not a count in the expression: {1,1000} is compiled to
// a thousand copies of its class, and a few such forms were 4 ms at each start.
func form(most int, expression string) bounded {
	return bounded{most, regexp.MustCompile("^(?:" + expression + ")$")}
}

// MatchString reports whether text has the form.
func (b bounded) MatchString(text string) bool {
	return len(text) <= b.most && b.Regexp.MatchString(text)
}
