package saga

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Errors that callers match.
var (
	ErrNotFound  = errors.New("not found")
	ErrPastPivot = errors.New("past the pivot: deletion has begun, a job only goes forward")
	ErrState     = errors.New("not possible in this state")
	ErrFourEyes  = errors.New("the requester may not approve")
	// ErrMismatch says that a result or a preview does not belong to the job: another tenant, another generation, or a
	// participant that is not on the roster. Repeating it does not help.
	ErrMismatch = errors.New("does not belong to this job")
	// ErrInvariant says that a job would break, or has broken, what always holds: a bug, or a row changed by hand.
	ErrInvariant = errors.New("broken invariant")
	// ErrVersion says that the job has changed since the caller read it.
	ErrVersion = errors.New("the job has changed meanwhile")
	// ErrConflict says that the request id was used before with another content.
	ErrConflict = errors.New("request id used before with another content")
)

// JobStore keeps jobs. Its only writers are Submit and Update; both commit state, inbox and outbox in one transaction.
type JobStore interface {
	// Submit creates jobs (through Start) for submissions that are new. A tenant with an active job, or a repeated request id
	// of the same source, yields the job that is there, with Existing set. The outcomes are in the order of the submissions.
	Submit(ctx context.Context, now time.Time, submissions ...Submission) ([]Outcome, error)
	// Update locks the changes' jobs in id order, runs each change's Decide, and commits everything together. A change whose
	// Inbox id was counted before is skipped (Duplicate). An error of one Decide rejects that change alone: it is in its
	// Outcome. The outcomes are in the order of the changes; several changes of one job run one after the other.
	Update(ctx context.Context, changes ...Change) ([]Outcome, error)
	// Due claims at most limit jobs whose WakeAt has come, oldest first, for the length of lease (SKIP LOCKED), and says when
	// the next is due (zero: none known).
	Due(ctx context.Context, now time.Time, lease time.Duration, limit int) (due []events.JobID, next time.Time, err error)
	// Job reads one job.
	Job(ctx context.Context, id events.JobID) (Job, error)
	// Jobs lists jobs, newest first.
	Jobs(ctx context.Context, f Filter) ([]Job, error)
	// History lists at most limit entries of a job with a number above after, oldest first. It is committed with the jobs.
	// A job that is not there has no entries.
	History(ctx context.Context, id events.JobID, after int64, limit int) ([]Entry, error)
}

// Submission is a request to create a job. Inbox is the id of the event that brought it.
type Submission struct {
	Submitted events.Submitted
	Inbox     events.EventID
	Policy    Policy
	// Detached says that nobody waits for an error: a conflict (ErrConflict) makes a refused job, whose event and whose place
	// in the list tell the asker.
	Detached bool
	// Refused is what the tenant rules say against it; nil for nothing. A repeat yields the job that is there all the same.
	Refused *RefusedError
	// Preview is the one that the submission confirms, as it was kept; By who sent it, where that is known.
	Preview *Preview
	By      string
}

// Change is one input for one job.
type Change struct {
	Job events.JobID
	// Inbox is the id of the event that causes the change, so that it counts once; empty for inputs that are no events.
	Inbox  events.EventID
	Decide func(Job) (Decision, error)
}

// Outcome is what became of a Submission or a Change.
type Outcome struct {
	Decision  Decision
	Duplicate bool // the event was counted before; nothing was done
	Existing  bool // Submit only: the job was there already
	Err       error
}

// Filter selects jobs; zero fields select everything, and set fields must all hold.
type Filter struct {
	Before  events.JobID // keyset: only jobs older than this id
	Blocked string       // only jobs that wait for this reason (the codes of Blocked)
	// ErasedBy selects jobs in which this participant has erased, ErasedSince those in which it did so at or after.
	ErasedBy    events.Participant
	ErasedSince time.Time
	// FailedAt selects jobs in which this participant's step is failed now.
	FailedAt  events.Participant
	Limit     int       // zero means 100, at most 1000
	OverdueAt time.Time // only jobs that have not ended, with a deadline before this time
	RequestID string
	Since     time.Time // submitted at or after
	Source    events.Participant
	States    []State
	Tenant    events.TenantID
	Until     time.Time // submitted before
}

// Matches reports whether the filter selects a job; paging (Before, Limit) aside. It is what a Store means by its query.
func (f Filter) Matches(j Job) bool {
	step, _ := j.Step(f.ErasedBy)
	failed, _ := j.Step(f.FailedAt)
	erased := f.ErasedBy == "" || step.State == StepSucceeded && !step.FinishedAt.Before(f.ErasedSince)
	return erased && (f.FailedAt == "" || failed.State == StepFailed) &&
		(f.Blocked == "" || j.Blocked != nil && j.Blocked.Code == f.Blocked) &&
		(f.OverdueAt.IsZero() || j.Overdue(f.OverdueAt)) &&
		(f.RequestID == "" || j.RequestID == f.RequestID) && (f.Source == "" || j.Source == f.Source) &&
		(f.Since.IsZero() || !j.SubmittedAt.Before(f.Since)) && (f.Until.IsZero() || j.SubmittedAt.Before(f.Until)) &&
		(len(f.States) == 0 || slices.Contains(f.States, j.State)) && (f.Tenant == "" || j.Tenant == f.Tenant)
}

// Bounds of what a list holds: a screenful, and no more than a page that a person would scroll.
const (
	listDefault = 100
	listMax     = 1000
)

// ListLimit is how many a list holds when so many are asked for.
func ListLimit(asked int) int {
	if asked <= 0 {
		return listDefault
	}
	return min(asked, listMax)
}

// Outbox hands unsent events to the relay.
type Outbox interface {
	// Relay locks at most limit unsent messages (encoded when their job was saved, not yet signed) in order (SKIP LOCKED),
	// calls send, and marks as sent those that send did not report as failed. An error of send marks none: all of them are
	// relayed again. It returns how many were sent, and whether more may wait that could be sent right away. Send is not
	// called when nothing waits.
	Relay(
		ctx context.Context, limit int, send func(ctx context.Context, unsent []events.Message) (failed []int, err error),
	) (sent int, more bool, err error)
	// Wait blocks until events may be waiting (after a commit, of another replica too), or ctx ends; it may return early.
	Wait(ctx context.Context) error
}

// DeadLetter is a message that could not be handled, with the reason.
type DeadLetter struct {
	// ID is the store's, from 1; zero before it is stored. A newer letter has a higher one.
	ID        int64
	Stream    string
	Consumer  string
	Sequence  uint64
	Subject   string
	Reason    string
	Body      []byte // as received, at most 64 KiB
	CreatedAt time.Time
	// Resolution is what a person did about it; nil while it is open.
	Resolution *Resolution
}

// Resolution closes a dead letter.
type Resolution struct {
	Kind   string // ResolutionResent or ResolutionDiscarded
	By     string
	Reason string // in a person's words, without tenant data; required to discard
	At     time.Time
}

// How a dead letter is closed.
const (
	ResolutionResent    = "resent"
	ResolutionDiscarded = "discarded"
)

// DeadFilter selects dead letters; zero fields select everything that is open.
type DeadFilter struct {
	Before   int64 // keyset: only letters older than this id
	Consumer string
	Limit    int  // as for jobs
	Resolved bool // those that were resolved too
}

// deadBodyBytesMax bounds what is kept of a message: as large as an event may be.
const deadBodyBytesMax = 64 << 10

// Bounded is the letter with its body cut to what is kept, its words made printable, and its time as it is stored.
func (d DeadLetter) Bounded() DeadLetter {
	d.Body = d.Body[:min(len(d.Body), deadBodyBytesMax)]
	d.Stream, d.Consumer = printable(d.Stream), printable(d.Consumer)
	d.Subject, d.Reason = printable(d.Subject), printable(d.Reason)
	d.CreatedAt = instant(d.CreatedAt)
	return d
}

// printable drops what PostgreSQL cannot store as text; a stranger's subject may hold anything.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
}

// DeadLetters keeps what could not be handled.
type DeadLetters interface {
	// Bury stores dead letters; one per stream, sequence and consumer, the first; repeats are ignored.
	Bury(ctx context.Context, letters ...DeadLetter) error
	// Buried lists dead letters, newest first.
	Buried(ctx context.Context, f DeadFilter) ([]DeadLetter, error)
	// Letter reads one; ErrNotFound when there is none.
	Letter(ctx context.Context, id int64) (DeadLetter, error)
	// Resolve closes an open letter. ErrState when it was closed before, ErrNotFound when there is none.
	Resolve(ctx context.Context, id int64, r Resolution) error
}

// Rosters keeps the participants that must take part. New jobs freeze it.
type Rosters interface {
	SetRoster(ctx context.Context, roster []RosterEntry) error
	Roster(ctx context.Context) ([]RosterEntry, error)
}

// Store is everything a coordinator persists.
type Store interface {
	JobStore
	Outbox
	DeadLetters
	Rosters
	GuardStore
	PreviewStore
}
