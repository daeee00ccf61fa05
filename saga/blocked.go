package saga

import (
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// block says why the job does not move. A reason that was there before keeps its age.
func (t *turn) block(code string, who []events.Participant, action string) {
	since := t.now
	if t.job.Blocked != nil && t.job.Blocked.Code == code {
		since = t.job.Blocked.Since
	}
	t.job.Blocked = &Blocked{Code: code, Participants: who, Since: since, Action: action}
}

// waitsFor are the participants the job says it waits for, under this code.
func (t *turn) waitsFor(code string) []events.Participant {
	if t.job.Blocked == nil || t.job.Blocked.Code != code {
		return nil
	}
	return t.job.Blocked.Participants
}

// blockSilent names the participants that let their patience run out; with none left the reason is gone.
func (t *turn) blockSilent(who []events.Participant) {
	t.blockWaiting(ReasonParticipantSilent, who,
		"Bring back "+list(who)+": the command waits at the broker, and is repeated by itself.")
}

// blockUnverified names the participants that did not let themselves be counted.
func (t *turn) blockUnverified(who []events.Participant) {
	t.blockWaiting(ReasonUnverified, who, "Bring back "+list(who)+", to be counted: the question is repeated by itself.")
}

func (t *turn) blockWaiting(code string, who []events.Participant, action string) {
	if len(who) > 0 {
		t.block(code, who, action)
	} else if t.job.Blocked != nil && t.job.Blocked.Code == code {
		t.job.Blocked = nil
	}
}

// fail stops the job until a person has repaired what the failed steps name, and tells whom it concerns once per entry.
func (t *turn) fail() {
	failed := t.job.participants(func(s Step) bool { return s.State == StepFailed })
	code, said := ReasonResidue, make([]string, 0, len(failed))
	for i := range t.job.Steps {
		step := &t.job.Steps[i]
		if step.State != StepFailed {
			continue
		}
		why := ReasonResidue
		if len(step.Problems) > 0 {
			code, why = ReasonParticipantFailed, codes(step.Problems)
		}
		said = append(said, string(step.Participant)+" ("+why+")")
	}
	entered := t.job.State != StateFailed
	t.job.State, t.job.WakeAt = StateFailed, time.Time{}
	t.changed = true
	t.block(code, failed, "Repair "+strings.Join(said, ", ")+", then replay the job.")
	if entered {
		t.emitOutcome(events.TypeFailed, code, failed)
	}
}

// codes are the distinct codes of the problems, in the order the participant gave.
func codes(problems []events.Problem) string {
	var distinct []string
	for _, p := range problems {
		if !slices.Contains(distinct, p.Code) {
			distinct = append(distinct, p.Code)
		}
	}
	return strings.Join(distinct, ", ")
}

func list(who []events.Participant) string {
	names := make([]string, len(who))
	for i, p := range who {
		names[i] = string(p)
	}
	return strings.Join(names, ", ")
}
