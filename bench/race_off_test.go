//go:build !race

package main

// raceDetector says that allocations are counted with those of the detector.
const raceDetector = false
