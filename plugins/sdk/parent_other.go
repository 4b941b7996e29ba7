//go:build !unix

package sdk

// closeOnExec has no meaning where descriptors are not inherited.
func closeOnExec(int) {}
