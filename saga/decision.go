package saga

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Decision is what Start and Decide return: save first (Job, Events), then act (Verify), then sleep until Job.WakeAt.
type Decision struct {
	Job Job
	// Changed is false when the input was stale or repeated: nothing is saved, nothing is sent.
	Changed bool
	// Events go to the outbox, in this order, in the transaction that saves the job.
	Events []events.Event
	// Verify asks the runner to count these participants again, and to feed the answers back as Verified.
	Verify []events.Participant
	// Recount asks the runner to count these participants before the first delete, and to feed the answers back as Counted.
	Recount []events.Participant
	// Entry is the line of the job's history; it is saved with the job.
	Entry Entry
}

// Input is one thing that can happen to a job. The set is closed: see the types of this file.
type Input interface{ kind() string }

// Tick says that the job's WakeAt has come: grace over, or patience over.
type Tick struct{}

// Lost says that commands, or the asking for a verification, may never have arrived: the stream was lost, or the process
// that asked is gone. What is open is sent again at once, without waiting for patience to end and without blaming anyone.
type Lost struct {
	// Participants are those to send to again; all that have not answered when none is named.
	Participants []events.Participant
}

// Answered is a participant's result event.
type Answered struct{ Result events.Result }

// Verified are the previews of participants after all deletes. A participant that did not answer is not in it.
type Verified struct{ Previews []events.Preview }

// Approve lets an awaiting job be scheduled. By must be neither who asked nor on whose behalf it was asked (four eyes), and
// Preview repeats the fingerprint that the job confirms, when it confirms one.
type Approve struct{ By, Preview string }

// Reject ends an awaiting job.
type Reject struct{ By string }

// Cancel ends a job before its pivot; after it, it is refused with ErrPastPivot.
type Cancel struct{ By string }

// Replay sends the command again to participants that failed (all failed or silent ones when none is named). Nothing that
// succeeded runs twice, unless verification found residue there.
type Replay struct {
	By           string
	Participants []events.Participant
	// Origin says where the original request was read: OriginStream, or OriginStore once the stream has forgotten it.
	Origin string
}

// Where a replay found the original request.
const (
	OriginStream = "stream"
	OriginStore  = "store"
)

// Restored says that participants were restored from a backup that is older than their deletion: what they had erased is
// there again. They are asked again, what they had deleted is kept as an earlier pass, and everything is verified anew. It
// is the only input that moves a completed job.
type Restored struct {
	By           string
	Participants []events.Participant
	Origin       string
}

func (Tick) kind() string     { return "tick" }
func (Lost) kind() string     { return "lost" }
func (Answered) kind() string { return "answered" }
func (Verified) kind() string { return "verified" }
func (Approve) kind() string  { return "approve" }
func (Reject) kind() string   { return "reject" }
func (Cancel) kind() string   { return "cancel" }
func (Replay) kind() string   { return "replay" }
func (Restored) kind() string { return "restored" }

// Request is what a new job is made of.
type Request struct {
	Submitted events.Submitted
	ID        events.JobID
	// Generation is the store's: one more than the tenant's newest job has.
	Generation int
	Roster     []RosterEntry
	Policy     Policy
	At         time.Time
	// Cause makes a refused job, for an asker that has no other way to learn of the refusal. Empty makes a real one.
	Cause string
	// Guards are what may keep the job from beginning at once.
	Guards Guards
	// Preview is the one that the request confirms; nil when it confirms none.
	Preview *Preview
	// By is who sent the request, where that is known and may be somebody else than it was requested by.
	By string
}
