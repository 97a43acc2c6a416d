// Package settings turns flags, inputs and environment into one checked struct.
//
// A setting has one name (ca-certificate) and three spellings: a flag
// (--ca-certificate), the input of the CI system (INPUT_CA-CERTIFICATE on
// GitHub-like runners, PLUGIN_CA_CERTIFICATE on Drone and Woodpecker) and an
// environment variable (JENKINS_TOKEN_CA_CERTIFICATE). The first that is not
// blank counts, in that order; then the default.
//
// Two rules keep the account's credential where it belongs. Credential and url
// come from the same source: as soon as one of them is an input, none of them,
// and nothing else that decides where the credential goes and whom to trust on
// the way, is looked for in the environment, which earlier steps of a job can
// write. And the post step takes them from inputs alone.
//
// The package reads nothing by itself: the caller passes environment and files. No
// error contains a value.
package settings
