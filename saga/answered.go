package saga

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// onAnswered takes a participant's result. A success of any attempt counts, because the receipt is what matters; a failure
// counts only for the newest attempt. Even a failed job goes on when the success comes late.
func (t *turn) onAnswered(r events.Result) error {
	step, err := t.answering(r)
	if err != nil || t.job.State.Final() {
		return err
	}
	switch {
	case step.State == StepPending:
		return fmt.Errorf("%w: %s answered before it was asked", ErrState, step.Participant)
	case step.State == StepSucceeded:
	case r.Success && step.undone(r): // the receipt that a restore has undone
	case r.Success && step.EraseAgain && r.Attempt <= step.ResidueAttempt: // the receipt that residue has disproved
	case r.Success:
		t.succeed(step, r)
	case step.State == StepRequested && r.Attempt >= step.Attempt:
		step.State, step.FinishedAt, step.Problems = StepFailed, t.now, stated(r.Errors)
		t.answer(step, r)
		t.heard(step.Participant)
		t.settle()
	}
	return nil
}

// answering is the step the result is for; the result must belong to the job in every respect.
func (t *turn) answering(r events.Result) (*Step, error) {
	i := t.job.indexOf(r.ServiceName)
	switch {
	case r.JobID != t.job.ID:
		return nil, fmt.Errorf("%w: another job", ErrMismatch)
	case r.TenantID != t.job.Tenant:
		return nil, fmt.Errorf("%w: another tenant", ErrMismatch)
	case r.Generation != t.job.Generation:
		return nil, fmt.Errorf("%w: generation %d instead of %d", ErrMismatch, r.Generation, t.job.Generation)
	case i < 0:
		return nil, fmt.Errorf("%w: %s is not on its roster", ErrMismatch, r.ServiceName)
	}
	return &t.job.Steps[i], nil
}

func (t *turn) succeed(step *Step, r events.Result) {
	counts := maps.Clone(r.DeletedCounts)
	if counts == nil {
		counts = map[string]int64{}
	}
	step.State, step.FinishedAt, step.Problems, step.Waiver = StepSucceeded, t.now, nil, nil
	if step.sameReceipt(r) {
		step.Earlier = slices.Clone(step.Earlier[:len(step.Earlier)-1])
	}
	step.Counts, step.Mode, step.DurationMS, step.ErasedAt = counts, r.Mode, r.DurationMS, instant(r.Timestamp)
	t.answer(step, r)
	step.Residue, step.ResidueAttempt, step.EraseAgain, step.VerifiedAt = nil, 0, false, time.Time{}
	t.heard(step.Participant)
	t.settle()
}

// answer is the line of the history.
func (t *turn) answer(step *Step, r events.Result) {
	t.note.Participants, t.note.Attempt = []events.Participant{step.Participant}, r.Attempt
	t.note.Problems, t.note.Deleted = step.Problems, r.Total()
}

// stated are the problems as they are stored; a participant's words may hold anything.
func stated(problems []events.Problem) []events.Problem {
	clean := make([]events.Problem, len(problems))
	for i, p := range problems {
		clean[i] = events.Problem{Code: p.Code, Detail: printable(p.Detail)}
	}
	return clean
}

// heard takes a participant that answered off the list of those the job waits for.
func (t *turn) heard(p events.Participant) {
	t.changed = true
	rest := t.waitsFor(ReasonParticipantSilent)
	if i := slices.Index(rest, p); i >= 0 {
		t.blockSilent(slices.Delete(rest, i, i+1))
	}
}
