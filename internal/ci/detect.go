package ci

import (
	"errors"
	"slices"
	"strings"
)

// kind is one kind of CI system.
type kind struct {
	name   string
	detect func(Environment) bool
	open   func(Environment) System
	// host is set for a system that is documented to run the runners of others,
	// whose jobs then carry the variables of both.
	host bool
}

// kinds are all CI systems that are known, without plain.
func kinds() []kind {
	return []kind{
		github(), gitlab(), azure(), buildkite(), circleci(), bitbucket(), woodpecker(), drone(), teamcity(),
		jenkins(), tekton(), argo(), concourse(), codebuild(), cloudbuild(),
	}
}

// Names are the systems that [Detect] takes as an override, in order.
func Names() []string {
	names := []string{"plain"}
	for _, f := range kinds() {
		names = append(names, f.name)
	}
	slices.Sort(names)
	return names
}

// ErrUnknown is the error for an override that is not one of [Names].
var ErrUnknown = errors.New("not a known CI system")

// AmbiguousError says that the variables of several systems are set.
type AmbiguousError struct{ Names []string }

// Error implements error.
func (e *AmbiguousError) Error() string {
	return "the environment is that of several CI systems: " + strings.Join(e.Names, ", ")
}

// Detect returns the system around the program, or the one that override names.
//
// What one system reads as a command to mask a token, another prints. So a
// variable that says GitHub in a job of GitLab must not decide: where several
// systems are found the error is an [*AmbiguousError] and the system plain. Only
// a system that is known to run the runners of others gives way to them.
func Detect(s Environment, override string) (System, error) {
	var found []kind
	for _, f := range kinds() {
		switch {
		case override == f.name:
			return f.open(s), nil
		case override == "" && f.detect(s):
			found = append(found, f)
		}
	}
	if override != "" && override != "plain" {
		return System{}, ErrUnknown
	}
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(f kind) bool { return f.host })
	}
	switch len(found) {
	case 0:
		return newPlain(s), nil
	case 1:
		return found[0].open(s), nil
	}
	var names []string
	for _, f := range found {
		names = append(names, f.name)
	}
	return newPlain(s), &AmbiguousError{names}
}

// OnRunner reports whether the program runs on a GitHub-like runner.
func OnRunner(lookup func(string) (string, bool)) bool {
	text, _ := lookup("GITHUB_ACTIONS")
	return text == "true"
}

// OnPlugin reports whether the program runs as a plugin of Drone or Woodpecker,
// which pass settings as PLUGIN_ variables.
func OnPlugin(lookup func(string) (string, bool)) bool {
	s := Environment{Lookup: lookup}
	return onDrone(s) || onWoodpecker(s)
}

// InJenkins reports whether JENKINS_URL is that of the controller that runs the
// build. JENKINS_HOME is enough for it: whoever mistakes a machine for a build asks
// for a clearer setting, and sends nothing to the wrong controller.
func InJenkins(lookup func(string) (string, bool)) bool {
	s := Environment{Lookup: lookup}
	return s.get("JENKINS_HOME") != "" || onJenkins(s)
}
