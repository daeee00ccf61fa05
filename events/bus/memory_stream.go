package bus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// memoryStream keeps messages; the sequence of a message is its place, from 1. Guarded by Memory.mu.
type memoryStream struct {
	MemoryStream
	consumers []*memoryConsumer
	ids       map[string]time.Time
	messages  []*Stored // nil once dropped
	dropped   int
	more      chan struct{} // closed and replaced when a message is stored
}

// store appends a message, unless its id was seen within the window, and gives it to the consumers.
func (m *Memory) store(s *memoryStream, message events.Message) {
	if s.repeats(message) {
		return
	}
	now := time.Now()
	if id := idOf(message); id != "" {
		s.ids[id] = now
	}
	stored := &Stored{Message: clone(message), Sequence: uint64(len(s.messages) + 1), StoredAt: now}
	s.messages = append(s.messages, stored)
	close(s.more)
	s.more = make(chan struct{})
	for _, c := range s.consumers {
		if matchAny(c.Filters, message.Subject) {
			c.queue(&memoryDelivery{stored: stored})
		}
	}
	if s.Republish.From != "" && match(s.Republish.From, message.Subject) {
		again := clone(message)
		again.Subject = s.Republish.To
		again.Header["Nats-Stream"], again.Header["Nats-Subject"] = s.Name, message.Subject
		again.Header["Nats-Sequence"] = strconv.FormatUint(stored.Sequence, 10)
		m.spread(again)
	}
}

// repeats reports a message whose id was seen on its subject within the window.
func (s *memoryStream) repeats(message events.Message) bool {
	seen, ok := s.ids[idOf(message)]
	return ok && time.Since(seen) < s.Duplicates
}

// idOf is what makes a message a repeat of another; empty when it has no id. An id that somebody used on another subject is not
// the message's.
func idOf(message events.Message) string {
	id := message.Header[events.HeaderMsgID]
	if id == "" {
		return ""
	}
	return message.Subject + " " + id
}

func (s *memoryStream) full() bool {
	return s.MessagesMax > 0 && len(s.messages)-s.dropped >= s.MessagesMax
}

// drop forgets a message of a work queue.
func (s *memoryStream) drop(sequence uint64) {
	if s.WorkQueue && s.messages[sequence-1] != nil {
		s.dropped++
		s.messages[sequence-1] = nil
	}
}

// terminated is the advisory a broker sends about a terminated delivery.
type terminated struct {
	Type       string    `json:"type"`
	ID         string    `json:"id"`
	Time       time.Time `json:"timestamp"`
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	StreamSeq  uint64    `json:"stream_seq"`
	Deliveries int       `json:"deliveries"`
	Reason     string    `json:"reason,omitempty"`
}

// bury stores the advisory of a terminated delivery wherever a stream captures it.
func (m *Memory) bury(c *memoryConsumer, d *memoryDelivery, reason string) {
	body, err := json.Marshal(terminated{Type: "io.nats.jetstream.advisory.v1.terminated",
		ID:   fmt.Sprintf("%s-%s-%d", c.Stream, c.Name, d.stored.Sequence),
		Time: time.Now().UTC(), Stream: c.Stream, Consumer: c.Name, StreamSeq: d.stored.Sequence, Deliveries: d.delivered,
		Reason: reason})
	if err != nil { // a struct of strings and numbers always encodes
		panic(err)
	}
	advisory := events.Message{Subject: advisories + ".MSG_TERMINATED." + c.Stream + "." + c.Name, Body: body}
	m.spread(advisory)
	if s := m.streamOf(advisory.Subject); s != nil {
		m.store(s, advisory)
	}
}

// Last implements Bus.
func (m *Memory) Last(_ context.Context, stream, subject string) (Stored, error) {
	return m.find(stream, func(s *Stored) bool { return match(subject, s.Subject) })
}

// Read implements Reader.
func (m *Memory) Read(_ context.Context, stream string, sequence uint64) (Stored, error) {
	return m.find(stream, func(s *Stored) bool { return s.Sequence == sequence })
}

// Next implements Reader.
func (m *Memory) Next(_ context.Context, stream, subject string, from uint64) (Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.streams[stream]
	if !ok {
		return Stored{}, fmt.Errorf("bus: read %s: no such stream", stream)
	}
	for at := max(from, 1); at <= uint64(len(s.messages)); at++ {
		if stored := s.messages[at-1]; stored != nil && match(subject, stored.Subject) {
			return stored.copied(), nil
		}
	}
	return Stored{}, fmt.Errorf("bus: read %s: %w", stream, ErrNotFound)
}

// find looks from the newest message backwards.
func (m *Memory) find(stream string, is func(*Stored) bool) (Stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s, ok := m.streams[stream]
	if !ok {
		return Stored{}, fmt.Errorf("bus: read %s: no such stream", stream)
	}
	for i := len(s.messages) - 1; i >= 0; i-- {
		if stored := s.messages[i]; stored != nil && is(stored) {
			return stored.copied(), nil
		}
	}
	return Stored{}, fmt.Errorf("bus: read %s: %w", stream, ErrNotFound)
}

func (s *Stored) copied() Stored {
	return Stored{Message: clone(s.Message), Sequence: s.Sequence, StoredAt: s.StoredAt}
}

// clone makes sure that nobody changes a message that others hold.
func clone(m events.Message) events.Message {
	m.Header, m.Body = maps.Clone(m.Header), bytes.Clone(m.Body)
	if m.Header == nil {
		m.Header = map[string]string{}
	}
	return m
}
