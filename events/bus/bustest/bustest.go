package bustest

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// Spec is the topology a test needs: the contract's streams and these consumers.
type Spec struct {
	// AckWait of every consumer.
	AckWait      time.Duration
	Downstream   []string
	Participants []events.Participant
}

// NewFunc makes an empty bus for a test and cleans it up with it.
type NewFunc func(t testing.TB, spec Spec) bus.Bus

const (
	shortWait = 400 * time.Millisecond // an AckWait that a test can outlive
	longWait  = 30 * time.Second       // an AckWait that no test reaches
	patience  = 15 * time.Second       // after which something will never happen
)

// Run holds a bus against the contract.
func Run(t *testing.T, fresh NewFunc) {
	t.Helper()
	for _, group := range []struct {
		name  string
		tests []test
	}{{"publish", publishTests}, {"consume", consumeTests}, {"shutdown", shutdownTests}, {"core", coreTests}, {"read", readTests},
		{"pause", pauseTests}} {
		t.Run(group.name, func(t *testing.T) {
			t.Parallel()
			for _, one := range group.tests {
				t.Run(one.claim, func(t *testing.T) {
					t.Parallel()
					wait := one.ackWait
					if wait == 0 {
						wait = longWait
					}
					one.run(&suite{T: t, bus: fresh(t, Spec{AckWait: wait, Downstream: []string{"billing"},
						Participants: []events.Participant{"orders", "inventory"}})})
				})
			}
		})
	}
}

// test is one claim.
type test struct {
	claim   string
	ackWait time.Duration // default longWait
	run     func(*suite)
}

// suite is what every test holds.
type suite struct {
	*testing.T
	bus bus.Bus
}

// requested makes the n-th command of a tenant. The bus looks at subject and headers only.
func requested(n int) events.Message {
	return message(events.RequestedSubject("t1"), fmt.Sprintf("requested-%d", n))
}

func message(subject, id string) events.Message {
	return events.Message{Subject: subject, Header: map[string]string{events.HeaderMsgID: id}, Body: []byte(`"` + id + `"`)}
}

func many(n int) []events.Message {
	messages := make([]events.Message, n)
	for i := range messages {
		messages[i] = requested(i)
	}
	return messages
}

var (
	orders    = bus.Consumer{Stream: events.StreamEvents, Name: "orders"}
	inventory = bus.Consumer{Stream: events.StreamEvents, Name: "inventory"}
)

func (s *suite) publish(messages ...events.Message) {
	s.Helper()
	if err := s.bus.Publish(s.Context(), messages...); err != nil {
		s.Fatalf("publish: %v", err)
	}
}

// consume runs a consumer until stop is called, or the test ends, and fails the test when it returns an error.
func (s *suite) consume(c bus.Consumer, handle bus.HandlerFunc) (stop func()) {
	s.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.bus.Consume(ctx, c, handle) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				s.Errorf("consume: %v", err)
			}
		case <-time.After(patience):
			s.Errorf("consume does not return")
		}
	})
	s.Cleanup(stop)
	return stop
}

// until waits for a condition that must come true.
func (s *suite) until(what string, condition func() bool) {
	s.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			s.Fatalf("never happened: %s", what)
		}
	}
}

// wait waits for a signal that must come.
func (s *suite) wait(what string, signal <-chan struct{}) {
	s.Helper()
	select {
	case <-signal:
	case <-time.After(patience):
		s.Fatalf("never happened: %s", what)
	}
}

// recorder writes down what handlers got.
type recorder struct {
	mu      sync.Mutex
	batches []int
	all     []bus.Delivery
	at      []time.Time
}

func (r *recorder) note(batch []bus.Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.batches = append(r.batches, len(batch))
	for _, d := range batch {
		r.all, r.at = append(r.all, d), append(r.at, time.Now())
	}
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// handle acknowledges everything.
func (r *recorder) handle(_ context.Context, batch []bus.Delivery) []error {
	r.note(batch)
	return nil
}

// ids are the event ids in the order of delivery.
func (r *recorder) ids() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	ids := make([]string, len(r.all))
	for i, d := range r.all {
		ids[i] = d.Header[events.HeaderMsgID]
	}
	return ids
}
