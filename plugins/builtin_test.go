package plugins

import "testing"

func TestEachBuiltinDescribesItself(t *testing.T) {
	if len(Names()) == 0 {
		t.Fatal("no plugins are listed")
	}
	for _, name := range Names() {
		manifest, ok := Manifest(name)
		if !ok {
			t.Fatalf("%s is listed and has no manifest", name)
		}
		if manifest.GetId() != name || len(manifest.GetServices()) == 0 {
			t.Errorf("%s: manifest %v", name, manifest)
		}
	}
	if Serve("no-such-plugin") {
		t.Error("a plugin that does not exist was served")
	}
	if _, ok := Manifest("no-such-plugin"); ok {
		t.Error("a plugin that does not exist has a manifest")
	}
}
