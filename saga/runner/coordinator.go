package runner

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Submit makes a job as intake would, for callers that reach the coordinator without the bus. It is safe to call again: a
// repeat of the same request, or a request for a tenant with an active job, yields the job that is there (existing).
func (r *Runner) Submit(ctx context.Context, s events.Submitted) (job saga.Job, existing bool, err error) {
	if err := s.Validate(); err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	outcomes, err := r.store.Submit(ctx, r.now(), saga.Submission{Submitted: s, Policy: r.cfg.Policy})
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	r.committed(outcomes)
	return outcomes[0].Decision.Job, outcomes[0].Existing, nil
}

// Approve lets an awaiting job be scheduled. The requester may not approve (saga.ErrFourEyes).
func (r *Runner) Approve(ctx context.Context, id events.JobID, by string) (saga.Job, error) {
	return r.decide(ctx, "approve", id, saga.Approve{By: by})
}

// Reject ends an awaiting job.
func (r *Runner) Reject(ctx context.Context, id events.JobID, by string) (saga.Job, error) {
	return r.decide(ctx, "reject", id, saga.Reject{By: by})
}

// Cancel ends a job before its pivot; after it, it is refused with saga.ErrPastPivot.
func (r *Runner) Cancel(ctx context.Context, id events.JobID, by string) (saga.Job, error) {
	return r.decide(ctx, "cancel", id, saga.Cancel{By: by})
}

// Replay sends the command again to the participants that failed, or are silent; to all of them when none is named.
func (r *Runner) Replay(ctx context.Context, id events.JobID, by string, ps ...events.Participant) (saga.Job, error) {
	return r.decide(ctx, "replay", id, saga.Replay{By: by, Participants: ps})
}

// Job reads one job.
func (r *Runner) Job(ctx context.Context, id events.JobID) (saga.Job, error) {
	return r.store.Job(ctx, id)
}

// Jobs lists jobs, newest first.
func (r *Runner) Jobs(ctx context.Context, f saga.Filter) ([]saga.Job, error) {
	return r.store.Jobs(ctx, f)
}

func (r *Runner) decide(ctx context.Context, verb string, id events.JobID, in saga.Input) (saga.Job, error) {
	now := r.now()
	outcomes, err := r.store.Update(ctx, saga.Change{Job: id, Decide: func(job saga.Job) (saga.Decision, error) {
		return saga.Decide(job, in, now)
	}})
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return saga.Job{}, fmt.Errorf("runner: %s: %w", verb, err)
	}
	r.committed(outcomes)
	return outcomes[0].Decision.Job, nil
}
