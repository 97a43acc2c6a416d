package command_test

import "strings"

// unixLines has the line ends of Unix: go-githubactions writes those of the system, and
// the runner takes both.
func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }
