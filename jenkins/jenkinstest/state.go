package jenkinstest

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Token is an API token of a user.
type Token struct {
	// UUID identifies the token in revoke and rename; it is empty before
	// Jenkins 2.129, where a user has one nameless token.
	UUID string
	// Name is the text that is shown in the list of tokens.
	Name string
	// Value is the secret: "11" and 32 hexadecimal digits, or 32 digits for a
	// legacy token. Jenkins stores a hash only; the emulator keeps the value.
	Value string
	// Created is the time of creation.
	Created time.Time
	// Expires is the first instant at which the token is not valid any more,
	// a midnight of the controller; zero means never (always so before 2.548).
	Expires time.Time
	// Legacy marks the single token of a user of Jenkins before 2.129, which
	// keeps its place in the list of later versions.
	Legacy bool
}

// user is an account with its tokens as Jenkins has them in memory and as
// they are in the user's file.
type user struct {
	id, password  string
	admin, noRead bool
	memory, disk  []Token
	uses          map[string]use
}

// use is the statistics of a token.
type use struct {
	count int
	last  time.Time
}

// userKey is the identity of a user name (IdStrategy.CaseInsensitive).
func userKey(name string) string { return strings.ToLower(name) }

func (u *user) key() string { return userKey(u.id) }

// save writes the user's file. It fails when a name cannot be written as XML
// (XStream, all versions), and then goes on failing until that token is gone.
func (u *user) save() bool {
	for _, t := range u.memory {
		if strings.ContainsAny(t.Name, "\x00\ufffe\uffff") {
			return false
		}
	}
	u.disk = slices.Clone(u.memory)
	return true
}

// index returns the place of the token with that very uuid, or -1.
func (u *user) index(uuid string) int {
	return slices.IndexFunc(u.memory, func(t Token) bool { return t.UUID == uuid })
}

// match returns the token whose value is presented. Only the part after the
// two characters of the version counts, and only when there are 34 characters
// (ApiTokenStore.findMatchingToken, 2.129 and later).
func (u *user) match(presented string, store bool, now time.Time) (Token, bool) {
	if store && len(presented) == 34 {
		presented = presented[2:]
	}
	for _, t := range u.memory {
		secret := t.Value
		if store && len(secret) == 34 {
			secret = secret[2:]
		}
		if secret == presented && !t.expired(now) {
			return t, true
		}
	}
	return Token{}, false
}

func (t Token) expired(now time.Time) bool { return !t.Expires.IsZero() && !now.Before(t.Expires) }

// user returns the account of that name or nil.
func (j *Jenkins) user(name string) *user {
	i := slices.IndexFunc(j.users, func(u *user) bool { return u.key() == userKey(name) })
	if i < 0 {
		return nil
	}
	return j.users[i]
}

func (j *Jenkins) mustUser(name string) *user {
	u := j.user(name)
	if u == nil {
		panic(fmt.Sprintf("jenkinstest: there is no user %q", name))
	}
	return u
}

// AddToken gives a user a token as a person would on the tokens page, saved
// to disk. Before Jenkins 2.129 it changes the one token of the user. It
// panics when there is no such user.
func (j *Jenkins) AddToken(user, name string) Token {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(j.mustUser(user), Token{Name: name})
}

// AddExpiringToken is [Jenkins.AddToken] with an expiry date: the token is
// valid through the end of the day that is days from now, in the time zone of
// the clock; with a negative number it has expired already. Before Jenkins
// 2.548 the token does not expire.
func (j *Jenkins) AddExpiringToken(user, name string, days int) Token {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := Token{Name: name}
	if j.rules.expiry {
		t.Expires = endOfDay(j.now(), days)
	}
	return j.add(j.mustUser(user), t)
}

// AddTokenValue is [Jenkins.AddToken] with a given uuid and value; a value of
// 32 characters is a legacy token. Empty ones are chosen.
func (j *Jenkins) AddTokenValue(user, name, uuid, value string) Token {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.add(j.mustUser(user), Token{Name: name, UUID: uuid, Value: value, Legacy: len(value) == 32})
}

func (j *Jenkins) add(u *user, t Token) Token {
	t.Created = j.now()
	if !j.rules.tokenStore {
		if t.Value == "" {
			t.Value = j.random.hex(16)
		}
		t.UUID, t.Name, t.Legacy = "", "", true
		u.memory = []Token{t}
		u.save()
		return t
	}
	if t.UUID == "" {
		t.UUID = j.random.uuid()
	}
	if t.Value == "" {
		t.Value = j.random.token()
	}
	u.memory = append(u.memory, t)
	u.save()
	return t
}

// Tokens returns the tokens that are valid in the running controller (those
// in memory), oldest first, expired ones included; nil when there is no such
// user.
func (j *Jenkins) Tokens(user string) []Token {
	j.mu.Lock()
	defer j.mu.Unlock()
	if u := j.user(user); u != nil {
		return slices.Clone(u.memory)
	}
	return nil
}

// TokensOnDisk returns the tokens that the user's file holds, which are those
// that are valid after [Jenkins.Restart], oldest first.
func (j *Jenkins) TokensOnDisk(user string) []Token {
	j.mu.Lock()
	defer j.mu.Unlock()
	if u := j.user(user); u != nil {
		return slices.Clone(u.disk)
	}
	return nil
}

// DeleteUser deletes a user: the path answers 404, the credentials 401.
func (j *Jenkins) DeleteUser(name string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.deleteUser(name)
}

func (j *Jenkins) deleteUser(name string) {
	j.users = slices.DeleteFunc(j.users, func(u *user) bool { return u.key() == userKey(name) })
}

// Restart does what a restart of Jenkins does: the tokens are those on disk,
// all sessions and the crumbs bound to them are gone, and X-Jenkins-Session
// and the name of the session cookie are new. The phase stays as it is.
func (j *Jenkins) Restart() {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, u := range j.users {
		u.memory = slices.Clone(u.disk)
	}
	j.boot()
}

// Phase is a stage in the life of a controller.
type Phase int

const (
	// PhaseUp is the normal operation.
	PhaseUp Phase = iota
	// PhaseLoading is the start: 503 "Please wait while Jenkins is getting
	// ready to work", but first 500 and 403 for POSTs although the credentials
	// are good, see [WithLoadingSequence]. Bad credentials are 401 only after
	// that.
	PhaseLoading
	// PhaseRestarting is the end before a restart: 503 "Please wait while
	// Jenkins is restarting", and 401 for good credentials on POST, as
	// Jenkins 2.426.2 answers just before the process goes.
	PhaseRestarting
)

// SetPhase moves the controller to a phase; entering [PhaseLoading] starts the
// sequence of its answers afresh.
func (j *Jenkins) SetPhase(p Phase) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.phase = p
	j.left500, j.left403 = j.config.loading500, j.config.loading403
}
