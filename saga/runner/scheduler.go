package runner

import (
	"context"
	"math"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// scheduler ticks jobs whose WakeAt has come: grace over, patience over. It runs once at start, which also picks up what
// a crashed replica left.
func (r *Runner) scheduler(ctx context.Context) error {
	for {
		var next time.Time
		err := r.persist(ctx, "scheduler", func(ctx context.Context) (err error) {
			next, err = r.tickDue(ctx)
			return err
		})
		if err != nil {
			return nil
		}
		timer := time.NewTimer(next.Sub(r.now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-r.scheduleWake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// tickDue ticks every due job, in batches, and says when to look again.
func (r *Runner) tickDue(ctx context.Context) (next time.Time, err error) {
	// Until the store has said when the next job is due, any commit may be earlier.
	r.sleepsUntil.Store(math.MaxInt64)
	for {
		now := r.now()
		due, next, err := r.store.Due(ctx, now, dueLease, r.cfg.BatchMax)
		if err != nil {
			return time.Time{}, err
		}
		changes := make([]saga.Change, len(due))
		for i, id := range due {
			changes[i] = saga.Change{Job: id, Decide: func(job saga.Job) (saga.Decision, error) {
				return saga.Decide(job, saga.Tick{}, now)
			}}
		}
		outcomes, err := r.change(ctx, changes)
		if err != nil {
			return time.Time{}, err
		}
		r.enqueue(ctx, outcomes)
		if len(due) == r.cfg.BatchMax {
			continue
		}
		latest := now.Add(duePoll)
		if next.IsZero() || next.After(latest) {
			next = latest
		}
		r.sleepsUntil.Store(next.UnixNano())
		return next, nil
	}
}

// change saves changes that are no events, wakes the loops, and logs what was refused.
func (r *Runner) change(ctx context.Context, changes []saga.Change) ([]saga.Outcome, error) {
	if len(changes) == 0 {
		return nil, nil
	}
	outcomes, err := r.store.Update(ctx, changes...)
	if err != nil {
		return nil, err
	}
	for i := range outcomes {
		if refused := outcomes[i].Err; refused != nil {
			r.cfg.Logger.Error().Err(refused).Str("job", string(changes[i].Job)).Msg("change refused")
		}
	}
	r.committed(outcomes)
	return outcomes, nil
}
