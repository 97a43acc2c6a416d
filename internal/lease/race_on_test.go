//go:build race

package lease_test

// raceDetector says that the tests run under it, some ten times slower.
const raceDetector = true
