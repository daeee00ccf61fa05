package saga

import (
	"fmt"
	"slices"
)

// Check reports the first invariant that the job breaks (ErrInvariant). It is held before every write (Start, Decide) and
// after every read (pgstore); the CHECK constraints of migrations/coordinator say the same a third time.
func (j Job) Check() error {
	for _, rule := range invariants {
		if !rule.holds(j) {
			return fmt.Errorf("%w: job %s, %s: %s", ErrInvariant, j.ID, j.State, rule.claim)
		}
	}
	for i := range j.Steps {
		if err := j.checkStep(j.Steps[i]); err != nil {
			return err
		}
	}
	return nil
}

// pastPivot are the states of a job that has sent a command.
var pastPivot = []State{StateDeleting, StateVerifying, StateFailed, StateCompleted}

// invariants of a job as a whole, in words that an error can show.
var invariants = []struct {
	claim string
	holds func(Job) bool
}{
	{"its state is one of the machine", func(j Job) bool {
		return j.State.Final() || slices.Contains(pastPivot, j.State) ||
			j.State == StateAwaitingApproval || j.State == StateScheduled
	}},
	{"generation and version are 1 or more", func(j Job) bool { return j.Generation >= 1 && j.Version >= 1 }},
	{"its round is 1 or more", func(j Job) bool { return j.Round >= 1 }},
	{"it has a cause exactly when it ended without a deletion", func(j Job) bool {
		return (j.Cause != "") == (j.State.Final() && j.State != StateCompleted)
	}},
	{"it is finished exactly when it is final", func(j Job) bool { return j.State.Final() != j.FinishedAt.IsZero() }},
	{"it has a pivot exactly when it is past it", func(j Job) bool {
		return slices.Contains(pastPivot, j.State) != j.PivotAt.IsZero()
	}},
	{"a wave runs exactly when it is past the pivot", func(j Job) bool { return (j.Wave > 0) != j.PivotAt.IsZero() }},
	{"it wakes exactly when it waits for time or participants", func(j Job) bool {
		wakes := j.State == StateScheduled || j.State == StateDeleting || j.State == StateVerifying
		return (wakes && !j.Blocked.onPerson()) != j.WakeAt.IsZero()
	}},
	{"it says why it waits for a person or a grace", func(j Job) bool {
		waits := j.State == StateAwaitingApproval || j.State == StateScheduled || j.State == StateFailed
		return !waits || j.Blocked != nil
	}},
	{"a final job waits for nothing", func(j Job) bool { return !j.State.Final() || j.Blocked == nil }},
	{"only a refused job has an empty roster", func(j Job) bool { return len(j.Steps) > 0 || j.State == StateRefused }},
	{"its steps fit its state", Job.stepsFit},
}

// stepsFit holds the steps as a whole against the job's state.
func (j Job) stepsFit() bool {
	count := map[StepState]int{}
	for i := range j.Steps {
		count[j.Steps[i].State]++
	}
	all := len(j.Steps)
	switch j.State {
	case StateDeleting:
		return count[StepRequested] > 0 || j.Blocked.onPerson() && count[StepFailed] == 0 // a pause came before the next wave
	case StateFailed:
		return count[StepRequested] == 0 && count[StepFailed] > 0
	case StateVerifying:
		return count[StepSucceeded] > 0 && count[StepSucceeded]+count[StepWaived] == all
	case StateCompleted:
		unverified := j.participants(func(s Step) bool { return s.VerifiedAt.IsZero() && s.State != StepWaived })
		return count[StepSucceeded] > 0 && count[StepSucceeded]+count[StepWaived] == all && len(unverified) == 0
	default:
		return count[StepPending] == all
	}
}

func (j Job) checkStep(s Step) error {
	requested, answered := s.Attempt > 0, s.State == StepSucceeded || s.State == StepFailed || s.State == StepWaived
	var claim string
	switch {
	case (s.State == StepPending) == requested || requested == s.RequestedAt.IsZero():
		claim = "it has an attempt exactly when it was requested"
	case (s.Wave > j.Wave) != (s.State == StepPending):
		claim = "it is pending exactly until its wave begins"
	case answered == s.FinishedAt.IsZero():
		claim = "it is finished exactly when it was answered"
	case s.State == StepSucceeded && s.Counts == nil:
		claim = "a success has counts"
	case s.State == StepWaived && s.Waiver == nil:
		claim = "somebody has waived it"
	case s.State == StepFailed && len(s.Problems) == 0 && len(s.Residue) == 0:
		claim = "a failure has a reason"
	case s.State != StepFailed && len(s.Problems) > 0:
		claim = "only a failure has problems"
	case s.EraseAgain != (len(s.Residue) > 0) || s.EraseAgain != (s.ResidueAttempt > 0):
		claim = "it is erased again exactly while residue is known"
	case s.State == StepSucceeded && s.ErasedAt.IsZero():
		claim = "a success says when it erased"
	case s.State == StepSucceeded && s.EraseAgain:
		claim = "a success left no residue"
	case s.State != StepSucceeded && !s.VerifiedAt.IsZero():
		claim = "only a success is verified"
	default:
		return nil
	}
	return fmt.Errorf("%w: job %s, step %s, %s: %s", ErrInvariant, j.ID, s.Participant, s.State, claim)
}
