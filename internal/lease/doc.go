// Package lease is the life of a token: its name, the record that lets it be
// found again, and how it is acquired, released and swept.
//
// The order of things is what keeps a token from being lost. Acquire records the
// name before the request leaves, so that whatever happens then, the name tells
// the post step, or a sweep, what to look for. The answer is masked before it is
// recorded, recorded before it is tried, and tried before it is handed on.
//
// Release ends a token by the token itself, which needs no other credential;
// the account's own is used only where that fails.
package lease
