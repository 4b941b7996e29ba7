package channel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

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
		NoTLS: in.TLS != nil && !*in.TLS,
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
