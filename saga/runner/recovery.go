package runner

import (
	"context"
	"errors"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// recovery closes the gaps that a crash or a lost stream leaves, long before anybody's patience ends: once at start, after
// the outbox was sent for the first time, and again whenever the stream has lost what it held.
func (r *Runner) recovery(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-r.canary.drained:
	}
	owed := false // what was lost in a pause is sent again after it
	again := func() error {
		return r.persist(ctx, "recovery", func(ctx context.Context) error {
			controls, err := r.store.Controls(ctx)
			if err == nil {
				owed, err = controls.Pause != nil, r.recoverOpen(ctx)
			}
			return err
		})
	}
	if again() != nil {
		return nil
	}
	probe := time.NewTicker(recoverProbe)
	defer probe.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.resumed:
			if owed && again() != nil {
				return nil
			}
		case <-probe.C:
		}
		alive, err := r.canary.alive(ctx, r.bus)
		switch {
		case err != nil:
			r.cfg.Logger.Debug().Err(err).Str("kind", "recovery").Msg("cannot ask the stream")
		case !alive:
			r.cfg.Logger.Warn().Str("kind", "recovery").Msg("the stream has lost its messages, sending open commands again")
			if again() != nil {
				return nil
			}
		}
	}
}

// recoverOpen looks at every job that waits for participants, page by page.
func (r *Runner) recoverOpen(ctx context.Context) error {
	open := saga.Filter{States: []saga.State{saga.StateDeleting, saga.StateVerifying}, Limit: recoverPageMax}
	for {
		jobs, err := r.store.Jobs(ctx, open)
		if err != nil {
			return err
		}
		if err := r.recoverPage(ctx, jobs); err != nil {
			return err
		}
		if len(jobs) < open.Limit {
			return nil
		}
		open.Before = jobs[len(jobs)-1].ID
	}
}

func (r *Runner) recoverPage(ctx context.Context, jobs []saga.Job) error {
	var changes []saga.Change
	now, missing := r.now(), map[events.JobID][]events.Participant{}
	for _, job := range jobs {
		if job.State == saga.StateVerifying {
			changes = append(changes, saga.Change{Job: job.ID, Decide: lostAgain(job, nil, now)})
			continue
		}
		lost, err := r.lostSteps(ctx, job)
		if err != nil {
			return err
		}
		if len(lost) > 0 {
			missing[job.ID] = lost
		}
	}
	if len(missing) > 0 {
		// A command that was decided a moment ago may still be on its way: it is sent now, and is not lost.
		if err := r.drain(ctx); err != nil {
			return err
		}
	}
	for _, job := range jobs {
		if len(missing[job.ID]) == 0 {
			continue
		}
		lost, err := r.lostSteps(ctx, job)
		if err != nil {
			return err
		}
		if len(lost) > 0 {
			changes = append(changes, saga.Change{Job: job.ID, Decide: lostAgain(job, lost, now)})
		}
	}
	outcomes, err := r.change(ctx, changes)
	r.enqueue(ctx, outcomes)
	return err
}

// lostAgain tells the job what was lost, unless it has moved on since that was looked for.
func lostAgain(seen saga.Job, lost []events.Participant, now time.Time) func(saga.Job) (saga.Decision, error) {
	return func(job saga.Job) (saga.Decision, error) {
		if job.State != seen.State || !sameAttempts(seen.Steps, job.Steps) {
			return saga.Decision{Job: job}, nil
		}
		return saga.Decide(job, saga.Lost{Participants: lost}, now)
	}
}

// lostSteps names the participants whose newest command is no longer in the stream.
func (r *Runner) lostSteps(ctx context.Context, job saga.Job) ([]events.Participant, error) {
	var lost []events.Participant
	held := map[string]*events.Command{} // by subject: the steps of a wave share their first command
	for _, step := range job.Steps {
		if step.State != saga.StepRequested {
			continue
		}
		subject := commandSubject(job.Tenant, step)
		command, asked := held[subject]
		if !asked {
			var err error
			if command, err = r.lastCommand(ctx, subject); err != nil {
				return nil, err
			}
			held[subject] = command
		}
		if command == nil || command.JobID != job.ID || command.Wave < step.Wave || command.Attempt < step.Attempt {
			lost = append(lost, step.Participant)
		}
	}
	return lost, nil
}

// commandSubject is where the newest command of a step was stored.
func commandSubject(tenant events.TenantID, step saga.Step) string {
	if step.Attempt <= 1 {
		return events.RequestedSubject(tenant)
	}
	return events.Subject(events.Event{Type: events.TypeReplayed, Subject: tenant,
		Data: &events.Command{Participants: []events.Participant{step.Participant}}})
}

// lastCommand is the newest command on a subject; nil when there is none that can be read.
func (r *Runner) lastCommand(ctx context.Context, subject string) (*events.Command, error) {
	stored, err := r.bus.Last(ctx, events.StreamEvents, subject)
	if errors.Is(err, bus.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	e, err := events.Decode(stored.Message)
	if err != nil {
		return nil, nil //nolint:nilerr // what cannot be read is as good as lost
	}
	command, _ := e.Data.(*events.Command)
	return command, nil
}
