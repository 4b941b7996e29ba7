//go:build !linux

package channel

import "errors"

// openNonblocking keeps the opening of a pipe from waiting.
const openNonblocking = 0

func abilities() ability { return ability{} }

// Confined is for Linux only.
func Confined([]string) error {
	return errors.New("third-party plugins are not confined on this operating system")
}
