//go:build !linux

package process

import "errors"

// HideProcess is known for Linux alone: elsewhere a process can read the
// environment of others of its user, and the error says so.
func HideProcess() error {
	return errors.New("this system has no way to hide a process' environment from others of the same user")
}
