package jenkinstest

import (
	"fmt"
	"strconv"
	"strings"
)

// version is a Jenkins version: 2.426.2 is {2, 426, 2}.
type version [3]int

// profiles are the versions whose behaviour is told apart, oldest first.
var profiles = [...]version{
	{2, 60}, {2, 107}, {2, 129}, {2, 190}, {2, 222}, {2, 426}, {2, 468}, {2, 505}, {2, 548}, {2, 578},
}

func parseVersion(s string) (version, error) {
	var v version
	number, _, _ := strings.Cut(s, "-")
	parts := strings.Split(number, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return v, fmt.Errorf("jenkinstest: %q is not a Jenkins version such as 2.426.2", s)
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 31)
		if err != nil {
			return v, fmt.Errorf("jenkinstest: %q is not a Jenkins version such as 2.426.2", s)
		}
		v[i] = int(n)
	}
	return v, nil
}

func (v version) less(w version) bool {
	for i := range v {
		if v[i] != w[i] {
			return v[i] < w[i]
		}
	}
	return false
}

// profileOf returns the newest profile that is not newer than v.
func profileOf(v version) version {
	p := profiles[0]
	for _, q := range profiles {
		if !v.less(q) {
			p = q
		}
	}
	return p
}

// rules says what one version does; each field names the release that
// brought the change.
type rules struct {
	basicAnyCase  bool // 2.78: the scheme "basic" in any case
	tokenNoCrumb  bool // 2.96: no crumb for a login by API token
	page405       bool // 2.96: a Jenkins page instead of "Allow: POST"
	loadingPlain  bool // 2.128: no X-Jenkins on the 503 pages
	tokenStore    bool // 2.129: several named tokens
	localizedName bool // 2.171: the default token name is translated
	crumbSession  bool // 2.186: crumbs hold the session
	crumbSHA256   bool // 2.190: 64 hexadecimal digits, before 32
	crumbForced   bool // 2.192: issuing a crumb starts a session
	whoAmIDetails bool // until 2.218: /whoAmI shows "details" and "toString"
	semicolon400  bool // 2.228: no ';' in a path
	crumbInHead   bool // 2.246: data-crumb-value in <head>
	fixedToken    bool // 2.260: addFixedToken, revokeAll, revokeAllExcept
	revokeQuiet   bool // 2.260: revoke of an unknown uuid saves nothing
	spring401     bool // 2.266: the message of a 401 is "Unauthorized"
	page404       bool // 2.421: a Jenkins page for 404
	securityPage  bool // 2.468: tokens on /security/, before on /configure
	redirectJS    bool // 2.468: the login redirect uses a script file
	cards         bool // 2.505: tokens as cards
	renameJSON    bool // 2.505: rename answers JSON
	buttonHeader  bool // 2.540: changeToken answers by X-Jenkins-ValidateButton-Callback
	loginCrumb    bool // 2.541: the login form needs a crumb
	crumbNoIP     bool // 2.543: crumbs do not hold the client address
	expiry        bool // 2.548: tokens with an expiry date
}

func rulesOf(p version) rules {
	from := func(minor int) bool { return !p.less(version{2, minor}) }
	return rules{
		basicAnyCase:  from(78),
		tokenNoCrumb:  from(96),
		page405:       from(96),
		loadingPlain:  from(128),
		tokenStore:    from(129),
		localizedName: from(171),
		crumbSession:  from(186),
		crumbSHA256:   from(190),
		crumbForced:   from(192),
		whoAmIDetails: !from(219),
		semicolon400:  from(228),
		crumbInHead:   from(246),
		fixedToken:    from(260),
		revokeQuiet:   from(260),
		spring401:     from(266),
		page404:       from(421),
		securityPage:  from(468),
		redirectJS:    from(468),
		cards:         from(505),
		renameJSON:    from(505),
		buttonHeader:  from(540),
		loginCrumb:    from(541),
		crumbNoIP:     from(543),
		expiry:        from(548),
	}
}
