package secret_test

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/secret"
	"github.com/jenkins-token/jenkins-token/internal/secret/secrettest"
)

const text = "11a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5"

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	header := http.Header{"X-Gate": {text}}
	secrettest.Hidden(t, "text", secret.New(text), text)
	secrettest.Hidden(t, "headers", secret.Hold(header), text)
	secrettest.Hidden(t, "connections", secret.Hold(&http.Client{Transport: &http.Transport{ProxyConnectHeader: header}}), text)
	if got := secret.New(text).Reveal(); got != text {
		t.Errorf("got %q, want %q", got, text)
	}
	if got := fmt.Sprintf("%s %v", secret.New(text), secret.Hold(header)); got != secret.Redacted+" "+secret.Redacted {
		t.Errorf("got %q, want that something is redacted", got)
	}
}

// What looks for secrets finds those that are plain.
func TestPlainTextIsFound(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"text": text, "bytes": []byte(text), "headers": http.Header{"X-Gate": {text}}, "behind pointers": new(new(text)), "a key": map[string]int{text: 1},
		"a hidden field": struct{ text string }{text}, "base64": base64.StdEncoding.EncodeToString([]byte(text)), "an array": [1]any{text},
	} {
		found := &failing{TB: t}
		secrettest.Hidden(found, name, value, text)
		if !found.failed {
			t.Errorf("%s: the secret is not found", name)
		}
	}
}

type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Errorf(string, ...any) { f.failed = true }

func TestAbsentSecrets(t *testing.T) {
	t.Parallel()
	for _, none := range []secret.String{{}, secret.New("")} {
		if !none.Empty() || none.Reveal() != "" {
			t.Errorf("got %q, want no secret", none.Reveal())
		}
	}
	if secret.New(text).Empty() {
		t.Error("a secret counts as absent")
	}
}

func TestMasksHideTheTokenInsideBase64(t *testing.T) {
	t.Parallel()
	masks := secret.Masks("alice", secret.New(text))
	var all []string
	for _, mask := range masks {
		all = append(all, mask.Reveal())
	}
	if !slices.Contains(all, text) {
		t.Errorf("got the masks %q, want the token among them", all)
	}
	if !slices.IsSortedFunc(all, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) {
		t.Errorf("got the masks %q, want the longest first", all)
	}
	// What is left of padded base64 is a part of the token, too.
	for start := range 3 {
		left := base64.StdEncoding.EncodeToString([]byte(text[start:]))
		for _, mask := range all {
			left = strings.ReplaceAll(left, mask, "")
		}
		if left != "" {
			t.Errorf("base64 of the token from its byte %d on: %q is left", start, left)
		}
	}
	for _, before := range []string{"", "a:", "ab:", "alice:", "someone@example.com:"} {
		for _, after := range []string{"", "\n", "@host", "xyz"} {
			whole := base64.StdEncoding.EncodeToString([]byte(before + text + after))
			left := whole
			for _, mask := range masks {
				left = strings.ReplaceAll(left, mask.Reveal(), "")
			}
			// 30 of the 34 characters of a token are 40 of base64.
			if got := len(whole) - len(left); got < 40 {
				t.Errorf("base64 of %q+token+%q: got %d characters masked, want at least 40", before, after, got)
			}
		}
	}
}

func TestMasksLeaveShortTextAlone(t *testing.T) {
	t.Parallel()
	for _, short := range []string{"", "prod", "1234567"} {
		if got := secret.Masks("alice", secret.New(short)); len(got) != 0 {
			t.Errorf("got %d masks for a text of %d bytes, want none", len(got), len(short))
		}
	}
}
