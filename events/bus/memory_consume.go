package bus

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// memoryConsumer hands messages out and keeps track of what is not acknowledged. Guarded by Memory.mu.
type memoryConsumer struct {
	MemoryConsumer
	stream *memoryStream
	ready  []*memoryDelivery
	// pending counts the deliveries that were handed out and are not settled.
	pending int
	paused  bool          // hands out nothing
	wake    chan struct{} // closed and replaced when something becomes ready
}

// memoryDelivery is a message on its way to one consumer.
type memoryDelivery struct {
	stored    *Stored
	delivered int
	settled   bool        // acknowledged or terminated: never handed out again
	waiting   *time.Timer // until it comes again, while it is handed out or delayed
}

// queue makes a delivery ready; one that comes again goes before those that were never handed out.
func (c *memoryConsumer) queue(d *memoryDelivery) {
	if d.delivered > 0 {
		c.ready = append([]*memoryDelivery{d}, c.ready...)
	} else {
		c.ready = append(c.ready, d)
	}
	c.rouse()
}

// rouse lets everyone who waits look again.
func (c *memoryConsumer) rouse() {
	close(c.wake)
	c.wake = make(chan struct{})
}

// next is the delivery to hand out now; nil when there is none, or when those on their way must be settled first.
func (c *memoryConsumer) next() *memoryDelivery {
	for len(c.ready) > 0 && !c.paused {
		d := c.ready[0]
		first := d.delivered == 0
		if first && c.AckPendingMax > 0 && c.pending >= c.AckPendingMax {
			return nil
		}
		c.ready = c.ready[1:]
		if d.settled {
			continue
		}
		if first {
			c.pending++
		}
		return d
	}
	return nil
}

// queueAfter makes a delivery ready when the time has passed, unless it is settled or touched before.
func (m *Memory) queueAfter(c *memoryConsumer, d *memoryDelivery, wait time.Duration) {
	if d.waiting != nil {
		d.waiting.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if d.waiting == timer && !d.settled {
			d.waiting = nil
			c.queue(d)
		}
	})
	d.waiting = timer
}

// take waits for deliveries and takes what is there, at most so many. Nil means that ctx ended.
func (m *Memory) take(ctx context.Context, c *memoryConsumer, most int) (taken []*memoryDelivery, batch []Delivery) {
	for ctx.Err() == nil {
		m.mu.Lock()
		for len(taken) < most {
			d := c.next()
			if d == nil {
				break
			}
			d.delivered++
			m.queueAfter(c, d, c.AckWait)
			taken = append(taken, d)
			batch = append(batch, Delivery{Message: clone(d.stored.Message), Sequence: d.stored.Sequence, Delivered: d.delivered,
				StoredAt: d.stored.StoredAt})
		}
		wake := c.wake
		m.mu.Unlock()
		if len(taken) > 0 {
			return taken, batch
		}
		select {
		case <-ctx.Done():
		case <-wake:
		}
	}
	return nil, nil
}

// Consume implements Bus. A consumer that is not defined is an error: here it can never appear.
func (m *Memory) Consume(ctx context.Context, c Consumer, handle HandlerFunc) error {
	m.mu.Lock()
	consumer, ok := m.consumers[c.Stream+"/"+c.Name]
	m.mu.Unlock()
	if !ok {
		return fmt.Errorf("bus: consume %s: no such consumer on %s", c.Name, c.Stream)
	}
	var workers sync.WaitGroup
	for range max(c.Workers, 1) {
		workers.Go(func() {
			for {
				taken, batch := m.take(ctx, consumer, max(c.BatchMax, 1))
				if taken == nil {
					return
				}
				m.handle(ctx, consumer, handle, taken, batch)
			}
		})
	}
	workers.Wait()
	return nil
}

func (m *Memory) handle(ctx context.Context, c *memoryConsumer, handle HandlerFunc, taken []*memoryDelivery, batch []Delivery) {
	beating := startHeart(c.AckWait/beatsPerWait, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, d := range taken {
			if d.waiting != nil {
				m.queueAfter(c, d, c.AckWait)
			}
		}
	})
	errs := run(ctx, m.log, handle, batch)
	beating.stop()
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, d := range taken {
		m.settle(c, d, batch[i], errs[i])
	}
}

// settle does to a delivery what Dispose decides.
func (m *Memory) settle(c *memoryConsumer, d *memoryDelivery, delivery Delivery, err error) {
	disposition := Dispose(err, delivery.Delivered)
	if err != nil {
		logDisposed(m.log, delivery, err, disposition)
	}
	switch {
	case d.settled:
	case disposition.Verb == VerbDelay:
		m.queueAfter(c, d, disposition.Delay)
	case disposition.Verb == VerbAck && d.delivered < m.redeliver:
		m.queueAfter(c, d, shutdownDelay)
	default:
		d.settled = true
		c.pending--
		c.rouse()
		if d.waiting != nil {
			d.waiting.Stop()
		}
		if disposition.Verb == VerbTerm {
			m.bury(c, d, disposition.Reason)
		}
		c.stream.drop(d.stored.Sequence)
	}
}
