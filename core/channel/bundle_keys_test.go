package channel

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// A bundle is spoken with over TLS unless it says otherwise, which whoever approves it is shown.
func TestBundleWithoutTLS(t *testing.T) {
	for line, noTLS := range map[string]bool{"": false, "tls = true\n": false, "tls = false\n": true} {
		b, err := ParseBundle([]byte(line + goodBundle))
		if err != nil {
			t.Fatal(err)
		}
		shown := strings.Contains(strings.Join(b.Permissions.Summary(), "\n"), "to speak without TLS, over its private socket only")
		if b.Permissions.NoTLS != noTLS || shown != noTLS {
			t.Errorf("%q: without TLS %t, shown %t", line, b.Permissions.NoTLS, shown)
		}
	}
	if _, err := ParseBundle([]byte("tls = \"never\"\n" + goodBundle)); err == nil || !strings.Contains(err.Error(), "plugin.toml:1: ") {
		t.Errorf("what is neither: %v", err)
	}
}

// Each key of a plugin.toml has its place in the authors' guide.
func TestGuideHasEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../plugins/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, chapter, found := strings.Cut(string(text), "\n## The bundle\n")
	chapter, _, _ = strings.Cut(chapter, "\n## ")
	if !found {
		t.Fatal("the guide has no chapter about the bundle")
	}
	keys := 0
	var look func(of reflect.Type)
	look = func(of reflect.Type) {
		for of.Kind() == reflect.Slice || of.Kind() == reflect.Pointer {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return
		}
		for i := range of.NumField() {
			f := of.Field(i)
			key, inner := f.Tag.Get("toml"), f.Type
			want := []string{"`" + key + "`", "`" + key + " = "}
			switch {
			case inner.Kind() == reflect.Struct:
				want = []string{"`[" + key + "]`"}
			case inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct:
				want = []string{"`[[" + key + "]]`"}
			}
			if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(chapter, w) }) {
				t.Errorf("the guide does not tell of %s", key)
			}
			keys++
			look(inner)
		}
	}
	look(reflect.TypeFor[bundleText]())
	if keys < 40 {
		t.Errorf("only %d keys were looked for", keys)
	}
	for _, kind := range settingKinds {
		if !strings.Contains(chapter, "`"+kind+"`") {
			t.Errorf("the guide does not tell of the kind %s", kind)
		}
	}
}
