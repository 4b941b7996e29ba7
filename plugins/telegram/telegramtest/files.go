package telegramtest

import (
	"fmt"
	"net/http"
	"strings"
)

// maxDownload is the largest file that a bot may have.
const maxDownload = 20 << 20

// File is one that Telegram keeps, or that the bot has sent.
type File struct {
	Name    string
	Type    string
	Content []byte
	Size    int64 // as Telegram tells it; that of the content when 0

	id string
}

// AddFile stores a file and returns its file_id and file_unique_id.
func (p *Platform) AddFile(f File) (id, unique string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	stored := p.file(&f)
	return stored.id, "u" + stored.id
}

func (p *Platform) file(f *File) *File {
	p.nextFile++
	f.id = fmt.Sprintf("AgAC-%d", p.nextFile)
	if f.Size == 0 {
		f.Size = int64(len(f.Content))
	}
	p.files[f.id] = f
	return f
}

// Forget makes Telegram lose a file.
func (p *Platform) Forget(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.files, id)
}

func (p *Platform) getFile(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.files[q.text("file_id")]
	switch {
	case f == nil:
		return nil, bad("invalid file_id")
	case f.Size > maxDownload:
		return nil, bad("file is too big")
	}
	return map[string]any{"file_id": f.id, "file_unique_id": "u" + f.id, "file_size": f.Size, "file_path": "files/" + f.id}, nil
}

func (p *Platform) download(w http.ResponseWriter, r *http.Request, token, path string) {
	if fault := p.nextFault("file"); fault != nil {
		p.fail(w, r, fault, func(w http.ResponseWriter) { p.serveFile(w, token, path) })
		return
	}
	p.serveFile(w, token, path)
}

func (p *Platform) serveFile(w http.ResponseWriter, token, path string) {
	p.mu.Lock()
	p.calls["file"]++
	f := p.files[strings.TrimPrefix(path, "files/")]
	good := token == p.token
	p.mu.Unlock()
	if !good || f == nil {
		answer(w, &refusal{code: http.StatusNotFound, text: "Not Found"}, nil)
		return
	}
	// The type is lost, as it is at Telegram.
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(f.Content) // a client that has gone away does not need it
}

func (p *Platform) getUserProfilePhotos(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, _ := q.number("user_id")
	c := p.chats[id]
	if c == nil {
		return nil, bad("user not found")
	}
	photos := [][]map[string]any{}
	if c.picture != nil {
		photos = append(photos, []map[string]any{{"file_id": c.picture.id, "file_unique_id": "u" + c.picture.id, "width": 160, "height": 160}})
	}
	return map[string]any{"total_count": len(photos), "photos": photos}, nil
}
