package main

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// version is a version of a release, as its tag says it: v1.2.3 or v1.2.3-rc.1.
// What is built has the commit behind it: v1.2.3+0123…, the 40 digits in full.
type version struct {
	text       string
	numbers    [3]int
	prerelease string
	commit     string
}

var versionForm = regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9a-f]{40}))?$`)

// UnmarshalText accepts a tag and nothing else.
func (v *version) UnmarshalText(text []byte) error {
	found := versionForm.FindStringSubmatch(string(text))
	if found == nil {
		return fmt.Errorf("a version has the form v1.2.3 or v1.2.3-rc.1, and for a build a + and the commit behind it, not %q", text)
	}
	v.text, v.prerelease, v.commit = strings.TrimSuffix(found[0], "+"+found[5]), found[4], found[5]
	for i := range v.numbers {
		n, err := strconv.Atoi(found[i+1])
		if err != nil {
			return err
		}
		v.numbers[i] = n
	}
	return nil
}

// release is what the program is told of itself.
func (v version) release() string {
	if v.commit == "" {
		return v.text
	}
	return v.text + "+" + v.commit
}

// MarshalText is the tag.
func (v version) MarshalText() ([]byte, error) { return []byte(v.text), nil }

// number is the version without its v, as image tags and the changelog have it.
func (v version) number() string { return strings.TrimPrefix(v.text, "v") }

// moving lists the shorter versions (1.2, 1) that are to stand for v from now
// on. A pre-release moves none, and a fix of an older line leaves alone what a
// newer one holds. released are the tags of the repository, one a line.
func moving(v version, released string) []string {
	if v.prerelease != "" {
		return nil
	}
	newest := map[int]bool{1: true, 2: true} // by how many numbers agree
	for tag := range strings.FieldsSeq(released) {
		var other version
		if other.UnmarshalText([]byte(tag)) != nil || other.prerelease != "" {
			continue
		}
		a, b := v.numbers, other.numbers
		if a[0] == b[0] && cmp.Or(cmp.Compare(a[1], b[1]), cmp.Compare(a[2], b[2])) < 0 {
			newest[1] = false
			if a[1] == b[1] {
				newest[2] = false
			}
		}
	}
	var prefixes []string
	if newest[2] {
		prefixes = append(prefixes, fmt.Sprintf("%d.%d", v.numbers[0], v.numbers[1]))
	}
	if newest[1] {
		prefixes = append(prefixes, strconv.Itoa(v.numbers[0]))
	}
	return prefixes
}
