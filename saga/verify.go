package saga

import (
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// verifyAll begins a verification: every participant is counted after the last delete of all, whatever it proved before.
func (t *turn) verifyAll() {
	t.job.State, t.job.Blocked = StateVerifying, nil
	t.job.WakeAt = t.now.Add(t.job.Policy.patience(1))
	t.changed = true
	for i := range t.job.Steps {
		t.job.Steps[i].VerifiedAt = time.Time{}
	}
	t.verify = t.unverified()
}

func (t *turn) unverified() []events.Participant {
	return t.job.participants(func(s Step) bool { return s.VerifiedAt.IsZero() && s.State != StepWaived })
}

// onUnanswered asks those again that did not let themselves be counted, and names them.
func (t *turn) onUnanswered() {
	if t.now.Before(t.askedAt().Add(t.job.Policy.patience(1))) {
		return
	}
	t.verify = t.unverified()
	t.blockUnverified(t.verify)
	// The wait grows with the age of the silence, as the patience of a step grows with its attempts.
	age := t.now.Sub(t.job.Blocked.Since)
	t.job.WakeAt = t.now.Add(min(max(age, t.job.Policy.patience(1)), max(patienceMax, t.job.Policy.Patience)))
	t.changed = true
}

// askedAt is when the verification began, which is when the last step succeeded.
func (t *turn) askedAt() (at time.Time) {
	for i := range t.job.Steps {
		at = later(at, t.job.Steps[i].FinishedAt)
	}
	return at
}

// onAskingLost asks those again whose answer is missing. The job stays as it is, so there is nothing to save.
func (t *turn) onAskingLost(in Lost) {
	t.verify = slices.DeleteFunc(t.unverified(), func(p events.Participant) bool {
		return len(in.Participants) > 0 && !slices.Contains(in.Participants, p)
	})
}

// onVerified takes what participants counted. Zero proves, a count other than zero disproves, and everything else proves
// nothing: a participant that cannot tell stays unverified.
func (t *turn) onVerified(previews []events.Preview) error {
	if t.job.State != StateVerifying {
		return nil
	}
	for i := range previews {
		if err := t.counted(&previews[i]); err != nil {
			return err
		}
	}
	if !t.changed {
		return nil
	}
	unverified := t.unverified()
	switch {
	case t.has(StepFailed):
		t.fail()
	case len(unverified) == 0:
		t.finish(StateCompleted)
		t.emitDeleted()
	default:
		t.blockUnverified(slices.DeleteFunc(t.waitsFor(ReasonUnverified), func(p events.Participant) bool {
			return !slices.Contains(unverified, p)
		}))
	}
	return nil
}

func (t *turn) counted(p *events.Preview) error {
	i := t.job.indexOf(p.ServiceName)
	if p.TenantID != t.job.Tenant || i < 0 {
		return fmt.Errorf("%w: preview of %s", ErrMismatch, p.ServiceName)
	}
	if p.Error != nil || p.Counts == nil || t.job.Steps[i].State == StepWaived {
		return nil
	}
	step, residue := &t.job.Steps[i], nonZero(p.Counts)
	switch {
	case residue != nil:
		step.State, step.FinishedAt, step.VerifiedAt = StepFailed, t.now, time.Time{}
		step.Residue, step.ResidueAttempt, step.EraseAgain = residue, step.Attempt, true
		t.changed = true
		t.note.Participants = append(t.note.Participants, step.Participant)
	case step.State == StepSucceeded && step.VerifiedAt.IsZero():
		step.VerifiedAt = t.now
		t.changed = true
	}
	return nil
}

func nonZero(counts map[string]int64) (found map[string]int64) {
	for table, n := range counts {
		if n == 0 {
			continue
		}
		if found == nil {
			found = map[string]int64{}
		}
		found[table] = n
	}
	return found
}
