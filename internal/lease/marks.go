package lease

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/jenkins"
)

// Marks is a file in which the steps of a job tell each other what they have done, one
// line each: which tokens are revoked, and which leases the post step has dealt with. It
// holds no secret.
//
// Any step can write to it, so what it says of a token needs a proof: the SHA-256 of the
// token, or of an API token of the account. Whoever has one of them can create further
// tokens that no post step has a lease of. A password or a token of an identity provider leaves no
// proof: the hash of a password could be guessed, and the other differs from step to step.
// What is said without a proof has to be looked up on the token page. A line about a lease
// makes create revoke its own token.
type Marks struct{ path string }

// OpenMarks returns the marks at path, which need not exist yet. Without a path there are
// none, and none are written.
func OpenMarks(path string) Marks { return Marks{path} }

// Revoked says that a token has revoked itself, so that no later step shows the dead one
// to the controller: a directory service counts that as a refused login.
func (m Marks) Revoked(uuid string, token secret.String) error {
	if !jenkins.IsAPIToken(token.Reveal()) {
		return nil // it can be a password
	}
	return m.add(revokedMark(uuid, token))
}

// RevokedBy says that tokens were revoked with a credential of the account.
func (m Marks) RevokedBy(credential secret.String, uuids ...string) error {
	var lines []string
	for _, uuid := range uuids {
		lines = append(lines, revokedByMark(uuid, credential))
	}
	return m.add(lines...)
}

// IsRevoked reports whether another step has revoked the token of a lease, and proves
// it. The credential is the account's, if there is one.
func (m Marks) IsRevoked(r Lease, credential secret.String) bool {
	if r.TokenUUID == "" {
		return false
	}
	var proofs []string
	if !r.Token.Empty() {
		proofs = append(proofs, revokedMark(r.TokenUUID, r.Token))
	}
	if jenkins.IsAPIToken(credential.Reveal()) {
		proofs = append(proofs, revokedByMark(r.TokenUUID, credential))
	}
	return m.has(func(line string) bool { return slices.Contains(proofs, line) })
}

// MayBeRevoked reports whether a mark says, without a proof that counts for this step,
// that the token of a lease was revoked with a credential of the account.
func (m Marks) MayBeRevoked(r Lease) bool {
	return r.TokenUUID != "" && m.has(func(line string) bool { return strings.HasPrefix(line, "revoked-by "+r.TokenUUID+" ") })
}

// Posted says that the post step has dealt with a lease, under all its names: a create
// that is still running must not publish its token any more.
func (m Marks) Posted(r Lease) error {
	var lines []string
	for _, name := range r.Names {
		lines = append(lines, postedMark(name))
	}
	return m.add(lines...)
}

// IsPosted reports whether the post step has dealt with a lease of one of the names.
func (m Marks) IsPosted(names []string) bool {
	return m.has(func(line string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return line == postedMark(name) })
	})
}

func revokedMark(uuid string, token secret.String) string {
	return "revoked " + uuid + " " + digest(token.Reveal())
}

// revokedByMark has a hash that is the token's and the credential's, and tells nobody
// that two tokens were revoked with one credential.
func revokedByMark(uuid string, credential secret.String) string {
	proof := "unproved"
	if text := credential.Reveal(); jenkins.IsAPIToken(text) {
		proof = digest(uuid + " " + text)
	}
	return "revoked-by " + uuid + " " + proof
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func postedMark(name string) string { return "posted " + name }

func (m Marks) add(lines ...string) error {
	if m.path == "" || len(lines) == 0 {
		return nil
	}
	return appendLine(m.path, []byte(strings.Join(lines, "\n")))
}

// has is false where the file cannot be read: then nothing is known.
func (m Marks) has(wanted func(line string) bool) bool {
	if m.path == "" {
		return false
	}
	content, err := file.ReadOwn(m.path, StateFileLimit)
	if err != nil {
		return false
	}
	for each := range bytes.Lines(content) {
		if wanted(strings.TrimSpace(string(each))) {
			return true
		}
	}
	return false
}

// appendLine appends a line to a file that only this user can have written, and makes it
// when it is not there.
func appendLine(path string, line []byte) error {
	f, err := file.CreateOwn(path)
	if errors.Is(err, os.ErrExist) {
		f, err = file.AppendOwn(path)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
