package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Tailer reads a stream for people who watch.
type Tailer interface {
	// Tail calls fn for the stored messages of the subjects (NATS wildcards; none means all), in the stream's order, one at a
	// time, each once, also across an outage: those stored at or after since, or after the call when since is zero, and then
	// every new one. It returns fn's first error, nil when ctx ends, and an error when there is no such stream. It asks for each
	// message: what must be fast, or must not be lost, is read by Consume. A stream that was lost and made anew is read by a new
	// call; of a replicated one, a replica that is behind may show a message after a newer one of another subject.
	Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error
}

var (
	_ Tailer = (*JetStream)(nil)
	_ Tailer = (*Memory)(nil)
)

// Patience of a tail: how long it waits before it looks for something new again.
const (
	tailDelayMin = 20 * time.Millisecond
	tailDelayMax = 500 * time.Millisecond // a person watches
)

// Tail implements Tailer. It reads, and makes no consumer: who may make one lets the broker write to subjects of his choice.
func (b *JetStream) Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error {
	if err := b.tail(ctx, stream, subjects, since, fn); err != nil && ctx.Err() == nil {
		return fmt.Errorf("bus: tail %s: %w", stream, err)
	}
	return nil
}

func (b *JetStream) tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error {
	heads, err := b.tailHeads(ctx, stream, subjects, since)
	if err != nil {
		return err
	}
	for delay := tailDelayMin; ; {
		next, err := b.tailNext(ctx, stream, heads)
		switch {
		case err == nil:
			if err := fn(next); err != nil {
				return err
			}
			delay = tailDelayMin
			continue
		case errors.Is(err, ErrPermission) || b.nc.IsClosed():
			return err
		case !errors.Is(err, ErrNotFound): // an outage passes
			b.log.Debug().Err(err).Str("stream", stream).Msg("bus: tail cannot read, trying again")
		}
		timer := time.NewTimer(delay)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		delay = min(2*delay, tailDelayMax)
	}
}

// tailHead is the next message of one subject pattern, once it is read.
type tailHead struct {
	pattern string
	from    directQuery
	next    *Stored
	emptyTo uint64 // no message up to this sequence is still to come
}

// tailHeads are where a tail begins. "Only new ones" is a sequence: what comes in while nobody reads would else be skipped.
func (b *JetStream) tailHeads(ctx context.Context, stream string, patterns []string, since time.Time) ([]*tailHead, error) {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	ctx, end := b.denied.abort(ctx, func(subject string) bool { return strings.HasSuffix(subject, ".INFO."+stream) })
	defer end()
	s, err := b.js.Stream(ctx, stream)
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrPermission) {
		err = cause
	}
	if err != nil {
		return nil, err
	}
	last := s.CachedInfo().State.LastSeq
	from := directQuery{Sequence: last + 1}
	if !since.IsZero() {
		from = directQuery{StartTime: &since}
	}
	if len(patterns) == 0 {
		patterns = []string{">"}
	}
	heads := make([]*tailHead, len(patterns))
	for i, pattern := range patterns {
		heads[i] = &tailHead{pattern: pattern, from: from}
		heads[i].from.NextBy = pattern
	}
	for _, head := range heads { // what is not there now is none of what the stream held
		if err := b.readHead(ctx, stream, head, last); err != nil {
			return nil, err
		}
	}
	return heads, nil
}

// readHead reads the next message of a pattern. When there is none, none up to the sequence is still to come.
func (b *JetStream) readHead(ctx context.Context, stream string, head *tailHead, upTo uint64) error {
	stored, err := b.directNext(ctx, stream, head.from)
	switch {
	case err == nil:
		head.next = &stored
	case errors.Is(err, ErrNotFound):
		head.emptyTo = max(head.emptyTo, upTo)
	default:
		return err
	}
	return nil
}

// tailNext takes the oldest of the next messages of all patterns. A pattern that had none when the oldest was read is looked at
// again: one of its messages may have come between. ErrNotFound when there is none at all yet.
func (b *JetStream) tailNext(ctx context.Context, stream string, heads []*tailHead) (Stored, error) {
	oldest := oldestOf(heads)
	for range 2 {
		var upTo uint64
		if oldest != nil {
			upTo = oldest.Sequence
		}
		for _, head := range heads {
			if head.next == nil && (oldest == nil || head.emptyTo < upTo) {
				if err := b.readHead(ctx, stream, head, upTo); err != nil {
					return Stored{}, err
				}
			}
		}
		if oldest = oldestOf(heads); oldest == nil {
			return Stored{}, ErrNotFound
		}
	}
	for _, head := range heads { // a message that two patterns match is taken once
		if head.next != nil && head.next.Sequence == oldest.Sequence {
			head.from, head.next = directQuery{Sequence: oldest.Sequence + 1, NextBy: head.pattern}, nil
		}
	}
	return *oldest, nil
}

func oldestOf(heads []*tailHead) (oldest *Stored) {
	for _, head := range heads {
		if head.next != nil && (oldest == nil || head.next.Sequence < oldest.Sequence) {
			oldest = head.next
		}
	}
	return oldest
}

// Tail implements Tailer.
func (m *Memory) Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error {
	m.mu.Lock()
	s, ok := m.streams[stream]
	if !ok {
		m.mu.Unlock()
		return fmt.Errorf("bus: tail %s: no such stream", stream)
	}
	at := 0
	if since.IsZero() {
		at = len(s.messages)
	}
	m.mu.Unlock()
	wanted := func(stored *Stored) bool {
		return stored != nil && !stored.StoredAt.Before(since) && (len(subjects) == 0 || matchAny(subjects, stored.Subject))
	}
	for ctx.Err() == nil {
		m.mu.Lock()
		var found []Stored
		if i := slices.IndexFunc(s.messages[at:], wanted); i >= 0 {
			found, at = append(found, s.messages[at+i].copied()), at+i+1
		}
		more := s.more
		m.mu.Unlock()
		if len(found) > 0 {
			if err := fn(found[0]); err != nil {
				return fmt.Errorf("bus: tail %s: %w", stream, err)
			}
			continue
		}
		select {
		case <-ctx.Done():
		case <-more:
		}
	}
	return nil
}
