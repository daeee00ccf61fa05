package pgstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// holdRow is a row of holds: read through its bun tags, and as JSON where it is read with other guards.
type holdRow struct {
	ID             int64      `bun:"id" json:"id"`
	Tenant         string     `bun:"tenant" json:"tenant"`
	Code           string     `bun:"code" json:"code"`
	Reason         string     `bun:"reason" json:"reason"`
	Reference      string     `bun:"reference" json:"reference"`
	SetBy          string     `bun:"set_by" json:"set_by"`
	SetAt          time.Time  `bun:"set_at" json:"set_at"`
	ReleasedBy     *string    `bun:"released_by" json:"released_by"`
	ReleasedReason *string    `bun:"released_reason" json:"released_reason"`
	ReleasedAt     *time.Time `bun:"released_at" json:"released_at"`
}

const holdColumns = "id, tenant, code, reason, reference, set_by, set_at, released_by, released_reason, released_at"

func (r *holdRow) hold() saga.Hold {
	h := saga.Hold{ID: r.ID, Tenant: events.TenantID(r.Tenant), Code: r.Code, Reason: r.Reason, Reference: r.Reference, By: r.SetBy,
		At: r.SetAt.UTC()}
	if r.ReleasedBy != nil && r.ReleasedReason != nil && r.ReleasedAt != nil {
		h.Released = &saga.Release{By: *r.ReleasedBy, Reason: *r.ReleasedReason, At: r.ReleasedAt.UTC()}
	}
	return h
}

// Hold implements saga.GuardStore.
func (s *Store) Hold(ctx context.Context, h saga.Hold) (saga.Hold, saga.Outcome, error) {
	if err := h.Check(); err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("pgstore: hold: %w", err)
	}
	h = h.Stored()
	var row holdRow
	outcome, err := s.tell(ctx, h.Tenant, saga.Guarded{By: h.By, Change: saga.GuardHold}, h.At, func(tx bun.Tx) error {
		return tx.NewRaw(`INSERT INTO holds (tenant, code, reason, reference, set_by, set_at) VALUES (?, ?, ?, ?, ?, ?)
			RETURNING `+holdColumns, h.Tenant, h.Code, h.Reason, h.Reference, h.By, h.At).Scan(ctx, &row)
	})
	if err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("pgstore: hold: %w", err)
	}
	return row.hold(), outcome, nil
}

// Release implements saga.GuardStore.
func (s *Store) Release(ctx context.Context, tenant events.TenantID, id int64, r saga.Release) (saga.Hold, saga.Outcome, error) {
	if err := r.Check(); err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("pgstore: release hold: %w", err)
	}
	r = r.Stored()
	var row holdRow
	outcome, err := s.tell(ctx, tenant, saga.Guarded{By: r.By, Change: saga.GuardRelease}, r.At, func(tx bun.Tx) error {
		err := tx.NewRaw("SELECT "+holdColumns+" FROM holds WHERE id = ? AND tenant = ?", id, tenant).Scan(ctx, &row)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return saga.ErrNotFound
		case err == nil && row.ReleasedAt != nil:
			return fmt.Errorf("%w: the hold was released before", saga.ErrState)
		case err != nil:
			return err
		}
		return tx.NewRaw(`UPDATE holds SET released_by = ?, released_reason = ?, released_at = ? WHERE id = ? AND tenant = ?
			RETURNING `+holdColumns, r.By, r.Reason, r.At, id, tenant).Scan(ctx, &row)
	})
	if err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("pgstore: release hold: %w", err)
	}
	return row.hold(), outcome, nil
}

// tell changes a tenant's guards while no decision runs, and lets the tenant's active job decide on it in the same
// transaction. What the job refuses is not changed.
func (s *Store) tell(
	ctx context.Context, tenant events.TenantID, in saga.Guarded, at time.Time, set func(tx bun.Tx) error,
) (outcome saga.Outcome, err error) {
	err = s.alone(ctx, func(ctx context.Context, tx bun.Tx) (*saga.Batch, error) {
		outcome = saga.Outcome{}
		if err := set(tx); err != nil {
			return nil, err
		}
		jobs, err := readJobs(ctx, tx, "WHERE tenant = ? AND "+notEnded+" FOR UPDATE", tenant)
		if err != nil || len(jobs) == 0 {
			return nil, err
		}
		standing, err := readStanding(ctx, tx, guardsOf{"SELECT ?", string(tenant)})
		if err != nil {
			return nil, err
		}
		if err := readGovernor(ctx, tx, &standing, []events.JobID{jobs[0].ID}); err != nil {
			return nil, err
		}
		batch := saga.NewBatch(func(events.EventID) bool { return false }, jobs...)
		batch.Guard(standing)
		outcome = batch.Change(saga.Change{Job: jobs[0].ID, Decide: func(job saga.Job) (saga.Decision, error) {
			return saga.Decide(job, in, at)
		}})
		return batch, outcome.Err
	})
	return outcome, err
}

// Holds implements saga.GuardStore.
func (s *Store) Holds(ctx context.Context, f saga.HoldFilter) ([]saga.Hold, error) {
	before := f.Before
	if before <= 0 {
		before = math.MaxInt64
	}
	query, args := "SELECT "+holdColumns+" FROM holds WHERE id < ?", []any{before}
	if !f.Released {
		query += " AND released_at IS NULL"
	}
	if f.Tenant != "" {
		query, args = query+" AND tenant = ?", append(args, f.Tenant)
	}
	var rows []holdRow
	err := s.db.NewRaw(query+" ORDER BY id DESC LIMIT ?", append(args, saga.ListLimit(f.Limit))...).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("pgstore: list holds: %w", err)
	}
	holds := make([]saga.Hold, len(rows))
	for i := range rows {
		holds[i] = rows[i].hold()
	}
	return holds, nil
}
