package httpapi

import (
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Job is a deletion job as the API shows it: a long-running operation with its steps.
type Job struct {
	JobID      events.JobID    `json:"job_id" format:"uuid"`
	TenantID   events.TenantID `json:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Generation int             `json:"generation" minimum:"1" doc:"Counts the jobs of a tenant id that was created again."`
	State      saga.State      `json:"state" enum:"refused,awaiting_approval,rejected,scheduled,cancelled,deleting,verifying,failed,completed"` //nolint:lll // a tag cannot be broken
	// Done says that the job has ended; a failed job has not, it waits for a person.
	Done    bool   `json:"done" doc:"The job has ended. A failed job has not: it waits for a person."`
	Version int64  `json:"version" minimum:"1" doc:"Grows with every change; the ETag is made of it."`
	Round   int    `json:"round" minimum:"1" doc:"Above 1 when participants were restored from a backup and erased again."`
	Cause   string `json:"cause,omitempty" doc:"Why the job ended without a deletion."`
	Overdue bool   `json:"overdue" doc:"The job should have ended by its deadline. It goes on all the same."`

	Source      events.Participant    `json:"source"`
	RequestID   string                `json:"request_id"`
	Reason      string                `json:"reason"`
	RequestedBy string                `json:"requested_by"`
	SubmittedBy string                `json:"submitted_by,omitempty" doc:"Who sent the request, when it is somebody else."`
	DecidedBy   string                `json:"decided_by,omitempty"`
	Confirmed   *Confirmed            `json:"confirmed,omitempty" doc:"The preview that holds for the job."`
	Asked       *events.RequestPolicy `json:"asked,omitempty" doc:"What the request asked for beyond the coordinator's policy."`

	SubmittedAt time.Time  `json:"submitted_at"`
	NotBefore   *time.Time `json:"not_before,omitempty"`
	DueAt       time.Time  `json:"due_at" doc:"End of the grace: the first delete may start."`
	Deadline    time.Time  `json:"deadline"`
	PivotAt     *time.Time `json:"pivot_at,omitempty" doc:"When the first command was sent: from then on the job only goes forward."`
	FinishedAt  *time.Time `json:"finished_at,omitempty"`

	Waived []events.Participant `json:"waived,omitempty" doc:"Without these the job goes on, or has ended: nothing is proven of them."` //nolint:lll // a tag cannot be broken

	Wave    int            `json:"wave" minimum:"0"`
	Blocked *Blocked       `json:"blocked,omitempty"`
	Total   int64          `json:"total" minimum:"0" doc:"Rows and files deleted, as the receipts say."`
	Tally   map[string]int `json:"tally" doc:"Number of steps in each state."`
	Steps   []Step         `json:"steps,omitempty" doc:"Left out of lists."`
}

// Confirmed is the preview that somebody has seen and confirmed. A job that finds other rows before its first delete stops.
type Confirmed struct {
	Fingerprint string                       `json:"fingerprint"`
	CountedAt   time.Time                    `json:"counted_at"`
	Total       int64                        `json:"total" minimum:"0"`
	Counts      map[events.Participant]int64 `json:"counts" doc:"Rows and files of each participant."`
}

// Blocked says why a job does not move, since when, and what unblocks it.
type Blocked struct {
	Code         string               `json:"code"`
	Participants []events.Participant `json:"participants,omitempty"`
	Since        time.Time            `json:"since"`
	Action       string               `json:"action"`
}

// Step is one participant's part of a job.
type Step struct {
	Participant events.Participant `json:"participant"`
	Wave        int                `json:"wave" minimum:"1"`
	State       saga.StepState     `json:"state" enum:"pending,requested,succeeded,failed,waived"`
	Attempt     int                `json:"attempt" minimum:"0"`
	RequestedAt *time.Time         `json:"requested_at,omitempty"`
	FinishedAt  *time.Time         `json:"finished_at,omitempty"`
	Counts      map[string]int64   `json:"counts,omitempty" doc:"Exact rows and files of the newest receipt."`
	Mode        string             `json:"mode,omitempty"`
	DurationMS  int64              `json:"duration_ms"`
	Problems    []events.Problem   `json:"problems,omitempty"`
	VerifiedAt  *time.Time         `json:"verified_at,omitempty"`
	Residue     map[string]int64   `json:"residue,omitempty" doc:"Rows that verification counted instead of zero."`
	ErasedAt    *time.Time         `json:"erased_at,omitempty"`
	Waiver      *Waiver            `json:"waiver,omitempty" doc:"The decision to close the job without it; it counts once the step is waived."` //nolint:lll // a tag cannot be broken
	Earlier     []saga.Pass        `json:"earlier,omitempty" doc:"Receipts that a restore from a backup has undone."`
}

// Waiver is a named person's decision to close a job without a participant.
type Waiver struct {
	By       string    `json:"by"`
	SecondBy string    `json:"second_by,omitempty" doc:"Who has decided the same, where the policy asks for a second person."`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

// Jobs is a page of jobs, newest first.
type Jobs struct {
	Jobs []Job `json:"jobs"`
	// NextPageToken is empty on the last page.
	NextPageToken string `json:"next_page_token,omitempty"`
}

// NewJob is the body of a request for a deletion.
type NewJob struct {
	TenantID events.TenantID `json:"tenant_id" pattern:"^[A-Za-z0-9_-]{1,64}$"`
	Reason   string          `json:"reason" pattern:"^[a-z][a-z_]{0,63}$" doc:"A code, never prose."`
	// RequestedBy is an opaque actor id; empty means the caller.
	RequestedBy string `json:"requested_by,omitempty" pattern:"^[A-Za-z0-9_.:-]{1,128}$"`
	// Preview is the fingerprint of the preview that is confirmed.
	Preview   string                `json:"preview,omitempty" pattern:"^pv_[a-z2-7]{26}$" doc:"The fingerprint of the preview that is confirmed."` //nolint:lll // a tag cannot be broken
	NotBefore *time.Time            `json:"not_before,omitempty"`
	Policy    *events.RequestPolicy `json:"policy,omitempty"`
	Confirmation
}

// Entry is one event of a job's history.
type Entry struct {
	Number       int64                `json:"number" minimum:"1" doc:"The job's version after it; the id in the live stream."`
	At           time.Time            `json:"at"`
	Kind         string               `json:"kind" enum:"submit,tick,lost,answered,verified,approve,reject,cancel,replay,restored,hold,release,pause,resume,governor,counted,renew,waive"` //nolint:lll // a tag cannot be broken
	State        saga.State           `json:"state" doc:"Of the job, afterwards."`
	By           string               `json:"by,omitempty"`
	Participants []events.Participant `json:"participants,omitempty"`
	Attempt      int                  `json:"attempt,omitempty"`
	Problems     []events.Problem     `json:"problems,omitempty"`
	Deleted      int64                `json:"deleted,omitempty"`
	Origin       string               `json:"origin,omitempty" doc:"Where a replay found the original request: stream or store."`
	Reason       string               `json:"reason,omitempty"`
	Sent         []events.Type        `json:"sent,omitempty" doc:"Types of the events that left with the decision."`
}

// Entries is a page of a job's history, oldest first.
type Entries struct {
	Events []Entry `json:"events"`
	// Last is the number to ask after for the next page.
	Last int64 `json:"last"`
}

// Preview is what a deletion of the tenant would delete now, participant by participant.
type Preview struct {
	TenantID     events.TenantID      `json:"tenant_id"`
	Complete     bool                 `json:"complete" doc:"Every participant could tell. Only then does total mean anything."`
	Total        int64                `json:"total" minimum:"0"`
	Participants []ParticipantPreview `json:"participants"`
	CountedAt    time.Time            `json:"counted_at"`
	Fingerprint  string               `json:"fingerprint,omitempty" doc:"What a request repeats to confirm this preview; only of one that was kept."` //nolint:lll // a tag cannot be broken
}

// ParticipantPreview is the part of one participant.
type ParticipantPreview struct {
	ServiceName events.Participant `json:"service_name"`
	Counts      map[string]int64   `json:"counts"`
	Kept        map[string]string  `json:"kept,omitempty" doc:"What stays, and why."`
	Error       *events.Problem    `json:"error,omitempty" doc:"Why the participant could not tell; then counts mean nothing."`
}

// ReplayRequest says whom to ask again. Exactly one of JobID, Failed and RestoredSince chooses the jobs.
type ReplayRequest struct {
	JobID events.JobID `json:"job_id,omitempty" format:"uuid" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"`
	// Failed asks every failed or silent participant of every such job again.
	Failed bool `json:"failed,omitempty"`
	// RestoredSince asks Participants again in every job in which they erased at or after this time: they were restored from
	// a backup of that time.
	RestoredSince *time.Time           `json:"restored_since,omitempty"`
	Participants  []events.Participant `json:"participants,omitempty" pattern:"^[a-z][a-z0-9_]{0,31}$" maxItems:"256"`
	// Preview changes nothing and tells which jobs would be replayed.
	Preview bool `json:"preview,omitempty"`
	// PageToken continues where the answer before ended.
	PageToken string `json:"page_token,omitempty"`
}

// Replays says what became of each job.
type Replays struct {
	Replays []ReplayOutcome `json:"replays"`
	// NextPageToken is empty when no job is left to look at.
	NextPageToken string `json:"next_page_token,omitempty"`
}

// ReplayOutcome is one job's.
type ReplayOutcome struct {
	JobID        events.JobID         `json:"job_id"`
	TenantID     events.TenantID      `json:"tenant_id"`
	Participants []events.Participant `json:"participants"`
	Origin       string               `json:"origin,omitempty"`
	// Skipped says why this job was left alone; empty when it was (or, in a preview, would be) replayed.
	Skipped string `json:"skipped,omitempty"`
}

// Participant is one that must take part, and what is known of it.
type Participant struct {
	Participant events.Participant `json:"participant"`
	Wave        int                `json:"wave" minimum:"1"`
	// Live is true when an instance answered just now.
	Live    bool   `json:"live"`
	Version string `json:"version,omitempty"`
	// Failed is the number of jobs in which its step is failed now, counted up to 1000.
	Failed int `json:"failed"`
}

// Participants is the roster, by wave, then name.
type Participants struct {
	Participants []Participant `json:"participants"`
}

// RosterEntry is one participant that must take part.
type RosterEntry struct {
	Participant events.Participant `json:"participant" pattern:"^[a-z][a-z0-9_]{0,31}$"`
	Wave        int                `json:"wave" minimum:"1"`
}

// Roster replaces who must take part in new jobs.
type Roster struct {
	Roster []RosterEntry `json:"roster" minItems:"1" maxItems:"256"`
}

// DeadLetter is a message that could not be handled.
type DeadLetter struct {
	ID        int64     `json:"id" minimum:"1"`
	Stream    string    `json:"stream"`
	Consumer  string    `json:"consumer"`
	Sequence  uint64    `json:"sequence"`
	Subject   string    `json:"subject"`
	Reason    string    `json:"reason"`
	CreatedAt time.Time `json:"created_at"`
	// Body is the message, when it is asked for by id and is still kept: base64, because it may be anything.
	Body       []byte      `json:"body,omitempty"`
	Resolution *Resolution `json:"resolution,omitempty"`
}

// Resolution is what a person did about a dead letter.
type Resolution struct {
	Kind   string    `json:"kind" enum:"resent,discarded"`
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// DeadLetters is a page, newest first.
type DeadLetters struct {
	DeadLetters   []DeadLetter `json:"dead_letters"`
	NextPageToken string       `json:"next_page_token,omitempty"`
}

// Discard closes a dead letter.
type Discard struct {
	Reason string `json:"reason" minLength:"1" maxLength:"200" doc:"Why, without tenant data."`
}

// Problem is RFC 9457. Code is what programs match; it never repeats what was sent.
type Problem struct {
	Type   string         `json:"type" format:"uri-reference"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Code   string         `json:"code"`
	Detail string         `json:"detail,omitempty"`
	Errors []FieldProblem `json:"errors,omitempty"`
	// State is the job's, where that is the reason.
	State string `json:"state,omitempty"`
	// Tenants are those that would be left without an owner.
	Tenants []events.TenantID `json:"tenants,omitempty"`
	// Admins are the user ids of the tenant's other active administrators.
	Admins []string `json:"admins,omitempty"`

	challenge string // how a request like this would be let in, for the header WWW-Authenticate
}

// FieldProblem names a field of the request and what is wrong with it.
type FieldProblem struct {
	Location string `json:"location"`
	Message  string `json:"message"`
}

// Admin is an administrator of a tenant.
type Admin struct {
	UserID string `json:"user_id" format:"uuid"`
	Role   string `json:"role" enum:"owner,admin"`
	Active bool   `json:"active"`
}

// Admins are those of a tenant, the owner first.
type Admins struct {
	TenantID events.TenantID `json:"tenant_id"`
	Admins   []Admin         `json:"admins"`
}

// Transfer names the new owner, who must be an active admin of the same tenant.
type Transfer struct {
	NewOwnerID string `json:"new_owner_id" format:"uuid" pattern:"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"`
}

// Transferred says who owns the tenant now.
type Transferred struct {
	TenantID        events.TenantID `json:"tenant_id"`
	PreviousOwnerID string          `json:"previous_owner_id"`
	OwnerID         string          `json:"owner_id"`
}

// Memberships says how many of a user's memberships were removed.
type Memberships struct {
	UserID  string `json:"user_id"`
	Removed int64  `json:"removed"`
}
