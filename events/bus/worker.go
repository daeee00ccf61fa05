package bus

import (
	"cmp"
	"context"
	"sync"
	"time"
)

// singles runs workers that each handle one delivery at a time, until ctx ends or one finds that it can never work.
func (x *consumption) singles(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	errs := make([]error, x.of.Workers)
	var workers sync.WaitGroup
	for i := range errs {
		workers.Go(func() {
			errs[i] = x.supervise(ctx, func(ackWait time.Duration) error { return x.work(ctx, ackWait) })
			if errs[i] != nil {
				cancel() // what can never work for one can never work for its neighbours
			}
		})
	}
	workers.Wait()
	return cmp.Or(errs...)
}

// work takes a delivery, handles it, settles it, and only then asks for the next.
func (x *consumption) work(ctx context.Context, ackWait time.Duration) error {
	p, err := x.bus.newPuller(x.of, 1, 1)
	if err != nil {
		return err
	}
	defer func() { x.handBack(p.close()) }()
	for {
		msg, err := p.next(ctx, x.denied)
		if msg == nil {
			return err
		}
		delivery, ok := x.delivery(msg)
		if !ok {
			continue
		}
		beating := startHeart(ackWait/beatsPerWait, func() { x.beat(msg) })
		err = run(ctx, x.log, x.handle, []Delivery{delivery})[0]
		beating.stop()
		x.settle(msg, delivery, err, true)
	}
}
