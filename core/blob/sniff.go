package blob

import (
	"bytes"
	"mime"
	"net/http"
	"strings"
)

// sniffLength is how many bytes the type of a content is told from, as WHATWG MIME Sniffing has it.
const sniffLength = 512

// Binary is the type of content that is only ever downloaded.
const Binary = "application/octet-stream"

// safe are the types that may be shown as they are. What can carry a script (HTML, SVG, XML) is not among them.
var safe = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true,
	"image/heic": true, "image/bmp": true, "image/x-icon": true,
	"audio/mpeg": true, "audio/mp4": true, "audio/wave": true, "audio/aiff": true, "audio/basic": true,
	"audio/midi": true, "audio/ogg": true, "audio/aac": true, "audio/amr": true, "audio/flac": true,
	"video/mp4": true, "video/webm": true, "video/avi": true, "video/quicktime": true, "video/3gpp": true,
	"application/ogg": true, "application/pdf": true, "application/zip": true, "application/x-gzip": true,
	"application/x-rar-compressed": true, "text/plain": true,
}

// Sniff tells the type of a content from its first bytes, never from its name or from what the sender says. It returns
// Binary for what it does not know, and for what a browser might run.
func Sniff(head []byte) string {
	if t := sniffMore(head); t != "" {
		return t
	}
	full := http.DetectContentType(head)
	t, _, err := mime.ParseMediaType(full)
	if err != nil || !safe[t] {
		return Binary
	}
	if t == "text/plain" && looksLikeMarkup(head) {
		return Binary
	}
	return full
}

// sniffMore knows what phones send and net/http does not: containers of the ISO base media format by their brand
// (ISO/IEC 14496-12 §4.3), AAC, AMR (RFC 4867 §5) and FLAC (RFC 9639 §6).
func sniffMore(head []byte) string {
	switch {
	case len(head) >= 12 && string(head[4:8]) == "ftyp":
		switch brand := string(head[8:12]); {
		case brand == "heic" || brand == "heix" || brand == "mif1":
			return "image/heic"
		case brand == "avif":
			return "image/avif"
		case strings.HasPrefix(brand, "M4A"):
			return "audio/mp4"
		case strings.HasPrefix(brand, "3g"):
			return "video/3gpp"
		case brand == "qt  ":
			return "video/quicktime"
		default:
			return "video/mp4"
		}
	case bytes.HasPrefix(head, []byte("#!AMR")):
		return "audio/amr"
	case bytes.HasPrefix(head, []byte("fLaC")):
		return "audio/flac"
	case len(head) >= 2 && head[0] == 0xff && head[1]&0xf6 == 0xf0:
		return "audio/aac" // ADTS: 12 bits of sync, layer 0
	case len(head) >= 2 && head[0] == 0xff && head[1]&0xe6 == 0xe2:
		return "audio/mpeg" // a frame without ID3 in front: 11 bits of sync, layer III
	}
	return ""
}

// looksLikeMarkup reports whether a text could be taken for SVG or HTML by a browser that ignores its declared type.
func looksLikeMarkup(head []byte) bool {
	lower := bytes.ToLower(head)
	for _, tag := range []string{"<svg", "<html", "<script", "<!doctype", "<?xml", "<body", "<iframe"} {
		if bytes.Contains(lower, []byte(tag)) {
			return true
		}
	}
	return false
}
