package saga

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// participantsMax is the largest roster: a command and a tenant.deleted name at most so many (package events).
const participantsMax = 256

// Start makes a job of a request. It is pure, as Decide is. A request that may not become a deletion makes a refused job
// with a tenant.deletion.failed event, so that the asker hears of it; a request that is not well-formed is an error
// (events.ErrInvalid). A job with no approval and no grace begins to delete in this very decision.
func Start(r Request) (Decision, error) {
	if err := r.validate(); err != nil {
		return Decision{}, fmt.Errorf("saga: start job: %w", err)
	}
	t := &turn{job: newJob(r), guards: r.Guards, now: instant(r.At), changed: true}
	t.note.By = t.job.RequestedBy
	switch {
	case r.Cause != "":
		t.refuse(r.Cause)
	case len(r.Roster) == 0:
		t.refuse(ReasonRosterEmpty)
	case t.needsApproval():
		t.await()
	default:
		t.begin() // a job that nothing stands before costs one transaction
	}
	return t.decision(stateNew, kindSubmit)
}

func (r Request) validate() error {
	_, idErr := events.ParseJobID(string(r.ID))
	errs := []error{idErr, r.Submitted.Validate(), r.Policy.validate(), CheckRoster(r.Roster)}
	if r.Generation < 1 {
		errs = append(errs, fmt.Errorf("generation: %w: must be 1 or more", events.ErrInvalid))
	}
	if r.At.IsZero() {
		errs = append(errs, fmt.Errorf("at: %w: missing", events.ErrInvalid))
	}
	return errors.Join(errs...)
}

// CheckRoster reports whether a roster can be frozen into a job: every participant once, in a wave of 1 or more. An empty
// roster is well-formed; Start refuses the job.
func CheckRoster(roster []RosterEntry) error {
	if len(roster) > participantsMax {
		return fmt.Errorf("roster: %w: more than %d participants", events.ErrInvalid, participantsMax)
	}
	seen := make(map[events.Participant]bool, len(roster))
	for _, entry := range roster {
		if _, err := events.ParseParticipant(string(entry.Participant)); err != nil {
			return fmt.Errorf("roster: %w", err)
		}
		if seen[entry.Participant] || entry.Wave < 1 {
			return fmt.Errorf("roster: %w: %s must stand once, in a wave of 1 or more", events.ErrInvalid, entry.Participant)
		}
		seen[entry.Participant] = true
	}
	return nil
}

func newJob(r Request) Job {
	at, policy := instant(r.At), r.Policy.with(r.Submitted.Policy).withDefaults()
	job := Job{
		ID: r.ID, Tenant: r.Submitted.TenantID, Generation: r.Generation, State: stateNew, Version: 1,
		Source: r.Submitted.Source, RequestID: r.Submitted.RequestID,
		Reason: r.Submitted.Reason, RequestedBy: r.Submitted.RequestedBy,
		Preview: r.Submitted.Preview, Confirmed: r.Preview.clone(), SubmittedBy: cmp.Or(r.By, r.Submitted.RequestedBy),
		Asked: asked(r.Submitted), Round: 1, SubmittedAt: at, NotBefore: notBefore(r.Submitted),
		Deadline: policy.deadline(at), Policy: policy,
		Steps: make([]Step, 0, len(r.Roster)),
	}
	job.DueAt = later(at, job.NotBefore).Add(policy.Grace)
	for _, entry := range r.Roster {
		job.Steps = append(job.Steps, Step{Participant: entry.Participant, Wave: entry.Wave, State: StepPending})
	}
	slices.SortFunc(job.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Wave, b.Wave), cmp.Compare(a.Participant, b.Participant))
	})
	return job
}

// Made reports whether the job was made of this very submission: a request id that comes again with another content is a
// conflict (ErrConflict), not a repeat.
func (j Job) Made(s events.Submitted) bool {
	return j.Source == s.Source && j.RequestID == s.RequestID && j.Tenant == s.TenantID && j.Reason == s.Reason &&
		j.RequestedBy == s.RequestedBy && j.Preview == s.Preview && j.NotBefore.Equal(notBefore(s)) && sameAsked(j.Asked, asked(s))
}

// asked is the request's own policy; one that asks for nothing is none.
func asked(s events.Submitted) *events.RequestPolicy {
	if s.Policy == nil || *s.Policy == (events.RequestPolicy{}) {
		return nil
	}
	policy := *s.Policy
	return &policy
}

func sameAsked(a, b *events.RequestPolicy) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func notBefore(s events.Submitted) time.Time {
	if s.NotBefore == nil || s.NotBefore.IsZero() {
		return time.Time{}
	}
	return instant(*s.NotBefore)
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (t *turn) refuse(reason string) {
	t.end(StateRefused, reason)
	t.emitOutcome(events.TypeFailed, reason, nil)
}

func (t *turn) await() {
	t.job.State, t.job.WakeAt = StateAwaitingApproval, time.Time{}
	t.block(ReasonApproval, nil, "A person other than the requester must approve or reject the job.")
}

// end ends a job that deletes nothing, and says why.
func (t *turn) end(state State, cause string) {
	t.finish(state)
	t.job.Cause = cause
}

// finish ends the job.
func (t *turn) finish(state State) {
	t.job.State, t.job.FinishedAt, t.job.WakeAt, t.job.Blocked = state, t.now, time.Time{}, nil
	t.changed = true
}
