package settings

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/file"
	"github.com/jenkins-token/jenkins-token/internal/web"
)

func (f *finder) boolean(name, text string) bool {
	v, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		f.problem(name, "must be true or false")
	}
	return v
}

func (f *finder) choice(name, text string, choices ...string) string {
	text = strings.ToLower(strings.TrimSpace(text))
	if !slices.Contains(choices, text) {
		f.problem(name, "must be one of %s", strings.Join(choices, ", "))
	}
	return text
}

func (f *finder) duration(name, text string, least, most time.Duration) time.Duration {
	d, ok := ParseDuration(text)
	switch {
	case !ok:
		f.problem(name, "not a duration such as 30s, 36h or 2d")
	case d < least || d > most:
		f.problem(name, "not between %s and %s", brief(least), brief(most))
	}
	return d
}

var days = regexp.MustCompile(`^([0-9]{1,5})d(.*)$`)

// ParseDuration reads a duration as Go writes it, with days (2d, 1d12h) before
// it.
func ParseDuration(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	var whole time.Duration
	if m := days.FindStringSubmatch(text); m != nil {
		n, _ := strconv.Atoi(m[1])
		whole = time.Duration(n) * 24 * time.Hour
		if text = m[2]; text == "" {
			return whole, true
		}
	}
	d, err := time.ParseDuration(text)
	return whole + d, err == nil && d >= 0
}

// brief is a duration without parts that are nought.
func brief(d time.Duration) string {
	switch {
	case d%(24*time.Hour) == 0:
		return strconv.Itoa(int(d/(24*time.Hour))) + "d"
	case d%time.Hour == 0:
		return strconv.Itoa(int(d/time.Hour)) + "h"
	}
	return strings.TrimSuffix(d.String(), "0s")
}

// pem gives PEM text as it is, and reads anything else as the path of a file, but
// in the post step of the action: see [Settings.Paths].
func (f *finder) pem(name, text string) []byte {
	if blank(text) {
		return nil
	}
	if !strings.Contains(text, "-----BEGIN ") {
		path := strings.TrimSpace(text)
		f.paths = append(f.paths, name)
		if f.postOfAction() {
			return nil
		}
		if strings.ContainsAny(path, "\r\n\x00") {
			f.problem(name, "neither PEM text nor the path of a file")
			return nil
		}
		content, err := f.read(path)
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			f.problem(name, "not PEM text, and nothing was written in time to the pipe at this path")
			return nil
		case errors.Is(err, file.ErrIrregular):
			f.problem(name, "not PEM text, and not the path of a regular file")
			return nil
		case err != nil:
			f.problem(name, "not PEM text, and there is no such file%s", f.container())
			return nil
		}
		text = string(content)
		if !strings.Contains(text, "-----BEGIN ") {
			f.problem(name, "the file has no PEM text")
			return nil
		}
	}
	return []byte(text)
}

// caLimit bounds the certificates of ca-certificate, in bytes: they are in the lease,
// which has to fit into one variable of the environment. The bundle of a system is
// larger, and is trusted anyway.
const caLimit = 64 << 10

// certificates leaves nothing of a PEM text but its certificates. A text without any is
// left as it is, for the error of whoever reads it.
func certificates(text []byte) []byte {
	var all []byte
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if _, err := x509.ParseCertificate(block.Bytes); err == nil {
			all = append(all, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
	if len(all) == 0 {
		return text
	}
	return all
}

// container reminds of whose files a path is looked for in.
func (f *finder) container() string {
	if f.Action {
		return " in the action's container, which sees the workspace and runner.temp"
	}
	return ""
}

// headers reads one header a line.
func (f *finder) headers(text string) http.Header {
	headers := http.Header{}
	n := 0
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		n++
		if line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = textproto.CanonicalMIMEHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !ok, value == "", !web.IsHeader(name, value):
			f.problem("headers", "line %d is not of the form Name: value", n)
		case name == "Jenkins-Crumb", !web.MaySet(name):
			f.problem("headers", "line %d: %s cannot be set", n, name)
		case unresolved(value, false) != "":
			f.problem("headers", "line %d: the value is a placeholder that was not replaced, of the form %s", n, unresolved(value, false))
			f.advise("headers", placeholderCure)
		case name == "Proxy-Authorization" && f.plainProxy != "":
			f.problem("headers", "line %d: Proxy-Authorization would reach the proxy that %s names, because url is plain http", n, f.plainProxy)
			f.advise("headers", "use an https address of the controller, or name its host in NO_PROXY")
		default:
			headers.Add(name, value)
		}
	}
	return headers
}
