package plugins

import "testing"

func TestEachBuiltinDescribesItself(t *testing.T) {
	if len(Names()) == 0 {
		t.Fatal("no plugins are listed")
	}
	for _, name := range Names() {
		manifest, ok, err := Manifest(name)
		if !ok || err != nil {
			t.Fatalf("%s: listed %v, %v", name, ok, err)
		}
		if manifest.GetId() != name || len(manifest.GetServices()) == 0 {
			t.Errorf("%s: manifest %v", name, manifest)
		}
	}
	if Serve("no-such-plugin") {
		t.Error("a plugin that does not exist was served")
	}
	if _, ok, _ := Manifest("no-such-plugin"); ok {
		t.Error("a plugin that does not exist has a manifest")
	}
}
