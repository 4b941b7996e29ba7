package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile bounds a configuration file, in bytes; a desk of a thousand agents needs a tenth of it.
const maxFile = 4 << 20

// Locate decides which file is the configuration: the one asked for; else guichet.toml in the working directory, if it
// is there; else guichet.toml in the data directory, which the first save creates. required says that the file was
// asked for and so must exist.
func Locate(asked, dataDir string) (path string, required bool) {
	if asked != "" {
		return asked, true
	}
	const name = "guichet.toml"
	if _, err := os.Stat(name); err == nil {
		return name, false
	}
	return filepath.Join(dataDir, name), false
}

// Load reads and decodes the file at path, with variables and files of this process. A file that is not there is a
// problem.
func Load(path string, env Environment) (*Config, Problems) {
	text, err := readLimited(path, maxFile)
	if err != nil {
		return nil, Problems{readProblem(path, err)}
	}
	return Decode(path, text, env.withProcess(filepath.Dir(path)))
}

func readProblem(path string, err error) Problem {
	p := Problem{File: path, Message: fmt.Sprintf("The file cannot be read: %s.", plainCause(err)), Remedy: "Check that Guichet may read it."}
	if errors.Is(err, fs.ErrNotExist) {
		p.Message, p.Remedy = "There is no such file.", "Write one with: guichet config example > "+path
	}
	return p
}

// plainCause drops the path that file errors repeat.
func plainCause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > limit {
		return nil, fmt.Errorf("it is larger than %d bytes", limit)
	}
	return text, nil
}

// stat returns what identifies a file's present content, nil when there is none.
func stat(path string) fs.FileInfo {
	info, err := os.Stat(path)
	if err != nil {
		return nil
	}
	return info
}

// unchanged reports whether two stats are of the same content: same file, size and time of change.
func unchanged(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
