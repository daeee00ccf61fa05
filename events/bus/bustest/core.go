package bustest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

var coreTests = []test{
	{claim: "a watcher hears what matches its pattern, in order, until its time is over", run: watch},
	{claim: "a watcher hears stored events too", run: func(s *suite) {
		heard := s.watch(s.Context(), "tenant.deletion.result.>")
		s.publish(requested(1), message("tenant.deletion.result.orders.t1", "r-1"))
		s.until("the result", func() bool { return heard.count() == 1 })
		if ids := heard.ids(); ids[0] != "r-1" {
			s.Fatalf("heard %v", ids)
		}
	}},
	{claim: "the end of a deletion is sent again on the plain subject, once", run: func(s *suite) {
		heard := s.watch(s.Context(), events.SubjectDeletedPlain)
		s.publish(message("tenant.deleted.t1", "d-1"), message("tenant.deleted.t1", "d-1"), message("tenant.deleted.t2", "d-2"))
		s.until("both", func() bool { return heard.count() >= 2 })
		if got := fmt.Sprint(heard.ids()); got != "[d-1 d-2]" {
			s.Fatalf("heard %v", got)
		}
		if body := string(heard.all[0].Body); body != `"d-1"` {
			s.Fatalf("body %s", body)
		}
	}},
	{claim: "a downstream subscriber gets every finished deletion", run: func(s *suite) {
		s.publish(message("tenant.deleted.t1", "d-1"), requested(1))
		var got recorder
		s.consume(bus.Consumer{Stream: events.StreamEvents, Name: "downstream_billing"}, got.handle)
		s.until("the event", func() bool { return got.count() == 1 })
	}},
	{claim: "a request gets its answer, whoever gives it", run: func(s *suite) {
		for _, instance := range []string{"a", "b"} {
			s.serve(s.Context(), func(_ context.Context, m events.Message) ([]byte, error) {
				return []byte(instance + " says " + string(m.Body)), nil
			})
		}
		for range 20 {
			answer, err := s.bus.Request(s.Context(), events.Message{Subject: preview, Body: []byte("hello")})
			if got := string(answer.Body); err != nil || got != "a says hello" && got != "b says hello" {
				s.Fatalf("got %q, %v", got, err)
			}
		}
	}},
	{claim: "requests are answered side by side", run: func(s *suite) {
		handle, all := together(3)
		s.serve(s.Context(), func(ctx context.Context, _ events.Message) ([]byte, error) {
			return []byte("ok"), errors.Join(handle(ctx, nil)...)
		})
		var askers sync.WaitGroup
		for range 3 {
			askers.Go(func() {
				if _, err := s.bus.Request(s.Context(), events.Message{Subject: preview}); err != nil {
					s.Errorf("request: %v", err)
				}
			})
		}
		s.wait("three at once", all)
		askers.Wait()
	}},
	{claim: "a request that nobody serves fails at once", run: func(s *suite) {
		if _, err := s.bus.Request(s.Context(), events.Message{Subject: preview}); !errors.Is(err, bus.ErrNoResponder) {
			s.Fatalf("got %v", err)
		}
	}},
	{claim: "a service that ends is not asked any more", run: func(s *suite) {
		ctx, cancel := context.WithCancel(s.Context())
		s.serve(ctx, func(context.Context, events.Message) ([]byte, error) { return nil, nil })
		cancel()
		s.until("nobody answers", func() bool {
			_, err := s.bus.Request(s.Context(), events.Message{Subject: preview})
			return errors.Is(err, bus.ErrNoResponder)
		})
	}},
	{claim: "an error or a panic of the service is an error of the request, without its cause", run: func(s *suite) {
		s.serve(s.Context(), func(_ context.Context, m events.Message) ([]byte, error) {
			if string(m.Body) == "panic" {
				panic("secret")
			}
			return nil, errors.New("secret")
		})
		for _, body := range []string{"panic", "error"} {
			_, err := s.bus.Request(s.Context(), events.Message{Subject: preview, Body: []byte(body)})
			if !errors.Is(err, bus.ErrService) || err.Error() != "bus: request: "+bus.ErrService.Error() {
				s.Fatalf("%s: got %v", body, err)
			}
		}
	}},
	{claim: "a request waits as long as its context", run: func(s *suite) {
		s.serve(s.Context(), func(ctx context.Context, _ events.Message) ([]byte, error) { <-ctx.Done(); return nil, ctx.Err() })
		ctx, cancel := context.WithTimeout(s.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := s.bus.Request(ctx, events.Message{Subject: preview}); !errors.Is(err, context.DeadlineExceeded) {
			s.Fatalf("got %v", err)
		}
	}},
	{claim: "a service is found by its name, with its version, as long as it serves", run: ping},
}

const preview = "tenant.deletion.preview.orders"

func (s *suite) serve(ctx context.Context, fn bus.ServeFunc) {
	s.Helper()
	service := bus.Service{Name: "tenant-deletion-orders", Version: "1.0.0", Subject: preview}
	if err := s.bus.Serve(ctx, service, fn); err != nil {
		s.Fatalf("serve: %v", err)
	}
}

func (s *suite) watch(ctx context.Context, pattern string) *recorder {
	s.Helper()
	var heard recorder
	if err := s.bus.Watch(ctx, pattern, func(m events.Message) { heard.note([]bus.Delivery{{Message: m}}) }); err != nil {
		s.Fatalf("watch: %v", err)
	}
	return &heard
}

func watch(s *suite) {
	ctx, cancel := context.WithCancel(s.Context())
	defer cancel()
	mine := s.watch(ctx, events.ProgressSubject("t1"))
	all := s.watch(s.Context(), events.ProgressSubject(""))
	announce := func(tenant, id string) {
		if err := s.bus.Announce(s.Context(), message("tenant.deletion.progress.orders."+tenant, id)); err != nil {
			s.Fatalf("announce: %v", err)
		}
	}
	announce("t1", "1")
	announce("t2", "2")
	announce("t1", "3")
	s.until("both heard theirs", func() bool { return all.count() == 3 && mine.count() == 2 })
	cancel()
	announce("t1", "4")
	s.until("the other still hears", func() bool { return all.count() == 4 })
	if got := fmt.Sprint(mine.ids(), all.ids()); got != "[1 3] [1 2 3 4]" {
		s.Fatalf("heard %s", got)
	}
	_, err := s.bus.Last(s.Context(), events.StreamEvents, "tenant.deletion.progress.orders.t1")
	if !errors.Is(err, bus.ErrNotFound) {
		s.Fatalf("progress was stored: %v", err)
	}
}

// ping asks for services by name.
func ping(s *suite) {
	pinger, ok := s.bus.(bus.Pinger)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(s.Context())
	service := bus.Service{Name: "tenant-deletion-orders", Version: "1.4.2", Subject: preview}
	busy := func(context.Context, events.Message) ([]byte, error) {
		return nil, errors.New("a ping must not get here")
	}
	if err := s.bus.Serve(ctx, service, busy); err != nil {
		s.Fatalf("serve: %v", err)
	}
	if version, err := pinger.Ping(s.Context(), service.Name); err != nil || version != service.Version {
		s.Fatalf("got %q, %v", version, err)
	}
	if _, err := pinger.Ping(s.Context(), "tenant-deletion-inventory"); !errors.Is(err, bus.ErrNoResponder) {
		s.Fatalf("nobody: %v", err)
	}
	for _, name := range []string{"", "*", "a.b", "a b"} {
		if _, err := pinger.Ping(s.Context(), name); err == nil || errors.Is(err, bus.ErrNoResponder) {
			s.Fatalf("a name that reaches into a subject: %v", err)
		}
	}
	cancel()
	s.until("it is gone", func() bool {
		_, err := pinger.Ping(s.Context(), service.Name)
		return errors.Is(err, bus.ErrNoResponder)
	})
}
