// Package jenkins creates, verifies and revokes API tokens of one Jenkins account
// over HTTP.
//
// It speaks the web methods of jenkins.security.ApiTokenProperty, which exist
// since Jenkins 2.129 (LTS 2.138.1), reads the user's token page (three
// layouts, by version) and /whoAmI/api/json. Rules that depend on a version
// name it where they are applied; what was read in Jenkins' source names the
// class. In Jenkins before 2.129 it reads the account's one token
// ([Client.LegacyToken]).
//
// A [Client] belongs to one controller and one [Credential]:
//
//	root, err := jenkins.ParseRoot("https://ci.example.com/jenkins")
//	client, err := jenkins.New(root, jenkins.APIToken("alice", token))
//	created, err := client.CreateToken(ctx, jenkins.TokenRequest{Name: "nightly", Expires: time.Now().Add(time.Hour)})
//	own := client.WithCredential(jenkins.APIToken("alice", created.Value()))
//	err = own.RevokeToken(ctx, created.UUID) // a token can revoke itself
//
// What the package promises:
//
//   - A credential is sent to the root it was given with, and no redirect is
//     followed.
//   - A refused login is not repeated: after [KindRefused] a client sends
//     nothing more ([KindRepeated]).
//   - A credential that has never worked is sent three times at most ([KindSpent]).
//     The first unexpected answer to it is examined, by asking whoAmI without it
//     and, where that helps, once with it: is something else than Jenkins there
//     ([KindOther]), or does the login fail in the security realm ([KindRealm])?
//   - Nothing is retried, except one POST with a fresh crumb after a crumb was
//     not accepted, which is not a login and changed nothing, and one with a later
//     date after a controller refused an expiry as past ([Client.CreateToken]).
//   - Answers are bounded and checked against a strict form. No error holds a
//     body, a header's value or a secret.
//
// The package reads no environment and prints nothing. All durations are
// [time.Duration]; sizes are bytes.
package jenkins
