module github.com/jenkins-token/jenkins-token

go 1.26.0

require (
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/rogpeppe/go-internal v1.16.0 // indirect
	github.com/sethvargo/go-envconfig v1.4.3 // indirect
	github.com/sethvargo/go-githubactions v1.4.0 // indirect
	golang.org/x/net v0.62.0 // indirect
)
