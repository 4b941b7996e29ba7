package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

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
	Services         []string `toml:"services"`
	Command          struct {
		File string   `toml:"file"`
		Args []string `toml:"args"`
	} `toml:"command"`
	Callbacks   []callbackText `toml:"callback"`
	Settings    []settingText  `toml:"setting"`
	Address     []settingText  `toml:"address"`
	Permissions struct {
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

// bundleCheck collects what is wrong with a plugin.toml.
type bundleCheck struct {
	lines    map[string]int
	problems BundleProblems
}

// say adds a problem at a key, or at the nearest thing around it that is written.
func (c *bundleCheck) say(key, format string, args ...any) {
	line, found := c.lines[key]
	for !found && key != "" {
		if i := strings.LastIndexByte(key, '.'); i >= 0 {
			key = key[:i]
		} else {
			key = ""
		}
		line, found = c.lines[key]
	}
	c.problems = append(c.problems, BundleProblem{line, fmt.Sprintf(format, args...)})
}

// plain refuses texts that would do something to a terminal.
func (c *bundleCheck) plain(key string, texts ...string) {
	for _, text := range texts {
		if strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
			c.say(key, "%q has control characters.", text)
		}
	}
}

func (c *bundleCheck) identity(in *bundleText) {
	switch {
	case in.ID == "":
		c.say("id", "The id is missing: the name of the plugin in the configuration.")
	case len(in.ID) > maxPluginID || !kebab.MatchString(in.ID):
		c.say("id", "The id %q must be lower case letters, digits and single hyphens, at most %d characters.", in.ID, maxPluginID)
	case slices.Contains(reservedIDs, in.ID):
		c.say("id", "The id %q is taken.", in.ID)
	}
	if strings.TrimSpace(in.Name) == "" || len(in.Name) > 80 {
		c.say("name", "The name must have 1 to 80 characters.")
	}
	if !versionForm.MatchString(in.Version) {
		c.say("version", "The version %q must have 1 to 40 letters, digits, dots, plus signs, hyphens or underscores.", in.Version)
	}
	if in.Protocol != Protocol {
		c.say("protocol", "The protocol must be %d, the one that this host speaks.", Protocol)
	}
	if in.DocumentationURL != "" && !strings.HasPrefix(in.DocumentationURL, "https://") {
		c.say("documentation_url", "The documentation_url must begin with https://.")
	}
	c.plain("name", in.Name, in.DocumentationURL, in.RetirementNotice)
	c.plain("command", in.Command.Args...)
}

// reservedIDs are folders of DATA/plugins that are no plugin's.
var reservedIDs = []string{incomingFolder}

func (c *bundleCheck) services(names []string) (services []string) {
	for _, name := range names {
		i := slices.IndexFunc(bundleServices, func(full string) bool { return full == name || full[strings.LastIndexByte(full, '.')+1:] == name })
		if i < 0 {
			c.say("services", "There is no optional service %q.", name)
			continue
		}
		services = append(services, bundleServices[i])
	}
	return services
}

func (c *bundleCheck) settings(table string, in []settingText) (out []*channelv1.Setting) {
	keys := map[string]bool{}
	for _, s := range in {
		keys[s.Key] = true
	}
	seen := map[string]bool{}
	for i, s := range in {
		at := fmt.Sprintf("%s.%d", table, i)
		if !settingForm.MatchString(s.Key) {
			c.say(at+".key", "The key %q must be lower case letters, digits and underscores.", s.Key)
		}
		if seen[s.Key] {
			c.say(at+".key", "The key %q is used twice.", s.Key)
		}
		seen[s.Key] = true
		if !slices.Contains(settingKinds, s.Kind) {
			c.say(at+".kind", "The kind %q must be one of %s.", s.Kind, strings.Join(settingKinds, ", "))
		}
		if (s.Kind == "select") != (len(s.Options) > 0) {
			c.say(at+".options", "A select has options, and only a select has.")
		}
		if _, err := regexp.Compile(s.Pattern); err != nil {
			c.say(at+".pattern", "The pattern is no regular expression (RE2): %v.", err)
		}
		if key, _, found := strings.Cut(s.ShowIf, "="); s.ShowIf != "" && (!found || !keys[key]) {
			c.say(at+".show_if", "show_if must be key=value with a key of the same form.")
		}
		c.plain(at, append([]string{s.Title, s.Help, s.Default, s.Group}, s.Options...)...)
		title := s.Title
		if title == "" && s.Key != "" {
			title = strings.ReplaceAll(strings.ToUpper(s.Key[:1])+s.Key[1:], "_", " ")
		}
		out = append(out, &channelv1.Setting{
			Key: s.Key, Kind: s.Kind, Title: title, Help: s.Help, Required: s.Required, Secret: s.Kind == "secret", Default: s.Default,
			Pattern: s.Pattern, Options: s.Options, Group: s.Group, ShowIf: s.ShowIf, TestOnly: s.Test, Exclusive: s.Exclusive,
		})
	}
	return out
}

func (c *bundleCheck) permissions(in *bundleText) Permissions {
	asked := in.Permissions
	p := Permissions{
		Listen: asked.Listen, Memory: usualMemory, OpenFiles: usualOpenFiles, FileSize: usualFileSize, Processes: asked.Processes,
	}
	switch network := asked.Network.(type) {
	case nil:
	case bool:
		p.Network = network
	case []any:
		p.Network = len(network) > 0
		for _, entry := range network {
			host, _ := entry.(string)
			if _, _, err := hostPort(host); err != nil {
				c.say("permissions.network", `%v is no "host" or "host:port".`, entry)
			}
			c.plain("permissions.network", host)
			p.Hosts = append(p.Hosts, host)
		}
	default:
		c.say("permissions.network", "network is true, false, or a list of hosts.")
	}
	for _, port := range p.Listen {
		if port < 1 || port > 65535 {
			c.say("permissions.listen", "%d is no TCP port.", port)
		}
	}
	size := func(key, text string, into *int64, least, most int64) {
		if text == "" {
			return
		}
		n, ok := parseSize(text)
		if !ok || n < least || n > most {
			c.say("permissions."+key, `%s is a size like "256 MB", from %s to %s.`, key, sizeText(least), sizeText(most))
		}
		*into = n
	}
	size("memory", asked.Memory, &p.Memory, 16<<20, 64<<30)
	size("file_size", asked.FileSize, &p.FileSize, 1<<20, 1<<40)
	if asked.OpenFiles != 0 {
		if p.OpenFiles = asked.OpenFiles; p.OpenFiles < 32 || p.OpenFiles > 1<<16 {
			c.say("permissions.open_files", "open_files is from 32 to 65536.")
		}
	}
	return p
}

// hostPort splits what a plugin says it connects to. The port of HTTPS goes without saying.
func hostPort(text string) (host string, port int, err error) {
	host, number, err := net.SplitHostPort(text)
	if err != nil {
		host, number = text, "443"
	}
	port, err = strconv.Atoi(number)
	if err != nil || port < 1 || port > 65535 || host == "" || strings.ContainsAny(host, "/: ") {
		return "", 0, fmt.Errorf("%q is no host", text)
	}
	return host, port, nil
}

var sizeForm = regexp.MustCompile(`^([0-9]{1,6}) ?(MB|GB)$`)

func parseSize(text string) (bytes int64, ok bool) {
	m := sizeForm.FindStringSubmatch(text)
	if m == nil {
		return 0, false
	}
	n, err := strconv.ParseInt(m[1], 10, 64)
	if m[2] == "GB" {
		return n << 30, err == nil
	}
	return n << 20, err == nil
}

func sizeText(bytes int64) string {
	if bytes >= 1<<30 && bytes%(1<<30) == 0 {
		return fmt.Sprintf("%d GB", bytes>>30)
	}
	return fmt.Sprintf("%d MB", bytes>>20)
}

func (c *bundleCheck) files(in *bundleText) (files []BundleFile) {
	if len(in.Files) > maxBundleFiles {
		c.say("file", "A bundle has at most %d files.", maxBundleFiles)
		return nil
	}
	runs := false
	seen := map[string]bool{}
	for i, f := range in.Files {
		at := fmt.Sprintf("file.%d", i)
		if problem := badPath(f.Path); problem != "" {
			c.say(at+".path", "The path %q %s.", f.Path, problem)
		}
		if seen[f.Path] {
			c.say(at+".path", "The file %q is listed twice.", f.Path)
		}
		seen[f.Path] = true
		if raw, err := hex.DecodeString(f.SHA256); err != nil || len(raw) != sha256.Size {
			c.say(at+".sha256", "The sha256 of %q must be 64 hexadecimal digits; guichet plugin pack writes it.", f.Path)
		}
		runs = runs || f.Path == in.Command.File && f.Executable
		files = append(files, BundleFile{Path: f.Path, SHA256: strings.ToLower(f.SHA256), Executable: f.Executable})
	}
	for dir := range seen {
		for dir = path.Dir(dir); dir != "." && dir != "/"; dir = path.Dir(dir) {
			if seen[dir] {
				c.say("file", "%q is listed as a file and as a folder.", dir)
			}
		}
	}
	switch {
	case in.Command.File == "":
		c.say("command", "The command is missing: [command] with file, the program in the bundle that is run.")
	case !runs:
		c.say("command.file", "The command %q must be one of the files, with executable = true.", in.Command.File)
	}
	slices.SortFunc(files, func(a, b BundleFile) int { return strings.Compare(a.Path, b.Path) })
	return files
}

// badPath says what is wrong with the name of a file in a bundle; "" when nothing is.
func badPath(name string) string {
	switch {
	case strings.HasPrefix(name, "/"):
		return "is absolute; files are named below the bundle's folder"
	case slices.Contains(strings.Split(name, "/"), ".."):
		return "leaves the bundle's folder"
	case !fs.ValidPath(name) || name == "." || strings.ContainsAny(name, "\\:") || strings.ContainsFunc(name, unicode.IsControl):
		return "is no plain name of a file"
	case len(name) > maxBundlePath:
		return fmt.Sprintf("has more than %d bytes", maxBundlePath)
	case name == BundleManifest:
		return "is the list itself"
	}
	return ""
}
