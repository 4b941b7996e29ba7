//go:build race

package channel

// raceDetector says that the test binary, which is also the third-party plugin, reserves memory for the race detector.
const raceDetector = true
