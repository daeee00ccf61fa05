package bustest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var errTransient = errors.New("not now")

var consumeTests = []test{
	{claim: "a delivery comes again until its handler returns nil, later every time", run: func(s *suite) {
		s.publish(requested(1))
		var got recorder
		s.consume(orders, func(_ context.Context, batch []bus.Delivery) []error {
			got.note(batch)
			if got.count() < 3 {
				return []error{errTransient}
			}
			return nil
		})
		s.until("three deliveries", func() bool { return got.count() == 3 })
		for i, d := range got.all {
			if d.Delivered != i+1 || d.Sequence != 1 {
				s.Fatalf("delivery %d: delivered %d, sequence %d", i, d.Delivered, d.Sequence)
			}
			if i > 0 && got.at[i].Sub(got.at[i-1]) < 90*time.Millisecond { // half of the smallest delay is jitter
				s.Fatalf("delivery %d came after %s", i, got.at[i].Sub(got.at[i-1]))
			}
		}
	}},
	{claim: "a delayed delivery holds nobody up", run: func(s *suite) {
		s.publish(many(20)...)
		var got recorder
		s.consume(orders, func(_ context.Context, batch []bus.Delivery) []error {
			got.note(batch)
			if batch[0].Sequence == 1 && batch[0].Delivered == 1 {
				return []error{errTransient}
			}
			return nil
		})
		s.until("all are handled", func() bool { return got.count() == 21 })
		if got.all[1].Sequence != 2 {
			s.Fatalf("the second delivery was %d", got.all[1].Sequence)
		}
	}},
	{claim: "nothing overtakes a downstream subscriber's delayed delivery", run: inOrder},
	{claim: "a poisoned delivery ends at once and becomes a dead letter", run: poison},
	{claim: "a panic is transient", run: func(s *suite) {
		s.publish(requested(1))
		var got recorder
		s.consume(orders, func(_ context.Context, batch []bus.Delivery) []error {
			got.note(batch)
			if got.count() == 1 {
				panic("handler")
			}
			return nil
		})
		s.until("it comes again", func() bool { return got.count() == 2 })
	}},
	{claim: "answers that do not fit the batch acknowledge nothing", run: func(s *suite) {
		s.publish(requested(1))
		var got recorder
		s.consume(orders, func(_ context.Context, batch []bus.Delivery) []error {
			got.note(batch)
			if got.count() == 1 {
				return make([]error, 2)
			}
			return nil
		})
		s.until("it comes again", func() bool { return got.count() == 2 })
	}},
	{claim: "a batch is never larger than asked for", run: func(s *suite) {
		s.publish(many(95)...)
		var got recorder
		c := orders
		c.BatchMax = 10
		s.consume(c, got.handle)
		s.until("all arrive", func() bool { return got.count() >= 95 })
		if largest := slices.Max(got.batches); largest > 10 || largest < 2 {
			s.Fatalf("batches: %v", got.batches)
		}
	}},
	{claim: "each delivery of a batch ends by its own error", run: func(s *suite) {
		s.publish(many(10)...)
		var got recorder
		c := orders
		c.BatchMax = 10
		s.consume(c, func(_ context.Context, batch []bus.Delivery) []error {
			got.note(batch)
			errs := make([]error, len(batch))
			for i, d := range batch {
				if d.Sequence == 4 && d.Delivered == 1 {
					errs[i] = errTransient
				}
			}
			return errs
		})
		s.until("one comes again", func() bool { return got.count() == 11 })
		if last := got.all[10]; last.Sequence != 4 || last.Delivered != 2 {
			s.Fatalf("sequence %d came again", last.Sequence)
		}
	}},
	{claim: "a long handler keeps its delivery", ackWait: shortWait, run: func(s *suite) { long(s, 1) }},
	{claim: "a long handler keeps its batch", ackWait: shortWait, run: func(s *suite) { long(s, 5) }},
	{claim: "workers run side by side", run: func(s *suite) {
		s.publish(many(3)...)
		c := orders
		c.Workers = 3
		handle, all := together(3)
		s.consume(c, handle)
		s.wait("three at once", all)
	}},
	{claim: "two instances of one consumer share its messages", run: func(s *suite) {
		s.publish(many(2)...)
		handle, both := together(2)
		s.consume(orders, handle)
		s.consume(orders, handle)
		s.wait("both have one", both)
	}},
	{claim: "a participant gets the commands to all and the replays to it", run: func(s *suite) {
		s.publish(requested(1), message("tenant.deletion.replayed.orders.t1", "replay-1"), message("tenant.deleted.t1", "deleted-1"))
		s.publish(requested(2))
		var mine, other recorder
		s.consume(orders, mine.handle)
		s.consume(inventory, other.handle)
		s.until("both have their own", func() bool { return mine.count() >= 3 && other.count() >= 2 })
		if got := fmt.Sprint(mine.ids(), other.ids()); got != "[requested-1 replay-1 requested-2] [requested-1 requested-2]" {
			s.Fatalf("got %s", got)
		}
	}},
	{claim: "a request is kept until it is acknowledged, and then no longer", run: func(s *suite) {
		s.publish(message("tenant.deletion.submitted.crm", "s-1"))
		if _, err := s.bus.Last(s.Context(), events.StreamIntake, "tenant.deletion.submitted.crm"); err != nil {
			s.Fatalf("not kept: %v", err)
		}
		var got recorder
		s.consume(bus.Consumer{Stream: events.StreamIntake, Name: events.ConsumerIntake, BatchMax: 8}, got.handle)
		s.until("it is gone", func() bool {
			_, err := s.bus.Last(s.Context(), events.StreamIntake, "tenant.deletion.submitted.crm")
			return errors.Is(err, bus.ErrNotFound)
		})
	}},
}

// inOrder has two instances of one subscriber, whose first event succeeds the third time.
func inOrder(s *suite) {
	for n := range 5 {
		s.publish(message("tenant.deleted.t1", fmt.Sprint(n)))
	}
	var got recorder
	handle := func(_ context.Context, batch []bus.Delivery) []error {
		got.note(batch)
		if batch[0].Sequence == 1 && batch[0].Delivered < 3 {
			return []error{errTransient}
		}
		return nil
	}
	billing := bus.Consumer{Stream: events.StreamEvents, Name: "downstream_billing", Workers: 2}
	s.consume(billing, handle)
	s.consume(billing, handle)
	s.until("all are handled", func() bool { return got.count() == 7 })
	if ids := got.ids(); !slices.Equal(ids, []string{"0", "0", "0", "1", "2", "3", "4"}) {
		s.Fatalf("got %v", ids)
	}
}

func poison(s *suite) {
	s.publish(requested(1), requested(2))
	var got, dead recorder
	s.consume(orders, func(_ context.Context, batch []bus.Delivery) []error {
		got.note(batch)
		if batch[0].Sequence == 1 {
			return []error{fmt.Errorf("decode: %w", bus.Poison("schema v%d unknown", 9))}
		}
		return nil
	})
	s.consume(bus.Consumer{Stream: events.StreamDead, Name: events.ConsumerDead, BatchMax: 16}, dead.handle)
	s.until("a dead letter", func() bool { return dead.count() == 1 && got.count() == 2 })
	var letter struct {
		Stream     string `json:"stream"`
		Consumer   string `json:"consumer"`
		StreamSeq  uint64 `json:"stream_seq"`
		Deliveries int    `json:"deliveries"`
		Reason     string `json:"reason"`
	}
	if err := json.Unmarshal(dead.all[0].Body, &letter); err != nil {
		s.Fatalf("advisory: %v", err)
	}
	if got := fmt.Sprint(letter); got != "{TD_EVENTS orders 1 1 schema v9 unknown}" {
		s.Fatalf("advisory: %s", got)
	}
	if subject := dead.all[0].Subject; subject != "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.TD_EVENTS.orders" {
		s.Fatalf("advisory on %s", subject)
	}
	if ids := got.ids(); !slices.Equal(ids, []string{"requested-1", "requested-2"}) {
		s.Fatalf("got %v", ids)
	}
}

// long works for three times AckWait and must be the only one who gets the messages.
func long(s *suite, batchMax int) {
	s.publish(many(batchMax)...)
	c := orders
	c.Workers, c.BatchMax = 2, batchMax
	var got recorder
	release := time.After(3 * shortWait)
	finished := make(chan struct{})
	s.consume(c, func(ctx context.Context, batch []bus.Delivery) []error {
		got.note(batch)
		if batch[0].Sequence == 1 {
			<-release
			defer close(finished)
		}
		return nil
	})
	s.wait("the handler ends", finished)
	s.publish(requested(1000))
	s.until("the next message", func() bool { return got.count() >= batchMax+1 })
	if got.count() != batchMax+1 {
		s.Fatalf("came again: %v", got.ids())
	}
}

// together makes a handler that ends when n of it run at the same time, which all tells, and not before.
func together(n int32) (handle bus.HandlerFunc, all chan struct{}) {
	var arrived atomic.Int32
	all = make(chan struct{})
	return func(ctx context.Context, _ []bus.Delivery) []error {
		if arrived.Add(1) == n {
			close(all)
		}
		select {
		case <-all:
			return nil
		case <-ctx.Done():
			return []error{ctx.Err()}
		}
	}, all
}
