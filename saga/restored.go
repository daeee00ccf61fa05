package saga

import (
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// onRestored asks participants again whose deletion a backup has undone. The receipts they had given stay in the job as
// earlier passes, so that the record states both.
func (t *turn) onRestored(in Restored) error {
	switch t.job.State {
	case StateDeleting, StateVerifying, StateFailed, StateCompleted:
	default:
		return t.notNow()
	}
	switch {
	case t.paused():
		return ErrPaused
	case len(t.guards.Holds) > 0:
		return ErrHeld
	}
	if err := t.erased(in.Participants); err != nil {
		return err
	}
	if t.job.State == StateCompleted {
		t.job.Round++
		t.job.FinishedAt, t.job.Deadline = time.Time{}, t.job.Policy.deadline(t.now)
	}
	t.note.By, t.note.Origin, t.note.Participants = in.By, in.Origin, slices.Clone(in.Participants)
	for i := range t.job.Steps {
		if step := &t.job.Steps[i]; slices.Contains(in.Participants, step.Participant) {
			t.undo(step)
			t.note.Attempt = step.Attempt
		}
	}
	t.note.aboutOne()
	t.job.State, t.job.WakeAt = StateDeleting, t.nextLook()
	t.job.Blocked = silenceOf(t.job.Blocked)
	return nil
}

// undo makes a succeeded step open again.
func (t *turn) undo(step *Step) {
	step.Earlier = append(slices.Clone(step.Earlier), Pass{Attempt: step.Attempt, Counts: step.Counts, Mode: step.Mode,
		DurationMS: step.DurationMS, ErasedAt: step.ErasedAt})
	step.Counts, step.Mode, step.DurationMS, step.ErasedAt = nil, "", 0, time.Time{}
	step.VerifiedAt = time.Time{}
	t.again(step)
}

// erased refuses participants that have erased nothing in this job, which a replay is for.
func (t *turn) erased(named []events.Participant) error {
	if len(named) == 0 {
		return fmt.Errorf("%w: no participant is named", events.ErrInvalid)
	}
	for _, p := range named {
		step, ok := t.job.Step(p)
		if !ok {
			return fmt.Errorf("%w: %s is not on its roster", ErrMismatch, p)
		}
		if step.State != StepSucceeded {
			return fmt.Errorf("%w: %s has erased nothing that a backup could bring back, it is %s", ErrState, p, step.State)
		}
	}
	return nil
}

// counted before: the answer of a participant that was not restored after all is the receipt that the job knows.
func (s *Step) sameReceipt(r events.Result) bool {
	n := len(s.Earlier)
	return n > 0 && s.Earlier[n-1].ErasedAt.Equal(instant(r.Timestamp))
}

// undone reports whether an answer is older than the restore that has undone it.
func (s *Step) undone(r events.Result) bool {
	n := len(s.Earlier)
	return n > 0 && r.Attempt <= s.Earlier[n-1].Attempt
}

// aboutOne drops the attempt of an entry that is about several participants, whose attempts may differ.
func (e *Entry) aboutOne() {
	if len(e.Participants) != 1 {
		e.Attempt = 0
	}
}
