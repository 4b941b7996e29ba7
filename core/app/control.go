package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"time"

	"github.com/guichet/guichet/core"
)

// The control socket, DATA/run/guichet.sock, lets the other commands work through a running server: they send their
// words and their standard input, and get their standard output back. Whoever may open the file may do everything, so
// it is for the owner of the data directory alone.
const (
	socketName   = "guichet.sock"
	failTrailer  = "Guichet-Error"
	codeTrailer  = "Guichet-Code"
	doneTrailer  = "Guichet-Done"
	controlRoute = "/control"
)

// SocketPath is where the server of a data directory listens for commands.
func SocketPath(dataDir string) string { return filepath.Join(runDir(dataDir), socketName) }

type control struct {
	server *http.Server
	path   string
}

// openControl listens for commands.
func (a *App) openControl() (*control, error) {
	path := SocketPath(a.data.dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), listener.Close())
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+controlRoute, func(w http.ResponseWriter, r *http.Request) { a.runControl(w, r) })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	c := &control{server: &http.Server{Handler: a.ownPeople(mux), ConnContext: withPeer, ReadHeaderTimeout: 10 * time.Second}, path: path}
	go c.server.Serve(listener) //nolint:errcheck // it ends when it is closed
	return c, nil
}

// ownPeople turns third-party plugins away, which run as the same user.
func (a *App) ownPeople(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if pid, known := peer(r.Context()); !known || a.host.Owns(pid) {
			a.log.Warn("a plugin tried to use the control socket", "pid", pid)
			http.Error(w, "this socket is not for plugins", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (c *control) close() {
	_ = c.server.Close() // commands under way are cut off and say so
	_ = os.Remove(c.path)
}

// runControl runs one command. Its outcome comes in the trailers, after everything it printed.
func (a *App) runControl(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", failTrailer+", "+codeTrailer+", "+doneTrailer)
	var words []string
	if err := json.Unmarshal([]byte(r.Header.Get("Guichet-Words")), &words); err != nil {
		http.Error(w, "malformed words", http.StatusBadRequest)
		return
	}
	_ = http.NewResponseController(w).EnableFullDuplex() // commands may answer before they have read everything
	w.WriteHeader(http.StatusOK)
	out := &flusher{w: w}
	if err := a.Operations().Run(r.Context(), words, r.Body, out); err != nil {
		w.Header().Set(failTrailer, fmt.Sprintf("%q", err.Error()))
		w.Header().Set(codeTrailer, string(core.CodeOf(err)))
	}
	w.Header().Set(doneTrailer, "1")
}

// flusher sends what is written at once when it is little, so that long work shows its progress.
type flusher struct{ w http.ResponseWriter }

func (f *flusher) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err == nil && len(p) < 4096 {
		err = http.NewResponseController(f.w).Flush()
	}
	return n, err
}

// Call runs a command in the server of a data directory. served is false when no server is running there.
func Call(ctx context.Context, dataDir string, words []string, in io.Reader, out io.Writer) (served bool, err error) {
	path := SocketPath(dataDir)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", path)
	}
	probe, err := dial(ctx, "", "")
	if err != nil {
		return false, nil // nobody listens: no server is running
	}
	_ = probe.Close() // only to see that somebody listens
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	raw, err := json.Marshal(words)
	if err != nil {
		return true, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://guichet"+controlRoute, in)
	if err != nil {
		return true, err
	}
	request.Header.Set("Guichet-Words", string(raw))
	response, err := client.Do(request)
	if err != nil {
		return true, fmt.Errorf("the running server did not answer: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	if response.StatusCode != http.StatusOK {
		return true, fmt.Errorf("the running server answered %s", response.Status)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return true, fmt.Errorf("the running server was cut off: %w", err)
	}
	if text := response.Trailer.Get(failTrailer); text != "" {
		var message string
		if _, err := fmt.Sscanf(text, "%q", &message); err != nil {
			message = text
		}
		return true, &core.Error{Code: core.Code(response.Trailer.Get(codeTrailer)), Message: message}
	}
	if response.Trailer.Get(doneTrailer) == "" {
		return true, errors.New("the running server ended before the command was done")
	}
	return true, nil
}
