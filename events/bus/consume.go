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

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// Patience of a consumer.
const (
	pullExpiry    = 30 * time.Second
	pullHeartbeat = 3 * time.Second // a silent broker is noticed after two
	bindTimeout   = 5 * time.Second
	bindDelayMin  = 50 * time.Millisecond // a consumer that is provisioned again is found within seconds
	bindDelayMax  = 2 * time.Second
	beatsPerWait  = 3 // heartbeats per AckWait: two may be lost
	ackWaitLeast  = 30 * time.Second
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
	if c.BatchMax > 1 {
		return x.wrap(x.batches(ctx))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, c.Workers)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			if errs[i] = x.supervise(ctx, 1, newWorker(ctx, x)); errs[i] != nil {
				cancel() // what can never work for one can never work for its neighbours
			}
		})
	}
	workers.Wait()
	return x.wrap(cmp.Or(errs...))
}

func (x *consumption) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("bus: consume %s: %w", x.of.Name, err)
}

// receiver takes the deliveries of a binding. Bound is called before the first delivery of each binding.
type receiver interface {
	bound(ackWait time.Duration)
	receive(msg jetstream.Msg)
	// wait returns when no delivery is being handled any more.
	wait()
}

// supervise binds, consumes until the binding breaks, and binds again, until ctx ends. It returns an error only for what
// never passes.
func (x *consumption) supervise(ctx context.Context, prefetch int, r receiver) error {
	delay := bindDelayMin
	for ctx.Err() == nil {
		started := time.Now()
		err := x.bind(ctx, prefetch, r)
		if err == nil || errors.Is(err, ErrPermission) || errors.Is(err, ErrClosed) {
			return err
		}
		if time.Since(started) > bindDelayMax { // it had worked
			delay = bindDelayMin
		}
		x.log.Warn().Err(err).Msg("bus: consumer is not bound, trying again")
		select {
		case <-ctx.Done():
		case <-time.After(delay/2 + rand.N(delay/2)):
		}
		delay = min(2*delay, bindDelayMax)
	}
	return nil
}

// bind looks the consumer up and consumes until ctx ends (nil) or the binding breaks. When it returns, nothing is handled
// any more and what was prefetched is handed back.
func (x *consumption) bind(ctx context.Context, prefetch int, r receiver) error {
	consumer, err := x.lookup(ctx)
	if err != nil {
		return err
	}
	r.bound(cmp.Or(consumer.CachedInfo().Config.AckWait, ackWaitLeast))
	broken := make(chan error, 1)
	pulling, err := consumer.Consume(r.receive, jetstream.PullMaxMessages(prefetch), jetstream.PullExpiry(pullExpiry),
		jetstream.PullHeartbeat(pullHeartbeat), jetstream.ConsumeErrHandler(func(_ jetstream.ConsumeContext, err error) {
			if breaks(err) {
				select {
				case broken <- err:
				default:
				}
			}
		}))
	if err != nil {
		return err
	}
	closed := pulling.Closed()
	select {
	case <-ctx.Done():
		err = nil
	case err = <-broken:
	case <-closed:
		err = errors.New("the broker ended it")
	case <-x.denied.seen:
		err = x.denied.err
	case <-x.bus.closed:
		err = ErrClosed
	}
	pulling.Drain()
	select {
	case <-closed:
	case <-x.bus.closed: // a closed connection does not tell its subscriptions
	}
	r.wait()
	return err
}

func (x *consumption) lookup(ctx context.Context) (jetstream.Consumer, error) {
	try, cancel := context.WithTimeout(ctx, bindTimeout)
	defer cancel()
	go func() { // a denied lookup gets no answer, only a violation
		select {
		case <-x.denied.seen:
			cancel()
		case <-try.Done():
		}
	}()
	consumer, err := x.bus.js.Consumer(try, x.of.Stream, x.of.Name)
	switch {
	case err == nil:
		return consumer, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case x.bus.nc.IsClosed():
		return nil, ErrClosed
	}
	select {
	case <-x.denied.seen:
		return nil, x.denied.err
	default:
		return nil, err
	}
}

// breaks reports whether a binding must be made anew. A broker that restarts does not break it: the client pulls again
// after the reconnect, and is told ErrNoResponders when the consumer is gone.
func breaks(err error) bool {
	for _, e := range []error{nats.ErrNoResponders, jetstream.ErrNoHeartbeat, jetstream.ErrConsumerDeleted, jetstream.ErrBadRequest} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
