package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Patience of a consumer.
const (
	bindTimeout  = 5 * time.Second
	bindDelayMin = 50 * time.Millisecond // a consumer that is provisioned again is found within seconds
	bindDelayMax = 2 * time.Second
	beatsPerWait = 3 // heartbeats per AckWait: two may be lost
	ackWaitUnset = 30 * time.Second
)

// consumption is one running Consume.
type consumption struct {
	bus    *JetStream
	of     Consumer
	handle HandlerFunc
	log    zerolog.Logger
	denied *denialWatch
}

// Consume implements Bus.
func (b *JetStream) Consume(ctx context.Context, c Consumer, handle HandlerFunc) error {
	c.Workers, c.BatchMax = max(c.Workers, 1), max(c.BatchMax, 1)
	own := "." + c.Stream + "." + c.Name // part of every API and ack subject of the consumer
	denied, end := b.denied.watch(func(subject string) bool {
		return strings.HasSuffix(subject, own) || strings.Contains(subject, own+".")
	})
	defer end()
	x := &consumption{bus: b, of: c, handle: handle, denied: denied,
		log: b.log.With().Str("stream", c.Stream).Str("consumer", c.Name).Logger()}
	var err error
	if c.BatchMax > 1 {
		err = x.batches(ctx)
	} else {
		err = x.singles(ctx)
	}
	if err != nil {
		return fmt.Errorf("bus: consume %s: %w", c.Name, err)
	}
	return nil
}

// supervise runs sessions, each on a fresh look at the consumer, until ctx ends. It returns an error only for what never
// passes.
func (x *consumption) supervise(ctx context.Context, session func(ackWait time.Duration) error) error {
	delay := bindDelayMin
	for ctx.Err() == nil {
		started := time.Now()
		ackWait, err := x.lookup(ctx)
		if err == nil {
			err = session(ackWait)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrPermission) || errors.Is(err, ErrClosed):
			return err
		case time.Since(started) > bindDelayMax: // it had worked
			delay = bindDelayMin
		}
		x.log.Warn().Err(err).Msg("bus: consumer is not bound, trying again")
		select {
		case <-ctx.Done():
		case <-x.bus.closed:
		case <-time.After(delay/2 + rand.N(delay/2)):
		}
		delay = min(2*delay, bindDelayMax)
	}
	return nil
}

// lookup finds the consumer and its AckWait.
func (x *consumption) lookup(ctx context.Context) (ackWait time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel()
	watching.Go(func() { // a denied lookup gets no answer, only a violation
		select {
		case <-x.denied.seen:
			cancel()
		case <-ctx.Done():
		}
	})
	var consumer jetstream.Consumer
	consumer, err = x.bus.js.Consumer(ctx, x.of.Stream, x.of.Name)
	if err == nil {
		return cmp.Or(consumer.CachedInfo().Config.AckWait, ackWaitUnset), nil
	}
	if x.bus.nc.IsClosed() {
		return 0, ErrClosed
	}
	select {
	case <-x.denied.seen:
		return 0, x.denied.err
	default:
		return 0, err
	}
}
