package saga

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// ReplaySet says which participants of which jobs are asked again. Exactly one of Job, Failed and RestoredSince chooses the
// jobs.
type ReplaySet struct {
	By string
	// Job is one job, whose failed and silent participants (or the named ones) are asked again.
	Job events.JobID
	// Failed is every job with failed or silent participants.
	Failed bool
	// RestoredSince is every job in which the Participants erased at or after this time: they were restored from a backup
	// that is as old.
	RestoredSince time.Time
	Participants  []events.Participant
	// Preview changes nothing and says what would be done.
	Preview bool
	// Before is where the page begins: only jobs older than this one. Limit is its size, as for a list.
	Before events.JobID
	Limit  int
}

// Replayed is what became of one job of a ReplaySet.
type Replayed struct {
	Job          events.JobID
	Tenant       events.TenantID
	Participants []events.Participant // those asked again, or those that would be
	Origin       string               // where the original request was read; empty in a preview
	// Err is why this job was left alone.
	Err error
}

// Presence is a participant of the roster and what is known of it now.
type Presence struct {
	RosterEntry
	Live    bool // an instance has answered just now
	Version string
	Failed  int // jobs in which its step is failed; at most as many as a list holds
}
