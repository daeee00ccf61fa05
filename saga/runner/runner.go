package runner

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Runner runs the coordinator's loops over one store and one bus.
type Runner struct {
	store saga.Store
	bus   bus.Bus
	cfg   Config

	relayWake    chan struct{}     // holds at most one: a relay pass that has not begun sees everything committed before
	scheduleWake chan struct{}     // the same for the scheduler
	sleepsUntil  atomic.Int64      // when the scheduler looks again, in Unix nanoseconds
	toVerify     chan verification // filled by commits, emptied by the verifier
	canary       canary            // tells a lost stream
	followers    followers         // woken by commits
	draining     sync.Mutex        // one relay at a time

	halted  atomic.Bool   // everything is paused, as far as this replica knows
	resumed chan struct{} // holds at most one: a pause has ended
	obeying sync.Mutex    // guards obeyed
	obeyed  int           // what of the controls was carried out last
}

// New checks the configuration and makes a Runner. It touches neither store nor bus.
func New(store saga.Store, b bus.Bus, cfg Config) (*Runner, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	return &Runner{
		store: store, bus: b, cfg: cfg,
		relayWake:    make(chan struct{}, 1),
		scheduleWake: make(chan struct{}, 1),
		toVerify:     make(chan verification, verifyQueueMax),
		canary:       canary{drained: make(chan struct{})},
		resumed:      make(chan struct{}, 1),
	}, nil
}

// Run runs every loop until ctx ends (then it returns nil) or one of them can never work again (then it returns why), and
// waits for all of them. A Runner runs once.
func (r *Runner) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	loops := []struct {
		name string
		run  func(context.Context) error
	}{
		{"intake", r.intake},
		{"results", r.results},
		{"dead letters", r.deadLetters},
		{"relay", r.relay},
		{"outbox wait", r.awaitOutbox},
		{"scheduler", r.scheduler},
		{"verifier", r.verifier},
		{"recovery", r.recovery},
		{"controls", r.controls},
		{"sweep", r.sweep},
	}
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	for _, loop := range loops {
		group.Go(func() {
			if err := loop.run(ctx); err != nil && ctx.Err() == nil {
				err = fmt.Errorf("runner: %s: %w", loop.name, err)
				failed.CompareAndSwap(nil, &err)
				cancel(err)
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

// now is the time that is decided with: what a database timestamp can hold, so that what was decided is what is read.
func (r *Runner) now() time.Time { return r.cfg.Clock().UTC().Truncate(time.Microsecond) }

// committed wakes the loops that have to act on what a transaction just saved. Nothing here may be relied on: every wake
// has a safety net that finds the same work in the store.
func (r *Runner) committed(outcomes []saga.Outcome) {
	var send, earlier bool
	for i := range outcomes {
		d := &outcomes[i].Decision
		if !d.Changed || outcomes[i].Err != nil {
			continue
		}
		r.followers.wake(d.Job.ID)
		send = send || len(d.Events) > 0
		earlier = earlier || (!d.Job.WakeAt.IsZero() && d.Job.WakeAt.UnixNano() < r.sleepsUntil.Load())
	}
	if send {
		r.cfg.Reached(PointDecided)
		wake(r.relayWake)
	}
	if earlier {
		wake(r.scheduleWake)
	}
}

// wake leaves a signal unless one is waiting already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// persist repeats fn until it succeeds or ctx ends; it is for work that no redelivery would bring back. It returns the
// error of ctx alone.
func (r *Runner) persist(ctx context.Context, kind string, fn func(context.Context) error) error {
	pause := retryPauseMin
	for {
		err := fn(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		r.cfg.Logger.Warn().Err(err).Str("kind", kind).Dur("dur", pause).Msg("will try again")
		if err := sleep(ctx, pause); err != nil {
			return err
		}
		pause = min(2*pause, retryPauseMax)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
