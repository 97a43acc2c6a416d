package ci

import (
	"cmp"
	"fmt"
	"strings"
	"unicode/utf16"
)

// teamcity is TeamCity (jetbrains.com/help/teamcity, "List of Predefined Build
// Parameters" and "Service Messages").
//
// A parameter that a service message sets is hidden only when the configuration
// declares it as a password, which cannot be seen from a build: nothing is handed
// on that way.
func teamcity() kind {
	return kind{
		name:   "teamcity",
		detect: func(s Environment) bool { return s.get("TEAMCITY_VERSION") != "" },
		open: func(s Environment) System {
			system := newSystem(s, "teamcity", Run{
				Project: join("/", cmp.Or(s.host("BUILD_URL"), "teamcity"), s.get("TEAMCITY_PROJECT_NAME"), s.get("TEAMCITY_BUILDCONF_NAME")),
				ID:      s.get("BUILD_NUMBER"),
				Job:     s.get("TEAMCITY_BUILDCONF_NAME"),
			}, Files{Way: "use exec; or --lease with a file outside of the checkout, below %system.teamcity.build.tempDir%"})
			system.Log = teamCityLog{plainLog{s.out()}}
			return system
		},
	}
}

// teamCityLog tells messages as TeamCity's service messages.
type teamCityLog struct{ plainLog }

// Say implements [Log].
func (t teamCityLog) Say(level Level, lines ...string) {
	if level == Warning {
		t.message("WARNING", lines...)
		return
	}
	t.plainLog.Say(level, lines...)
}

// Fail implements [Log]. A message of status ERROR fails a build only when its
// configuration says so; the exit code does in any case.
func (t teamCityLog) Fail(lines, hints []string) {
	t.message("ERROR", lines...)
	for _, hint := range hints {
		t.plainLog.Say(Progress, "hint: "+hint)
	}
}

func (t teamCityLog) message(status string, lines ...string) {
	_, _ = fmt.Fprintf(t.to, "##teamcity[message text='%s' status='%s']\n", teamCityEscape(cleanLines(lines...)), status)
}

// teamCityEscape writes text as a value of a service message.
func teamCityEscape(text string) string {
	text = strings.NewReplacer("|", "||", "'", "|'", "\n", "|n", "\r", "|r", "[", "|[", "]", "|]").Replace(text)
	var b strings.Builder
	for _, r := range text {
		if r < 0x80 {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "|0x%04X", unit)
		}
	}
	return b.String()
}
