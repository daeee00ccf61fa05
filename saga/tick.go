package saga

import (
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// onGraceOver begins to delete once the grace is over.
func (t *turn) onGraceOver() {
	if t.now.Before(t.job.DueAt) {
		return
	}
	t.pivot()
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
