package command

import (
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"go/types"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jenkins-token/jenkins-token/internal/page"
)

// limitTable has the limits by the constants that hold them.
func limitTable(t *testing.T) string {
	rows := [][]string{{"limit", "of what"}}
	byPackage := map[string]map[string]constant.Value{}
	for _, l := range limits() {
		if byPackage[l.dir] == nil {
			byPackage[l.dir] = constants(t, l.dir)
		}
		value, ok := byPackage[l.dir][l.name]
		if !ok {
			t.Errorf("%s has no constant %s", l.dir, l.name)
			continue
		}
		n, _ := constant.Int64Val(value)
		rows = append(rows, []string{amount(n, l.unit), l.of})
	}
	return page.Table(rows...)
}

type limit struct{ dir, name, unit, of string }

func limits() []limit {
	const core, client = "../lease", "../../jenkins"
	return []limit{
		{core, "Grace", "time", "for what goes on after SIGINT or SIGTERM, and for undoing when `timeout` is over"},
		{core, "maxRefused", "logins", "that Jenkins may refuse in one command; then nothing more is sent"},
		{core, "createTries", "names", "tried by one create"},
		{core, "overdue", "time", "by which a token's end must be past on both clocks before a sweep takes it"},
		{core, "tidyTime", "time", "for the sweep in the post step, and at most half of `timeout`"},
		{core, "tidyBytes", "bytes", "of a token page that it reads"},
		{core, "tidyTokens", "tokens", "that it revokes"},
		{core, "sweepBytes", "bytes", "of a token page that the command sweep, and a search for lost tokens, reads"},
		{core, "ownFrom", "tokens", "to revoke, from which a sweep by password creates a token for itself"},
		{core, "ownTTL", "time", "until that token expires, if nothing revokes it before"},
		{core, "ownTime", "time", "for its creation; after it the sweep uses the password"},
		{core, "failuresInARow", "tokens", "that a sweep fails to revoke in a row before it pauses"},
		{".", "doctorBytes", "bytes", "of a token page that doctor reads"},
		{core, "Crowded", "tokens", "on an account, above which a notice says that they make the controller slow"},
		{core, "nameLimit", "bytes", "the name of a token"},
		{core, "SizeLimit", "bytes", "a lease"},
		{core, "StateFileLimit", "bytes", "a runner state file"},
		{core, "namesLimit", "names", "in a record"},
		{client, "answerLimit", "bytes", "an answer that is no page"},
		{client, "errorLimit", "bytes", "of an answer that is an error"},
		{client, "headerLimit", "bytes", "the headers of an answer"},
		{client, "attributeLimit", "bytes", "one piece of a token page"},
		{client, "legacyLimit", "bytes", "the page with the one token of servers before 2.129"},
		{".", "doctorExpiry", "time", "of validity left, below which doctor warns of a certificate"},
		{".", "doctorClock", "time", "between the clocks, above which doctor warns"},
		{".", "doctorTTL", "time", "`ttl` of the token that doctor --write makes and revokes"},
	}
}

func amount(n int64, unit string) string {
	switch {
	case unit == "time":
		d := time.Duration(n)
		switch {
		case d%(24*time.Hour) == 0:
			return strconv.Itoa(int(d/(24*time.Hour))) + " days"
		case d%time.Hour == 0:
			return strconv.Itoa(int(d/time.Hour)) + " h"
		case d%time.Minute == 0:
			return strconv.Itoa(int(d/time.Minute)) + " min"
		}
		return strconv.Itoa(int(d/time.Second)) + " s"
	case unit == "bytes" && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + " MiB"
	case unit == "bytes" && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + " KiB"
	}
	return strconv.FormatInt(n, 10) + " " + unit
}

// constants are the values of a package's integer constants, by name.
func constants(t *testing.T, dir string) map[string]constant.Value {
	t.Helper()
	clock := types.NewPackage("time", "time")
	for name, d := range map[string]time.Duration{"Second": time.Second, "Minute": time.Minute, "Hour": time.Hour} {
		clock.Scope().Insert(types.NewConst(token.NoPos, clock, name, types.Typ[types.Int64], constant.MakeInt64(int64(d))))
	}
	clock.MarkComplete()
	scope := types.NewPackage("limits", "limits")
	scope.Scope().Insert(types.NewPkgName(token.NoPos, scope, "time", clock))
	found := map[string]constant.Value{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			for i, name := range spec.Names {
				if i < len(spec.Values) {
					value, err := types.Eval(token.NewFileSet(), scope, token.NoPos, types.ExprString(spec.Values[i]))
					if err == nil && value.Value != nil && value.Value.Kind() == constant.Int {
						found[name.Name] = value.Value
					}
				}
			}
			return true
		})
	}
	return found
}
