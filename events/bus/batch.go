package bus

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// batcher collects what one puller receives and hands it to workers in batches.
type batcher struct {
	x       *consumption
	queue   chan *nats.Msg
	ackWait atomic.Int64
}

// batches consumes in batches until ctx ends: one puller, Workers handlers.
func (x *consumption) batches(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := &batcher{x: x, queue: make(chan *nats.Msg, x.of.BatchMax)}
	var workers sync.WaitGroup
	for range x.of.Workers {
		workers.Go(func() { b.work(ctx) })
	}
	err := x.supervise(ctx, func(ackWait time.Duration) error { return b.receive(ctx, ackWait) })
	cancel()
	workers.Wait()
	close(b.queue) // nobody sends any more
	for msg := range b.queue {
		x.handBack([]*nats.Msg{msg})
	}
	return err
}

// receive moves messages to the queue: while a batch is handled, the next one is on its way.
func (b *batcher) receive(ctx context.Context, ackWait time.Duration) error {
	b.ackWait.Store(int64(ackWait))
	p, err := b.x.bus.newPuller(b.x.of, 2*b.x.of.BatchMax, b.x.of.BatchMax)
	if err != nil {
		return err
	}
	defer func() { b.x.handBack(p.close()) }()
	for {
		msg, err := p.next(ctx, b.x.denied)
		if msg == nil {
			return err
		}
		select {
		case b.queue <- msg:
		case <-ctx.Done():
			b.x.handBack([]*nats.Msg{msg})
		}
	}
}

func (b *batcher) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-b.queue:
			if ctx.Err() != nil { // both were ready
				b.x.handBack([]*nats.Msg{first})
				return
			}
			b.handle(ctx, first)
		}
	}
}

// lingerMax times Consumer.Linger bounds what a batch waits in all.
const lingerMax = 5

// collect takes what is there, and waits for more only as long as the consumer lingers.
func (b *batcher) collect(ctx context.Context, first *nats.Msg) (messages []*nats.Msg, batch []Delivery) {
	add := func(msg *nats.Msg) {
		if delivery, ok := b.x.delivery(msg); ok {
			messages, batch = append(messages, msg), append(batch, delivery)
		}
	}
	until := time.Now().Add(lingerMax * b.x.of.Linger)
	for add(first); len(batch) < b.x.of.BatchMax; {
		msg := b.another(ctx, until)
		if msg == nil {
			break
		}
		add(msg)
	}
	return messages, batch
}

// another is the next message, if it is there or comes within the linger; nil otherwise.
func (b *batcher) another(ctx context.Context, until time.Time) *nats.Msg {
	select {
	case msg := <-b.queue:
		return msg
	default:
	}
	wait := min(b.x.of.Linger, time.Until(until))
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case msg := <-b.queue:
		return msg
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return nil
	}
}

func (b *batcher) handle(ctx context.Context, first *nats.Msg) {
	messages, batch := b.collect(ctx, first)
	if len(batch) == 0 {
		return
	}
	beating := startHeart(time.Duration(b.ackWait.Load())/beatsPerWait, func() {
		for _, msg := range messages {
			b.x.beat(msg)
		}
	})
	errs := run(ctx, b.x.log, b.x.handle, batch)
	beating.stop()
	for i, msg := range messages {
		b.x.settle(msg, batch[i], errs[i], false)
	}
}
