//go:build !linux

package process

import "errors"

// HideProcess is known for Linux alone: elsewhere a process can read the
// environment of others of its user, and the error says so.
func HideProcess() error {
	return errors.New("this system cannot protect the environment of a process from other processes of the same user")
}
