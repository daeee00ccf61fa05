package bustest

import (
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var readTests = []test{
	{claim: "the newest message of a subject can be read back", run: last},
	{claim: "the messages of a subject can be read one after the other", run: walk},
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
	s.publish(message("tenant.deleted.t1", "d-1"), requested(1), message("tenant.deleted.t2", "d-2"), message("tenant.deleted.t1", "d-3"))
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
