package channel

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
)

// memory is a StateStore, a MediaStore and a Spool in memory.
type memory struct {
	mu      sync.Mutex
	state   map[string][]byte
	version map[string]uint64
	next    uint64
	media   map[string][]byte
	heads   map[string]MediaHead
	spool   []spooledItem
	failPut error
}

type spooledItem struct {
	id, account string
	raw         []byte
}

func newMemory() *memory {
	return &memory{state: map[string][]byte{}, version: map[string]uint64{}, media: map[string][]byte{}, heads: map[string]MediaHead{}}
}

func (m *memory) GetState(_ context.Context, account, key string) ([]byte, uint64, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	value, ok := m.state[account+"|"+key]
	return value, m.version[account+"|"+key], ok, nil
}

func (m *memory) SetState(_ context.Context, account, key string, value []byte, compare *uint64) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if compare != nil && m.version[account+"|"+key] != *compare {
		return 0, core.Errorf(core.Conflict, "the key has changed")
	}
	m.next++
	m.state[account+"|"+key], m.version[account+"|"+key] = bytes.Clone(value), m.next
	return m.next, nil
}

func (m *memory) DeleteState(_ context.Context, account, key string, _ *uint64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.state, account+"|"+key)
	delete(m.version, account+"|"+key)
	return nil
}

func (m *memory) ListState(_ context.Context, account, prefix string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var keys []string
	for key := range m.state {
		if rest, ok := strings.CutPrefix(key, account+"|"); ok && strings.HasPrefix(rest, prefix) {
			keys = append(keys, rest)
		}
	}
	slices.Sort(keys)
	return keys, nil
}

func (m *memory) mediaStore() MediaStore { return (*memoryMedia)(m) }

type memoryMedia memory

func (m *memoryMedia) Put(_ context.Context, account, mimeType, name string, r io.Reader) (string, int64, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return "", 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	handle := account + "/" + strconv.Itoa(len(m.media))
	m.media[handle], m.heads[handle] = content, MediaHead{Type: mimeType, Name: name, Size: int64(len(content))}
	return handle, int64(len(content)), nil
}

func (m *memoryMedia) Get(_ context.Context, account, handle string) (MediaHead, io.ReadCloser, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	content, ok := m.media[handle]
	if !ok || !strings.HasPrefix(handle, account+"/") {
		return MediaHead{}, nil, core.Errorf(core.NotFound, "there is no such content")
	}
	return m.heads[handle], io.NopCloser(bytes.NewReader(content)), nil
}

func (m *memoryMedia) Publish(_ context.Context, _, handle string, validFor time.Duration) (string, time.Time, error) {
	return "https://example.com/media/" + handle, time.Now().Add(validFor), nil
}

func (m *memory) Put(_ context.Context, account string, raw []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failPut != nil {
		return m.failPut
	}
	m.next++
	m.spool = append(m.spool, spooledItem{strconv.FormatUint(m.next, 10), account, bytes.Clone(raw)})
	return nil
}

func (m *memory) Each(_ context.Context, account string, fn func(id string, raw []byte) error) error {
	m.mu.Lock()
	items := slices.Clone(m.spool)
	m.mu.Unlock()
	for _, item := range items {
		if item.account != account {
			continue
		}
		if err := fn(item.id, item.raw); err != nil {
			return err
		}
	}
	return nil
}

func (m *memory) Delete(_ context.Context, account, id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spool = slices.DeleteFunc(m.spool, func(item spooledItem) bool { return item.account == account && item.id == id })
	return nil
}

func (m *memory) spoolLength() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.spool)
}
