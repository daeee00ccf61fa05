package saga

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// State is where a job stands. doc.go draws the machine.
type State string

// The states of a job.
const (
	StateRefused          State = "refused"           // ended: the request may not become a deletion
	StateAwaitingApproval State = "awaiting_approval" // a second person must approve or reject
	StateRejected         State = "rejected"          // ended: a person said no
	StateScheduled        State = "scheduled"         // waits for its grace to end; cancel is free
	StateCancelled        State = "cancelled"         // ended: nothing was deleted
	StateDeleting         State = "deleting"          // past the pivot: participants delete, wave by wave
	StateVerifying        State = "verifying"         // all succeeded; every participant is counted again
	StateFailed           State = "failed"            // a person must repair and replay
	StateCompleted        State = "completed"         // ended: proven gone
)

// Final reports whether a job in this state never moves again.
func (s State) Final() bool {
	switch s {
	case StateRefused, StateRejected, StateCancelled, StateCompleted:
		return true
	}
	return false
}

// Job is one tenant's deletion from request to end. Only Decide changes one.
type Job struct {
	ID         events.JobID
	Tenant     events.TenantID
	Generation int // 1 for the first job of a tenant id, then one more for each
	State      State
	Version    int64 // grows by one with every saved change

	Source      events.Participant
	RequestID   string
	Reason      string
	RequestedBy string

	SubmittedAt time.Time
	DueAt       time.Time // end of the grace: the first delete may start
	Deadline    time.Time // one calendar month from submission (GDPR Art. 12(3)) unless the policy says sooner
	PivotAt     time.Time // zero before the first command is sent
	FinishedAt  time.Time // zero until final

	Wave    int       // the wave that runs, 0 before the pivot
	WakeAt  time.Time // when the runner must look again (Tick); zero for final states and for waiting on a person
	Blocked *Blocked  // why the job does not move; nil while it does
	Policy  Policy    // frozen when the job is created
	Steps   []Step    // the frozen roster, by wave, then name
}

// Blocked says why a job does not move, since when, and what unblocks it.
type Blocked struct {
	Code         string               `json:"code"`
	Participants []events.Participant `json:"participants,omitempty"`
	Since        time.Time            `json:"since"`
	Action       string               `json:"action"` // one sentence for the operator
}

// Codes of Blocked, and reasons of ended jobs. The set is closed.
const (
	ReasonApproval          = "awaiting_approval"
	ReasonGrace             = "grace"
	ReasonParticipantSilent = "participant_silent"
	ReasonParticipantFailed = "participant_failed"
	ReasonResidue           = "residue"
	ReasonUnverified        = "verification_unanswered"
	ReasonRosterEmpty       = "roster_empty"
	ReasonCancelled         = "cancelled"
	ReasonRejected          = "rejected"
)

// StepState is where one participant's part stands.
type StepState string

// The states of a step.
const (
	StepPending   StepState = "pending"   // its wave has not begun
	StepRequested StepState = "requested" // a command is out
	StepSucceeded StepState = "succeeded" // the receipt came
	StepFailed    StepState = "failed"    // the participant refused or gave up
)

// Step is one participant's part of a job.
type Step struct {
	Participant events.Participant
	Wave        int
	State       StepState
	Attempt     int // of the newest command; 0 while pending
	RequestedAt time.Time
	FinishedAt  time.Time
	// Counts are the exact rows and files of the receipt, nil until succeeded.
	Counts     map[string]int64
	Mode       string
	DurationMS int64
	Problems   []events.Problem // of the last failed result
	// VerifiedAt is when the participant last proved zero; Residue what it counted instead, nil when zero.
	VerifiedAt time.Time
	Residue    map[string]int64
	// EraseAgain asks for another pass over a stored receipt with the next command; set when residue was found.
	EraseAgain bool
}

// Policy says how jobs are run; it is frozen into each job. The zero value of each field takes the default.
type Policy struct {
	// Approval makes a second person approve before the grace begins.
	Approval bool `json:"approval,omitempty"`
	// AttemptsMax is how often a silent step is requested again before only its reason is repeated. Zero means no limit:
	// a silent participant that returns must always find its command.
	AttemptsMax int `json:"attempts_max,omitempty"`
	// Deadline replaces the calendar month when it is shorter.
	Deadline time.Duration `json:"deadline,omitempty"`
	// Grace is the wait between scheduling and the first delete. Zero means none.
	Grace time.Duration `json:"grace,omitempty"`
	// CommandTTL is how long participants may act on a command. Zero means 24 h.
	CommandTTL time.Duration `json:"command_ttl,omitempty"`
	// Patience is how long a step or a verification may be silent before it is requested again. Zero means 60 s.
	// It doubles with every attempt, up to 15 min.
	Patience time.Duration `json:"patience,omitempty"`
}

// RosterEntry is one participant that MUST take part. The tenant service stands alone in the last wave.
type RosterEntry struct {
	Participant events.Participant
	Wave        int
}
