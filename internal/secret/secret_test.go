package secret_test

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jenkins-token/jenkins-token/internal/secret"
)

const text = "11a0b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5"

func TestStringIsNeverPrinted(t *testing.T) {
	t.Parallel()
	s := secret.New(text)
	holder := struct {
		S secret.String
		P *secret.String
		M map[string]secret.String
	}{s, &s, map[string]secret.String{"k": s}}

	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("m", "s", s, "holder", holder)
	slog.New(slog.NewTextHandler(&logged, nil)).Info("m", "s", s, "holder", holder)
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	asXML, err := xml.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	forms := map[string]string{
		"slog": logged.String(),
		"json": string(asJSON),
		"xml":  string(asXML),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T"} {
		forms[verb] = fmt.Sprintf(verb, s)
		forms[verb+" in a struct"] = fmt.Sprintf(verb, holder)
	}
	hexed := fmt.Sprintf("%x", text)
	for form, got := range forms {
		if strings.Contains(got, text) || strings.Contains(got, hexed) {
			t.Errorf("%s shows the secret: %s", form, got)
		}
	}
	if got := s.Reveal(); got != text {
		t.Errorf("got %q, want %q", got, text)
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
