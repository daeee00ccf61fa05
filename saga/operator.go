package saga

import (
	"fmt"
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// onApprove lets an awaiting job begin its grace, which is counted from now.
func (t *turn) onApprove(in Approve) error {
	if t.job.State != StateAwaitingApproval {
		return t.notNow()
	}
	if in.By == "" || in.By == t.job.RequestedBy || in.By == t.job.SubmittedBy {
		return ErrFourEyes
	}
	if err := t.job.confirmedBy(in.Preview); err != nil {
		return err
	}
	t.job.DecidedBy, t.note.By, t.job.Blocked = in.By, in.By, nil
	t.job.DueAt = later(t.job.DueAt, t.now.Add(t.job.Policy.Grace))
	t.changed = true
	t.begin()
	return nil
}

// onReject ends an awaiting job; the requester may do that too.
func (t *turn) onReject(in Reject) error {
	if t.job.State != StateAwaitingApproval {
		return t.notNow()
	}
	t.job.DecidedBy, t.note.By = in.By, in.By
	t.end(StateRejected, ReasonRejected)
	t.emitOutcome(events.TypeFailed, ReasonRejected, nil)
	return nil
}

// onCancel ends a job that has deleted nothing.
func (t *turn) onCancel(in Cancel) error {
	switch {
	case t.job.State.Final():
		return t.notNow()
	case !t.job.PivotAt.IsZero():
		return ErrPastPivot
	}
	t.job.DecidedBy, t.note.By = in.By, in.By
	t.end(StateCancelled, ReasonCancelled)
	t.emitOutcome(events.TypeCancelled, ReasonCancelled, nil)
	return nil
}

// onReplay asks failed and silent participants again.
func (t *turn) onReplay(in Replay) error {
	if t.job.State != StateDeleting && t.job.State != StateFailed {
		return t.notNow()
	}
	if t.paused() {
		return ErrPaused
	}
	silent := t.waitsFor(ReasonParticipantSilent)
	if err := t.replayable(in.Participants, silent); err != nil {
		return err
	}
	t.note.By, t.note.Origin = in.By, in.Origin
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		named := len(in.Participants) == 0 || slices.Contains(in.Participants, step.Participant)
		if named && isReplayable(step, silent) {
			t.again(step)
			step.Waiver = nil // a person wants it asked, and nobody has agreed to go on without it
			t.note.Participants, t.note.Attempt = append(t.note.Participants, step.Participant), step.Attempt
			silent = slices.DeleteFunc(silent, func(p events.Participant) bool { return p == step.Participant })
		}
	}
	if !t.changed {
		return fmt.Errorf("%w: no participant failed or is silent", ErrState)
	}
	t.note.aboutOne()
	t.job.State, t.job.WakeAt = StateDeleting, t.nextLook()
	t.job.Blocked = silenceOf(t.job.Blocked)
	t.blockSilent(silent)
	return nil
}

// replayable refuses a replay that names a participant which neither failed nor is silent.
func (t *turn) replayable(named, silent []events.Participant) error {
	for _, p := range named {
		i := t.job.indexOf(p)
		if i < 0 {
			return fmt.Errorf("%w: %s is not on its roster", ErrMismatch, p)
		}
		if step := &t.job.Steps[i]; !isReplayable(step, silent) {
			return fmt.Errorf("%w: %s is %s", ErrState, p, step.State)
		}
	}
	return nil
}

func isReplayable(step *Step, silent []events.Participant) bool {
	return step.State == StepFailed || step.State == StepRequested && slices.Contains(silent, step.Participant)
}

// silenceOf keeps a reason of silence, so that its age survives, and drops every other.
func silenceOf(b *Blocked) *Blocked {
	if b != nil && b.Code == ReasonParticipantSilent {
		return b
	}
	return nil
}

func (t *turn) notNow() error { return fmt.Errorf("%w: the job is %s", ErrState, t.job.State) }
