// Package ui holds the built faces of Guichet (workspace and admin center, chat widget, demo shop) for the program to
// serve. scripts/build-ui writes dist from src; nothing else does. It must not know the server: main hands it over.
//
// Start reading at [Dist].
package ui

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Dist returns the built files: app/index.html, widget/loader.js, widget/panel.html, demo/index.html and what belongs to
// them.
func Dist() fs.FS {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("ui: " + err.Error()) // the name is valid
	}
	return files
}
