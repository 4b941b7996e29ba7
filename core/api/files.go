package api

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/store"
)

// maxUpload bounds an upload, in bytes.
const maxUpload = 100 << 20

// fileNameMost is the longest file name that is kept, in bytes.
const fileNameMost = 200

// upload streams the first file of a multipart body into the blobs. Its type is what its bytes say it is.
func (s *Server) upload(w http.ResponseWriter, r *http.Request) error {
	r.Body = struct {
		io.Reader
		io.Closer
	}{patiently(w, r.Body, time.Now(), uploadPatience), r.Body}
	parts, err := r.MultipartReader()
	if err != nil {
		return core.Errorf(core.Invalid, "send the file as multipart/form-data, in a field named \"file\": %w", err)
	}
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return core.FieldErrorf("file", "there is no file in the form")
		}
		if err != nil {
			return formError(err)
		}
		if part.FileName() == "" {
			continue
		}
		hash, size, mimeType, err := s.Blobs.Put(r.Context(), part, maxUpload)
		if err != nil {
			return formError(err)
		}
		if size == 0 {
			return core.FieldErrorf("file", "the file is empty")
		}
		now := time.Now()
		u := &core.Upload{
			ID: core.NewID(now), Agent: request.Who(r).Agent.ID, Hash: hash, Name: fileName(part.FileName()), Type: mimeType,
			Size: size, CreatedAt: store.Time(now),
		}
		err = s.Store.Update(r.Context(), func(tx *store.Tx) error {
			tx.PutUpload(u)
			return nil
		})
		if err != nil {
			return err
		}
		return response.JSON(w, http.StatusCreated, uploadView{ID: u.ID, Name: u.Name, Type: u.Type, Size: u.Size})
	}
}

// formError is a failure to read a form: the client's, unless it has a code that says otherwise.
func formError(err error) error {
	var coded *core.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge), errors.As(err, &coded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), strings.HasPrefix(err.Error(), "multipart:"):
		return core.Errorf(core.Invalid, "the form is cut off or malformed: %w", err)
	}
	return err
}

type uploadView struct {
	ID   core.ID `json:"id"`
	Name string  `json:"name"`
	Type string  `json:"type"`
	Size int64   `json:"size"`
}

// fileName keeps the last element of a name, cut to a length that file systems take.
func fileName(name string) string {
	name = path.Base(strings.ReplaceAll(name, `\`, "/"))
	if name == "." || name == "/" {
		return "file"
	}
	if len(name) > fileNameMost {
		ext := path.Ext(name)
		if len(ext) > 20 {
			ext = ""
		}
		name = name[:fileNameMost-len(ext)]
		for !utf8.ValidString(name) {
			name = name[:len(name)-1]
		}
		name += ext
	}
	return strings.ToValidUTF8(name, "_")
}

// attachmentsScanned is how many messages are read at a time to find an attachment.
const attachmentsScanned = 200

// attachment serves the content of a message that the person may see. The content's hash opens nothing.
func (s *Server) attachment(w http.ResponseWriter, r *http.Request) error {
	conversation, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	id, err := request.ID(r, "attachment")
	if err != nil {
		return err
	}
	var found *core.Attachment
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		if _, err := s.inSight(tx, actor(r), conversation); err != nil {
			return err
		}
		found, err = findAttachment(tx, conversation, id)
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case found == nil:
		return core.Errorf(core.NotFound, "there is no attachment %s in this conversation", id)
	case found.State == core.Fetching:
		return core.Errorf(core.Conflict, "the attachment is still being fetched from the channel")
	case found.State != core.Ready:
		return core.Errorf(core.Gone, "the content of this attachment is not available")
	case found.Hash == "":
		return core.Errorf(core.NotFound, "this attachment lies at the channel, not here")
	}
	content, err := s.Blobs.Open(found.Hash)
	if err != nil {
		return err
	}
	defer content.Close()
	response.File(w, r, found.Name, found.Type, found.Hash[:32], content)
	return nil
}

func findAttachment(tx *store.Tx, conversation, id core.ID) (*core.Attachment, error) {
	for before := uint64(0); ; { // what is looked at is mostly recent
		list, err := tx.MessagesBefore(conversation, before, attachmentsScanned)
		if err != nil || len(list) == 0 {
			return nil, err
		}
		for _, m := range list {
			for i := range m.Attachments {
				if m.Attachments[i].ID == id {
					return &m.Attachments[i], nil
				}
			}
		}
		if before = list[0].Seq; before == 1 {
			return nil, nil
		}
	}
}

// media serves content to providers, who hold a signed token that expires.
func (s *Server) media(w http.ResponseWriter, r *http.Request) error {
	grant, err := s.Grants.Verify(request.Param(r, "token"))
	if err != nil {
		return err
	}
	content, err := s.Blobs.Open(grant.Hash)
	if err != nil {
		return err
	}
	defer content.Close()
	h := w.Header()
	h.Set("Cache-Control", "private, max-age=300")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("X-Robots-Tag", "noindex")
	kind := grant.Type
	if kind == "" {
		kind = mime.TypeByExtension(path.Ext(grant.Name))
	}
	response.File(w, r, grant.Name, kind, grant.Hash[:32], content)
	return nil
}
