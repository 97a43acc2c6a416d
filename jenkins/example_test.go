package jenkins_test

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/jenkins-token/jenkins-token/jenkins"
	"github.com/jenkins-token/jenkins-token/jenkins/jenkinstest"
)

// emulated is a client for an emulated controller with the account alice.
func emulated(cred jenkins.Credential) (client *jenkins.Client, end func(), err error) {
	controller, err := jenkinstest.New(jenkinstest.WithSeed(1), jenkinstest.WithUser("alice", "her password"))
	if err != nil {
		return nil, nil, err
	}
	server := httptest.NewServer(controller)
	root, err := jenkins.ParseRoot(server.URL)
	if err == nil {
		client, err = jenkins.New(root, cred)
	}
	return client, func() { server.Close(); controller.Close() }, err
}

// The life of a token: created by the account, tried, and revoked by itself.
func Example() {
	ctx := context.Background()
	account, end, err := emulated(jenkins.Password("alice", "her password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	created, err := account.CreateToken(ctx, jenkins.TokenRequest{Name: "nightly", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		fmt.Println(err)
		return
	}
	own := account.WithCredential(jenkins.APIToken("alice", created.Value()))
	who, err := own.WhoAmI(ctx)
	fmt.Println(who.Name, err)
	fmt.Println(own.RevokeToken(ctx, created.UUID))
	_, err = own.WhoAmI(ctx)
	fmt.Println(errors.Is(err, jenkins.KindRefused))
	// Output:
	// alice <nil>
	// <nil>
	// true
}

func ExampleClient_CreateToken() {
	account, end, err := emulated(jenkins.Password("alice", "her password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	created, err := account.CreateToken(context.Background(), jenkins.TokenRequest{Name: "nightly"})
	// A token prints its uuid. Its secret is created.Value().
	fmt.Println(created, created.Name, err)
	// Output: token fef55fe0-e125-450a-a608-d5e20ffc2d12 nightly <nil>
}

func ExampleClient_Tokens() {
	ctx := context.Background()
	account, end, err := emulated(jenkins.Password("alice", "her password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	for _, name := range []string{"nightly", "release"} {
		if _, err := account.CreateToken(ctx, jenkins.TokenRequest{Name: name}); err != nil {
			fmt.Println(err)
		}
	}
	for token, err := range account.Tokens(ctx) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(token.Name)
	}
	// Output:
	// nightly
	// release
}

// Errors tell what came back, and whether the request may have taken effect.
func ExampleError() {
	account, end, err := emulated(jenkins.Password("alice", "a wrong password"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	_, err = account.CreateToken(context.Background(), jenkins.TokenRequest{Name: "nightly"})
	if failed, ok := errors.AsType[*jenkins.Error](err); ok {
		fmt.Println(failed.Kind, failed.Op, failed.Status, failed.Unclear())
	}
	// Output: refused login fetch crumb 401 false
}

// An ID token is asked for when a request needs one.
func ExampleBearerFrom() {
	cred := jenkins.BearerFrom(func(context.Context) (string, error) {
		return "", errors.New("the job may not ask for an ID token")
	})
	account, end, err := emulated(cred)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer end()
	_, err = account.WhoAmI(context.Background())
	fmt.Println(err)
	// Output: the job may not ask for an ID token
}
