// Package e2e runs the program where it is to run: in its image under a twin of GitHub's
// runner, under act, and against a real Jenkins when one is given.
//
//	go test -tags e2e ./e2e
//
// It needs docker, git, busybox (static) and curl, and act in $ACT or the path.
// Images are made here, under names of their own, and removed by id: no registry
// is needed, unless E2E_GO_IMAGE names the image to build with.
//
// With JENKINS_E2E_URL, JENKINS_E2E_USER and JENKINS_E2E_PASSWORD set, the tests
// of client and entrypoints run against that controller too. JENKINS_E2E_CA is
// the path of its authority's certificate, if it needs one.
package e2e
