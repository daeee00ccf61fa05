package runner

import (
	"context"
	"errors"
	"sync"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// canary is the subject of one message that TD_EVENTS must hold. When it is gone, the stream was lost, whoever lost it.
type canary struct {
	mu      sync.Mutex
	subject string // known to be stored; empty before the first message
	latest  string // the newest that we stored

	once    sync.Once
	drained chan struct{} // closed when the outbox was empty for the first time
}

// sent notes a subject that the stream has just stored.
func (c *canary) sent(subject string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.latest = subject
	if c.subject == "" {
		c.subject = subject
	}
}

func (c *canary) drainedOnce() { c.once.Do(func() { close(c.drained) }) }

// alive asks the bus for the canary. The next canary was stored before the question, so a loss between two questions is
// always seen. An error of the bus says nothing about the stream.
func (c *canary) alive(ctx context.Context, b bus.Bus) (bool, error) {
	c.mu.Lock()
	subject, latest := c.subject, c.latest
	c.mu.Unlock()
	if subject == "" {
		return true, nil
	}
	_, err := b.Last(ctx, events.StreamEvents, subject)
	if err != nil && !errors.Is(err, bus.ErrNotFound) {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		c.subject = latest
		return true, nil
	}
	c.subject, c.latest = "", ""
	return false, nil
}
