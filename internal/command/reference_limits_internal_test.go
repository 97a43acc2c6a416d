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
		{core, "Grace", "time", "to finish or undo after SIGINT or SIGTERM, and after `timeout`"},
		{core, "maxRefused", "credentials", "refused in one command, after which nothing more is sent"},
		{core, "createTries", "names", "that one create tries"},
		{core, "overdue", "time", "since a token's expiry, on both clocks, before a sweep revokes it"},
		{core, "tidyTime", "time", "for the post step's sweep, and at most half of `timeout`"},
		{core, "tidyBytes", "bytes", "of the token page that the post step's sweep reads"},
		{core, "tidyTokens", "tokens", "that the post step's sweep revokes"},
		{core, "sweepBytes", "bytes", "of the token page that the command sweep, and the search after a lost response, read"},
		{core, "ownFrom", "tokens", "to revoke, from which a sweep with a password creates a token for itself"},
		{core, "ownTTL", "time", "until that token expires"},
		{core, "ownTime", "time", "to create that token; then the sweep uses the password"},
		{core, "failuresInARow", "tokens", "in a row that a sweep fails to revoke before it pauses"},
		{".", "doctorBytes", "bytes", "of the token page that doctor reads"},
		{core, "Crowded", "tokens", "on an account, above which a notice says that they slow down the controller"},
		{core, "nameLimit", "bytes", "name of a token"},
		{core, "SizeLimit", "bytes", "lease"},
		{core, "StateFileLimit", "bytes", "runner state file"},
		{core, "namesLimit", "names", "in a lease"},
		{client, "answerLimit", "bytes", "response, except pages"},
		{client, "errorLimit", "bytes", "response that is an error"},
		{client, "headerLimit", "bytes", "headers of a response"},
		{client, "attributeLimit", "bytes", "one tag or text of the token page"},
		{client, "legacyLimit", "bytes", "page with the account's token, before 2.129"},
		{".", "doctorExpiry", "time", "of validity, below which doctor warns about a certificate"},
		{".", "doctorClock", "time", "between the two clocks, above which doctor warns"},
		{".", "doctorTTL", "time", "`ttl` of the token of `doctor --write`"},
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
