package runner

import (
	"context"
	"errors"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// relay sends what the outbox holds: at once after each commit of ours, on other replicas' NOTIFY, and by the poll.
func (r *Runner) relay(ctx context.Context) error {
	poll := time.NewTicker(relayPoll)
	defer poll.Stop()
	for {
		if err := r.persist(ctx, "relay", r.drain); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.relayWake:
		case <-poll.C:
		}
	}
}

// awaitOutbox turns commits of other replicas into wakes. The signal blocks until the relay has taken the last one, so a
// Wait that returns at once cannot spin.
func (r *Runner) awaitOutbox(ctx context.Context) error {
	for {
		if err := r.persist(ctx, "outbox wait", r.store.Wait); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case r.relayWake <- struct{}{}:
		}
	}
}

// drain sends until nothing is left. It may be called at any time: it waits for another call that is at it, so that what was
// saved before has been sent when it returns.
func (r *Runner) drain(ctx context.Context) error {
	r.draining.Lock()
	defer r.draining.Unlock()
	for {
		var publishErr error
		_, more, err := r.store.Relay(ctx, relayBatchMax, func(ctx context.Context, unsent []events.Message) ([]int, error) {
			failed, err := r.send(ctx, unsent)
			if len(failed) < len(unsent) {
				publishErr, err = err, nil // keep what was stored, and report the rest after the commit
			}
			return failed, err
		})
		if err := errors.Join(err, publishErr); err != nil {
			return err
		}
		if !more {
			r.canary.drainedOnce()
			return nil
		}
	}
}

// send signs and publishes; failed are the places of those that are not known to be stored.
func (r *Runner) send(ctx context.Context, unsent []events.Message) (failed []int, err error) {
	if len(unsent) == 0 {
		return nil, nil
	}
	signed := make([]events.Message, len(unsent))
	for i, m := range unsent {
		if signed[i], err = r.cfg.Signer.Sign(m); err != nil {
			return everyPlace(unsent), err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, relayPublishMax)
	defer cancel()
	err = r.bus.Publish(ctx, signed...)
	var partly *bus.PublishError
	switch {
	case err == nil:
		r.canary.sent(signed[len(signed)-1].Subject)
		r.cfg.Reached(PointRelayed)
	case errors.As(err, &partly):
		failed = partly.Failed
	default:
		failed = everyPlace(unsent)
	}
	return failed, err
}

func everyPlace(unsent []events.Message) []int {
	places := make([]int, len(unsent))
	for i := range places {
		places[i] = i
	}
	return places
}
