package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// ReplayAll asks participants again, job by job: those of one job, of every job that failed or waits for a silent one, or of
// every job that a participant's restored backup has undone. It does one page; next is where the following one begins, empty
// when no job is left. A job that is left alone is in the list with the reason.
func (r *Runner) ReplayAll(ctx context.Context, set saga.ReplaySet) (replayed []saga.Replayed, next events.JobID, err error) {
	if err := checkSet(set); err != nil {
		return nil, "", fmt.Errorf("runner: replay: %w", err)
	}
	set.Limit = replayLimit(set.Limit)
	jobs, err := r.candidates(ctx, set)
	if err != nil {
		return nil, "", fmt.Errorf("runner: replay: %w", err)
	}
	if set.Job == "" && len(jobs) == set.Limit {
		next = jobs[len(jobs)-1].ID
	}
	for i := range jobs {
		who := toAsk(jobs[i], set)
		if len(who) == 0 && set.Job == "" {
			continue
		}
		done := saga.Replayed{Job: jobs[i].ID, Tenant: jobs[i].Tenant, Participants: who}
		done.Origin, done.Err = r.replayOne(ctx, jobs[i], who, set)
		if ctx.Err() != nil {
			return replayed, jobs[i].ID, fmt.Errorf("runner: replay: %w", ctx.Err())
		}
		replayed = append(replayed, done)
	}
	return replayed, next, nil
}

func replayLimit(asked int) int {
	if asked <= 0 {
		return replayPageMax
	}
	return min(asked, replayPageMax)
}

// checkSet refuses a set that could mean more than one thing.
func checkSet(set saga.ReplaySet) error {
	chosen := 0
	for _, is := range []bool{set.Job != "", set.Failed, !set.RestoredSince.IsZero()} {
		if is {
			chosen++
		}
	}
	switch {
	case chosen != 1:
		return fmt.Errorf("%w: exactly one of job_id, failed and restored_since must be set", events.ErrInvalid)
	case set.By == "":
		return fmt.Errorf("by: %w: missing", events.ErrInvalid)
	case !set.RestoredSince.IsZero() && len(set.Participants) != 1:
		return fmt.Errorf("participants: %w: name the one participant that was restored", events.ErrInvalid)
	}
	return nil
}

// candidates is the page of jobs that may have something to replay.
func (r *Runner) candidates(ctx context.Context, set saga.ReplaySet) ([]saga.Job, error) {
	f := saga.Filter{Before: set.Before, Limit: set.Limit}
	switch {
	case set.Job != "":
		job, err := r.store.Job(ctx, set.Job)
		return []saga.Job{job}, err
	case set.Failed:
		f.States = []saga.State{saga.StateFailed, saga.StateDeleting}
	default:
		f.States = []saga.State{saga.StateDeleting, saga.StateVerifying, saga.StateFailed, saga.StateCompleted}
		f.ErasedBy, f.ErasedSince = set.Participants[0], set.RestoredSince
	}
	return r.store.Jobs(ctx, f)
}

// toAsk are the participants of a job that the set asks again: the restored one, or those that failed or are silent and, if
// any are named, are among these.
func toAsk(job saga.Job, set saga.ReplaySet) (who []events.Participant) {
	if !set.RestoredSince.IsZero() {
		return set.Participants
	}
	if set.Job != "" && len(set.Participants) > 0 {
		return set.Participants // Decide says what is wrong with them
	}
	for i := range job.Steps {
		step := &job.Steps[i]
		silent := job.Blocked != nil && job.Blocked.Code == saga.ReasonParticipantSilent &&
			slices.Contains(job.Blocked.Participants, step.Participant)
		named := len(set.Participants) == 0 || slices.Contains(set.Participants, step.Participant)
		if named && (step.State == saga.StepFailed || step.State == saga.StepRequested && silent) {
			who = append(who, step.Participant)
		}
	}
	return who
}

// replayOne asks the participants of one job again; origin is where their original request was found.
func (r *Runner) replayOne(
	ctx context.Context, job saga.Job, who []events.Participant, set saga.ReplaySet,
) (origin string, err error) {
	if !set.RestoredSince.IsZero() {
		if err := r.undone(ctx, job, who[0]); err != nil {
			return "", err
		}
	}
	if set.Preview {
		return "", nil
	}
	if origin, err = r.origin(ctx, job, who); err != nil {
		return "", err
	}
	var in saga.Input = saga.Replay{By: set.By, Participants: who, Origin: origin}
	if !set.RestoredSince.IsZero() {
		in = saga.Restored{By: set.By, Participants: who, Origin: origin}
	}
	_, err = r.Act(ctx, job.ID, 0, in)
	return origin, err
}

// undone refuses to erase again for a restored participant when the tenant may be alive again. What a backup brings back is
// deleted only when everybody else still proves that the tenant is gone.
func (r *Runner) undone(ctx context.Context, job saga.Job, restored events.Participant) error {
	others, err := r.store.Jobs(ctx, saga.Filter{Tenant: job.Tenant})
	if err != nil {
		return err
	}
	for i := range others {
		if newer := &others[i]; newer.Generation > job.Generation && (!newer.PivotAt.IsZero() || !newer.State.Final()) {
			return fmt.Errorf("%w: the tenant has a newer job, %s", saga.ErrState, newer.ID)
		}
	}
	if job.State != saga.StateCompleted {
		return nil // the tenant is being deleted
	}
	var names []events.Participant
	for i := range job.Steps {
		if p := job.Steps[i].Participant; p != restored {
			names = append(names, p)
		}
	}
	for _, preview := range r.previews(ctx, job.Tenant, names) {
		switch {
		case preview.Error != nil:
			return fmt.Errorf("%w: %s cannot tell whether the tenant exists again", saga.ErrState, preview.ServiceName)
		case preview.Total() > 0:
			return fmt.Errorf("%w: %s has rows of the tenant: it exists again, and may not be deleted for an old request",
				saga.ErrState, preview.ServiceName)
		}
	}
	return nil
}

// origin looks for the original requests of the participants in the stream, and holds them against the job. A stream that
// has forgotten them is no hindrance: the job says the same.
func (r *Runner) origin(ctx context.Context, job saga.Job, who []events.Participant) (string, error) {
	for _, p := range who {
		step, ok := job.Step(p)
		if !ok {
			return "", fmt.Errorf("%w: %s is not on its roster", saga.ErrMismatch, p)
		}
		original, err := r.original(ctx, job, step)
		switch {
		case err != nil:
			return "", err
		case original == nil:
			return saga.OriginStore, nil
		case original.Generation != job.Generation || original.Reason != job.Reason || original.TenantID != job.Tenant:
			return "", fmt.Errorf("%w: the request in the stream is not the job's", saga.ErrMismatch)
		}
	}
	return saga.OriginStream, nil
}

// original is the first command of the step's wave as it was signed and stored; nil when the stream has forgotten it.
func (r *Runner) original(ctx context.Context, job saga.Job, step saga.Step) (*events.Command, error) {
	reader, ok := r.bus.(bus.Reader)
	if !ok {
		return nil, nil
	}
	subject, from := events.RequestedSubject(job.Tenant), uint64(1)
	for range originalsMax {
		stored, err := reader.Next(ctx, events.StreamEvents, subject, from)
		if errors.Is(err, bus.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the original request: %w", err)
		}
		from = stored.Sequence + 1
		e, err := events.Decode(stored.Message)
		if err == nil {
			err = events.Verify(stored.Message, r.cfg.Signer.PublicKey())
		}
		if err != nil {
			continue // a forgery, or of an older key: it vouches for nothing
		}
		command, ok := e.Data.(*events.Command)
		if ok && command.JobID == job.ID && command.Wave == step.Wave && command.Names(step.Participant) {
			return command, nil
		}
	}
	return nil, nil
}
