package saga

import (
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Decide says what an input does to a job. It is pure: the clock is an argument, the job given is not changed, and the
// same arguments give the same decision, down to the ids of its events. On an error nothing changes; callers match
// ErrState, ErrPastPivot, ErrFourEyes, ErrMismatch, ErrHeld and ErrPaused.
func Decide(job Job, in Input, now time.Time) (Decision, error) {
	t := newTurn(job, now)
	job.Guards = Guards{} // they are no part of what was decided
	if err := t.take(in); err != nil {
		return Decision{Job: job}, fmt.Errorf("saga: %s job %s: %w", in.kind(), job.ID, err)
	}
	if !t.changed {
		return Decision{Job: job, Verify: t.verify}, nil
	}
	return t.decision(job.State, in.kind())
}

// take is the only place that tells inputs apart; each onX does one thing.
func (t *turn) take(in Input) error {
	if _, told := in.(Guarded); !told {
		t.untold()
	}
	switch in := in.(type) {
	case Tick:
		t.onTick()
		return nil
	case Lost:
		t.onLost(in)
		return nil
	case Answered:
		return t.onAnswered(in.Result)
	case Verified:
		return t.onVerified(in.Previews)
	case Approve:
		return t.onApprove(in)
	case Reject:
		return t.onReject(in)
	case Cancel:
		return t.onCancel(in)
	case Replay:
		return t.onReplay(in)
	case Restored:
		return t.onRestored(in)
	case Guarded:
		return t.onGuarded(in)
	case Counted:
		return t.onCounted(in.Previews)
	case Renew:
		return t.onRenew(in)
	case Waive:
		return t.onWaive(in)
	}
	return fmt.Errorf("%w: input %T", ErrState, in)
}

// turn is one decision in the making: a copy of the job that the onX functions may change.
type turn struct {
	job     Job
	guards  Guards
	now     time.Time
	changed bool
	events  []events.Event
	verify  []events.Participant
	note    Entry // what the history will say beside what entry knows itself

	recounts  []events.Participant // to be counted before the first delete
	recounted bool                 // they were, and what was confirmed holds
}

func newTurn(job Job, now time.Time) *turn {
	job.Steps = slices.Clone(job.Steps)
	if job.Blocked != nil {
		blocked := *job.Blocked
		blocked.Participants = slices.Clone(blocked.Participants)
		job.Blocked = &blocked
	}
	job.Version++
	guards := job.Guards
	job.Guards = Guards{}
	// A replica whose clock is behind must not decide before the job was submitted.
	return &turn{job: job, guards: guards, now: later(instant(now), job.SubmittedAt)}
}

// instant is a time as it is stored: UTC, and no finer than PostgreSQL keeps it.
func instant(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// decision closes the turn, after holding it against the machine: what no arrow allows, and what breaks an invariant, is
// an error here rather than a row.
func (t *turn) decision(from State, by string) (Decision, error) {
	if m := (move{from, by, t.job.State}); from != t.job.State && !moves[m] {
		return Decision{}, fmt.Errorf("saga: %s job %s: %w: no arrow from %s to %s", by, t.job.ID, ErrInvariant, from, t.job.State)
	}
	if err := t.job.Check(); err != nil {
		return Decision{}, fmt.Errorf("saga: %s job %s: %w", by, t.job.ID, err)
	}
	return Decision{Job: t.job, Changed: true, Events: t.events, Verify: t.verify, Recount: t.recounts,
		Entry: t.entry(by)}, nil
}
