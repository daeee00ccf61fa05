package bustest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var publishTests = []test{
	{claim: "a message is stored once per id", run: func(s *suite) {
		s.publish(requested(1))
		s.publish(requested(1), requested(1))
		s.publish(requested(2))
		var got recorder
		s.consume(orders, got.handle)
		s.until("both messages arrive", func() bool { return got.count() >= 2 })
		if ids := got.ids(); !slices.Equal(ids, []string{"requested-1", "requested-2"}) {
			s.Fatalf("got %v", ids)
		}
	}},
	{claim: "a message is stored although its id was used on another subject", run: func(s *suite) {
		forged, wanted := message("tenant.deletion.result.orders.t1", "taken"), message("tenant.deleted.t1", "taken")
		s.publish(forged)
		s.publish(wanted)
		last, err := s.bus.Last(s.Context(), events.StreamEvents, wanted.Subject)
		if err != nil || string(last.Body) != string(wanted.Body) {
			s.Fatalf("last: %s %v", last.Body, err)
		}
		s.publish(wanted)
		if again, err := s.bus.Last(s.Context(), events.StreamEvents, wanted.Subject); err != nil || again.Sequence != last.Sequence {
			s.Fatalf("its own repeat is stored twice: %d after %d, %v", again.Sequence, last.Sequence, err)
		}
		s.publish(forged)
		if last, err = s.bus.Last(s.Context(), events.StreamEvents, forged.Subject); err != nil || last.Sequence != 1 {
			s.Fatalf("the one that came first was its own repeat: %d %v", last.Sequence, err)
		}
	}},
	{claim: "a repeat is recognised when its subject has newer messages", run: func(s *suite) {
		s.publish(requested(1), requested(2))
		s.publish(requested(1))
		last, err := s.bus.Last(s.Context(), events.StreamEvents, events.RequestedSubject("t1"))
		if err != nil || last.Sequence != 2 {
			s.Fatalf("last: %d %v", last.Sequence, err)
		}
	}},
	{claim: "messages keep their order, headers and bodies", run: func(s *suite) {
		const n = 300
		s.publish(many(n)...)
		var got recorder
		s.consume(orders, got.handle)
		s.until("all arrive", func() bool { return got.count() >= n })
		for i, d := range got.all {
			if want := fmt.Sprintf("requested-%d", i); d.Header[events.HeaderMsgID] != want || string(d.Body) != `"`+want+`"` {
				s.Fatalf("delivery %d is %s %s", i, d.Header[events.HeaderMsgID], d.Body)
			}
			if d.Sequence != uint64(i+1) || d.Delivered != 1 || d.StoredAt.IsZero() || d.Subject != events.RequestedSubject("t1") {
				s.Fatalf("delivery %d: %d %d %v %s", i, d.Sequence, d.Delivered, d.StoredAt, d.Subject)
			}
		}
	}},
	{claim: "a subject that no stream keeps is refused, with everything published beside it", run: func(s *suite) {
		for _, foreign := range []string{"orders.created", "tenant.deletion.progress.orders.t1", "$JS.API.STREAM.DELETE.TD_EVENTS"} {
			err := s.bus.Publish(s.Context(), requested(1), message(foreign, "x"))
			var failure *bus.PublishError
			if !errors.As(err, &failure) || !slices.Equal(failure.Failed, []int{0, 1}) {
				s.Fatalf("%s: got %v", foreign, err)
			}
		}
		if _, err := s.bus.Last(s.Context(), events.StreamEvents, events.RequestedSubject("t1")); !errors.Is(err, bus.ErrNotFound) {
			s.Fatalf("something was stored: %v", err)
		}
	}},
	{claim: "a message that is too large is named, its neighbours are stored", run: func(s *suite) {
		large := requested(1)
		large.Body = make([]byte, 80<<10)
		err := s.bus.Publish(s.Context(), requested(0), large, requested(2))
		var failure *bus.PublishError
		if !errors.As(err, &failure) || !slices.Equal(failure.Failed, []int{1}) {
			s.Fatalf("got %v", err)
		}
		last, err := s.bus.Last(s.Context(), events.StreamEvents, events.RequestedSubject("t1"))
		if err != nil || last.Sequence != 2 {
			s.Fatalf("last: %d %v", last.Sequence, err)
		}
	}},
	{claim: "a publish whose time is over says so", run: func(s *suite) {
		ctx, cancel := context.WithCancel(s.Context())
		cancel()
		err := s.bus.Publish(ctx, requested(1), requested(2))
		var failure *bus.PublishError
		if !errors.As(err, &failure) || !errors.Is(err, context.Canceled) {
			s.Fatalf("got %v", err)
		}
	}},
	{claim: "nothing is a publish too", run: func(s *suite) { s.publish() }},
}
