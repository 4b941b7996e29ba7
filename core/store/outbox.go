package store

import (
	"encoding/binary"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func outboxKey(conversation core.ID, seq uint64) key {
	return newKey(familyOutbox).id(conversation).uint64(seq)
}

func pendingKey(conversation core.ID, seq uint64) key {
	return newKey(familyPending).id(conversation).uint64(seq)
}

// OutboxEntry reads the entry of a message; nil when the message has none.
func (tx *Tx) OutboxEntry(conversation core.ID, seq uint64) (*core.OutboxEntry, error) {
	return get[core.OutboxEntry](tx, outboxKey(conversation, seq))
}

// PutOutboxEntry writes an entry and keeps the list of unsettled ones.
func (tx *Tx) PutOutboxEntry(e *core.OutboxEntry) {
	e.UpdatedAt = tx.Now()
	put(tx, outboxKey(e.Conversation, e.Seq), e)
	pending := pendingKey(e.Conversation, e.Seq)
	if unsettled(e) {
		tx.kv.Set(pending, nil)
	} else {
		tx.kv.Delete(pending)
	}
	tx.emit(core.TopicOutbox, &core.OutboxEvent{Conversation: e.Conversation, Seq: e.Seq, State: e.State})
}

func unsettled(e *core.OutboxEntry) bool {
	return e.State == core.OutboxQueued || e.State == core.OutboxSending
}

// Place names a message.
type Place struct {
	Conversation core.ID
	Seq          uint64
}

// UnsettledOutbox returns the places of the entries that are queued or being sent, in order per conversation.
func (tx *Tx) UnsettledOutbox() ([]Place, error) {
	var list []Place
	for p, err := range tx.kv.Scan(keysOf(newKey(familyPending))) {
		if err != nil {
			return nil, err
		}
		list = append(list, Place{idAt(p.Key, 1), binary.BigEndian.Uint64(p.Key[17:])})
	}
	return list, nil
}

// NextUnsettled returns the first unsettled entry of a conversation; nil when all is settled.
func (tx *Tx) NextUnsettled(conversation core.ID) (*core.OutboxEntry, error) {
	r := keysOf(newKey(familyPending).id(conversation))
	r.Limit = 1
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		return tx.OutboxEntry(conversation, binary.BigEndian.Uint64(p.Key[17:]))
	}
	return nil, nil
}

// PutFetchJob writes an attachment's job; DeleteFetchJob ends it.
func (tx *Tx) PutFetchJob(j *core.FetchJob) {
	put(tx, fetchKey(j.Conversation, j.Seq, j.Attachment), j)
	tx.emit(core.TopicMedia, &core.MediaEvent{Conversation: j.Conversation, Seq: j.Seq})
}

// DeleteFetchJob ends a job.
func (tx *Tx) DeleteFetchJob(j *core.FetchJob) {
	tx.kv.Delete(fetchKey(j.Conversation, j.Seq, j.Attachment))
}

// FetchJobs returns the attachments that wait to be fetched.
func (tx *Tx) FetchJobs() ([]*core.FetchJob, error) {
	return all[core.FetchJob](tx, kv.Prefix(newKey(familyFetch)))
}

// FetchJobsOf returns those of one message.
func (tx *Tx) FetchJobsOf(conversation core.ID, seq uint64) ([]*core.FetchJob, error) {
	return all[core.FetchJob](tx, kv.Prefix(newKey(familyFetch).id(conversation).uint64(seq)))
}

func fetchKey(conversation core.ID, seq uint64, attachment core.ID) key {
	return newKey(familyFetch).id(conversation).uint64(seq).id(attachment)
}
