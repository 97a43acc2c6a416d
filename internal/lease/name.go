package lease

import (
	"encoding/base32"
	"fmt"
	"io"
	"strings"
	"time"
)

// The fixed words of a name. A later grammar will use another word than until-,
// so that this version leaves its tokens alone.
const (
	namePrefix = "jenkins-token:"
	nameUntil  = "until-"
	nameLimit  = 250 // bytes
	nameTime   = "20060102T150405Z"
)

// Name is the name of a token as Jenkins shows it:
//
//	jenkins-token:<project>:<run>:<label>:<nonce>:until-<end>
//
// It tells an administrator what the token is, where it comes from and when it expires,
// and a sweep which tokens are expired.
type Name struct {
	Project string // host and project of the CI
	Run     string // run and attempt
	Label   string
	Nonce   string
	End     time.Time // to the second
}

// String is the name, at most 250 bytes long. What does not fit is cut off the
// label first, then off the start of where.
func (n Name) String() string {
	project, run, label := Part(n.Project), Part(n.Run), Part(n.Label)
	fixed := len(namePrefix) + len(run) + len(n.Nonce) + len(nameUntil) + len(nameTime) + 4
	const least = 8
	if over := fixed + len(project) + len(label) - nameLimit; over > 0 {
		label = label[:max(min(least, len(label)), len(label)-over)]
	}
	if over := fixed + len(project) + len(label) - nameLimit; over > 0 {
		project = project[min(over, len(project)-1):]
	}
	if over := fixed + len(project) + len(label) - nameLimit; over > 0 {
		run = run[:len(run)-over] // longer than that of any CI
	}
	return namePrefix + strings.Join([]string{project, run, label, n.Nonce, nameUntil + n.End.UTC().Format(nameTime)}, ":")
}

// IsOf reports whether a run of a project gets names like this one, however much
// of them has to be cut off. An empty label is every label.
func (n Name) IsOf(project, run, label string) bool {
	if label == "" {
		label = n.Label
	}
	want, ok := ParseName(Name{project, run, label, n.Nonce, n.End}.String())
	return ok && want.Project == n.Project && want.Run == n.Run && want.Label == n.Label
}

// Part is text with everything that a part of a name cannot hold made a hyphen.
func Part(text string) string {
	text = strings.Map(func(r rune) rune {
		if partRune(r) {
			return r
		}
		return '-'
	}, text)
	if text == "" {
		return "-"
	}
	if len(text) > 200 {
		text = text[:200]
	}
	return text
}

func partRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._/@#+=,-", r)
}

// ParseName reads a name of the grammar. It is false for every other text.
func ParseName(text string) (Name, bool) {
	if len(text) > nameLimit || !strings.HasPrefix(text, namePrefix) {
		return Name{}, false
	}
	parts := strings.Split(text[len(namePrefix):], ":")
	if len(parts) != 5 {
		return Name{}, false
	}
	for _, part := range parts {
		if part == "" || strings.ContainsFunc(part, func(r rune) bool { return !partRune(r) }) {
			return Name{}, false
		}
	}
	stamp, ok := strings.CutPrefix(parts[4], nameUntil)
	end, err := time.Parse(nameTime, stamp)
	if !ok || err != nil || len(stamp) != len(nameTime) || len(parts[3]) != nonceLength {
		return Name{}, false
	}
	return Name{parts[0], parts[1], parts[2], parts[3], end}, true
}

const nonceLength = 8

// NewNonce returns eight random letters and digits: 40 bits.
func NewNonce(random io.Reader) (string, error) {
	var bits [5]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", fmt.Errorf("draw a nonce: %w", err)
	}
	return strings.ToLower(base32.StdEncoding.EncodeToString(bits[:])), nil
}
