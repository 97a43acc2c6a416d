// Package lease is the life of a token: its name, the lease that lets it be found again,
// and how it is created, revoked and swept.
//
// # Creation
//
// [Create] saves the name before the request leaves, so that whatever happens then, the
// name tells the post step, or a sweep, what to look for. The token is masked before it is
// stored, stored before it is verified, and verified before it is published.
//
// # Revocation
//
// A [Revoker] lets the token revoke itself, which needs no other credential. The
// account's own credential is used only where that fails. [RevokeUUID] revokes a token of
// which only the uuid is known, and a [Sweeper] the expired tokens of an account.
//
// # Where a change belongs
//
// Files call downwards in this order: create, revoke and sweep; what they look for on the
// token page (page, expired); when a request is repeated (retry) and which time there is
// for it (deadlines); the lease itself (lease, name), and where it is kept (file, marks).
package lease
