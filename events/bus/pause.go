package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Pauser stops the deliveries of durable consumers, and lets them go on.
type Pauser interface {
	// Pause stops the deliveries of the named consumers of a stream, also across restarts of the broker. What was delivered
	// before stays with whoever has it. It is safe to call again; a consumer that is not there is passed over.
	Pause(ctx context.Context, stream string, consumers ...string) error
	// Resume ends what Pause began. A consumer that somebody else has paused stays so, unless Pause took it over. It is safe to
	// call again.
	Resume(ctx context.Context, stream string, consumers ...string) error
}

var (
	_ Pauser = (*JetStream)(nil)
	_ Pauser = (*Memory)(nil)
)

// pausedUntil is when a pause of ours would end by itself: never, and it tells our pauses from those of other people.
var pausedUntil = time.Date(2262, time.January, 1, 0, 0, 0, 0, time.UTC)

// Pause implements Pauser.
func (b *JetStream) Pause(ctx context.Context, stream string, consumers ...string) error {
	return b.forEach(ctx, "pause", stream, consumers, func(ctx context.Context, name string) error {
		_, err := b.js.PauseConsumer(ctx, stream, name, pausedUntil)
		return err
	})
}

// Resume implements Pauser.
func (b *JetStream) Resume(ctx context.Context, stream string, consumers ...string) error {
	return b.forEach(ctx, "resume", stream, consumers, func(ctx context.Context, name string) error {
		consumer, err := b.js.Consumer(ctx, stream, name)
		if err != nil {
			return err
		}
		if until := consumer.CachedInfo().Config.PauseUntil; until == nil || !until.Equal(pausedUntil) {
			return nil
		}
		_, err = b.js.ResumeConsumer(ctx, stream, name)
		return err
	})
}

// forEach asks the broker about each consumer, and passes over those that are not there.
func (b *JetStream) forEach(
	ctx context.Context, what, stream string, consumers []string, ask func(ctx context.Context, name string) error,
) error {
	var errs []error
	for _, name := range consumers {
		err := func() error {
			ctx, cancel := withTimeout(ctx, apiTimeout)
			defer cancel()
			ctx, end := b.denied.abort(ctx, func(subject string) bool { return strings.HasSuffix(subject, "."+stream+"."+name) })
			defer end()
			err := ask(ctx, name)
			if cause := context.Cause(ctx); err != nil && cause != nil {
				err = cause
			}
			return err
		}()
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) && !errors.Is(err, jetstream.ErrStreamNotFound) {
			errs = append(errs, fmt.Errorf("bus: %s consumer %s of %s: %w", what, name, stream, err))
		}
	}
	return errors.Join(errs...)
}

// Pause implements Pauser.
func (m *Memory) Pause(_ context.Context, stream string, consumers ...string) error {
	m.setPaused(stream, consumers, true)
	return nil
}

// Resume implements Pauser.
func (m *Memory) Resume(_ context.Context, stream string, consumers ...string) error {
	m.setPaused(stream, consumers, false)
	return nil
}

func (m *Memory) setPaused(stream string, consumers []string, paused bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, name := range consumers {
		if c, ok := m.consumers[stream+"/"+name]; ok {
			c.paused = paused
			c.rouse()
		}
	}
}
