package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// BundleManifest is the name of the file that describes a bundle.
const BundleManifest = "plugin.toml"

// The bounds of a bundle.
const (
	maxBundleManifest = 256 << 10
	maxBundleFiles    = 2000
	maxBundleFile     = 512 << 20
	maxBundleBytes    = 1 << 30
	maxBundlePath     = 200
	maxPluginID       = 40
)

// Bundle is a third-party plugin as its plugin.toml describes it; nothing of it has been run.
type Bundle struct {
	// Manifest holds what the plugin has to describe itself as, as far as plugin.toml says it.
	Manifest    *channelv1.Manifest
	Command     string // the file that is run, in the bundle
	Args        []string
	Files       []BundleFile // sorted by path
	Permissions Permissions
	Hash        string // SHA-256 of plugin.toml, in hex: it covers every file, because their hashes stand in it
	text        []byte
}

// ID is the plugin's name in the configuration.
func (b *Bundle) ID() string { return b.Manifest.GetId() }

// Version is the plugin's own version.
func (b *Bundle) Version() string { return b.Manifest.GetVersion() }

// BundleFile is one file of a bundle.
type BundleFile struct {
	Path       string // slash-separated, below the bundle's folder
	SHA256     string // in hex
	Executable bool
	Size       int64 // bytes; 0 where only plugin.toml was read
}

// Permissions is what a plugin asks to be allowed beyond its own folder.
type Permissions struct {
	Network   bool     // it may connect to others
	Hosts     []string // "host" or "host:port" that it says it connects to; empty: any
	Listen    []int    // TCP ports that it may serve on
	Memory    int64    // bytes
	OpenFiles int
	FileSize  int64 // bytes that a file it writes may have
	Processes bool  // it may start other programs
	NoTLS     bool  // it is spoken with in clear, see transport
}

// What a plugin may use that asks for nothing.
const (
	usualMemory    = 512 << 20
	usualOpenFiles = 1024
	usualFileSize  = 1 << 30
)

// BundleProblem is one thing wrong with a bundle.
type BundleProblem struct {
	Line int // of plugin.toml; 0 where the problem is elsewhere
	Text string
}

// BundleProblems is everything that is wrong with a bundle, as an error.
type BundleProblems []BundleProblem

func (p BundleProblems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Text
		if problem.Line > 0 {
			lines[i] = fmt.Sprintf("%s:%d: %s", BundleManifest, problem.Line, problem.Text)
		}
	}
	return strings.Join(lines, "\n")
}

// bundleText is plugin.toml as it is written.
type bundleText struct {
	ID               string   `toml:"id"`
	Name             string   `toml:"name"`
	Version          string   `toml:"version"`
	Protocol         int      `toml:"protocol"`
	DocumentationURL string   `toml:"documentation_url"`
	RetirementNotice string   `toml:"retirement_notice"`
	RequiresConsent  bool     `toml:"requires_consent"`
	TLS              *bool    `toml:"tls"` // nil: true
	Services         []string `toml:"services"`
	Command          struct {
		File string   `toml:"file"`
		Args []string `toml:"args"`
	} `toml:"command"`
	Callbacks []callbackText `toml:"callback"`
	Settings  []settingText  `toml:"setting"`
	Address   []settingText  `toml:"address"`
	// Translations are by language, then by the English text.
	Translations map[string]map[string]string `toml:"translations"`
	Permissions  struct {
		Network   any    `toml:"network"`
		Listen    []int  `toml:"listen"`
		Memory    string `toml:"memory"`
		OpenFiles int    `toml:"open_files"`
		FileSize  string `toml:"file_size"`
		Processes bool   `toml:"processes"`
	} `toml:"permissions"`
	Files []fileText `toml:"file"`
}

type callbackText struct {
	Path  string `toml:"path"`
	Title string `toml:"title"`
	Help  string `toml:"help"`
}

type settingText struct {
	Key       string   `toml:"key"`
	Kind      string   `toml:"kind"`
	Title     string   `toml:"title"`
	Help      string   `toml:"help"`
	Required  bool     `toml:"required"`
	Default   string   `toml:"default"`
	Pattern   string   `toml:"pattern"`
	Options   []string `toml:"options"`
	Group     string   `toml:"group"`
	ShowIf    string   `toml:"show_if"`
	Test      bool     `toml:"test"`
	Exclusive bool     `toml:"exclusive"`
}

type fileText struct {
	Path       string `toml:"path"`
	SHA256     string `toml:"sha256"`
	Executable bool   `toml:"executable"`
}

var (
	kebab          = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)
	versionForm    = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z.+_-]{0,39}$`)
	settingForm    = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	settingKinds   = []string{"string", "text", "secret", "int", "bool", "duration", "url", "email", "select", "list", "file"}
	bundleServices = []string{
		channelv1.Webhook_ServiceDesc.ServiceName, channelv1.Media_ServiceDesc.ServiceName, channelv1.Profiles_ServiceDesc.ServiceName,
		channelv1.Signals_ServiceDesc.ServiceName, channelv1.Reconciler_ServiceDesc.ServiceName, channelv1.Live_ServiceDesc.ServiceName,
		channelv1.Pull_ServiceDesc.ServiceName, channelv1.Registration_ServiceDesc.ServiceName, channelv1.Templates_ServiceDesc.ServiceName,
	}
)

// ParseBundle reads a plugin.toml, strictly. It does not look at the files. On failure the error is a BundleProblems.
func ParseBundle(text []byte) (*Bundle, error) {
	if len(text) > maxBundleManifest {
		return nil, BundleProblems{{Text: fmt.Sprintf("%s is larger than %d KB.", BundleManifest, maxBundleManifest>>10)}}
	}
	var in bundleText
	if problems := decodeBundle(text, &in); problems != nil {
		return nil, problems
	}
	c := bundleCheck{lines: linesOf(text)}
	sum := sha256.Sum256(text)
	b := &Bundle{
		Command: in.Command.File, Args: in.Command.Args, Hash: hex.EncodeToString(sum[:]), text: text,
		Manifest: &channelv1.Manifest{
			Id: in.ID, Name: in.Name, Version: in.Version, DocumentationUrl: in.DocumentationURL, RetirementNotice: in.RetirementNotice,
			RequiresConsent: in.RequiresConsent, Settings: c.settings("setting", in.Settings), Address: c.settings("address", in.Address),
			Services: c.services(in.Services),
		},
	}
	c.identity(&in)
	for i, cb := range in.Callbacks {
		if cb.Path != "" && !fs.ValidPath(cb.Path) {
			c.say(fmt.Sprintf("callback.%d.path", i), "%q is no path below an account's address.", cb.Path)
		}
		c.plain(fmt.Sprintf("callback.%d", i), cb.Path, cb.Title, cb.Help)
		b.Manifest.Callbacks = append(b.Manifest.Callbacks, &channelv1.Callback{Path: cb.Path, Title: cb.Title, Help: cb.Help})
	}
	b.Manifest.Translations = c.translations(in.Translations)
	b.Permissions = c.permissions(&in)
	b.Files = c.files(&in)
	if c.problems != nil {
		slices.SortStableFunc(c.problems, func(x, y BundleProblem) int { return x.Line - y.Line })
		return nil, c.problems
	}
	return b, nil
}

func decodeBundle(text []byte, in *bundleText) BundleProblems {
	decoder := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields()
	err := decoder.Decode(in)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unknown):
		var problems BundleProblems
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			problems = append(problems, BundleProblem{line, fmt.Sprintf("There is no %s in a plugin.toml.", strings.Join(e.Key(), "."))})
		}
		return problems
	case errors.As(err, &wrong):
		line, _ := wrong.Position()
		return BundleProblems{{line, sentence(strings.TrimPrefix(wrong.Error(), "toml: "))}}
	}
	return BundleProblems{{Text: sentence(err.Error())}}
}

func sentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
