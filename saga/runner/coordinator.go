package runner

import (
	"context"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Submit makes a job as intake would, for callers that reach the coordinator without the bus. It is safe to call again: a
// repeat of the same request, or a request for a tenant with an active job, yields the job that is there (existing). A request
// that the rules refuse is a *saga.RefusedError.
func (r *Runner) Submit(ctx context.Context, s events.Submitted, asker saga.Asker) (job saga.Job, existing bool, err error) {
	if err := s.Validate(); err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	refused, err := saga.Judge(ctx, r.cfg.Rules, s, asker)
	if err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	submission := saga.Submission{Submitted: s, Policy: r.cfg.Policy, Refused: refused, By: asker.By}
	if err := r.confirm(ctx, &submission); err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	// Also what is refused goes to the store: it knows a repeat, which yields its job whatever the rules say now.
	outcomes, err := r.store.Submit(ctx, r.now(), submission)
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return saga.Job{}, false, fmt.Errorf("runner: submit: %w", err)
	}
	r.committed(outcomes)
	r.enqueue(ctx, outcomes)
	return outcomes[0].Decision.Job, outcomes[0].Existing, nil
}

// Act feeds what a person decides (saga.Approve, Reject, Cancel, Replay, Renew) to a job that is at the version; 0 takes whatever
// version it is at, any other is saga.ErrVersion. The job is returned also with an error, as far as it was read.
func (r *Runner) Act(ctx context.Context, id events.JobID, version int64, in saga.Input) (saga.Job, error) {
	now := r.now()
	in, err := r.renewal(ctx, id, in)
	if err != nil {
		return saga.Job{}, fmt.Errorf("runner: act: %w", err)
	}
	var seen saga.Job
	outcomes, err := r.store.Update(ctx, saga.Change{Job: id, Decide: func(job saga.Job) (saga.Decision, error) {
		seen = job
		if version != 0 && job.Version != version {
			return saga.Decision{Job: job}, saga.ErrVersion
		}
		return saga.Decide(job, in, now)
	}})
	if err == nil {
		err = outcomes[0].Err
	}
	if err != nil {
		return seen, fmt.Errorf("runner: act: %w", err)
	}
	r.committed(outcomes)
	r.enqueue(ctx, outcomes)
	return outcomes[0].Decision.Job, nil
}

// Job reads one job.
func (r *Runner) Job(ctx context.Context, id events.JobID) (saga.Job, error) {
	return r.store.Job(ctx, id)
}

// Jobs lists jobs, newest first.
func (r *Runner) Jobs(ctx context.Context, f saga.Filter) ([]saga.Job, error) {
	return r.store.Jobs(ctx, f)
}

// History lists what happened to a job, oldest first.
func (r *Runner) History(ctx context.Context, id events.JobID, after int64, limit int) ([]saga.Entry, error) {
	return r.store.History(ctx, id, after, limit)
}
