package bustest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var readTests = []test{
	{claim: "the newest message of a subject can be read back", run: last},
	{claim: "the messages of a subject can be read one after the other", run: walk},
	{claim: "who watches gets what was stored since a time, then what is new, in order", run: tail},
	{claim: "who watches without a time gets only what is new", run: tailNew},
	{claim: "the error of who watches ends it", run: tailEnds},
}

func last(s *suite) {
	_, err := s.bus.Last(s.Context(), events.StreamEvents, "tenant.deleted.t1")
	if !errors.Is(err, bus.ErrNotFound) {
		s.Fatalf("got %v", err)
	}
	s.publish(message("tenant.deleted.t1", "d-1"), message("tenant.deleted.t1", "d-2"), message("tenant.deleted.t2", "d-3"))
	got, err := s.bus.Last(s.Context(), events.StreamEvents, "tenant.deleted.t1")
	if err != nil || got.Sequence != 2 || string(got.Body) != `"d-2"` || got.Header[events.HeaderMsgID] != "d-2" ||
		got.StoredAt.IsZero() {
		s.Fatalf("got %d %s %v", got.Sequence, got.Body, err)
	}
	if _, err = s.bus.Last(s.Context(), "TD_NOWHERE", "tenant.deleted.t1"); err == nil || errors.Is(err, bus.ErrNotFound) {
		s.Fatalf("a stream that is not there: %v", err)
	}
	reader, ok := s.bus.(bus.Reader)
	if !ok {
		return
	}
	if got, err = reader.Read(s.Context(), events.StreamEvents, 1); err != nil || string(got.Body) != `"d-1"` {
		s.Fatalf("read 1: %s %v", got.Body, err)
	}
	if _, err = reader.Read(s.Context(), events.StreamEvents, 99); !errors.Is(err, bus.ErrNotFound) {
		s.Fatalf("read 99: %v", err)
	}
}

// walk reads a subject from its first message to its last.
func walk(s *suite) {
	reader, ok := s.bus.(bus.Reader)
	if !ok {
		return
	}
	s.publish(message("tenant.deleted.t1", "d-1"), requested(1), message("tenant.deleted.t2", "d-2"))
	s.publish(message("tenant.deleted.t1", "d-3"))
	for subject, want := range map[string]string{"tenant.deleted.t1": "[d-1 d-3]", "tenant.deleted.*": "[d-1 d-2 d-3]",
		"tenant.deleted.t2": "[d-2]", "tenant.deletion.cancelled.t1": "[]"} {
		ids := []string{}
		for from := uint64(0); ; {
			got, err := reader.Next(s.Context(), events.StreamEvents, subject, from)
			if errors.Is(err, bus.ErrNotFound) {
				break
			}
			if err != nil || got.Sequence < from || got.StoredAt.IsZero() {
				s.Fatalf("next of %s from %d: %d %v", subject, from, got.Sequence, err)
			}
			ids, from = append(ids, got.Header[events.HeaderMsgID]), got.Sequence+1
		}
		if got := fmt.Sprint(ids); got != want {
			s.Fatalf("%s: %s, want %s", subject, got, want)
		}
	}
	_, err := reader.Next(s.Context(), "TD_NOWHERE", "tenant.deleted.t1", 1)
	if err == nil || errors.Is(err, bus.ErrNotFound) {
		s.Fatalf("a stream that is not there: %v", err)
	}
}

// follow tails a stream until the test ends, and fails the test when the tail returns an error.
func (s *suite) follow(tailer bus.Tailer, subjects []string, since time.Time) *recorder {
	s.Helper()
	var got recorder
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- tailer.Tail(ctx, events.StreamEvents, subjects, since, func(stored bus.Stored) error {
			got.note([]bus.Delivery{{Message: stored.Message, Sequence: stored.Sequence, StoredAt: stored.StoredAt}})
			return nil
		})
	}()
	s.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.Errorf("tail: %v", err)
			}
		case <-time.After(patience):
			s.Errorf("tail does not return")
		}
	})
	return &got
}

func tail(s *suite) {
	tailer, ok := s.bus.(bus.Tailer)
	if !ok {
		return
	}
	s.publish(message("tenant.deleted.t1", "d-1"), requested(1), message("tenant.deleted.t2", "d-2"))
	second, err := s.bus.Last(s.Context(), events.StreamEvents, "tenant.deleted.t2")
	if err != nil {
		s.Fatalf("last: %v", err)
	}
	all := s.follow(tailer, nil, time.Unix(1, 0))
	deleted := s.follow(tailer, []string{"tenant.deleted.t1", "tenant.deleted.t2"}, time.Unix(1, 0))
	later := s.follow(tailer, []string{"tenant.deleted.*"}, second.StoredAt)
	s.until("what was there", func() bool { return all.count() == 3 && deleted.count() == 2 && later.count() == 1 })
	s.publish(message("tenant.deleted.t1", "d-3"))
	s.until("what is new", func() bool { return all.count() == 4 && deleted.count() == 3 && later.count() == 2 })
	if got := fmt.Sprint(all.ids(), deleted.ids(), later.ids()); got != "[d-1 requested-1 d-2 d-3] [d-1 d-2 d-3] [d-2 d-3]" {
		s.Fatalf("got %s", got)
	}
	if last := all.all[3]; last.Sequence != 4 || last.StoredAt.IsZero() || string(last.Body) != `"d-3"` {
		s.Fatalf("got %d %s", last.Sequence, last.Body)
	}
}

// tailNew publishes until the tail, which says nothing when it begins, has seen something.
func tailNew(s *suite) {
	tailer, ok := s.bus.(bus.Tailer)
	if !ok {
		return
	}
	s.publish(message("tenant.deleted.t1", "old"))
	got, n := s.follow(tailer, []string{"tenant.deleted.*"}, time.Time{}), 0
	s.until("something new", func() bool {
		n++
		s.publish(message("tenant.deleted.t1", fmt.Sprintf("new-%d", n)))
		return got.count() > 0
	})
	s.until("the newest", func() bool { ids := got.ids(); return ids[len(ids)-1] == fmt.Sprintf("new-%d", n) })
	for i, d := range got.all {
		if d.Header[events.HeaderMsgID] == "old" || d.Sequence != got.all[0].Sequence+uint64(i) {
			s.Fatalf("got %v", got.ids())
		}
	}
}

func tailEnds(s *suite) {
	tailer, ok := s.bus.(bus.Tailer)
	if !ok {
		return
	}
	s.publish(many(2)...)
	calls := 0
	fn := func(bus.Stored) error { calls++; return errTransient }
	if err := tailer.Tail(s.Context(), events.StreamEvents, nil, time.Unix(1, 0), fn); !errors.Is(err, errTransient) || calls != 1 {
		s.Fatalf("got %v after %d calls", err, calls)
	}
	if err := tailer.Tail(s.Context(), "TD_NOWHERE", nil, time.Unix(1, 0), fn); err == nil {
		s.Fatalf("a stream that is not there is no error")
	}
	if err := tailer.Tail(s.Context(), "TD_NOWHERE", nil, time.Time{}, fn); err == nil {
		s.Fatalf("a stream that is not there is no error")
	}
}
