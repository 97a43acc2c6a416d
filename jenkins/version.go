package jenkins

import (
	"strconv"
	"strings"
)

// Version is the version of a controller as its X-Jenkins header gives it, for
// instance 2.426.2. The zero value is an unknown version.
type Version struct {
	text         string
	major, minor int
}

var version = form(51, `[0-9]{1,4}\.[0-9]{1,6}[0-9A-Za-z.+-]*`)

// ParseVersion reads the value of an X-Jenkins header. What has another form is
// an unknown version.
func ParseVersion(text string) Version {
	if !version.MatchString(text) {
		return Version{}
	}
	v := Version{text: text}
	head, rest, _ := strings.Cut(text, ".")
	v.major, _ = strconv.Atoi(head)
	end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
	if end < 0 {
		end = len(rest)
	}
	v.minor, _ = strconv.Atoi(rest[:end])
	return v
}

// String is the version as the controller wrote it, empty when it is unknown.
func (v Version) String() string { return v.text }

// Known reports whether there is a version.
func (v Version) Known() bool { return v.text != "" }

// AtLeast reports whether the version is known and not older than major.minor.
func (v Version) AtLeast(major, minor int) bool {
	return v.Known() && (v.major > major || v.major == major && v.minor >= minor)
}
