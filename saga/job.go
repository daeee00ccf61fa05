package saga

import (
	"maps"
	"slices"
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
	return s == StateRefused || s == StateRejected || s == StateCancelled || s == StateCompleted
}

// Job is one tenant's deletion from request to end. Only Start makes one and only Decide changes one.
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
	DecidedBy   string // who approved, rejected or cancelled; the newest of them
	SubmittedBy string // who sent the request: RequestedBy, or a service that asked on his behalf
	// Preview is the fingerprint that the request confirmed, Confirmed the preview that holds now: that one, or a newer one
	// that was confirmed since. Empty and nil when none was.
	Preview   string
	Confirmed *Preview
	// Asked is what the request asked for beyond the coordinator's policy; nil when nothing. Policy has it merged in.
	Asked *events.RequestPolicy
	// Cause says why the job ended without a deletion; empty unless it did.
	Cause string
	// Round is 1, and one more each time a participant that was restored from a backup had to erase again.
	Round int

	SubmittedAt time.Time
	NotBefore   time.Time // what the request asked for; zero when it did not
	DueAt       time.Time // end of the grace: the first delete may start. The earliest possible one while awaiting approval
	Deadline    time.Time // one calendar month from submission (GDPR Art. 12(3)) unless the policy says sooner
	PivotAt     time.Time // zero before the first command is sent
	FinishedAt  time.Time // zero until final

	Wave    int       // the wave that runs, 0 before the pivot
	WakeAt  time.Time // when the runner must look again (Tick); zero for final states and for waiting on a person
	Blocked *Blocked  // why the job does not move; nil while it does, and when it is final
	Policy  Policy    // frozen when the job is created, with the defaults filled in
	Steps   []Step    // the frozen roster, by wave, then name

	// Guards are what a store gives with the job to whoever decides; empty in a job that was decided or read.
	Guards Guards
}

// Overdue reports whether the job should have ended by now. It goes on all the same: an overdue deletion is still owed.
func (j Job) Overdue(now time.Time) bool { return !j.State.Final() && now.After(j.Deadline) }

// Total is the number of rows and files that the receipts report.
func (j Job) Total() (n int64) {
	for i := range j.Steps {
		for _, c := range j.Steps[i].Counts {
			n += c
		}
	}
	return n
}

// Step is the part of one participant; ok is false when it is not on the job's roster.
func (j Job) Step(p events.Participant) (step Step, ok bool) {
	if i := j.indexOf(p); i >= 0 {
		return j.Steps[i], true
	}
	return Step{}, false
}

func (j Job) indexOf(p events.Participant) int {
	for i := range j.Steps {
		if j.Steps[i].Participant == p {
			return i
		}
	}
	return -1
}

// participants are those whose step passes the test, in roster order.
func (j Job) participants(test func(Step) bool) (names []events.Participant) {
	for i := range j.Steps {
		if test(j.Steps[i]) {
			names = append(names, j.Steps[i].Participant)
		}
	}
	return names
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
	ReasonHold              = "hold"
	ReasonPaused            = "paused"
	ReasonGovernor          = "governor"
	ReasonCounting          = "counting"        // what was confirmed is counted once more
	ReasonDrifted           = "preview_drifted" // the tenant has other rows now than were confirmed
	ReasonParticipantSilent = "participant_silent"
	ReasonParticipantFailed = "participant_failed"
	ReasonResidue           = "residue"
	ReasonUnverified        = "verification_unanswered"
	ReasonRosterEmpty       = "roster_empty"
	ReasonCancelled         = "cancelled"
	ReasonRejected          = "rejected"
	ReasonConflict          = "request_conflict" // the request id was used before with another content
)

// StepState is where one participant's part stands.
type StepState string

// The states of a step.
const (
	StepPending   StepState = "pending"   // its wave has not begun
	StepRequested StepState = "requested" // a command is out
	StepSucceeded StepState = "succeeded" // the receipt came
	StepFailed    StepState = "failed"    // the participant refused or gave up, or left residue
	StepWaived    StepState = "waived"    // a person has decided to close the job without it
)

// Step is one participant's part of a job.
type Step struct {
	Participant events.Participant
	Wave        int
	State       StepState
	Attempt     int // of the newest command; 0 while pending
	RequestedAt time.Time
	FinishedAt  time.Time // zero unless succeeded, failed or waived
	// Counts are the exact rows and files of the newest receipt, nil until there is one.
	Counts     map[string]int64
	Mode       string
	DurationMS int64
	Problems   []events.Problem // of the failed result, nil unless failed
	// VerifiedAt is when the participant proved zero in the newest verification; Residue what it counted instead.
	VerifiedAt time.Time
	Residue    map[string]int64
	// ResidueAttempt is the attempt after which residue was found: only the success of a later one closes the step.
	ResidueAttempt int
	// EraseAgain asks for another pass over a stored receipt with the next command; set exactly while Residue is.
	EraseAgain bool
	// ErasedAt is the participant's own time of the receipt that Counts are from; zero until there is one.
	ErasedAt time.Time
	// Waiver is the decision to close the job without the participant; it counts once the step is waived.
	Waiver *Waiver
	// Earlier are the receipts that a restore from a backup has undone, oldest first. Counts are not added to them.
	Earlier []Pass
}

// Pass is what a participant had deleted before it was restored from a backup.
type Pass struct {
	// Attempt is the newest command of the pass: only an answer to a later one counts for the next pass.
	Attempt    int              `json:"attempt"`
	Counts     map[string]int64 `json:"counts"`
	Mode       string           `json:"mode,omitempty"`
	DurationMS int64            `json:"duration_ms"`
	ErasedAt   time.Time        `json:"erased_at"`
}

// RosterEntry is one participant that MUST take part. The tenant service stands alone in the last wave.
type RosterEntry struct {
	Participant events.Participant
	Wave        int
}

// Clone is a copy that shares nothing with the job.
func (j Job) Clone() Job {
	j.Steps = slices.Clone(j.Steps)
	for i := range j.Steps {
		step := &j.Steps[i]
		step.Counts, step.Residue = maps.Clone(step.Counts), maps.Clone(step.Residue)
		step.Problems, step.Earlier = slices.Clone(step.Problems), slices.Clone(step.Earlier)
		if step.Waiver != nil {
			waiver := *step.Waiver
			step.Waiver = &waiver
		}
	}
	if j.Blocked != nil {
		blocked := *j.Blocked
		blocked.Participants = slices.Clone(blocked.Participants)
		j.Blocked = &blocked
	}
	j.Confirmed = j.Confirmed.clone()
	if j.Asked != nil {
		asked := *j.Asked
		j.Asked = &asked
	}
	return j
}
