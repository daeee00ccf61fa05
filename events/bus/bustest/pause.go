package bustest

import (
	"context"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var pauseTests = []test{
	{claim: "a paused consumer gets nothing until it is resumed, and then all of it", run: func(s *suite) {
		p, ok := s.bus.(bus.Pauser)
		if !ok {
			s.Skip("the bus is no Pauser")
		}
		var paused, other recorder
		handler := func(r *recorder) bus.HandlerFunc {
			return func(_ context.Context, batch []bus.Delivery) []error { r.note(batch); return nil }
		}
		s.consume(orders, handler(&paused))
		s.consume(inventory, handler(&other))
		for range 2 { // repeats are harmless
			s.none(p.Pause(s.Context(), events.StreamEvents, "orders", "nobody"))
		}
		s.publish(many(3)...)
		s.until("the other consumer has all", func() bool { return other.count() == 3 })
		s.quiet("paused", func() bool { return paused.count() > 0 })
		for range 2 {
			s.none(p.Resume(s.Context(), events.StreamEvents, "orders", "nobody"))
		}
		s.until("the resumed consumer has all", func() bool { return paused.count() == 3 })
	}},
}

// quietWait is how long something is watched that must not happen: many round trips to a broker.
const quietWait = 300 * time.Millisecond

func (s *suite) none(err error) {
	s.Helper()
	if err != nil {
		s.Fatalf("unexpected error: %v", err)
	}
}

// quiet fails when something happens that must not.
func (s *suite) quiet(what string, happened func() bool) {
	s.Helper()
	over := time.After(quietWait)
	tick := time.NewTicker(quietWait / 30)
	defer tick.Stop()
	for {
		select {
		case <-over:
			return
		case <-tick.C:
			if happened() {
				s.Fatalf("%s: it happened all the same", what)
			}
		}
	}
}
