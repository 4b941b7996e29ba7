// Package endtoend proves the product as its users meet it: the real binary with real plugin processes, a fake LINE that
// speaks the real protocol, the API and the command line, and nothing from inside. Processes are killed, files broken,
// providers fail.
//
// Start reading at conversation_test.go. What a scenario needs beyond the stable names belongs into scripts/load/harness.
// Every test opens a desk of its own, waits for conditions and never for time to pass, and ends with fsck.
package endtoend
