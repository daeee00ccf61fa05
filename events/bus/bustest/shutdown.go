package bustest

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// prefetch is long enough for a bus to have fetched what it keeps behind a running batch.
const prefetch = 200 * time.Millisecond

// The AckWait of these tests is one that never passes: what arrives again was handed back.
var shutdownTests = []test{
	{claim: "a delivery in work is handed back", run: func(s *suite) {
		s.publish(requested(1))
		started := make(chan struct{})
		stop := s.consume(orders, func(ctx context.Context, _ []bus.Delivery) []error {
			close(started)
			<-ctx.Done()
			return []error{ctx.Err()}
		})
		s.wait("the handler starts", started)
		stop()
		var got recorder
		s.consume(orders, got.handle)
		s.until("the next instance gets it", func() bool { return got.count() == 1 })
	}},
	{claim: "what waits behind the running batch is handed back", run: func(s *suite) {
		s.publish(many(100)...)
		c := orders
		c.BatchMax = 5
		started := make(chan struct{}, 1)
		stop := s.consume(c, func(ctx context.Context, batch []bus.Delivery) []error {
			select {
			case <-time.After(prefetch):
			case <-ctx.Done():
			}
			started <- struct{}{}
			<-ctx.Done()
			errs := make([]error, len(batch))
			for i := range errs {
				errs[i] = ctx.Err()
			}
			return errs
		})
		s.wait("the handler starts", started)
		stop()
		var got recorder
		s.consume(c, got.handle)
		s.until("the next instance gets all", func() bool { return got.count() == 100 })
	}},
	{claim: "consume returns after its handlers, and what they finished is acknowledged", run: func(s *suite) {
		s.publish(requested(1), requested(2))
		started, release := make(chan struct{}), make(chan struct{})
		var ended atomic.Bool
		stop := s.consume(orders, func(ctx context.Context, _ []bus.Delivery) []error {
			close(started)
			<-ctx.Done()
			<-release // the commit that cannot be cut
			ended.Store(true)
			return nil
		})
		s.wait("the handler starts", started)
		stopped := make(chan struct{})
		go func() { defer close(stopped); stop() }()
		select {
		case <-stopped:
			s.Fatalf("consume returned before its handler")
		default:
			close(release)
		}
		s.wait("consume returns", stopped)
		if !ended.Load() {
			s.Fatalf("consume returned before its handler")
		}
		var got recorder
		s.consume(orders, got.handle)
		s.until("the rest arrives", func() bool { return got.count() >= 1 })
		if id := got.all[0].Header[events.HeaderMsgID]; id != "requested-2" {
			s.Fatalf("%s came again", id)
		}
	}},
	{claim: "consume with an ended context returns at once", run: func(s *suite) {
		s.publish(requested(1))
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		var got recorder
		if err := s.bus.Consume(ctx, orders, got.handle); err != nil || got.count() != 0 {
			s.Fatalf("got %v after %d deliveries", err, got.count())
		}
	}},
}
