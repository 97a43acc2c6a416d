//go:build e2e

package e2e

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"unicode/utf16"
)

// masker hides secrets in a log as GitHub's runner does (SecretMasker.cs,
// ValueEncoders.cs, HostContext.cs).
type masker struct {
	mu     sync.Mutex
	values map[string]bool
}

// add masks a value and what the runner's encoders make of it.
func (m *masker) add(value string) {
	if value == "" {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.values == nil {
		m.values = map[string]bool{}
	}
	m.values[value] = true
	for _, encode := range encoders {
		if encoded := encode(value); encoded != "" {
			m.values[encoded] = true
		}
	}
}

// replace hides what is masked. Masks that overlap or touch become one.
func (m *masker) replace(text string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	hidden := make([]bool, len(text)+1)
	for value := range m.values {
		for from := 0; ; from++ {
			i := strings.Index(text[from:], value)
			if i < 0 {
				break
			}
			from += i
			for at := range len(value) {
				hidden[from+at] = true
			}
		}
	}
	var out strings.Builder
	for i := range len(text) {
		switch {
		case !hidden[i]:
			out.WriteByte(text[i])
		case !hidden[i+1]:
			out.WriteString("***")
		}
	}
	return out.String()
}

// encoders are those of the runner, in its order.
var encoders = []func(string) string{
	func(v string) string { return shifted(v, 0) },
	func(v string) string { return shifted(v, 1) },
	func(v string) string { return shifted(v, 2) },
	strings.NewReplacer(`"`, `\"`).Replace,
	strings.NewReplacer("'", "''").Replace,
	jsonString,
	uriData,
	strings.NewReplacer("<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;", "&", "&amp;").Replace,
	func(v string) string {
		if units(v) > 8 && strings.HasPrefix(v, `"`) && strings.HasSuffix(v, `"`) {
			return v[1 : len(v)-1]
		}
		return ""
	},
	func(v string) string {
		before, _, colored := strings.Cut(v, "&+")
		if colored {
			return long(before + "&+")
		}
		return long(v[:strings.LastIndex(v, "&")+1])
	},
	func(v string) string {
		if _, after, colored := strings.Cut(v, "&+"); colored {
			if len(after) < 2 {
				return ""
			}
			return long(after[1:]) // without the letter that PowerShell colors
		}
		if i := strings.LastIndex(v, "&"); i >= 0 {
			return long(v[i+1:])
		}
		return ""
	},
}

// shifted is the base64 of a value without its first bytes, padded.
func shifted(value string, n int) string {
	if len(value) > n {
		value = value[n:]
	}
	return base64.StdEncoding.EncodeToString([]byte(value))
}

// jsonString escapes as Newtonsoft.Json does: Go's encoder escapes more.
func jsonString(value string) string {
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSuffix(out.String(), "\n"), `"`), `"`)
}

// uriData escapes all but the unreserved characters of RFC 3986.
func uriData(value string) string {
	const digits = "0123456789ABCDEF"
	var out strings.Builder
	for _, b := range []byte(value) {
		switch {
		case 'a' <= b && b <= 'z', 'A' <= b && b <= 'Z', '0' <= b && b <= '9', strings.IndexByte("-._~", b) >= 0:
			out.WriteByte(b)
		default:
			out.Write([]byte{'%', digits[b>>4], digits[b&15]})
		}
	}
	return out.String()
}

func long(value string) string {
	if units(value) < 6 {
		return ""
	}
	return value
}

// units is the length that .NET gives to a string.
func units(value string) int { return len(utf16.Encode([]rune(value))) }
