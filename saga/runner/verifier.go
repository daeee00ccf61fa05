package runner

import (
	"context"
	"sync"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// verification is a job whose participants are to be counted: again after the last delete, or once more before the first.
type verification struct {
	job    saga.Job
	ask    []events.Participant
	before bool // the first delete, instead of after the last
}

// enqueue hands jobs to the verifier. It waits for a place, so that results are taken in no faster than jobs are verified;
// a job lost here (ctx ended) is asked for again when its patience is over, or at the next start.
func (r *Runner) enqueue(ctx context.Context, outcomes []saga.Outcome) {
	for i := range outcomes {
		d := &outcomes[i].Decision
		if outcomes[i].Err != nil || len(d.Verify)+len(d.Recount) == 0 {
			continue
		}
		v := verification{job: d.Job, ask: d.Verify}
		if len(d.Recount) > 0 {
			v.ask, v.before = d.Recount, true
		}
		select {
		case r.toVerify <- v:
		case <-ctx.Done():
			return
		}
	}
}

// verifier counts jobs side by side and saves the answers of those that finish together in one transaction.
func (r *Runner) verifier(ctx context.Context) error {
	counted := make(chan saga.Change, r.cfg.BatchMax)
	var workers sync.WaitGroup
	for range r.cfg.VerifyWorkers {
		workers.Go(func() { r.verifyJobs(ctx, counted) })
	}
	defer workers.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case first := <-counted:
			changes := r.collect(first, counted)
			// Without a retry the answers would be lost until the patience is over: nobody redelivers them. What a decision
			// asks for here waits for the scheduler: this loop empties the queue that enqueue waits for.
			err := r.persist(ctx, "verifier", func(ctx context.Context) error {
				_, err := r.change(ctx, changes)
				return err
			})
			if err != nil {
				return nil
			}
		}
	}
}

// collect takes what is there, without waiting.
func (r *Runner) collect(first saga.Change, counted <-chan saga.Change) []saga.Change {
	changes := []saga.Change{first}
	for len(changes) < r.cfg.BatchMax {
		select {
		case c := <-counted:
			changes = append(changes, c)
		default:
			return changes
		}
	}
	return changes
}

func (r *Runner) verifyJobs(ctx context.Context, counted chan<- saga.Change) {
	for {
		select {
		case <-ctx.Done():
			return
		case v := <-r.toVerify:
			if r.halted.Load() {
				continue // the job is told of the pause, and asked for again after it
			}
			change := r.count(ctx, v)
			select {
			case <-ctx.Done():
				return
			case counted <- change:
			}
		}
	}
}

// count asks all participants at once. An answer that came late, when a participant has been asked to delete again
// meanwhile, proves nothing about that deletion and is dropped.
func (r *Runner) count(ctx context.Context, v verification) saga.Change {
	answers := make([]*events.Preview, len(v.ask))
	var asked sync.WaitGroup
	for i, p := range v.ask {
		asked.Go(func() {
			preview, err := r.preview(ctx, p, v.job.Tenant)
			if err != nil {
				r.cfg.Logger.Warn().Err(err).Str("job", string(v.job.ID)).Str("participant", string(p)).Msg("not verified")
				return
			}
			answers[i] = &preview
		})
	}
	asked.Wait()
	var previews []events.Preview
	for _, answer := range answers {
		if answer != nil {
			previews = append(previews, *answer)
		}
	}
	now := r.now()
	if v.before {
		return saga.Change{Job: v.job.ID, Decide: func(job saga.Job) (saga.Decision, error) {
			if job.Version != v.job.Version {
				return saga.Decision{Job: job}, nil // it was asked for something that has changed
			}
			return saga.Decide(job, saga.Counted{Previews: previews}, now)
		}}
	}
	return saga.Change{Job: v.job.ID, Decide: func(job saga.Job) (saga.Decision, error) {
		if !sameAttempts(v.job.Steps, job.Steps) {
			return saga.Decision{Job: job}, nil
		}
		return saga.Decide(job, saga.Verified{Previews: previews}, now)
	}}
}

func sameAttempts(then, now []saga.Step) bool {
	if len(then) != len(now) {
		return false
	}
	for i := range then {
		if then[i].Participant != now[i].Participant || then[i].Attempt != now[i].Attempt {
			return false
		}
	}
	return true
}
