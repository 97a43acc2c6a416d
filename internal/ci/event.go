package ci

import (
	"encoding/json"
	"strings"
)

// Fork reports whether this run is one that GitHub gives no secrets: of a fork's
// pull request, or started by Dependabot. The event file says where a pull
// request comes from.
func Fork(lookup func(string) (string, bool), readFile func(string) ([]byte, error)) bool {
	s := Environment{Lookup: lookup}
	if s.get("GITHUB_ACTOR") == "dependabot[bot]" {
		return true
	}
	// A run for pull_request_target is one of the base repository and has its secrets.
	if event := s.get("GITHUB_EVENT_NAME"); event == "pull_request_target" || !strings.HasPrefix(event, "pull_request") {
		return false
	}
	content, err := readFile(s.get("GITHUB_EVENT_PATH"))
	if err != nil {
		return false
	}
	return fromFork(content)
}

// fromFork reads the event of a pull request: its head repository is a fork, or
// gone.
func fromFork(event []byte) bool {
	type repository struct {
		Name string `json:"full_name"`
	}
	var e struct {
		PullRequest *struct {
			Head struct {
				Repo *repository `json:"repo"`
			} `json:"head"`
			Base struct {
				Repo *repository `json:"repo"`
			} `json:"base"`
		} `json:"pull_request"`
	}
	if json.Unmarshal(event, &e) != nil || e.PullRequest == nil || e.PullRequest.Base.Repo == nil {
		return false
	}
	head := e.PullRequest.Head.Repo
	return head == nil || head.Name != e.PullRequest.Base.Repo.Name
}
