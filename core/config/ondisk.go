package config

import (
	"bytes"
	"errors"
	"io/fs"
)

// OnDisk is the file as it is now, for people to look at.
type OnDisk struct {
	Path     string // "" while there is no file and the built-in defaults stand in for it
	Text     string // every line where it is in the file, and no secret
	ReadOnly bool   // it cannot be edited from here
	Differs  bool   // it is not what is in force
}

// OnDisk reads the file. What is wrong with it is for [Source.Problems].
func (s *Source) OnDisk() (OnDisk, error) {
	path := s.options.Path
	d := OnDisk{Path: path, ReadOnly: writable(path) != nil}
	text, err := readLimited(path, maxFile)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		text, d.Path = defaults(s.options.Environment), ""
	case err != nil:
		return d, Problems{readProblem(path, err)}
	}
	current, _ := s.Current()
	d.Differs = current == nil || !bytes.Equal(text, current.text)
	d.Text = string(masked(path, text, s.options.Environment, s.options.History.FingerprintKey()))
	return d, nil
}
