package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// batcher collects what one subscription receives and hands it to workers in batches.
type batcher struct {
	ctx     context.Context // of Consume; receive is a callback and gets none
	x       *consumption
	queue   chan jetstream.Msg
	ackWait atomic.Int64
}

// batches consumes in batches until ctx ends: one subscription, Workers handlers.
func (x *consumption) batches(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &batcher{ctx: ctx, x: x, queue: make(chan jetstream.Msg, x.of.BatchMax)}
	var workers sync.WaitGroup
	for range x.of.Workers {
		workers.Go(b.work)
	}
	err := x.supervise(ctx, 2*x.of.BatchMax, b)
	cancel()
	workers.Wait()
	close(b.queue) // the subscription is drained, nobody sends any more
	for msg := range b.queue {
		x.handBack(msg)
	}
	return err
}

func (b *batcher) bound(ackWait time.Duration) { b.ackWait.Store(int64(ackWait)) }

func (b *batcher) receive(msg jetstream.Msg) {
	select {
	case b.queue <- msg:
	case <-b.ctx.Done():
		b.x.handBack(msg)
	}
}

// wait has nothing to wait for: what is queued survives a binding.
func (b *batcher) wait() {}

func (b *batcher) work() {
	for {
		select {
		case <-b.ctx.Done():
			return
		case first := <-b.queue:
			b.handle(b.collect(first))
		}
	}
}

// collect takes what is there, without waiting for more.
func (b *batcher) collect(first jetstream.Msg) (messages []jetstream.Msg, batch []Delivery) {
	add := func(msg jetstream.Msg) {
		if delivery, ok := b.x.delivery(msg); ok {
			messages, batch = append(messages, msg), append(batch, delivery)
		}
	}
	for add(first); len(batch) < b.x.of.BatchMax; {
		select {
		case msg := <-b.queue:
			add(msg)
		default:
			return messages, batch
		}
	}
	return messages, batch
}

func (b *batcher) handle(messages []jetstream.Msg, batch []Delivery) {
	if len(batch) == 0 {
		return
	}
	beating := startHeart(time.Duration(b.ackWait.Load())/beatsPerWait, func() {
		for _, msg := range messages {
			b.x.beat(msg)
		}
	})
	errs := run(b.ctx, b.x.log, b.x.handle, batch)
	beating.stop()
	for i, msg := range messages {
		b.x.settle(msg, batch[i], errs[i], false)
	}
}
