package saga

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// pivot sends the first command: from here on the job only goes forward.
func (t *turn) pivot() {
	t.job.PivotAt = t.now
	t.advance()
}

// advance begins the next wave, or the verification when there is none left.
func (t *turn) advance() {
	wave := t.job.waveAfter(t.job.Wave)
	if wave == 0 {
		t.verifyAll()
		return
	}
	t.job.State, t.job.Wave, t.job.Blocked = StateDeleting, wave, nil
	t.changed = true
	var named []events.Participant
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		if step.Wave != wave {
			continue
		}
		step.State, step.Attempt, step.RequestedAt = StepRequested, 1, t.now
		named = append(named, step.Participant)
	}
	t.emitRequested(named)
	t.job.WakeAt = t.nextLook()
}

// waveAfter is the next wave of the roster, 0 when there is none.
func (j Job) waveAfter(wave int) (next int) {
	for i := range j.Steps {
		if w := j.Steps[i].Wave; w > wave && (next == 0 || w < next) {
			next = w
		}
	}
	return next
}

// settle looks at the steps after one of them changed, and moves the job where they allow.
func (t *turn) settle() {
	requested := t.has(StepRequested)
	switch {
	case !requested && t.has(StepFailed):
		t.fail()
	case t.paused():
		t.job.State = StateDeleting
		t.halt()
	case requested:
		t.job.State, t.job.WakeAt = StateDeleting, t.nextLook()
	default:
		t.advance()
	}
}

func (t *turn) has(state StepState) bool {
	for i := range t.job.Steps {
		if t.job.Steps[i].State == state {
			return true
		}
	}
	return false
}

// again sends the command of one step once more, as its next attempt.
func (t *turn) again(step *Step) {
	step.State, step.RequestedAt, step.FinishedAt, step.Problems = StepRequested, t.now, time.Time{}, nil
	step.Attempt++
	t.emitReplayed(step)
	t.changed = true
}

// nextLook is when the first open step's patience ends.
func (t *turn) nextLook() time.Time {
	var next time.Time
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		if step.State != StepRequested || t.job.Policy.exhausted(step.Attempt) {
			continue
		}
		if end := t.patienceEnd(step); next.IsZero() || end.Before(next) {
			next = end
		}
	}
	if !next.After(t.now) { // nothing will be asked again; look now and then, so that the reason stays fresh
		return t.now.Add(patienceMax)
	}
	return next
}

func (t *turn) patienceEnd(step *Step) time.Time {
	return step.RequestedAt.Add(t.job.Policy.patience(step.Attempt))
}
