package bus

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"
)

// ErrClosed is matched when the bus was closed, or when the broker refused the credentials for good.
var ErrClosed = errors.New("the bus is closed")

// JetStream is the Bus over NATS JetStream. Streams and consumers are provisioned by deploy/nats, never here.
type JetStream struct {
	config  Config
	log     zerolog.Logger
	nc      *nats.Conn
	js      jetstream.JetStream
	denied  denials
	closed  chan struct{} // closed with the connection
	served  sync.WaitGroup
	mu      sync.Mutex
	again   chan struct{} // closed and replaced after every reconnect
	streams sync.Map      // stream name to jetstream.Stream, for reads
	ownOnly atomic.Bool   // the broker lets this client read its own messages only
}

var _ Bus = (*JetStream)(nil)

// Open connects and waits until the first connection stands; when ctx ends before, it gives up.
func Open(ctx context.Context, config Config) (*JetStream, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	b := &JetStream{config: config, log: config.Logger, closed: make(chan struct{}), again: make(chan struct{})}
	connected := make(chan struct{}, 1)
	nc, err := nats.Connect(config.URL, append(append(config.options(), b.handlers(connected)...), config.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("bus: connect: %w", err)
	}
	b.nc = nc
	if !nc.IsConnected() {
		b.log.Info().Msg("bus: waiting for the broker")
		select {
		case <-connected:
		case <-b.closed:
			return nil, fmt.Errorf("bus: connect: %w", errors.Join(ErrClosed, nc.LastError()))
		case <-ctx.Done():
			nc.Close()
			return nil, fmt.Errorf("bus: connect: %w", errors.Join(ctx.Err(), nc.LastError()))
		}
	}
	if b.js, err = b.newJetStream(); err != nil {
		nc.Close()
		return nil, fmt.Errorf("bus: connect: %w", err)
	}
	return b, nil
}

func (b *JetStream) newJetStream() (jetstream.JetStream, error) {
	options := []jetstream.JetStreamOpt{
		jetstream.WithDefaultTimeout(apiTimeout),
		jetstream.WithPublishAsyncMaxPending(publishPendingMax),
		jetstream.WithPublishAsyncTimeout(publishTryTimeout),
	}
	if b.config.APIPrefix != "" {
		return jetstream.NewWithAPIPrefix(b.nc, b.config.APIPrefix, options...)
	}
	return jetstream.New(b.nc, options...)
}

// handlers report what happens to the connection; connected gets a signal when it stands.
func (b *JetStream) handlers(connected chan<- struct{}) []nats.Option {
	signal := func(*nats.Conn) {
		select {
		case connected <- struct{}{}:
		default:
		}
	}
	return []nats.Option{
		nats.ConnectHandler(signal),
		nats.ReconnectHandler(func(*nats.Conn) {
			b.log.Info().Msg("bus: connected again")
			b.mu.Lock()
			defer b.mu.Unlock()
			close(b.again)
			b.again = make(chan struct{})
		}),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				b.log.Warn().Err(err).Msg("bus: connection lost")
			}
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if errors.Is(err, nats.ErrPermissionViolation) {
				b.denied.report(err)
			}
			event := b.log.Warn().Err(err)
			if sub != nil {
				event = event.Str("subject", sub.Subject)
			}
			event.Msg("bus: broker reported")
		}),
		nats.ClosedHandler(func(*nats.Conn) { close(b.closed) }),
	}
}

// connectedAgain is closed after the next reconnect.
func (b *JetStream) connectedAgain() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.again
}

// Close sends what Announce left behind, waits for running Watch and Serve functions (whose contexts should have ended), and
// closes the connection. It is safe to call again. End the contexts of Consume and wait for it first.
func (b *JetStream) Close() {
	if err := b.nc.Drain(); err != nil { // it was not connected: nothing to wait for
		b.nc.Close()
	}
	<-b.closed
	b.served.Wait()
}
