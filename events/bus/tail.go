package bus

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Tailer reads a stream for people who watch.
type Tailer interface {
	// Tail calls fn for the stored messages of the subjects (NATS wildcards; none means all), in the stream's order, one at a
	// time, each once, also across an outage: those stored at or after since, or after the call when since is zero, and then
	// every new one. It returns fn's first error, nil when ctx ends, and an error when there is no such stream. It needs the
	// permission to make consumers, which a service does not have: what must not be lost is read by Consume.
	Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error
}

var (
	_ Tailer = (*JetStream)(nil)
	_ Tailer = (*Memory)(nil)
)

// Limits of a tail.
const (
	tailPrefetch = 256
	tailIdleMax  = time.Minute // after which the broker forgets a reader that is gone
)

// Tail implements Tailer with an ordered consumer, which lives no longer than the call.
func (b *JetStream) Tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error {
	bound, end := b.denied.abort(ctx, func(subject string) bool { return strings.Contains(subject, ".CONSUMER.CREATE."+stream) })
	defer end()
	err := b.tail(bound, stream, subjects, since, fn)
	if ctx.Err() != nil {
		return nil
	}
	if cause := context.Cause(bound); cause != nil {
		err = cause
	}
	if err != nil {
		return fmt.Errorf("bus: tail %s: %w", stream, err)
	}
	return nil
}

func (b *JetStream) tail(ctx context.Context, stream string, subjects []string, since time.Time, fn func(Stored) error) error {
	config, err := b.tailConfig(ctx, stream, subjects, since)
	if err != nil {
		return err
	}
	consumer, err := b.js.OrderedConsumer(ctx, stream, config)
	if err != nil {
		return err
	}
	messages, err := consumer.Messages(jetstream.PullMaxMessages(tailPrefetch))
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	defer func() {
		if stop() {
			messages.Stop()
		}
	}()
	for {
		msg, err := messages.Next()
		if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
			return context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		meta, err := msg.Metadata()
		if err != nil {
			return err
		}
		stored := Stored{Message: fromNATS(msg.Subject(), msg.Headers(), msg.Data()), Sequence: meta.Sequence.Stream,
			StoredAt: meta.Timestamp}
		if err := fn(stored); err != nil {
			return err
		}
	}
}

// tailConfig turns "only new ones" into a sequence: a reader that is made anew before its first message would else skip what
// came in between.
func (b *JetStream) tailConfig(ctx context.Context, stream string, subjects []string, since time.Time) (
	jetstream.OrderedConsumerConfig, error) {
	config := jetstream.OrderedConsumerConfig{FilterSubjects: subjects, InactiveThreshold: tailIdleMax}
	if !since.IsZero() {
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &since
		return config, nil
	}
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	s, err := b.js.Stream(ctx, stream)
	if err != nil {
		return config, err
	}
	config.DeliverPolicy, config.OptStartSeq = jetstream.DeliverByStartSequencePolicy, s.CachedInfo().State.LastSeq+1
	return config, nil
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
