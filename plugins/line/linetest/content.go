package linetest

import (
	"net/http"
	"strconv"
)

// Content is what a customer sent along.
type Content struct {
	Type     string
	Bytes    []byte
	NotReady int  // how many times to answer 202 first
	Failed   bool // the transcoding fails: 202 for ever
	Gone     bool // taken back: 410
	Chunked  bool // without a Content-Length
}

// AddContent makes the platform hold content for a message.
func (p *Platform) AddContent(messageID string, content Content) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.contents[messageID] = &content
}

func (p *Platform) takeBack(messageID string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if content, ok := p.contents[messageID]; ok {
		content.Gone, content.Bytes = true, nil
	}
}

func (p *Platform) content(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	held, ok := p.contents[r.PathValue("id")]
	if !ok {
		p.mu.Unlock()
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	waiting := held.Failed || held.NotReady > 0
	if held.NotReady > 0 {
		held.NotReady--
	}
	content := *held
	p.mu.Unlock()
	switch {
	case content.Gone:
		refuse(w, http.StatusGone, "The content is gone")
	case waiting:
		w.WriteHeader(http.StatusAccepted)
	default:
		w.Header().Set("Content-Type", content.Type)
		if !content.Chunked {
			w.Header().Set("Content-Length", strconv.Itoa(len(content.Bytes)))
		}
		w.WriteHeader(http.StatusOK)
		if content.Chunked {
			// Flushing fails where the client is gone, which the write below finds out as well.
			_ = http.NewResponseController(w).Flush()
		}
		_, _ = w.Write(content.Bytes) // a client that has gone away does not need it
	}
}

func (p *Platform) transcoding(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	held, ok := p.contents[r.PathValue("id")]
	if !ok {
		p.mu.Unlock()
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	content := *held
	p.mu.Unlock()
	state := "succeeded"
	switch {
	case content.Gone:
		refuse(w, http.StatusGone, "The content is gone")
		return
	case content.Failed:
		state = "failed"
	case content.NotReady > 0:
		state = "processing"
	}
	answer(w, http.StatusOK, map[string]string{"status": state})
}
