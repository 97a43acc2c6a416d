package lease

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"strings"

	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/secret"
)

// Marks is a file in which the steps of a job tell each other what they have done, one
// line each: which tokens are revoked, and which leases the post step has dealt with. It
// holds no secret.
//
// Any step can write to it. A line about a token has its uuid and its SHA-256, so that
// only who has the token can say that it is revoked; and whoever has it can make further
// tokens, which no post step knows of. A line about a lease makes create revoke its own
// token.
type Marks struct{ path string }

// OpenMarks returns the marks at path, which need not exist yet. Without a path there are
// none, and none are written.
func OpenMarks(path string) Marks { return Marks{path} }

// Revoked says that the token of a uuid has revoked itself, so that no later step shows
// the dead one to the controller: a directory service counts that as a refused login.
func (m Marks) Revoked(uuid string, token secret.String) error {
	return m.add(revokedMark(uuid, token))
}

// IsRevoked reports whether another step has revoked the token of a record.
func (m Marks) IsRevoked(r Record) bool {
	return r.TokenUUID != "" && !r.Token.Empty() && m.has(revokedMark(r.TokenUUID, r.Token))
}

// Posted says that the post step has dealt with a lease: a create that is still running
// must not hand on its token any more.
func (m Marks) Posted(r Record) error { return m.add(postedMark(r.Names[0])) }

// IsPosted reports whether the post step has dealt with a lease.
func (m Marks) IsPosted(r Record) bool { return len(r.Names) > 0 && m.has(postedMark(r.Names[0])) }

func revokedMark(uuid string, token secret.String) string {
	sum := sha256.Sum256([]byte(token.Reveal()))
	return "revoked " + uuid + " " + hex.EncodeToString(sum[:])
}

func postedMark(name string) string { return "posted " + name }

func (m Marks) add(line string) error {
	if m.path == "" {
		return nil
	}
	return appendLine(m.path, []byte(line))
}

// has is false where the file cannot be read: then nothing is known.
func (m Marks) has(line string) bool {
	if m.path == "" {
		return false
	}
	content, err := file.ReadOwn(m.path, SideLimit)
	if err != nil {
		return false
	}
	for each := range bytes.Lines(content) {
		if strings.TrimSpace(string(each)) == line {
			return true
		}
	}
	return false
}

// appendLine appends a line to a file that only this user can have written, and makes it
// when it is not there.
func appendLine(path string, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
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
