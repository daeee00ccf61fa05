package participants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Counts are exact numbers of rows or files per table (or per folder), never estimates.
type Counts map[string]int64

// Total is the sum over all tables.
func (c Counts) Total() (n int64) {
	for _, v := range c {
		n += v
	}
	return n
}

// Eraser deletes one kind of a tenant's data: tables, files, objects, caches.
type Eraser interface {
	// Preview counts exactly what Erase would delete now, with an entry for every place it looks, and has no effect. It
	// refuses (ErrRefused) where Erase would refuse, so that verification fails closed.
	Preview(ctx context.Context, tenant events.TenantID) (Counts, error)
	// Erase deletes everything of e.Tenant and adds the exact counts to e. It is safe to call again for the same job after
	// a crash at any point and then adds the same counts. An error means that the job is not done here; see Refuse and Permanent.
	Erase(ctx context.Context, e *Erasure) error
}

// Ledger is the Eraser that also keeps receipts. A Service has exactly one; it runs last, and its Erase commits the
// receipt in the same transaction as its deletes: it asks e.Receipt for the bytes to store, and when it finds a stored
// receipt (and e.EraseAgain does not ask for another pass) it calls e.Answer with it and deletes nothing.
type Ledger interface {
	Eraser
	// Check compares the eraser's plan with reality. The service refuses to start when it fails.
	Check(ctx context.Context) error
	// Receipt reads the stored receipt of a job; nil when there is none.
	Receipt(ctx context.Context, job events.JobID) (*Receipt, error)
	// Kept names what stays, with the reason.
	Kept() map[string]string
}

// Receipt is the stored answer of a participant: redeliveries and replays answer with it, number for number.
type Receipt struct {
	JobID      events.JobID    `json:"job_id"`
	TenantID   events.TenantID `json:"tenant_id"`
	Generation int             `json:"generation"`
	// Attempt is the attempt that deleted (the last one, when residue asked for another pass).
	Attempt    int       `json:"attempt"`
	Counts     Counts    `json:"deleted_counts"`
	Mode       string    `json:"mode"`
	DurationMS int64     `json:"duration_ms"`
	At         time.Time `json:"at"`
}

// Modes of a receipt.
const (
	ModeTransaction = "transaction" // all deletes in one transaction
	ModeBounded     = "bounded"     // chunks, for a tenant too large for one transaction
)

// Erasure is one participant's deletion of one tenant, handed to its erasers in turn.
type Erasure struct {
	Job        events.JobID
	Tenant     events.TenantID
	Generation int
	Attempt    int
	// EraseAgain asks for another pass although a receipt exists.
	EraseAgain bool
	// Since is the attempt of the stored receipt that this pass adds to; zero for the first pass. An eraser outside the
	// ledger counts what it deleted for the job in attempts after it, so that neither a crash nor a second pass counts twice.
	Since int

	started  time.Time
	now      func() time.Time
	counts   Counts
	progress func(table string, deleted int64)
	answer   *Receipt
	replayed bool
	outlived bool
}

// NewErasure starts an erasure. Now and progress may be nil.
func NewErasure(c *events.Command, now func() time.Time, progress func(table string, deleted int64)) *Erasure {
	if now == nil {
		now = time.Now
	}
	if progress == nil {
		progress = func(string, int64) {}
	}
	return &Erasure{Job: c.JobID, Tenant: c.TenantID, Generation: c.Generation, Attempt: c.Attempt,
		EraseAgain: c.EraseAgain, started: now(), now: now, counts: Counts{}, progress: progress}
}

// Settled reports whether a stored receipt answers the command, so that nothing is deleted: always, except for a receipt
// that is older than the attempt which asks to erase again.
func (e *Erasure) Settled(stored *Receipt) bool {
	return stored != nil && (!e.EraseAgain || e.Attempt <= stored.Attempt)
}

// Add records n deleted rows of a table, zero included, and tells whoever watches.
func (e *Erasure) Add(table string, n int64) {
	e.counts[table] += n
	e.progress(table, e.counts.Total())
}

// Receipt closes the erasure: the ledger stores what it returns, inside its transaction. With previous not nil (another
// pass after residue) the counts are the sum of both.
func (e *Erasure) Receipt(mode string, previous *Receipt) *Receipt {
	counts := Counts{}
	for table, n := range e.counts {
		counts[table] = n
	}
	if previous != nil {
		for table, n := range previous.Counts {
			counts[table] += n
		}
	}
	now := e.now()
	e.answer = &Receipt{JobID: e.Job, TenantID: e.Tenant, Generation: e.Generation, Attempt: e.Attempt, Counts: counts,
		Mode: mode, DurationMS: now.Sub(e.started).Milliseconds(), At: now.UTC().Truncate(time.Microsecond)}
	return e.answer
}

// Answer closes the erasure with a receipt that was stored before; nothing was deleted this time.
func (e *Erasure) Answer(stored *Receipt) { e.answer, e.replayed = stored, true }

// Outlive says that the command is older than the tenant's present life: it was created again, or erased by a later job, since
// the receipt was stored. The receipt answers it all the same, and a dead letter shows that somebody sent it so late: the
// coordinator, or whoever has kept a copy.
func (e *Erasure) Outlive() { e.outlived = true }

// Answered is the receipt that closed the erasure, and whether it had been stored before; nil while it is open.
func (e *Erasure) Answered() (r *Receipt, replayed bool) { return e.answer, e.replayed }

// Codes of a Problem that a participant answers with. The set is closed.
const (
	CodeUnplannedTable = "unplanned_table"   // a table that may hold tenant data is on no plan
	CodePlanInvalid    = "plan_invalid"      // the plan names what the catalogue does not have
	CodeHiddenRows     = "hidden_rows"       // row-level security, a rule or a trigger may hide or keep rows
	CodeResidue        = "residue"           // rows were left after the deletes
	CodeStale          = "stale_generation"  // an old job's command for a tenant that was created again
	CodeTenantRefused  = "tenant_id_refused" // the tenant id does not fit the service's schema
	CodeDatabase       = "database"          // a permanent database error
	CodeGaveUp         = "gave_up"           // a transient error lasted for too many deliveries
	CodeUnsafePath     = "unsafe_path"       // a symbolic link or a special file stands where a tenant's folder should be
	CodeInternal       = "internal"          // anything else
)

// ErrRefused is matched by every permanent error: repeating does not help, a person or a new attempt must.
var ErrRefused = errors.New("refused")

// RefusedError is a permanent error with its code.
type RefusedError struct {
	Code   string
	Detail string // names tables and rules, never tenant data
	Err    error  // the cause, for the log
}

func (e *RefusedError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Detail, e.Err)
	}
	return e.Code + ": " + e.Detail
}

// Is matches ErrRefused.
func (e *RefusedError) Is(target error) bool { return target == ErrRefused }

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Refuse makes a permanent error: the service deletes nothing and answers with success=false and this code.
func Refuse(code, format string, args ...any) error {
	return &RefusedError{Code: code, Detail: fmt.Sprintf(format, args...)}
}
