package ci

import "encoding/json"

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
