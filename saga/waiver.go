package saga

import (
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Waiver is a named person's recorded decision to close a job without a participant. Nothing is proven of that participant.
type Waiver struct {
	By     string    `json:"by"`
	Reason string    `json:"reason"` // in a person's words, without tenant data
	At     time.Time `json:"at"`
	// SecondBy is who has decided the same, where the policy asks for a second person: until then the waiver does not count.
	SecondBy string `json:"second_by,omitempty"`
}

// Waive closes the part of a participant that failed or is silent, without it.
type Waive struct {
	By          string
	Participant events.Participant
	Reason      string
}

func (Waive) kind() string { return "waive" }

// Waived are the participants without which the job goes on, or has ended.
func (j Job) Waived() []events.Participant {
	return j.participants(func(s Step) bool { return s.State == StepWaived })
}

// onWaive takes a participant out of what the job waits for. Everybody else is still asked, and still proves zero.
func (t *turn) onWaive(in Waive) error {
	if t.job.State != StateDeleting && t.job.State != StateFailed {
		return t.notNow()
	}
	if t.paused() {
		return ErrPaused
	}
	if err := checkWords(in.By, in.Reason); err != nil {
		return err
	}
	step, err := t.waivable(in.Participant)
	if err != nil {
		return err
	}
	t.note.By, t.note.Participants, t.note.Attempt = in.By, []events.Participant{step.Participant}, step.Attempt
	proposed := step.Waiver
	switch {
	case !t.job.Policy.WaiverApproval || proposed == nil:
		step.Waiver = &Waiver{By: in.By, Reason: in.Reason, At: t.now}
	case proposed.By == in.By:
		return fmt.Errorf("%w: a second person must decide the same", ErrState)
	default:
		agreed := *proposed
		agreed.SecondBy = in.By
		step.Waiver = &agreed
	}
	t.changed = true
	if t.job.Policy.WaiverApproval && step.Waiver.SecondBy == "" {
		return nil
	}
	step.State, step.FinishedAt, step.Problems, step.VerifiedAt = StepWaived, t.now, nil, time.Time{}
	t.heard(step.Participant)
	t.settle()
	return nil
}

// waivable is the step of a participant that failed or is silent, and is not the last one that could prove anything.
func (t *turn) waivable(p events.Participant) (*Step, error) {
	i := t.job.indexOf(p)
	if i < 0 {
		return nil, fmt.Errorf("%w: %s is not on its roster", ErrMismatch, p)
	}
	step := &t.job.Steps[i]
	if !isReplayable(step, t.waitsFor(ReasonParticipantSilent)) {
		return nil, fmt.Errorf("%w: %s is %s, and neither failed nor silent", ErrState, p, step.State)
	}
	others := t.job.participants(func(s Step) bool { return s.State != StepWaived && s.Participant != p })
	if len(others) == 0 {
		return nil, fmt.Errorf("%w: without %s nobody would prove anything", ErrState, p)
	}
	return step, nil
}

// waivedOf are the waivers as they are announced.
func waivedOf(steps []Step) (waived []events.Waived) {
	for i := range steps {
		if w := steps[i].Waiver; steps[i].State == StepWaived && w != nil {
			waived = append(waived, events.Waived{ServiceName: steps[i].Participant, WaivedBy: w.By, WaivedAt: w.At})
		}
	}
	return slices.Clip(waived)
}
