package desk

import (
	"context"
	"io"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	fetchLanes    = 16
	accountFetch  = 4 // of those, for one account
	fetchPatience = 5 * time.Minute
	// maxFetched is the largest attachment taken from a provider.
	maxFetched = 200 << 20
	// fetchWithin is how long an attachment is tried whose provider names no end.
	fetchWithin = 72 * time.Hour
)

// fetcher brings attachments in from their providers: durable jobs, tried until they succeed, are gone, or expire.
type fetcher struct {
	desk *Desk

	mu    sync.Mutex
	jobs  map[core.ID]*core.FetchJob // by attachment
	busy  map[core.ID]bool
	count map[string]int // fetches in flight, by account
	wake  chan struct{}
}

func newFetcher(d *Desk) *fetcher {
	return &fetcher{
		desk: d, jobs: map[core.ID]*core.FetchJob{}, busy: map[core.ID]bool{}, count: map[string]int{},
		wake: make(chan struct{}, 1),
	}
}

func (f *fetcher) load(ctx context.Context) error {
	return f.desk.store.View(ctx, func(tx *store.Tx) error {
		jobs, err := tx.FetchJobs()
		f.add(jobs)
		return err
	})
}

func (f *fetcher) add(jobs []*core.FetchJob) {
	f.mu.Lock()
	for _, j := range jobs {
		if !f.busy[j.Attachment] {
			f.jobs[j.Attachment] = j
		}
	}
	f.mu.Unlock()
	f.signal()
}

func (f *fetcher) signal() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// look reads the jobs of a message that has just been stored.
func (f *fetcher) look(ctx context.Context, conversation core.ID, seq uint64) {
	err := f.desk.store.View(ctx, func(tx *store.Tx) error {
		jobs, err := tx.FetchJobsOf(conversation, seq)
		f.add(jobs)
		return err
	})
	if err != nil && ctx.Err() == nil {
		f.desk.log.Error("fetch jobs could not be read", "conversation", conversation, "error", err)
	}
}

func (f *fetcher) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(f.start(ctx))
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		case <-timer.C:
		}
	}
}

func (f *fetcher) start(ctx context.Context) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	now, next := time.Now(), time.Hour
	for id, job := range f.jobs {
		if wait := job.NextAt.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		if len(f.busy) >= fetchLanes || f.count[job.Account] >= accountFetch {
			continue // one that ends wakes us
		}
		delete(f.jobs, id)
		f.busy[id] = true
		f.count[job.Account]++
		f.desk.run(func() {
			left := f.fetch(ctx, job)
			f.mu.Lock()
			delete(f.busy, id)
			f.count[job.Account]--
			if left != nil {
				f.jobs[id] = left
			}
			f.mu.Unlock()
			f.signal()
		})
	}
	return next
}

// fetch makes one attempt and returns the job when it has to be tried again.
func (f *fetcher) fetch(ctx context.Context, job *core.FetchJob) *core.FetchJob {
	patience, cancel := context.WithTimeout(ctx, fetchPatience)
	defer cancel()
	if done, err := f.finished(patience, job); err == nil && done {
		return nil
	}
	got, outcome := f.desk.bring(patience, job)
	if ctx.Err() != nil {
		return nil // stopping: the job stands in the store
	}
	expires := job.ExpiresAt
	if expires.IsZero() {
		expires = job.CreatedAt.Add(fetchWithin)
	}
	pause := backoff(job.Attempts + 1)
	if outcome.NotReady && outcome.After > 0 {
		pause = outcome.After
	}
	var left *core.FetchJob
	err := f.desk.store.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
		left = nil
		c, err := tx.Conversation(job.Conversation)
		if core.CodeOf(err) == core.NotFound { // erased meanwhile
			tx.DeleteFetchJob(job)
			return nil
		}
		if err != nil {
			return err
		}
		m, err := tx.Message(c, job.Seq)
		if err != nil {
			return err
		}
		var at *core.Attachment
		for i := range m.Attachments {
			if m.Attachments[i].ID == job.Attachment {
				at = &m.Attachments[i]
			}
		}
		if at == nil || at.State != core.Fetching { // taken back by the customer
			tx.DeleteFetchJob(job)
			return nil
		}
		switch {
		case outcome.Done:
			at.State, at.Hash, at.Size, at.Type, at.Reason = core.Ready, got.hash, got.size, got.mimeType, ""
			if at.Name == "" {
				at.Name = got.name
			}
		case outcome.Gone:
			at.State, at.Reason = core.GoneAtProvider, "The provider no longer has it."
			if outcome.Reason != "" {
				at.Reason = "The provider no longer has it: " + outcome.Reason
			}
		case outcome.Refused:
			at.State, at.Reason = core.Refused, outcome.Reason
		case tx.Now().Add(pause).After(expires):
			at.State, at.Reason = core.GoneAtProvider, "It could not be fetched in time."
		default:
			again := *job
			again.Attempts++
			again.NextAt = tx.Now().Add(pause)
			tx.PutFetchJob(&again)
			left = &again
			return nil
		}
		tx.DeleteFetchJob(job)
		tx.PutMessage(c, m)
		return nil
	})
	if err != nil {
		f.desk.log.Error("the outcome of a fetch could not be stored; it is fetched again", "attachment", job.Attachment, "error", err)
		again := *job
		again.NextAt = time.Now().Add(pause)
		return &again
	}
	if outcome.Err != nil {
		f.desk.log.Warn("an attachment could not be fetched; trying again", "account", job.Account, "attachment", job.Attachment, "error", outcome.Err)
	}
	return left
}

// finished reports whether a job has ended since it was read.
func (f *fetcher) finished(ctx context.Context, job *core.FetchJob) (done bool, err error) {
	err = f.desk.store.View(ctx, func(tx *store.Tx) error {
		jobs, err := tx.FetchJobsOf(job.Conversation, job.Seq)
		done = !slices.ContainsFunc(jobs, func(j *core.FetchJob) bool { return j.Attachment == job.Attachment })
		return err
	})
	return done, err
}

type fetched struct {
	hash     string
	size     int64
	mimeType string
	name     string
}

// bring streams the content from the channel into the blob store.
func (d *Desk) bring(ctx context.Context, job *core.FetchJob) (fetched, core.FetchOutcome) {
	type stored struct {
		fetched
		err error
	}
	var (
		got  fetched
		pipe *io.PipeWriter
		done chan stored
	)
	outcome := d.channels.FetchMedia(ctx, job.Account, job.Handle, maxFetched, func(head core.MediaHead) (io.Writer, error) {
		if pipe != nil {
			return nil, core.Errorf(core.Internal, "the channel began one attachment twice")
		}
		reader, writer := io.Pipe()
		pipe, done = writer, make(chan stored, 1)
		got.name = head.Name
		go func() {
			hash, size, mimeType, err := d.blobs.Put(ctx, reader, maxFetched)
			reader.CloseWithError(err)
			done <- stored{fetched{hash: hash, size: size, mimeType: mimeType}, err}
		}()
		return writer, nil
	})
	if pipe == nil {
		if outcome.Done {
			return got, core.FetchOutcome{Err: core.Errorf(core.Internal, "the channel sent no content")}
		}
		return got, outcome
	}
	if outcome.Done {
		pipe.Close()
	} else {
		pipe.CloseWithError(io.ErrUnexpectedEOF)
	}
	result := <-done
	if core.CodeOf(result.err) == core.TooLarge { // whatever the channel makes of not being read to the end
		return got, core.FetchOutcome{Refused: true, Reason: "It is too large: at most " + strconv.Itoa(maxFetched>>20) + " MB are kept."}
	}
	if !outcome.Done {
		return got, outcome
	}
	if result.err != nil {
		return got, core.FetchOutcome{Err: result.err}
	}
	result.name = got.name
	return result.fetched, outcome
}
