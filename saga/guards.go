package saga

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Errors of guards that callers match.
var (
	// ErrHeld says that a legal hold stands on the tenant.
	ErrHeld = errors.New("a legal hold stands on the tenant")
	// ErrPaused says that everything stands still by a person's order.
	ErrPaused = errors.New("deletions are paused")
)

// Guards are what may keep a job from going on. A store reads them in the transaction that decides, and gives them with the
// job; they are no part of it and are never saved with it.
type Guards struct {
	Governor Governor
	Holds    []Hold // those that stand on the tenant, oldest first
	Pause    *Pause // nil while deletions may begin
}

// Pause is a person's order that nothing begins: no first delete, no wave, no repeated request, no verification.
type Pause struct {
	By     string
	Reason string
	At     time.Time
}

// Controls are what a person has set for all deletions.
type Controls struct {
	// GovernorMax is how many deletions may begin within an hour; zero means no limit.
	GovernorMax int
	Pause       *Pause
}

// Check reports whether everything can be paused like this.
func (p Pause) Check() error { return checkWords(p.By, p.Reason) }

// Stored is the pause with its time as it is stored.
func (p Pause) Stored() Pause {
	p.At = instant(p.At)
	return p
}

// Guarded says that what may keep the job from going on has changed. The job reads its Guards anew.
type Guarded struct {
	By     string
	Change GuardChange
}

// GuardChange is what has changed.
type GuardChange string

// The changes. Each is a kind of entry in the history.
const (
	GuardHold     GuardChange = "hold"     // a hold was set
	GuardRelease  GuardChange = "release"  // a hold was released
	GuardPause    GuardChange = "pause"    // everything was paused
	GuardResume   GuardChange = "resume"   // the pause has ended
	GuardGovernor GuardChange = "governor" // the governor has another limit
)

func (g Guarded) kind() string { return string(g.Change) }

// onGuarded looks at the guards anew. A hold after the pivot would be a lie: it is refused.
func (t *turn) onGuarded(in Guarded) error {
	t.note.By = in.By
	switch in.Change {
	case GuardHold:
		if t.job.State.Final() {
			return nil
		}
		if !t.job.PivotAt.IsZero() {
			return ErrPastPivot
		}
		t.changed = true
		t.beginAgain()
	case GuardRelease:
		if t.job.State.Final() || !t.job.PivotAt.IsZero() {
			return nil
		}
		t.changed = true
		t.beginAgain()
	case GuardGovernor:
		t.beginAgain()
	case GuardPause, GuardResume:
		t.beginAgain()
		t.pauseOrGoOn()
	default:
		return fmt.Errorf("%w: no such change of a guard", ErrState)
	}
	return nil
}

// beginAgain lets a scheduled job look again at what stands before its pivot.
func (t *turn) beginAgain() {
	if t.job.State == StateScheduled {
		t.begin()
	}
}

// pauseOrGoOn stops a job that is past its pivot, or lets it go on.
func (t *turn) pauseOrGoOn() {
	if t.job.State != StateDeleting && t.job.State != StateVerifying {
		return
	}
	paused := t.job.Blocked != nil && t.job.Blocked.Code == ReasonPaused
	switch {
	case t.paused():
		t.halt()
	case !paused:
	case t.job.State == StateVerifying:
		t.verifyAll()
	default:
		t.changed, t.job.Blocked = true, nil
		t.settle()
		t.job.WakeAt = t.now.Add(t.job.Policy.patience(1)) // whoever could not work in the pause has its patience anew
	}
}

// untold drops a pause that has ended before the job was told: what changes it now may not leave it waiting for that.
func (t *turn) untold() {
	past := t.job.State == StateDeleting || t.job.State == StateVerifying
	if past && !t.paused() && t.job.Blocked != nil && t.job.Blocked.Code == ReasonPaused {
		t.job.Blocked, t.job.WakeAt = nil, t.now.Add(t.job.Policy.patience(1))
	}
}

func (t *turn) paused() bool { return t.guards.Pause != nil }

// halt stops a job that is past its pivot: nothing is asked, answers are still taken. It sleeps until the pause ends.
func (t *turn) halt() {
	if t.job.Blocked == nil || t.job.Blocked.Code != ReasonPaused {
		t.changed = true
	}
	t.block(ReasonPaused, nil, pausedAction)
	t.job.WakeAt = time.Time{}
}

const pausedAction = "Resume deletions: everything then goes on by itself."

// begin begins to delete when nothing stands before it. Else the job is scheduled, and says what stands there, and when it
// looks again by itself: never, when that is for a person to end.
func (t *turn) begin() {
	switch {
	case len(t.guards.Holds) > 0:
		t.wait(ReasonHold, nil, heldAction(t.guards.Holds), time.Time{})
	case t.job.Blocked != nil && t.job.Blocked.Code == ReasonDrifted: // until a person has looked again
	case t.job.DueAt.After(t.now):
		t.wait(ReasonGrace, nil, "Wait for the grace to end at "+t.job.DueAt.Format(time.RFC3339)+", or cancel the job.", t.job.DueAt)
	case t.paused():
		t.wait(ReasonPaused, nil, pausedAction, time.Time{})
	default:
		if at := t.guards.Governor.place(t.now, t.job.Blocked.hasPlace()); at.After(t.now) {
			t.wait(ReasonGovernor, nil, t.guards.Governor.action(at), at)
			return
		}
		if t.job.Confirmed != nil && !t.recounted {
			t.recount()
			return
		}
		t.pivot()
	}
}

// hasPlace reports whether the job has a place at the governor: it waits for it, or the place has come and it is counted.
func (b *Blocked) hasPlace() bool {
	return b != nil && (b.Code == ReasonGovernor || b.Code == ReasonCounting)
}

// wait keeps the job scheduled.
func (t *turn) wait(code string, who []events.Participant, action string, wake time.Time) {
	b := t.job.Blocked
	same := t.job.State == StateScheduled && b != nil && b.Code == code && b.Action == action && t.job.WakeAt.Equal(wake)
	t.changed = t.changed || !same
	t.job.State, t.job.WakeAt = StateScheduled, wake
	t.block(code, who, action)
}

// onPerson are the reasons that only a person ends: a job that waits for one of them has no time to wake at.
func (b *Blocked) onPerson() bool {
	return b != nil && (b.Code == ReasonHold || b.Code == ReasonPaused || b.Code == ReasonDrifted)
}

// GuardStore keeps the guards. Its writers run beside no decision: what one of them has set when it returns, every decision
// that is saved afterwards has obeyed.
type GuardStore interface {
	// Hold sets a legal hold, and tells the tenant's active job (GuardHold) in the same transaction: the outcome is its, zero
	// when there is none. ErrPastPivot when the tenant's deletion has begun; then there is no hold.
	Hold(ctx context.Context, h Hold) (Hold, Outcome, error)
	// Release ends a hold of a tenant, and tells the tenant's active job (GuardRelease) in the same transaction. ErrState when
	// it was released before, ErrNotFound when the tenant has no such hold.
	Release(ctx context.Context, tenant events.TenantID, id int64, r Release) (Hold, Outcome, error)
	// Holds lists holds, newest first.
	Holds(ctx context.Context, f HoldFilter) ([]Hold, error)
	// SetPause begins a pause, or ends it (nil). It is safe to call again: the first pause stands. Jobs are not told.
	SetPause(ctx context.Context, p *Pause) (Controls, error)
	// SetGovernor sets how many deletions may begin within an hour; zero means no limit. Jobs that wait are not told.
	SetGovernor(ctx context.Context, limit int) (Controls, error)
	Controls(ctx context.Context) (Controls, error)
}
