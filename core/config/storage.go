package config

import "github.com/pelletier/go-toml/v2"

// StorageDir reads where a configuration keeps its data, whatever else it says: which plugins there are, which the rest is
// checked against, is known only there. It is "" where the file says nothing, or nothing that can be read.
func StorageDir(path string) string {
	var c struct {
		Storage struct {
			Dir string `toml:"dir"`
		} `toml:"storage"`
	}
	text, err := readLimited(path, maxFile)
	if err != nil || toml.Unmarshal(text, &c) != nil {
		return ""
	}
	return c.Storage.Dir
}
