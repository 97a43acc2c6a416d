// Package jenkinstest emulates the few endpoints of a Jenkins controller that
// programs handling API tokens use, so that such programs can be tested
// without a Jenkins.
//
// It covers the login by HTTP Basic (password or API token), the crumbs of the
// protection against cross-site request forgery, the web methods that create,
// rename and revoke API tokens, the page that lists them, /whoAmI, /me, the
// error pages, restarts, start-up, and the ways in which all of that fails. So
// that there is something to use a token for, jobs can be started, and their
// items in the queue and their builds read over the API (from the Jenkins source,
// without recorded exchanges, and nothing is built):
//
//	srv := jenkinstest.Start(t, jenkinstest.WithUser("alice", "secret"))
//	tok := srv.AddToken("alice", "ci")
//	if err := srv.Inject("create:500-acted"); err != nil {
//		t.Fatal(err)
//	}
//	// … run the program under test against srv.URL …
//	for _, r := range srv.Requests() {
//		t.Log(r.Method, r.Path, r.Status)
//	}
//
// Statuses, headers and bodies follow exchanges recorded with Jenkins 2.426.2
// (and with the token pages of 2.468 and 2.548), which the tests of this
// package replay; rules of other versions follow the Jenkins source. The large
// styled pages are shortened to their title, their headers and the parts
// programs read. What is not emulated answers 404 and counts as an unknown
// route, see [Jenkins.Unknown].
//
// The state lives in memory only. All methods may be called concurrently.
package jenkinstest
