package sqlplan

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Limits of an erasure.
const (
	lockTimeoutMS = 3_000  // a writer in flight may be waited for this long, then the delivery is tried again
	idleTimeoutMS = 30_000 // a participant that hangs must not hold a tenant's rows
	// timeoutsMax is how often a transaction may run into the statement timeout before the job is deleted in chunks.
	timeoutsMax = 2
)

var (
	// errTaken is transient: another session is erasing the tenant.
	errTaken = errors.New("another session is erasing the tenant")
	// errSlipped is transient: a row came between the lock of a guarded table and its delete.
	errSlipped = errors.New("rows changed under the deletion")
	// errNotCanonical is permanent: the id as it is written could find the rows of a tenant with another name.
	errNotCanonical = participants.Refuse(participants.CodeTenantRefused,
		"the tenant id is not written as the service's tenant column writes it")
)

// erasing is one Erase at work.
type erasing struct {
	*participants.Erasure
	plan   *Plan
	s      *session
	layout *layout
	mode   string
	begun  bool // Reached was told of the transaction's first delete
}

// opened is what a transaction finds when it has the tenant's lock and its anchor.
type opened struct {
	live       bool
	generation int
	receipt    *participants.Receipt
	bounded    bool // the job is deleted in chunks
	canonical  bool // the tenant id is written as the columns write it
	era        string
}

// Erase deletes the tenant's rows, proves it, closes the anchor and stores the receipt, in one transaction; a tenant above
// Config.BoundedRows in chunks before that transaction. It is safe to call again for the same job.
func (p *Plan) Erase(ctx context.Context, e *participants.Erasure) error {
	_, err := events.ParseJobID(string(e.Job))
	if err := errors.Join(err, e.Tenant.Validate()); err != nil {
		return fmt.Errorf("sqlplan: erase %s: %w", p.cfg.Service, err)
	}
	err = p.withSession(ctx, func(s *session) (err error) {
		lay := p.current(s)
		if lay == nil {
			if lay, err = p.introspect(ctx, s); err != nil {
				return err
			}
		}
		work := &erasing{Erasure: e, plan: p, s: s, layout: lay, mode: participants.ModeTransaction}
		if err := work.transaction(ctx); err != nil {
			return errors.Join(classified(err), work.countTimeout(ctx, err))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("sqlplan: erase %s: %w", p.cfg.Service, err)
	}
	return nil
}

// transaction is the order of the promises: lock, anchor, receipt, generation, catalogue, deletes, proof, close, receipt,
// commit.
func (w *erasing) transaction(ctx context.Context) error {
	found, err := w.open(ctx)
	if err != nil {
		return err
	}
	if !found.canonical {
		return errNotCanonical
	}
	if w.Settled(found.receipt) {
		w.Answer(found.receipt)
		if found.stale(w.Generation) {
			w.Outlive()
		}
		return nil // the session rolls back: nothing was written
	}
	if found.stale(w.Generation) {
		return participants.Refuse(participants.CodeStale, "generation %d is not newer than what was erased (%d)",
			w.Generation, found.generation)
	}
	if err := w.compare(ctx, found.era); err != nil {
		return err
	}
	if err := w.refuseUnnamed(ctx); err != nil {
		return err
	}
	bytes, err := w.measured(ctx)
	if err != nil {
		return err
	}
	if w.mode != participants.ModeBounded {
		large, err := w.large(ctx, bytes)
		if err != nil {
			return err
		}
		if large || found.bounded {
			return w.bounded(ctx)
		}
	}
	if err := w.delete(ctx, bytes > pipelineBytesMax); err != nil {
		return err
	}
	return w.close(ctx, found.receipt)
}

// stale reports whether the command's job is not the tenant's present life: what it asks for was erased, by a later job or
// before the tenant was created again. An erasure outside of any job means the present life, whichever it is.
func (o *opened) stale(generation int) bool {
	if generation == participants.GenerationNone {
		return false
	}
	return generation < o.generation || generation == o.generation && o.live && o.generation > 0
}

// open begins the transaction and takes the tenant. Taking the anchor FOR UPDATE waits for writers in flight; the deletes
// are later statements, so they see what those wrote.
func (w *erasing) open(ctx context.Context) (*opened, error) {
	results, err := w.s.run(ctx, append(begin("READ WRITE", w.plan.cfg.StatementTimeout),
		w.lock("pg_try_advisory_xact_lock"),
		statement{sql: "INSERT INTO tenant_anchor (tenant_id) VALUES ($1) ON CONFLICT (tenant_id) DO NOTHING",
			args: []string{string(w.Tenant)}},
		statement{sql: "SELECT a.live, a.generation," +
			" (SELECT r.body FROM td_receipts r WHERE r.participant = $2 AND r.job_id = $3)," +
			" coalesce((SELECT b.started_at IS NOT NULL OR b.timeouts >= $4::int FROM td_bounded b" +
			"  WHERE b.participant = $2 AND b.job_id = $3), false), " + w.layout.canonical(parameter(5)) + ", " + w.layout.fingerprint +
			" FROM tenant_anchor a WHERE a.tenant_id = $1 FOR UPDATE OF a",
			args: []string{string(w.Tenant), w.participant(), string(w.Job), strconv.Itoa(timeoutsMax), string(w.Tenant)}})...)
	if codeOf(err) == codeDivisionByZero {
		return nil, errTaken
	}
	if err != nil {
		return nil, fmt.Errorf("take tenant: %w", err)
	}
	return parseOpened(results[len(results)-1])
}

func parseOpened(r *pgconn.Result) (*opened, error) {
	if len(r.Rows) != 1 {
		return nil, fmt.Errorf("take tenant: %d anchors", len(r.Rows))
	}
	row := r.Rows[0]
	generation, err1 := strconv.Atoi(string(row[1]))
	receipt, err2 := parseReceipt(row[2])
	return &opened{live: string(row[0]) == "t", generation: generation, receipt: receipt, bounded: string(row[3]) == "t",
		canonical: string(row[4]) == "t", era: string(row[5])}, errors.Join(err1, err2)
}

// begin opens a transaction with its limits. row_security = off makes PostgreSQL refuse what it would otherwise hide.
func begin(access string, limit time.Duration) []statement {
	return []statement{
		{sql: "BEGIN ISOLATION LEVEL READ COMMITTED " + access},
		{sql: "SELECT set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true)," +
			" set_config('idle_in_transaction_session_timeout', $3, true), set_config('row_security', 'off', true)",
			args: []string{strconv.Itoa(lockTimeoutMS), strconv.FormatInt(limit.Milliseconds(), 10), strconv.Itoa(idleTimeoutMS)}},
	}
}

// lock takes the tenant for a transaction, or for the session. A lock that somebody else holds divides by zero: plain SQL
// has no other way to stop what follows in the same round trip.
func (w *erasing) lock(function string) statement {
	h := fnv.New64a()
	h.Write([]byte(w.participant() + "/" + string(w.Tenant)))
	return statement{sql: "SELECT 1 / " + function + "($1::int8)::int", args: []string{strconv.FormatInt(int64(h.Sum64()), 10)}}
}

// compare refuses when the catalogue is no longer the one of the layout and the plan does not cover what it is now.
func (w *erasing) compare(ctx context.Context, era string) error {
	if era == w.layout.era {
		return nil
	}
	lay, err := w.plan.introspect(ctx, w.s)
	if err != nil {
		return err
	}
	w.layout = lay
	return nil
}

// close is the proof, the tombstone, the receipt and the commit. Closing the anchor is refused by PostgreSQL while a fenced
// table holds a row of the tenant.
func (w *erasing) close(ctx context.Context, previous *participants.Receipt) error {
	body, err := json.Marshal(w.Receipt(w.mode, previous))
	if err != nil {
		return fmt.Errorf("write receipt: %w", err)
	}
	generation := strconv.Itoa(w.Generation)
	statements := []statement{
		{sql: "UPDATE tenant_anchor SET live = false, fence = NULL, generation = greatest(generation, $2), closed_at = now()" +
			" WHERE tenant_id = $1", args: []string{string(w.Tenant), generation}},
		{sql: "INSERT INTO td_receipts (participant, job_id, tenant_id, generation, attempt, body) VALUES ($1, $2, $3, $4, $5, $6)" +
			" ON CONFLICT (participant, job_id) DO UPDATE SET attempt = excluded.attempt, body = excluded.body",
			args: []string{w.participant(), string(w.Job), string(w.Tenant), generation, strconv.Itoa(w.Attempt), string(body)}},
	}
	if w.mode == participants.ModeBounded {
		statements = append(statements, w.forget()...)
	}
	if _, err := w.s.run(ctx, append(statements, statement{sql: "COMMIT"})...); err != nil {
		return fmt.Errorf("close tenant: %w", residue(err))
	}
	return nil
}

func (w *erasing) participant() string { return string(w.plan.cfg.Service) }
