package jenkinstest

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

// user1 is a client of one emulator.
type user1 struct {
	t      *testing.T
	s      *Server
	http   *http.Client
	name   string
	secret string
}

func newClient(t *testing.T, s *Server, name, secret string) *user1 {
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &user1{t, s, &http.Client{
		Transport:     tr,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, name, secret}
}

// try sends a request; header is a list of names and values.
func (u *user1) try(method, path, form string, header ...string) (*http.Response, string, error) {
	req, err := http.NewRequest(method, u.s.URL+path, strings.NewReader(form))
	if err != nil {
		u.t.Fatal(err)
	}
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if u.name != "" {
		req.SetBasicAuth(u.name, u.secret)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := u.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

func (u *user1) do(method, path, form string, header ...string) (*http.Response, string) {
	u.t.Helper()
	resp, body, err := u.try(method, path, form, header...)
	if err != nil {
		u.t.Fatal(err)
	}
	return resp, body
}

func (u *user1) want(status int, method, path, form string, header ...string) string {
	u.t.Helper()
	resp, body := u.do(method, path, form, header...)
	if resp.StatusCode != status {
		u.t.Errorf("%s %s: status %d, want %d\n%s", method, path, resp.StatusCode, status, body)
	}
	return body
}

const property = "/me/descriptorByName/jenkins.security.ApiTokenProperty/"

type createdToken struct {
	Status, Message string
	Data            struct {
		AboutToExpire                    *bool
		TokenName, TokenUuid, TokenValue string
		ExpirationDate                   *string
	}
}

func decode(t *testing.T, body string) createdToken {
	t.Helper()
	var c createdToken
	if err := json.Unmarshal([]byte(body), &c); err != nil {
		t.Fatalf("%v: %q", err, body)
	}
	return c
}

func startAs(t *testing.T, opts ...Option) (*Server, *user1) {
	s := Start(t, append([]Option{WithUser("alice", "secret"), WithUser("bob", "b")}, opts...)...)
	tok := s.AddToken("alice", "own")
	return s, newClient(t, s, "alice", tok.Value)
}

func TestVersions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version     string
		create      int
		page, other string // the tokens page and the one of other versions
		addFixed    int
		rename      string
		notFound    bool // X-Jenkins on a 404
		allow       string
	}{
		{"2.60", 404, "/me/configure", "/me/security/", 404, "", false, "POST"},
		{"2.107", 404, "/me/configure", "/me/security/", 404, "", false, ""},
		{"2.129", 200, "/me/configure", "/me/security/", 404, "", false, ""},
		{"2.138.1", 200, "/me/configure", "/me/security/", 404, "", false, ""},
		{"2.190", 200, "/me/configure", "/me/security/", 404, "", false, ""},
		{"2.222", 200, "/me/configure", "/me/security/", 404, "", false, ""},
		{"2.426.2", 200, "/me/configure", "/me/security/", 200, "", true, ""},
		{"2.462.3", 200, "/me/configure", "/me/security/", 200, "", true, ""},
		{"2.468", 200, "/me/security/", "/me/configure", 200, "", true, ""},
		{"2.505", 200, "/me/security/", "/me/configure", 200, `{"status":"ok"}`, true, ""},
		{"2.548", 200, "/me/security/", "/me/configure", 200, `{"status":"ok"}`, true, ""},
		{"2.578", 200, "/me/security/", "/me/configure", 200, `{"status":"ok"}`, true, ""},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			s, u := startAs(t, WithVersion(test.version), WithoutCrumbs())
			if resp, _ := u.do("GET", "/whoAmI/api/json", ""); resp.Header.Get("X-Jenkins") != test.version {
				t.Errorf("X-Jenkins %q, want %q", resp.Header.Get("X-Jenkins"), test.version)
			}
			u.want(test.create, "POST", property+"generateNewToken", "newTokenName=x")
			u.want(200, "GET", test.page, "")
			resp, _ := u.do("GET", test.other, "")
			if resp.StatusCode != 404 || (resp.Header.Get("X-Jenkins") != "") != test.notFound {
				t.Errorf("GET %s: %d with X-Jenkins %q", test.other, resp.StatusCode, resp.Header.Get("X-Jenkins"))
			}
			u.want(test.addFixed, "POST", property+"addFixedToken", "newTokenPlainValue=11abababababababababababababababab")
			if test.create == 200 {
				resp, body := u.do("POST", property+"rename", "newName=y&tokenUuid="+s.Tokens("alice")[0].UUID)
				if resp.StatusCode != 200 || body != test.rename || s.TokensOnDisk("alice")[0].Name != "y" {
					t.Errorf("rename answers %d %q, want 200 %q", resp.StatusCode, body, test.rename)
				}
			}
			if resp, _ := u.do("GET", property+"changeToken", ""); resp.StatusCode != 405 || resp.Header.Get("Allow") != test.allow {
				t.Errorf("GET changeToken: %d, Allow %q, want 405, %q", resp.StatusCode, resp.Header.Get("Allow"), test.allow)
			}
		})
	}
}

func TestLegacyToken(t *testing.T) {
	t.Parallel()
	s, u := startAs(t, WithVersion("2.107"))
	before := s.Tokens("alice")[0]
	if len(before.Value) != 32 || !before.Legacy || before.UUID != "" {
		t.Fatalf("the token is %+v", before)
	}
	if body := u.want(200, "GET", "/me/configure", ""); !strings.Contains(body, `name="_.apiToken" value="`+before.Value+`" id="apiToken"`) {
		t.Errorf("the page lacks the token:\n%s", body)
	}
	resp, _ := u.do("POST", property+"changeToken", "")
	after := s.TokensOnDisk("alice")[0].Value
	if got, want := resp.Header.Get("script"), "document.getElementById('apiToken').value='"+after+"'"; got != want || after == before.Value {
		t.Errorf("script %q, want %q", got, want)
	}
	u.want(401, "GET", "/whoAmI/api/json", "")
	u.secret = after
	u.want(200, "GET", "/whoAmI/api/json", "")
}

func TestLegacyTokenInNewStore(t *testing.T) {
	t.Parallel()
	s, u := startAs(t, WithVersion("2.548"))
	s.AddTokenValue("alice", "Legacy Token", "", strings.Repeat("ab", 16))
	resp, _ := u.do("POST", property+"changeToken", "")
	value := s.Tokens("alice")[1].Value
	if got := resp.Header.Get("X-Jenkins-ValidateButton-Callback"); !strings.Contains(got, `["`+value+`"]`) {
		t.Errorf("the header is %q, the token %q", got, value)
	}
	if body := u.want(200, "GET", "/me/security/", ""); strings.Count(body, `token-card legacy-token"`) != 1 {
		t.Errorf("no legacy card in\n%s", body)
	}
}

// TestCrumbRules has a row for each rule and version: which requests with a
// crumb pass.
func TestCrumbRules(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version                                   string
		length                                    int
		cookie                                    bool // issuing sets a cookie
		token, same, noCookie, otherUser, otherIP int
	}{
		{"2.60", 32, false, 403, 200, 200, 403, 403},
		{"2.107", 32, false, 200, 200, 200, 403, 403},
		{"2.129", 32, false, 200, 200, 200, 403, 403},
		{"2.190", 64, false, 200, 200, 200, 403, 403},
		{"2.222", 64, true, 200, 200, 403, 403, 403},
		{"2.426.2", 64, true, 200, 200, 403, 403, 403},
		{"2.505", 64, true, 200, 200, 403, 403, 403},
		{"2.548", 64, true, 200, 200, 403, 403, 200},
	} {
		t.Run(test.version, func(t *testing.T) {
			t.Parallel()
			s, u := startAs(t, WithVersion(test.version))
			const path = property + "changeToken"
			u.want(test.token, "POST", path, "")
			u.secret = "secret"
			u.want(403, "POST", path, "")
			resp, body := u.do("GET", "/crumbIssuer/api/json", "")
			var c struct{ Crumb, CrumbRequestField string }
			if err := json.Unmarshal([]byte(body), &c); err != nil || len(c.Crumb) != test.length || c.CrumbRequestField != "Jenkins-Crumb" {
				t.Fatalf("crumb %q, want %d digits: %v", c.Crumb, test.length, err)
			}
			cookie := cookieOf(resp.Header)
			if (cookie != "") != test.cookie {
				t.Errorf("the crumb comes with the cookie %q", cookie)
			}
			crumb := []string{"Jenkins-Crumb", c.Crumb, "Cookie", cookie}
			u.want(test.same, "POST", path, "", crumb...)
			u.want(test.same, "POST", path, "Jenkins-Crumb="+c.Crumb, "Cookie", cookie)
			u.want(test.same, "POST", path+"?Jenkins-Crumb="+c.Crumb, "", "Cookie", cookie)
			u.want(403, "POST", path+"?Jenkins-Crumb="+c.Crumb, "", "Cookie", cookie, "Jenkins-Crumb", "wrong")
			u.want(403, "POST", path, ".crumb="+c.Crumb, "Cookie", cookie, ".crumb", c.Crumb)
			u.want(test.noCookie, "POST", path, "", crumb[:2]...)
			u.want(test.otherIP, "POST", path, "", append(crumb, "X-Forwarded-For", "10.1.2.3, 10.0.0.1")...)
			newClient(t, s, "bob", "b").want(test.otherUser, "POST", path, "", crumb...)
			newClient(t, s, "", "").want(403, "POST", path, "", crumb...)
		})
	}
}

func TestCrumbTexts(t *testing.T) {
	t.Parallel()
	_, u := startAs(t)
	for name, test := range map[string]struct {
		path   string
		status int
		want   string
	}{
		"field":           {`xml?xpath=/*/crumbRequestField/text()`, 200, `^Jenkins-Crumb$`},
		"crumb":           {`xml?xpath=/*/crumb/text()`, 200, `^[0-9a-f]{64}$`},
		"both with colon": {`xml?xpath=concat(//crumbRequestField,%22:%22,//crumb)`, 200, `^Jenkins-Crumb:[0-9a-f]{64}$`},
		"both with equal": {`xml?xpath=concat(//crumbRequestField,'=',//crumb)`, 200, `^Jenkins-Crumb=[0-9a-f]{64}$`},
		"element":         {`xml?xpath=//crumb`, 200, `^<crumb>[0-9a-f]{64}</crumb>$`},
		"whole":           {`xml`, 200, `^<defaultCrumbIssuer _class='hudson.security.csrf.DefaultCrumbIssuer'><crumb>[0-9a-f]{64}</crumb><crumbRequestField>Jenkins-Crumb</crumbRequestField></defaultCrumbIssuer>$`},
		"other primitive": {`xml?xpath=string(//crumb)`, 403, `primitive XPath result sets forbidden`},
		"jsonp":           {`json?jsonp=f`, 403, `jsonp forbidden`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if body := u.want(test.status, "GET", "/crumbIssuer/api/"+test.path, ""); !matches(test.want, body) {
				t.Errorf("body %q, want %s", body, test.want)
			}
		})
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("controller", 2*3600)
	day := time.Date(2026, 9, 2, 15, 4, 5, 0, zone)
	for name, test := range map[string]struct {
		form, language string
		status         int
		date           string // "" is an error
		soon           bool
		lasts          time.Duration // until the last valid moment; 0 is for ever
	}{
		"nothing":                {"", "", 200, "never", false, 0},
		"never":                  {"expirationDuration=never", "", 200, "never", false, 0},
		"today":                  {"expirationDuration=0", "en-US", 200, "9/2/26", true, 8 * time.Hour},
		"one day":                {"expirationDuration=1", "en-US,de;q=0.5", 200, "9/3/26", true, 32 * time.Hour},
		"British":                {"expirationDuration=1", "en-GB", 200, "03/09/2026", true, 32 * time.Hour},
		"German":                 {"expirationDuration=1", "de", 200, "03.09.26", true, 32 * time.Hour},
		"Japanese":               {"expirationDuration=1", "ja-JP", 200, "2026/09/03", true, 32 * time.Hour},
		"six days":               {"expirationDuration=+6", "", 200, "9/8/26", true, 6*24*time.Hour + 8*time.Hour},
		"a week":                 {"expirationDuration= 7 ", "", 200, "9/9/26", false, 7*24*time.Hour + 8*time.Hour},
		"a date":                 {"expirationDuration=custom&tokenExpiration=2026-09-04", "", 200, "9/4/26", true, 56 * time.Hour},
		"yesterday":              {"expirationDuration=-1", "", 200, "", false, 0},
		"a past date":            {"expirationDuration=custom&tokenExpiration=2020-01-01", "", 200, "", false, 0},
		"a unit":                 {"expirationDuration=7d", "", 500, "", false, 0},
		"too many days":          {"expirationDuration=2147483648", "", 500, "", false, 0},
		"no date":                {"expirationDuration=custom", "", 500, "", false, 0},
		"a date without zeroes":  {"expirationDuration=custom&tokenExpiration=2026-9-3", "", 500, "", false, 0},
		"a date that is not one": {"expirationDuration=custom&tokenExpiration=2026-02-30", "", 500, "", false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := &testClock{at: day}
			s, u := startAs(t, WithVersion("2.578"), WithClock(clock.now))
			form, _ := url.ParseQuery(test.form)
			if strings.Contains(test.form, "+") {
				form.Set("expirationDuration", "+6")
			}
			body := u.want(test.status, "POST", property+"generateNewToken", "newTokenName=x&"+form.Encode(), "Accept-Language", test.language)
			if test.date == "" {
				if len(s.Tokens("alice")) != 1 {
					t.Error("a token is created")
				}
				if c := test.status == 200 && !strings.Contains(body, `{"status":"error","message":"Expiration date is in the past."}`); c {
					t.Errorf("body %q", body)
				}
				return
			}
			c := decode(t, body)
			if c.Data.ExpirationDate == nil || *c.Data.ExpirationDate != test.date || c.Data.AboutToExpire == nil || *c.Data.AboutToExpire != test.soon {
				t.Errorf("body %s, want %q, %t", body, test.date, test.soon)
			}
			u.secret = c.Data.TokenValue
			if test.lasts == 0 {
				test.lasts = 100 * 365 * 24 * time.Hour
				clock.at = day.Add(test.lasts)
				u.want(200, "GET", "/whoAmI/api/json", "")
				return
			}
			clock.at = day.Add(test.lasts + 55*time.Minute)
			u.want(200, "GET", "/whoAmI/api/json", "")
			clock.at = clock.at.Add(time.Minute)
			u.want(401, "GET", "/whoAmI/api/json", "")
			u.secret = s.Tokens("alice")[0].Value
			if page := u.want(200, "GET", "/me/security/", ""); !strings.Contains(page, `class="error token-creation">This token has expired<`) {
				t.Error("the page does not call the token expired")
			}
			u.want(200, "POST", property+"revoke", "tokenUuid="+c.Data.TokenUuid)
			if len(s.Tokens("alice")) != 1 {
				t.Error("the expired token cannot be revoked")
			}
		})
	}
}

// A token is valid through its date in the zone of the controller. Where a clock
// changes at midnight a day ends at 24 o'clock, which may be called 1 o'clock.
func TestExpiryInTheZoneOfTheController(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ zone, now, form, end string }{
		{"Asia/Tokyo", "2026-11-23T14:59:59Z", "custom 2026-11-23", "2026-11-23T15:00:00Z"},
		{"Asia/Tokyo", "2026-11-23T15:00:00Z", "custom 2026-11-23", ""},
		{"Asia/Tokyo", "2026-11-23T15:00:00Z", "1", "2026-11-25T15:00:00Z"},
		{"America/Los_Angeles", "2026-11-24T07:59:59Z", "custom 2026-11-23", "2026-11-24T08:00:00Z"},
		{"America/Los_Angeles", "2026-11-24T08:00:00Z", "custom 2026-11-23", ""},
		{"America/Los_Angeles", "2026-11-23T15:00:00Z", "0", "2026-11-24T08:00:00Z"},
		{"Etc/GMT+12", "2026-11-24T11:59:59Z", "custom 2026-11-23", "2026-11-24T12:00:00Z"},
		{"Etc/GMT+12", "2026-11-24T12:00:00Z", "custom 2026-11-23", ""},
		{"Pacific/Kiritimati", "2026-11-23T09:59:59Z", "custom 2026-11-23", "2026-11-23T10:00:00Z"},
		{"Pacific/Kiritimati", "2026-11-23T10:00:00Z", "custom 2026-11-23", ""},
		{"America/Santiago", "2026-09-04T12:00:00Z", "custom 2026-09-05", "2026-09-06T04:00:00Z"},
		{"America/Santiago", "2026-09-04T12:00:00Z", "custom 2026-09-06", "2026-09-07T03:00:00Z"},
		{"Africa/Cairo", "2027-04-29T12:00:00Z", "0", "2027-04-29T22:00:00Z"},
		{"Africa/Cairo", "2027-10-28T12:00:00Z", "0", "2027-10-28T22:00:00Z"},
	} {
		t.Run(test.zone+" "+test.now+" "+test.form, func(t *testing.T) {
			t.Parallel()
			zone, err := time.LoadLocation(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			clock := &testClock{}
			if clock.at, err = time.Parse(time.RFC3339, test.now); err != nil {
				t.Fatal(err)
			}
			s, u := startAs(t, WithVersion("2.548"), WithClock(clock.now), WithZone(zone))
			duration, date, _ := strings.Cut(test.form, " ")
			body := u.want(200, "POST", property+"generateNewToken", url.Values{"newTokenName": {"x"}, "expirationDuration": {duration}, "tokenExpiration": {date}}.Encode())
			tokens := s.Tokens("alice")
			if test.end == "" {
				if len(tokens) != 1 || !strings.Contains(body, `"status":"error"`) {
					t.Errorf("got %d tokens and %s, want one and an error", len(tokens), body)
				}
				return
			}
			made := tokens[len(tokens)-1]
			if got := made.Expires.UTC().Format(time.RFC3339); got != test.end {
				t.Fatalf("end: got %s, want %s", got, test.end)
			}
			if c := decode(t, body); date != "" && *c.Data.ExpirationDate != made.lastDay().Format("1/2/06") || made.lastDay().Format(time.DateOnly) != date && date != "" {
				t.Errorf("date: got %s, want %s", *c.Data.ExpirationDate, date)
			}
			u.secret = made.Value
			clock.at = made.Expires.Add(-time.Second)
			u.want(200, "GET", "/whoAmI/api/json", "")
			clock.at = made.Expires
			u.want(401, "GET", "/whoAmI/api/json", "")
		})
	}
}

func TestExpiryIsIgnoredBefore2548(t *testing.T) {
	t.Parallel()
	s, u := startAs(t, WithVersion("2.541.3"))
	body := u.want(200, "POST", property+"generateNewToken", "newTokenName=x&expirationDuration=1")
	if c := decode(t, body); c.Data.ExpirationDate != nil || c.Data.AboutToExpire != nil {
		t.Errorf("body %s", body)
	}
	if tok := s.AddExpiringToken("alice", "y", 1); !tok.Expires.IsZero() {
		t.Errorf("the token expires on %v", tok.Expires)
	}
}

func TestTrustedHeader(t *testing.T) {
	t.Parallel()
	s := Start(t, WithUser("alice", "secret"), WithUser("bob", "secret"), WithTrustedHeader("X-Forwarded-User"))
	for _, row := range []struct {
		name    string
		headers map[string]string
		via     Via
		user    string
		status  int
	}{
		{"a user", map[string]string{"X-Forwarded-User": "alice"}, ViaProxy, "alice", 200},
		{"a stranger", map[string]string{"X-Forwarded-User": "mallory"}, ViaNone, "", 403},
		{"another header", map[string]string{"X-Remote-User": "alice"}, ViaNone, "", 403},
		{"Basic wins", map[string]string{"X-Forwarded-User": "alice", "Authorization": basicHeader("bob", "secret")}, ViaPassword, "bob", 200},
		{"a wrong password", map[string]string{"X-Forwarded-User": "alice", "Authorization": basicHeader("bob", "x")}, ViaRefused, "bob", 401},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/me/api/json", nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range row.headers {
				r.Header.Set(name, value)
			}
			answer, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			requests := s.Requests()
			if last := requests[len(requests)-1]; last.Via != row.via || last.User != row.user || answer.StatusCode != row.status {
				t.Errorf("got %d for %q via %s, want %d for %q via %s", answer.StatusCode, last.User, last.Via, row.status, row.user, row.via)
			}
		})
	}
}
