package pgstore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// controlsRow is the row of controls.
type controlsRow struct {
	GovernorMax  int        `bun:"governor_max"`
	PausedBy     *string    `bun:"paused_by"`
	PausedReason *string    `bun:"paused_reason"`
	PausedAt     *time.Time `bun:"paused_at"`
}

const controlsColumns = "governor_max, paused_by, paused_reason, paused_at"

func (r *controlsRow) controls() saga.Controls {
	c := saga.Controls{GovernorMax: r.GovernorMax}
	if r.PausedBy != nil && r.PausedReason != nil && r.PausedAt != nil {
		c.Pause = &saga.Pause{By: *r.PausedBy, Reason: *r.PausedReason, At: r.PausedAt.UTC()}
	}
	return c
}

// guardsOf selects the tenants whose guards are read: SQL of this package, with its one parameter.
type guardsOf struct{ tenants, parameter string }

// readStanding passes the gate and reads the guards. It must be the first statement of a transaction that decides: the locking
// subquery, which locks no row, makes the statement wait for whoever changes the guards, and the statement's snapshot is taken
// after that wait. Nothing is locked before it, so nobody waits in a circle.
func readStanding(ctx context.Context, tx bun.IDB, of guardsOf) (saga.Standing, error) {
	var row struct {
		controlsRow
		Holds []holdRow `bun:"holds,type:jsonb"`
		Gate  int       `bun:"gate"`
	}
	err := tx.NewRaw("SELECT "+controlsColumns+`,
		(SELECT jsonb_agg(h ORDER BY h.id) FROM holds AS h WHERE h.released_at IS NULL AND h.tenant IN (`+of.tenants+`)) AS holds,
		(SELECT count(*) FROM (SELECT 1 FROM controls WHERE false FOR SHARE) AS nobody) AS gate FROM controls`,
		of.parameter).Scan(ctx, &row)
	if err != nil {
		return saga.Standing{}, fmt.Errorf("read guards: %w", err)
	}
	standing := saga.Standing{Controls: row.controls()}
	for i := range row.Holds {
		standing.Holds = append(standing.Holds, row.Holds[i].hold())
	}
	return standing, nil
}

// readGovernor reads what the governor counts, where it has a limit. Those who may take a place do so one after the other:
// the row stays locked until they have committed. The jobs of the batch itself do not queue behind themselves.
func readGovernor(ctx context.Context, tx bun.IDB, standing *saga.Standing, batch []events.JobID) error {
	limit := standing.Controls.GovernorMax
	if limit <= 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "SELECT 1 FROM controls FOR NO KEY UPDATE"); err != nil {
		return fmt.Errorf("wait for the governor: %w", err)
	}
	var rows []struct {
		At    time.Time `bun:"at"`
		Begun bool      `bun:"begun"`
	}
	err := tx.NewRaw(`(SELECT pivot_at AS at, true AS begun FROM jobs WHERE pivot_at IS NOT NULL ORDER BY pivot_at DESC LIMIT ?0)
		UNION ALL
		(SELECT wake_at, false FROM jobs WHERE blocked ->> 'code' IN ('governor', 'counting') AND blocked IS NOT NULL
			AND wake_at IS NOT NULL AND id <> ALL(?1::uuid[]) ORDER BY wake_at DESC LIMIT ?0)`, limit, uuids(batch)).Scan(ctx, &rows)
	if err != nil {
		return fmt.Errorf("read governor: %w", err)
	}
	for _, row := range rows {
		if row.Begun {
			standing.Begun = append(standing.Begun, row.At.UTC())
		} else {
			standing.Planned = append(standing.Planned, row.At.UTC())
		}
	}
	return nil
}

// Controls implements saga.GuardStore.
func (s *Store) Controls(ctx context.Context) (saga.Controls, error) {
	var row controlsRow
	if err := s.db.NewRaw("SELECT "+controlsColumns+" FROM controls").Scan(ctx, &row); err != nil {
		return saga.Controls{}, fmt.Errorf("pgstore: read controls: %w", err)
	}
	return row.controls(), nil
}

// SetPause implements saga.GuardStore.
func (s *Store) SetPause(ctx context.Context, p *saga.Pause) (saga.Controls, error) {
	if p == nil {
		return s.control(ctx, "paused_by = NULL, paused_reason = NULL, paused_at = NULL WHERE paused_at IS NOT NULL")
	}
	if err := p.Check(); err != nil {
		return saga.Controls{}, fmt.Errorf("pgstore: pause: %w", err)
	}
	pause := p.Stored()
	return s.control(ctx, "paused_by = ?, paused_reason = ?, paused_at = ? WHERE paused_at IS NULL", pause.By, pause.Reason,
		pause.At)
}

// SetGovernor implements saga.GuardStore.
func (s *Store) SetGovernor(ctx context.Context, limit int) (saga.Controls, error) {
	if limit < 0 {
		return saga.Controls{}, fmt.Errorf("pgstore: governor: limit: %w: must not be negative", events.ErrInvalid)
	}
	return s.control(ctx, "governor_max = ?", limit)
}

// control changes the controls while no decision runs.
func (s *Store) control(ctx context.Context, set string, args ...any) (saga.Controls, error) {
	var row controlsRow
	err := s.alone(ctx, func(ctx context.Context, tx bun.Tx) (*saga.Batch, error) {
		if _, err := tx.NewRaw("UPDATE controls SET "+set, args...).Exec(ctx); err != nil {
			return nil, err
		}
		return nil, tx.NewRaw("SELECT "+controlsColumns+" FROM controls").Scan(ctx, &row)
	})
	if err != nil {
		return saga.Controls{}, fmt.Errorf("pgstore: set controls: %w", err)
	}
	return row.controls(), nil
}

// lockGate waits for longer than other statements do: the largest decision that runs may take a second or two, and whoever
// wants everything to stop must not be told to ask again.
const lockGate = "SET LOCAL lock_timeout = '20s'; LOCK TABLE controls IN EXCLUSIVE MODE"

// alone runs fn while no decision runs: it waits for those that are at it, and those that come wait for it. What the batch
// has decided is saved with it.
func (s *Store) alone(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) (*saga.Batch, error)) error {
	var sent int
	err := s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		if _, err := tx.ExecContext(ctx, lockGate); err != nil {
			return fmt.Errorf("wait for decisions: %w", err)
		}
		batch, err := fn(ctx, tx)
		if err != nil || batch == nil {
			return err
		}
		sent = len(batch.Messages())
		return s.save(ctx, tx, batch)
	})
	if err == nil && sent > 0 {
		s.signal()
	}
	return err
}

// notEnded is the condition of the jobs that are active.
var notEnded = "state NOT IN ('" + strings.Join([]string{string(saga.StateRefused), string(saga.StateRejected),
	string(saga.StateCancelled), string(saga.StateCompleted)}, "', '") + "')"
