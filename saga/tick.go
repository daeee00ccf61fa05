package saga

import (
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// onTick does what the job's state waits for.
func (t *turn) onTick() {
	switch t.job.State {
	case StateScheduled:
		t.begin()
	case StateDeleting, StateVerifying:
		switch {
		case t.paused():
			t.halt()
		case t.job.State == StateDeleting:
			t.onPatienceOver()
		default:
			t.onUnanswered()
		}
	default: // no other state waits for time
	}
}

// onLost asks those again who may never have been asked, unless everything is paused: the end of the pause looks anew.
func (t *turn) onLost(in Lost) {
	switch {
	case t.paused():
	case t.job.State == StateDeleting:
		t.onCommandsLost(in)
	case t.job.State == StateVerifying:
		t.onAskingLost(in)
	default: // no other state has asked anyone
	}
}

// onPatienceOver asks every step again that was silent for longer than its patience, and names who is silent.
func (t *turn) onPatienceOver() {
	silent := t.waitsFor(ReasonParticipantSilent)
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		if step.State != StepRequested || t.now.Before(t.patienceEnd(step)) {
			continue
		}
		if !slices.Contains(silent, step.Participant) {
			silent = append(silent, step.Participant)
		}
		t.changed = true
		t.note.Participants = append(t.note.Participants, step.Participant)
		if !t.job.Policy.exhausted(step.Attempt) {
			t.again(step)
		}
	}
	if t.changed {
		t.blockSilent(t.inRosterOrder(silent))
		t.job.WakeAt = t.nextLook()
	}
}

// onCommandsLost asks open steps again at once. Nobody was silent: the command may never have arrived.
func (t *turn) onCommandsLost(in Lost) {
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		named := len(in.Participants) == 0 || slices.Contains(in.Participants, step.Participant)
		if named && step.State == StepRequested {
			t.again(step)
			t.note.Participants = append(t.note.Participants, step.Participant)
		}
	}
	if t.changed {
		t.job.WakeAt = t.nextLook()
	}
}

func (t *turn) inRosterOrder(who []events.Participant) []events.Participant {
	return t.job.participants(func(s Step) bool { return slices.Contains(who, s.Participant) })
}
