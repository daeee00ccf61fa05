package events

import "time"

// Type names a kind of event. The names are the contract and never change; the version travels in dataschema.
type Type string

// The event types of the contract.
const (
	TypeSubmitted Type = "tenant.deletion.submitted" // a service asks for a deletion
	TypeRequested Type = "tenant.deletion.requested" // the coordinator tells a wave of participants to delete
	TypeReplayed  Type = "tenant.deletion.replayed"  // the same, again, to one participant
	TypeResult    Type = "tenant.deletion.result"    // a participant answers
	TypeFailed    Type = "tenant.deletion.failed"    // a job needs a person, or was refused or rejected
	TypeCancelled Type = "tenant.deletion.cancelled" // a job ended before its pivot
	TypeDeleted   Type = "tenant.deleted"            // everything is proven gone
	TypeProgress  Type = "tenant.deletion.progress"  // not stored: a participant tells who watches
)

// Payload is the data of an event. TenantOf is the tenant the payload is about; it must equal the envelope's subject.
type Payload interface {
	TenantOf() TenantID
	validate() error
}

// Submitted asks for the deletion of a tenant.
type Submitted struct {
	// RequestID is the idempotency key of the asker: a repeat with the same key is the same job. 1 to 128 of A-Za-z0-9_.:-
	RequestID string   `json:"request_id"`
	TenantID  TenantID `json:"tenant_id"`
	// Source names the asking service; it is the last token of the subject.
	Source Participant `json:"source"`
	// Reason is a code, never prose: lower-case letters and _, at most 64, for example contract_ended.
	Reason string `json:"reason"`
	// RequestedBy is an opaque actor id, never a name or an address. Same form as RequestID.
	RequestedBy string `json:"requested_by"`
	// Preview is the fingerprint of the preview that the asker has seen and confirms. Empty confirms none, which a coordinator
	// may refuse.
	Preview string `json:"preview,omitempty"`
	// NotBefore delays the first delete; zero means at once (after the policy's grace).
	NotBefore *time.Time `json:"not_before,omitempty"`
	// Policy asks for more care than the coordinator's own policy has; nil asks for nothing.
	Policy *RequestPolicy `json:"policy,omitempty"`
}

// RequestPolicy is what an asker may add to the coordinator's policy. The stricter of both holds: an asker can never make a
// deletion less careful than the coordinator would run it.
type RequestPolicy struct {
	// Approval asks for a second person's approval.
	Approval bool `json:"approval,omitempty"`
	// GraceSeconds asks for a wait of at least so long before the first delete, in which cancel is free.
	GraceSeconds int64 `json:"grace_seconds,omitempty"`
	// DeadlineSeconds asks for an end within so long from the submission. It makes a late job visible and hurries nobody.
	DeadlineSeconds int64 `json:"deadline_seconds,omitempty"`
}

// Command tells participants to delete; it is the data of requested and replayed events.
type Command struct {
	JobID    JobID    `json:"job_id"`
	TenantID TenantID `json:"tenant_id"`
	// Generation counts the jobs of a tenant id that was created again; a lower one than a participant has seen is stale.
	Generation int `json:"generation"`
	Wave       int `json:"wave"`
	Attempt    int `json:"attempt"`
	// Participants are those who must act; whoever is not named acks and ignores the event.
	Participants []Participant `json:"participants"`
	Reason       string        `json:"reason"`
	// EraseAgain asks for another pass although a receipt exists, because verification found residue. Counts add up.
	EraseAgain bool `json:"erase_again,omitempty"`
	// RequestedAt is when the coordinator sent this command, ExpiresAt when participants must refuse it.
	RequestedAt time.Time `json:"requested_at"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// Names reports whether the participant is one of those who must act.
func (c *Command) Names(p Participant) bool {
	for _, named := range c.Participants {
		if named == p {
			return true
		}
	}
	return false
}

// Result is one participant's answer. The first six keys are the platform's and are never renamed.
type Result struct {
	TenantID      TenantID         `json:"tenant_id"`
	ServiceName   Participant      `json:"service_name"`
	Success       bool             `json:"success"`
	DeletedCounts map[string]int64 `json:"deleted_counts"`
	Errors        []Problem        `json:"errors"`
	Timestamp     time.Time        `json:"timestamp"`

	JobID      JobID `json:"job_id"`
	Generation int   `json:"generation"`
	// Attempt is the attempt of the command this answers, RequestID its event id.
	Attempt   int     `json:"attempt"`
	RequestID EventID `json:"request_id"`
	// Mode is how it was deleted: "transaction" or "bounded".
	Mode       string `json:"mode,omitempty"`
	DurationMS int64  `json:"duration_ms"`
	// Replayed is true when a stored receipt was sent again instead of deleting.
	Replayed bool `json:"replayed,omitempty"`
}

// Total is the number of rows and files deleted.
func (r *Result) Total() (n int64) {
	for _, c := range r.DeletedCounts {
		n += c
	}
	return n
}

// Problem is one stated reason; Code is from a closed set, Detail never holds tenant data.
type Problem struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// Outcome says that a job did not complete (yet); it is the data of failed and cancelled events.
type Outcome struct {
	JobID        JobID         `json:"job_id"`
	TenantID     TenantID      `json:"tenant_id"`
	Generation   int           `json:"generation"`
	State        string        `json:"state"`
	Reason       string        `json:"reason"`
	Participants []Participant `json:"participants,omitempty"`
	At           time.Time     `json:"at"`
	// Source and RequestID are those of the submission, so that the asker recognises what was refused.
	Source    Participant `json:"source,omitempty"`
	RequestID string      `json:"request_id,omitempty"`
}

// Deleted is the promise kept: every participant has proven that nothing of the tenant is left.
type Deleted struct {
	JobID      JobID    `json:"job_id"`
	TenantID   TenantID `json:"tenant_id"`
	Generation int      `json:"generation"`
	// DeletedCounts holds the exact rows and files per participant and table.
	DeletedCounts map[Participant]map[string]int64 `json:"deleted_counts"`
	Total         int64                            `json:"total"`
	SubmittedAt   time.Time                        `json:"submitted_at"`
	CompletedAt   time.Time                        `json:"completed_at"`
	// Round is above 1 when participants were restored from a backup and erased again; each round is announced. Absent
	// means 1.
	Round int `json:"round,omitempty"`
	// Earlier are the passes of earlier rounds, which DeletedCounts and Total do not include: the restored rows are the
	// same rows once more.
	Earlier []EarlierPass `json:"earlier,omitempty"`
	// Waived are participants of which nothing is proven: somebody has decided to close the job without them. Absent means that
	// every participant has proven zero.
	Waived []Waived `json:"waived,omitempty"`
}

// Waived is a participant without which a job was closed, and who has decided that.
type Waived struct {
	ServiceName Participant `json:"service_name"`
	WaivedBy    string      `json:"waived_by"` // an opaque actor id
	WaivedAt    time.Time   `json:"waived_at"`
}

// EarlierPass is what a participant deleted in an earlier round of the same job.
type EarlierPass struct {
	ServiceName   Participant      `json:"service_name"`
	DeletedCounts map[string]int64 `json:"deleted_counts"`
	ErasedAt      time.Time        `json:"erased_at"`
}

// Progress is what a participant tells while it deletes. It is not stored and may be lost.
type Progress struct {
	JobID       JobID       `json:"job_id"`
	TenantID    TenantID    `json:"tenant_id"`
	ServiceName Participant `json:"service_name"`
	Attempt     int         `json:"attempt"`
	// Deleted is the number of rows and files deleted so far in this attempt, Table the one just finished.
	Deleted int64  `json:"deleted"`
	Table   string `json:"table,omitempty"`
	// Done is true on the last progress of an attempt, after its commit.
	Done bool `json:"done,omitempty"`
}

// PreviewRequest asks a participant what it would delete. It travels by request/reply and is never stored.
type PreviewRequest struct {
	TenantID TenantID `json:"tenant_id"`
}

// Preview is the answer: exact counts, no effect. Zero everywhere is what verification wants to see.
type Preview struct {
	TenantID    TenantID         `json:"tenant_id"`
	ServiceName Participant      `json:"service_name"`
	Counts      map[string]int64 `json:"counts"`
	// Kept names what the plan keeps, with the reason.
	Kept map[string]string `json:"kept,omitempty"`
	// Error is set when the participant cannot tell; then Counts mean nothing.
	Error *Problem `json:"error,omitempty"`
}

// Total is the number of rows and files that would be deleted.
func (p *Preview) Total() (n int64) {
	for _, c := range p.Counts {
		n += c
	}
	return n
}

// TenantOf implements Payload.
func (p *Submitted) TenantOf() TenantID { return p.TenantID }

// TenantOf implements Payload.
func (c *Command) TenantOf() TenantID { return c.TenantID }

// TenantOf implements Payload.
func (r *Result) TenantOf() TenantID { return r.TenantID }

// TenantOf implements Payload.
func (o *Outcome) TenantOf() TenantID { return o.TenantID }

// TenantOf implements Payload.
func (d *Deleted) TenantOf() TenantID { return d.TenantID }

// TenantOf implements Payload.
func (p *Progress) TenantOf() TenantID { return p.TenantID }
