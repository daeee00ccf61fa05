package participants_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	t.Run("a long erasure tells how far it is, a few times per second, and its end", func(t *testing.T) {
		t.Parallel()
		clock := newClock()
		slow := &slowEraser{clock: clock}
		p := newPlace(t, nil, participants.Config{Now: clock.now}, slow)
		seen := make(chan events.Progress, 64)
		require.NoError(t, p.bus.Watch(t.Context(), events.ProgressSubject("acme"), func(m events.Message) {
			e, err := events.Decode(m)
			if err == nil {
				seen <- *e.Data.(*events.Progress)
			}
		}))
		p.run()
		p.send(command(1))
		p.answer()
		var deleted []int64
		for last := (events.Progress{}); !last.Done; {
			select {
			case last = <-seen:
				deleted = append(deleted, last.Deleted)
			case <-time.After(waitMax):
				t.Fatal("no last progress")
			}
		}
		require.Equal(t, []int64{3, 6, 9, 15}, deleted, "ten reports 100 ms apart, then the end")
	})
}

// slowEraser deletes ten times, 100 ms apart.
type slowEraser struct {
	counter
	clock *clock
}

func (s *slowEraser) Erase(_ context.Context, e *participants.Erasure) error {
	for range 10 {
		s.clock.advance(100 * time.Millisecond)
		e.Add("files", 1)
	}
	return nil
}

type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
