package api

import (
	"bytes"
	"context"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/store"
)

func (h *house) upload(who, name string, content []byte) *reply {
	h.t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	check(h.t, w.WriteField("note", "not a file"))
	part, err := w.CreateFormFile("file", name)
	check(h.t, err)
	_, err = part.Write(content)
	check(h.t, err)
	check(h.t, w.Close())
	return h.call(who, "POST", "/api/v1/uploads", form.String(), "Content-Type", w.FormDataContentType())
}

var png = append([]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), make([]byte, 100)...)

func TestUploadsBecomeAttachments(t *testing.T) {
	h := newHouse(t)
	id := string(h.customerWrites("mia", "hello"))
	h.call("ada", "POST", "/api/v1/conversations/"+id+"/pick", "").want(t, 200)
	up := h.upload("ada", `C:\pictures\ca t.png`, png)
	up.want(t, 201, `"type":"image/png"`, `"name":"ca t.png"`, `"size":116`)
	upload := up.json(t)["id"].(string)

	h.call("ben", "POST", "/api/v1/conversations/"+id+"/messages", `{"id":"m1","attachments":["`+upload+`"]}`).want(t, 404)
	sent := h.call("ada", "POST", "/api/v1/conversations/"+id+"/messages", `{"id":"m1","attachments":["`+upload+`"]}`)
	sent.want(t, 201, `"state":"ready"`, `"url":"/api/v1/attachments/`+id+`/`)
	at := sent.json(t)["attachments"].([]any)[0].(map[string]any)["url"].(string)

	got := h.call("ada", "GET", at, "")
	got.want(t, 200)
	if !bytes.Equal(got.body, png) || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("not the picture: %q", got.header.Get("Content-Type"))
	}
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff",
		"Content-Disposition": `inline; filename="ca t.png"`, "Cross-Origin-Resource-Policy": "same-origin",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	part := h.call("ada", "GET", at, "", "Range", "bytes=1-3")
	if part.status != http.StatusPartialContent || string(part.body) != "PNG" {
		t.Errorf("range: %d %q", part.status, part.body)
	}
	h.call("ada", "GET", at, "", "If-None-Match", got.header.Get("ETag")).want(t, 304)
	h.call("cleo", "GET", at, "").want(t, 404)
	h.call("ada", "GET", "/api/v1/attachments/"+id+"/01ARZ3NDEKTSV4RRFFQ69G5FAV", "").want(t, 404)
	h.call("ada", "GET", "/api/v1/attachments/"+id+"/x", "").want(t, 404)
}

func TestWhatCouldRunIsDownloaded(t *testing.T) {
	h := newHouse(t)
	id := string(h.customerWrites("mia", "hello"))
	h.call("ada", "POST", "/api/v1/conversations/"+id+"/pick", "").want(t, 200)
	upload := h.upload("ada", "page.png", []byte("<html><script>alert(1)</script></html>")).json(t)["id"].(string)
	sent := h.call("ada", "POST", "/api/v1/conversations/"+id+"/messages", `{"id":"m1","attachments":["`+upload+`"]}`)
	sent.want(t, 201)
	at := sent.json(t)["attachments"].([]any)[0].(map[string]any)["url"].(string)
	got := h.call("ada", "GET", at, "")
	got.want(t, 200)
	if !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") || strings.Contains(got.header.Get("Content-Type"), "html") {
		t.Errorf("a page from outside is shown: %v", got.header)
	}
}

func TestAttachmentsThatAreNotThere(t *testing.T) {
	h := newHouse(t)
	id := h.customerWrites("mia", "hello")
	fetching, gone, elsewhere := core.NewID(time.Now()), core.NewID(time.Now()), core.NewID(time.Now())
	check(t, h.store.Update(context.Background(), func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		tx.AppendMessage(c, &core.Message{ID: "f", From: core.Author{Kind: core.FromCustomer}, State: core.Received, Visibility: core.Public, Attachments: []core.Attachment{
			{ID: fetching, State: core.Fetching, Handle: "h"}, {ID: gone, State: core.GoneAtProvider}, {ID: elsewhere, State: core.Ready, URL: "https://cdn.example/x"},
		}})
		tx.PutConversation(c, false)
		return nil
	}))
	at := "/api/v1/attachments/" + string(id) + "/"
	h.call("ada", "GET", at+string(fetching), "").want(t, 409)
	h.call("ada", "GET", at+string(gone), "").want(t, 410)
	h.call("ada", "GET", at+string(elsewhere), "").want(t, 404)
	h.call("ada", "GET", "/api/v1/conversations/"+string(id)+"/messages", "").want(t, 200, `"url":"https://cdn.example/x"`)
}

func TestUploadFailures(t *testing.T) {
	h := newHouse(t)
	h.upload("ada", "empty.png", nil).want(t, 400, `"field":"file"`)
	h.upload("ada", "large.bin", make([]byte, maxUpload+1)).want(t, 413, `"code":"too-large"`)
	h.call("ada", "POST", "/api/v1/uploads", "{}").want(t, 400)
	h.call("ada", "POST", "/api/v1/uploads", "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x\"\r\n\r\ncut", "Content-Type", "multipart/form-data; boundary=b").want(t, 400)
	h.call("ada", "POST", "/api/v1/uploads", "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nv\r\n--b--\r\n", "Content-Type", "multipart/form-data; boundary=b").want(t, 400, `"field":"file"`)
	h.call("ada", "POST", "/api/v1/me/keys", `{"name":"`+strings.Repeat("x", maxBody)+`"}`).want(t, 413, `"code":"too-large"`)
}

func TestSignedMedia(t *testing.T) {
	h := newHouse(t)
	hash, _, _, err := h.blobs.Put(context.Background(), bytes.NewReader(png), 1<<20)
	check(t, err)
	grant := blob.Grant{Hash: hash, Name: "cat.png", Type: "image/png", Expires: time.Now().Add(time.Hour)}
	token := h.signer.Sign(grant)
	got := h.call("", "GET", "/media/"+token, "")
	got.want(t, 200)
	if !bytes.Equal(got.body, png) || got.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" {
		t.Errorf("not the picture, or not for others: %v", got.header)
	}
	if head := h.call("", "HEAD", "/media/"+token, ""); head.status != 200 || head.header.Get("Content-Length") != "116" {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	h.call("", "GET", "/media/"+token+"x", "").want(t, 404)
	grant.Expires = time.Now().Add(-time.Hour)
	h.call("", "GET", "/media/"+h.signer.Sign(grant), "").want(t, 410)
}

func TestHealthAndMetrics(t *testing.T) {
	h := newHouse(t)
	h.call("", "GET", "/healthz", "").want(t, 200, "alive")
	h.call("", "GET", "/readyz", "").want(t, 200, "ready")
	h.ready = core.Errorf(core.Unavailable, "plugin line is starting")
	h.call("", "GET", "/readyz", "").want(t, 503)
	h.call("", "GET", "/metrics", "").want(t, 200, `guichet_http_requests_total{method="GET",route="/healthz",status="200"} 1`)
	h.call("", "GET", "/metrics", "", "X-Forwarded-For", "1.2.3.4").want(t, 401, "administrator's API key")
	h.call("root", "GET", "/metrics", "", "X-Forwarded-For", "1.2.3.4").want(t, 200, "guichet_http_requests_total")
	h.call("sue", "GET", "/metrics", "", "X-Forwarded-For", "1.2.3.4").want(t, 403)
	h.call("nobody", "GET", "/metrics", "").want(t, 401, "not valid") // a wrong key is said to be wrong, also here
	// A proxy on this machine that tells nothing but the name by which it was reached.
	passed, err := http.NewRequest("GET", h.http.URL+"/metrics", nil)
	check(t, err)
	passed.Host = "desk.example.com"
	h.send(passed).want(t, 401)
	passed.Header.Set("Authorization", "Bearer "+h.keys["root"])
	h.send(passed).want(t, 200)
}
