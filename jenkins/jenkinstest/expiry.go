package jenkinstest

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// endOfDay returns when the day ends that is days after that of t, in the zone of
// t: where a zone changes its clock at midnight, that is not at 0 o'clock.
func endOfDay(t time.Time, days int) time.Time {
	end := time.Date(t.Year(), t.Month(), t.Day()+days+1, 0, 0, 0, 0, t.Location())
	if end.Hour() > 12 {
		// There is no such midnight, and Go took the time before the change.
		_, end = end.ZoneBounds()
	}
	return end
}

// lastDay returns a moment of the expiry date of a token, which is what Jenkins
// stores.
func (t Token) lastDay() time.Time { return t.Expires.Add(-time.Nanosecond) }

var isoDate = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)

// expiration reads expirationDuration and tokenExpiration (2.548): "never" or
// nothing, "custom" with a date, or days. A zero time means never; an error is
// an exception in Jenkins, and past a date before today.
func (c *call) expiration() (expires time.Time, past bool, err error) {
	duration, _, err := c.webParam("expirationDuration")
	if err != nil {
		return time.Time{}, false, err
	}
	now := c.j.now()
	switch duration = strings.TrimSpace(duration); duration {
	case "", "never":
		return time.Time{}, false, nil
	case "custom":
		date, _, err := c.webParam("tokenExpiration")
		if err != nil {
			return time.Time{}, false, err
		}
		if !isoDate.MatchString(date) {
			return time.Time{}, false, errors.New("no ISO date")
		}
		day, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return time.Time{}, false, err
		}
		expires = endOfDay(time.Date(day.Year(), day.Month(), day.Day(), 12, 0, 0, 0, now.Location()), 0)
	default:
		n, err := strconv.ParseInt(duration, 10, 32)
		if err != nil {
			return time.Time{}, false, err
		}
		expires = endOfDay(now, int(n))
	}
	return expires, !expires.After(now), nil
}

// locale returns the first language of Accept-Language that the emulator has,
// in lower case; English is that of the United States unless named otherwise.
func (c *call) locale() string {
	first := firstOf(c.r.Header.Get("Accept-Language"))
	first, _, _ = strings.Cut(first, ";")
	first = strings.ToLower(strings.TrimSpace(first))
	switch first {
	case "en-gb", "en-ca", "fr-ca":
		return first
	}
	language, _, _ := strings.Cut(first, "-")
	switch language {
	case "de", "ja", "sv", "fr":
		return language
	}
	return "en-us"
}

// shortDate is FormatStyle.SHORT of Java 17.
func shortDate(t time.Time, locale string) string {
	layout := "1/2/06"
	switch locale {
	case "en-gb", "fr":
		layout = "02/01/2006"
	case "de":
		layout = "02.01.06"
	case "ja":
		layout = "2006/01/02"
	case "sv", "en-ca", "fr-ca":
		layout = "2006-01-02"
	}
	return t.Format(layout)
}

// mediumDateTime is FormatStyle.MEDIUM of date and time.
func mediumDateTime(t time.Time, locale string) string {
	layout := "Jan 2, 2006, 3:04:05 PM"
	switch locale {
	case "en-gb":
		layout = "2 Jan 2006, 15:04:05"
	case "de":
		layout = "02.01.2006, 15:04:05"
	case "ja":
		layout = "2006/01/02 15:04:05"
	}
	return t.Format(layout)
}
