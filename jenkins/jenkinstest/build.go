package jenkinstest

import (
	"net/http"
	"slices"
	"strconv"
)

// Build is a build that somebody asked for. It belongs to the controller, not to
// the login that asked: a token that is revoked does not stop it.
type Build struct {
	// Queue is the number of its item in the queue, from 1.
	Queue int
	Job   string
	// Number counts the builds of the job; 0 while the build waits in the queue.
	Number int
	// User is who asked for it.
	User string
	// Result is "SUCCESS", "FAILURE", "UNSTABLE", "ABORTED" or "NOT_BUILT", and
	// empty until the build has ended.
	Result string
}

// Builds returns the builds asked for since the start, in that order.
func (j *Jenkins) Builds() []Build {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.builds)
}

// HoldBuilds keeps all builds where they are in their life, or lets them go on.
// There is no clock behind them: a build starts after its item in the queue was
// read once, and ends after it was read once, so that who follows it sees each
// state.
func (j *Jenkins) HoldBuilds(hold bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.heldBuilds = hold
}

// SetResult sets the result of the builds of a job that have not ended; without
// it they end with "SUCCESS".
func (j *Jenkins) SetResult(job, result string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.results == nil {
		j.results = map[string]string{}
	}
	j.results[job] = result
}

// schedule is POST /job/<name>/build: 201 with the item of the queue, whose URL
// ends in a slash (hudson.model.Queue.Item.getUrl).
func (c *call) schedule(job string) *reply {
	b := Build{Queue: len(c.j.builds) + 1, Job: job, User: c.login.user.id}
	c.j.builds = append(c.j.builds, b)
	r := c.plain(http.StatusCreated, "", "")
	r.header.Set("Location", c.rootURL()+"/queue/item/"+strconv.Itoa(b.Queue)+"/")
	return r
}

// start gives a waiting build its number.
func (j *Jenkins) start(b *Build) {
	for _, other := range j.builds {
		if other.Job == b.Job {
			b.Number = max(b.Number, other.Number)
		}
	}
	b.Number++
}

// queue is /queue/item/<number>/api; segs follow /queue.
func (c *call) queue(segs []string) (*reply, bool) {
	if len(segs) < 3 || segs[0] != "item" || segs[2] != "api" {
		return c.notFound(), false
	}
	number, err := strconv.Atoi(segs[1])
	if err != nil || number < 1 || number > len(c.j.builds) {
		return c.notFound(), true
	}
	b := &c.j.builds[number-1]
	return c.api(segs[3:], func() object {
		o := c.queueObject(*b)
		if b.Number == 0 && !c.j.heldBuilds {
			c.j.start(b)
		}
		return o
	})
}

// build is /job/<name>/<number>/api; segs follow the number.
func (c *call) build(job, number string, segs []string) (*reply, bool) {
	i := slices.IndexFunc(c.j.builds, func(b Build) bool {
		return b.Job == job && b.Number != 0 && strconv.Itoa(b.Number) == number
	})
	switch {
	case i < 0:
		return c.notFound(), true
	case len(segs) == 0 || segs[0] != "api":
		return c.notFound(), false
	}
	b := &c.j.builds[i]
	return c.api(segs[1:], func() object {
		o := c.buildObject(*b)
		if b.Result == "" && !c.j.heldBuilds {
			b.Result = "SUCCESS"
			if result := c.j.results[job]; result != "" {
				b.Result = result
			}
		}
		return o
	})
}

// queueObject is a hudson.model.Queue$Item: a WaitingItem in the quiet period,
// then a LeftItem, whose executable is the build.
func (c *call) queueObject(b Build) object {
	task := object{"hudson.model.FreeStyleProject", "task", []field{{"name", b.Job}, {"url", c.jobURL(b.Job)}, {"color", "notbuilt"}}}
	fields := []field{{"blocked", false}, {"buildable", false}, {"id", b.Queue}, {"params", ""}, {"stuck", false}, {"task", task},
		{"url", "queue/item/" + strconv.Itoa(b.Queue) + "/"}}
	if b.Number == 0 {
		return object{"hudson.model.Queue$WaitingItem", "waitingItem", append(fields, field{"why", "In the quiet period. Expires in 0 ms"})}
	}
	executable := object{"hudson.model.FreeStyleBuild", "executable", []field{{"number", b.Number}, {"url", c.buildURL(b)}}}
	return object{"hudson.model.Queue$LeftItem", "leftItem", append(fields, field{"why", nil}, field{"cancelled", false}, field{"executable", executable})}
}

// buildObject is a hudson.model.FreeStyleBuild.
func (c *call) buildObject(b Build) object {
	var result any
	if b.Result != "" {
		result = b.Result
	}
	number := strconv.Itoa(b.Number)
	return object{"hudson.model.FreeStyleBuild", "freeStyleBuild", []field{
		{"building", b.Result == ""}, {"displayName", "#" + number}, {"fullDisplayName", b.Job + " #" + number}, {"id", number},
		{"number", b.Number}, {"queueId", b.Queue}, {"result", result}, {"url", c.buildURL(b)},
	}}
}

func (c *call) jobURL(job string) string { return c.rootURL() + "/job/" + rawEncode(job) + "/" }

func (c *call) buildURL(b Build) string { return c.jobURL(b.Job) + strconv.Itoa(b.Number) + "/" }
