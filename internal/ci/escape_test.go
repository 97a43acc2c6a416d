package ci_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/jenkins-token/jenkins-token/internal/ci"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"plain words", "token of alice is ready: 100 %", "token of alice is ready: 100 %"},
		{"letters of other scripts", "größer 東京 🙂", "größer 東京 🙂"},
		{"a command at the start", "::error::x", ": :error::x"},
		{"a command after blanks", " \t ::error::x", ": :error::x"},
		{"a command after a no-break space", "\u00a0::error::x", ": :error::x"},
		{"a command after an ideographic space", "\u3000 ::error::x", ": :error::x"},
		{"a command after a zero-width space", "\u200b::error::x", ": :error::x"},
		{"colons inside", "a ::error::x", "a ::error::x"},
		{"an old command anywhere", "a ##[error]x ##[add-mask]y", "a ## [error]x ## [add-mask]y"},
		{"a command of Azure anywhere", "a ##vso[task.complete]x", "a ## vso[task.complete]x"},
		{"a command of TeamCity", "##teamcity[setParameter name='a' value='b']", "## teamcity[setParameter name='a' value='b']"},
		{"an old command after hashes", "####[error]x", "#### [error]x"},
		{"line breaks", "a\r\n::error::x\nb", "a  ::error::x b"},
		{"a line break in front", "\n::error::x", ": :error::x"},
		{"terminal escapes", "a\x1b[2Jb\x1b]0;t\ac", "a [2Jb ]0;t c"},
		{"C1 controls", "a\u009b2Jb\u0085c", "a 2Jb c"},
		{"nul and delete", "a\x00b\x7fc", "a b c"},
		{"separators of lines and paragraphs", "a\u2028b\u2029c", "a b c"},
		{"bidi controls", "a\u061cb\u200ec\u200fd\u202ae\u202ef\u2066g\u2069h", "a b c d e f g h"},
		{"bytes that are no UTF-8", "a\xffb\xc3", "a b "},
		{"nothing", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			if got := ci.Clean(row.text); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

// command is a line as actions/runner reads it (ActionCommand.cs, TryParseV2 and
// TryParse). Names that it does not know count here as well.
type command struct{ name, properties, data string }

func parse(line string) (command, bool) {
	// String.TrimStart of .NET takes white space of all Unicode.
	if rest, ok := strings.CutPrefix(strings.TrimLeftFunc(line, unicode.IsSpace), "::"); ok {
		if info, data, ok := strings.Cut(rest, "::"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{name, properties, unescape(data)}, true
		}
	}
	if _, rest, ok := strings.Cut(line, "##["); ok {
		if info, data, ok := strings.Cut(rest, "]"); ok {
			name, properties, _ := strings.Cut(info, " ")
			return command{name, properties, data}, true
		}
	}
	return command{}, false
}

func unescape(data string) string {
	return strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(data)
}

// parseAzure reads a line as Azure's agent does (Command.cs,
// CommandStringConvertor.cs).
func parseAzure(line string) (command, bool) {
	_, rest, ok := strings.Cut(line, "##vso[")
	if !ok {
		return command{}, false
	}
	info, data, ok := strings.Cut(rest, "]")
	if !ok {
		return command{}, false
	}
	name, properties, _ := strings.Cut(info, " ")
	for _, pair := range [][2]string{{"%3B", ";"}, {"%0D", "\r"}, {"%0A", "\n"}, {"%5D", "]"}, {"%AZP25", "%"}} {
		data = strings.ReplaceAll(data, pair[0], pair[1])
	}
	return command{name, properties, data}, true
}

// parseTeamCity reads a line as a service message with the attributes text and
// status.
func parseTeamCity(line string) (command, bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "##teamcity[")
	if !ok {
		return command{}, false
	}
	name, rest, _ := strings.Cut(rest, " ")
	values := map[string]string{}
	for strings.Contains(rest, "='") {
		var key, value string
		key, rest, _ = strings.Cut(rest, "='")
		value, rest = teamCityValue(rest)
		values[strings.TrimSpace(key)] = value
	}
	if rest != "]" {
		return command{"broken: " + line, "", ""}, true
	}
	return command{name, values["status"], values["text"]}, true
}

// teamCityValue reads up to the quote that ends a value.
func teamCityValue(text string) (value, rest string) {
	var units []uint16
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\'':
			return string(utf16.Decode(units)), text[i+1:]
		case text[i] == '|' && strings.HasPrefix(text[i:], "|0x") && len(text) >= i+7:
			n, _ := strconv.ParseUint(text[i+3:i+7], 16, 16)
			units = append(units, uint16(n))
			i += 6
		case text[i] == '|' && i+1 < len(text):
			i++
			units = append(units, uint16(strings.NewReplacer("n", "\n", "r", "\r").Replace(text[i : i+1])[0]))
		default:
			units = append(units, uint16(text[i]))
		}
	}
	return "unterminated", ""
}

func TestParserOfTheTest(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"::error::x": "error", " \u00a0::error a=b::x": "error", "a ::error::x": "", "a ##[error]x": "error", "::error": "", "##[error": "", "::::": "",
	} {
		got, ok := parse(line)
		if got.name != want || want != "" && !ok {
			t.Errorf("%q: %q", line, got.name)
		}
	}
	if got, ok := parseAzure("a ##vso[task.logissue type=error]b%AZP250A%3B"); !ok || got != (command{"task.logissue", "type=error", "b%0A;"}) {
		t.Errorf("Azure: %q", got)
	}
	if got, ok := parseTeamCity("##teamcity[message text='a|'|n||]|0xD83D|0xDE42' status='ERROR']"); !ok || got != (command{"message", "ERROR", "a'\n|]🙂"}) {
		t.Errorf("TeamCity: %q", got)
	}
}

// FuzzCommandEscaping says any text at every level: one line comes out, and no
// runner reads a command in it but the one meant.
func FuzzCommandEscaping(f *testing.F) {
	for _, text := range []string{
		"", "ready", "::error::x", "\n::set-output name=token::x", "\r::add-mask::x", "a\u2028::error::x", "\u00a0::stop-commands::x", " ##[add-mask]x",
		"%0A::error::x", "%", "%25", "##\x00[error]x", ":\n:error::x", "\xff::error::x", "\u200b::error::x", "#\u202e#[error]x", "\x1b[2J", "\x85::error::x",
		"##vso[task.setvariable variable=a]b", "a;b]c", "%0A##vso[task.complete]", "%AZP25", "%AZP250A", "##teamcity[buildStop]", "a' status='b']|n", "|0x0041", "größer 🙂",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := ci.Clean(text)
		if again := ci.Clean(clean); again != clean || !utf8.ValidString(clean) {
			t.Errorf("%q is cleaned to %q and again to %q", text, clean, again)
		}
		for _, c := range clean {
			if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == 0x2028 || c == 0x2029 {
				t.Errorf("%q holds %U", clean, c)
			}
		}
		for _, override := range ci.Names() {
			for level, name := range map[ci.Level]string{ci.Progress: "", ci.Notice: "notice", ci.Warning: "warning", -1: "error"} {
				var s stage
				system := s.system(t, override, nil)
				lines, want := 1, clean
				switch {
				case level >= 0:
					system.Say(level, text)
				case override == "github":
					system.Fail([]string{text}, []string{text})
					want = clean + "\nhint: " + clean
				default:
					system.Fail([]string{text}, []string{text})
					lines = 2
				}
				printed := s.out.String() + s.err.String()
				if got := strings.Count(printed, "\n"); got != lines || !strings.HasSuffix(printed, "\n") || strings.Contains(printed, "\r") {
					t.Fatalf("%s, level %d: %q are %d lines, want %d", override, level, printed, got, lines)
				}
				var meant []command
				switch {
				case override == "github" && name != "":
					meant = []command{{name, "", want}}
				case override == "azure" && (name == "warning" || name == "error"):
					meant = []command{{"task.logissue", "type=" + name, clean}}
				case override == "teamcity" && (name == "warning" || name == "error"):
					meant = []command{{"message", strings.ToUpper(name), clean}}
				}
				var read []command
				for line := range strings.Lines(printed) {
					for _, parser := range []func(string) (command, bool){parse, parseAzure, parseTeamCity} {
						if got, is := parser(strings.TrimSuffix(line, "\n")); is {
							read = append(read, got)
						}
					}
				}
				if !slices.Equal(read, meant) {
					t.Errorf("%s, level %d: %q is read as %q, want %q", override, level, printed, read, meant)
				}
			}
		}
	})
}
