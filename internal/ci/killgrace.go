package ci

import "time"

// killGrace is KillGrace of a system, by its name. Where the time is a setting of the
// system, it is the default.
func killGrace(system string) time.Duration {
	const (
		// What "docker stop" waits: it counts where containers are stopped, and is
		// assumed where nothing is documented.
		docker = 10 * time.Second
		// terminationGracePeriodSeconds of a pod
		kubernetes = 30 * time.Second
	)
	graces := map[string]time.Duration{
		"argo":       kubernetes,
		"azure":      7500 * time.Millisecond, // INT, then TERM; killed 2.5 s later (ProcessInvoker.cs of azure-pipelines-agent)
		"bitbucket":  0,                       // KILL at once: docs/ci-systems.md links the thread
		"buildkite":  9 * time.Second,         // --signal-grace-period-seconds of the agent (buildkite/agent pull request 2696)
		"circleci":   docker,
		"cloudbuild": docker,
		"codebuild":  docker,
		"concourse":  docker,
		"drone":      docker,
		"github":     7500 * time.Millisecond, // INT, then TERM; killed 2.5 s later (ProcessInvoker.cs of actions/runner)
		"gitlab":     10 * time.Second,        // gitlab-runner, merge request 987: TERM, and KILL after ten seconds
		"jenkins":    5 * time.Second,         // SoftKillWaitSeconds (ProcessTree.java, JENKINS-17116)
		"plain":      docker,
		"teamcity":   docker,
		"tekton":     kubernetes,
		"woodpecker": 0, // KILL at once in some releases: docs/ci-systems.md links the issue
	}
	return graces[system]
}
