package jenkinstest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// A client of your own meets a fault, once, and the log of requests shows it.
func Example() {
	controller, err := jenkinstest.New(jenkinstest.WithUser("alice", "her password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer controller.Close()
	server := httptest.NewServer(controller)
	defer server.Close()
	if err := controller.Inject("whoami:status=503"); err != nil {
		fmt.Println(err)
		return
	}
	for range 2 {
		answer, err := http.Get(server.URL + "/whoAmI/api/json")
		if err != nil {
			fmt.Println(err)
			return
		}
		_ = answer.Body.Close()
	}
	for _, request := range controller.Requests() {
		fmt.Println(request.Method, request.Path, request.Status)
	}
	controller.Calm()   // no more faults
	controller.Forget() // the log begins anew
	fmt.Println(len(controller.Requests()))
	// Output:
	// GET /whoAmI/api/json 503
	// GET /whoAmI/api/json 200
	// 0
}
