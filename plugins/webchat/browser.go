package webchat

import "strings"

// browserOf says in a few words what a User-Agent means, "Firefox 128 on Windows", for agents to read; "" when it is not
// one of the usual ones.
func browserOf(agent string) string {
	name := ""
	for _, known := range []struct{ mark, name string }{ // the first that is found: they all claim to be others as well
		{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
		{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Version/", "Safari"},
	} {
		_, after, found := strings.Cut(agent, known.mark)
		if !found || known.name == "Safari" && !strings.Contains(agent, "Safari/") {
			continue
		}
		name = known.name
		major := strings.TrimLeft(after, "0123456789")
		if major = after[:len(after)-len(major)]; major != "" && len(major) <= 4 {
			name += " " + major
		}
		break
	}
	if name == "" {
		return ""
	}
	for _, known := range []struct{ mark, name string }{
		{"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Windows", "Windows"}, {"CrOS", "ChromeOS"},
		{"Macintosh", "macOS"}, {"Linux", "Linux"},
	} {
		if strings.Contains(agent, known.mark) {
			return name + " on " + known.name
		}
	}
	return name
}
