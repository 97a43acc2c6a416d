package jenkinstest

import (
	"strings"
	"testing"
)

func TestABuildFromTheQueueToItsResult(t *testing.T) {
	t.Parallel()
	s := Start(t, WithUser("alice", "secret"), WithJob("deploy"), WithContextPath("/ci"))
	u := newClient(t, s, "alice", s.AddToken("alice", "x").Value)
	get := func(path string, want ...string) {
		t.Helper()
		resp, body := u.do("GET", path, "")
		for _, part := range want {
			if resp.StatusCode != 200 || !strings.Contains(body, part) {
				t.Errorf("GET %s: %s without %s\n%s", path, resp.Status, part, body)
			}
		}
	}
	u.want(404, "GET", "/queue/item/1/api/json", "")
	u.want(404, "GET", "/job/deploy/1/api/json", "")
	s.SetResult("deploy", "FAILURE")
	s.HoldBuilds(true)
	u.want(201, "POST", "/job/deploy/build", "")
	for range 2 {
		get("/queue/item/1/api/json", `"_class":"hudson.model.Queue$WaitingItem"`, `"why":"In the quiet period`)
	}
	s.HoldBuilds(false)
	get("/queue/item/1/api/json", `"_class":"hudson.model.Queue$WaitingItem"`)
	get("/queue/item/1/api/json", `"_class":"hudson.model.Queue$LeftItem"`, `"executable":{"_class":"hudson.model.FreeStyleBuild","number":1,"url":"`+s.URL+`/job/deploy/1/"}`)
	get("/job/deploy/1/api/json", `"building":true`, `"result":null`, `"queueId":1`)
	get("/job/deploy/1/api/json?tree=building,result", `"building":false,"result":"FAILURE"`)
	u.want(201, "POST", "/job/deploy/buildWithParameters?a=b", "")
	get("/queue/item/2/api/json")
	if got, want := s.Builds(), []Build{{1, "deploy", 1, "alice", "FAILURE"}, {2, "deploy", 2, "alice", ""}}; len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %v, want %v", got, want)
	}
}
