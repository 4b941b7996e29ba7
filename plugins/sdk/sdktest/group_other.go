//go:build !unix

package sdktest

import "os/exec"

// inheritsFiles says whether a subprocess can be given open files.
const inheritsFiles = false

func ownGroup(*exec.Cmd) {}

func killGroup(int) {}

func interrupt(int) {}
