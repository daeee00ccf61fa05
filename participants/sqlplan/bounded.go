package sqlplan

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// Limits of bounded mode.
const (
	// blockRows is taken for the rows of a block until the first chunk has told; the following ones are measured by it.
	blockRows = 64
	// blocksMax bounds a chunk that finds next to nothing: 64 MB are read in well under a second.
	blocksMax = 8192
	// passesMax is how often the walk starts over when a writer adds children behind it.
	passesMax = 3
	// wholeTimeoutFactor times the statement timeout is what a table that can only be deleted at once may take.
	wholeTimeoutFactor = 10
)

// progress is a relation's cursor.
type progress struct{ nextBlock int64 }

// bounded deletes in chunks, then runs the transaction that every erasure ends with. It is called inside a transaction that
// holds the tenant: the fence is committed first, and the tenant's lock goes over to the session without a gap.
func (w *erasing) bounded(ctx context.Context) error {
	w.mode = participants.ModeBounded
	w.s.fresh = true
	_, err := w.s.run(ctx, w.lock("pg_try_advisory_lock"),
		statement{sql: "UPDATE tenant_anchor SET fence = 'erasing' WHERE tenant_id = $1", args: []string{string(w.Tenant)}},
		statement{sql: "INSERT INTO td_bounded (participant, job_id, tenant_id, started_at) VALUES ($1, $2, $3, now())" +
			" ON CONFLICT (participant, job_id) DO UPDATE SET started_at = coalesce(td_bounded.started_at, now())",
			args: []string{w.participant(), string(w.Job), string(w.Tenant)}},
		statement{sql: "COMMIT"})
	if codeOf(err) == codeDivisionByZero {
		return errTaken
	}
	defer w.unlock(ctx)
	if err != nil {
		return fmt.Errorf("raise fence: %w", err)
	}
	cursors, err := w.resume(ctx)
	if err != nil {
		return err
	}
	if err := w.walk(ctx, cursors); err != nil {
		return err
	}
	return w.transaction(ctx)
}

// unlock gives the session's lock back; a session that cannot is closed, which does the same.
func (w *erasing) unlock(ctx context.Context) {
	w.s.rollback(ctx)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := w.s.run(ctx, w.lock("pg_advisory_unlock")); err != nil {
		_ = w.s.conn.Close(ctx)
	}
}

// resume reads what earlier deliveries of the job have deleted, so that the counts are the job's, and where they stopped.
func (w *erasing) resume(ctx context.Context) (map[string]progress, error) {
	results, err := w.s.run(ctx, statement{sql: "SELECT relation, table_name, next_block, deleted FROM td_progress" +
		" WHERE participant = $1 AND job_id = $2 ORDER BY relation", args: []string{w.participant(), string(w.Job)}})
	if err != nil {
		return nil, fmt.Errorf("read progress: %w", err)
	}
	cursors := map[string]progress{}
	for _, row := range results[0].Rows {
		next, err1 := strconv.ParseInt(string(row[2]), 10, 64)
		deleted, err2 := strconv.ParseInt(string(row[3]), 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read progress: %w", err)
		}
		cursors[string(row[0])] = progress{nextBlock: next}
		w.Add(string(row[1]), deleted)
	}
	return cursors, nil
}

// walk goes through all tables, children first. A writer may add children of rows that are about to go; then the walk
// starts over, and what is written behind the last one is left to the transaction at the end.
func (w *erasing) walk(ctx context.Context, cursors map[string]progress) error {
	for pass := 1; ; pass++ {
		err := w.pass(ctx, cursors)
		if codeOf(err) != codeForeignKey || pass == passesMax {
			return err
		}
		w.s.rollback(ctx)
		if _, err := w.s.run(ctx, statement{sql: "UPDATE td_progress SET next_block = 0 WHERE participant = $1 AND job_id = $2",
			args: []string{w.participant(), string(w.Job)}}); err != nil {
			return fmt.Errorf("start over: %w", err)
		}
		cursors = map[string]progress{}
	}
}

func (w *erasing) pass(ctx context.Context, cursors map[string]progress) error {
	for _, g := range w.layout.groups {
		if !g.whole {
			if err := w.piecewise(ctx, g.tables[0], cursors); err != nil {
				return err
			}
		}
		if g.whole || g.tables[0].proof == proofAtOnce {
			if err := w.wholly(ctx, g); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *erasing) piecewise(ctx context.Context, t *target, cursors map[string]progress) error {
	for _, leaf := range t.leaves {
		if err := w.chunks(ctx, t, leaf, cursors[leaf.String()].nextBlock); err != nil {
			return err
		}
	}
	return nil
}

// wholly deletes in one transaction what cannot be deleted in parts: a cycle, a table that refers to itself or that a key acts
// for. A table that is reached by value is looked at once more while its parents are there.
func (w *erasing) wholly(ctx context.Context, g *group) error {
	deletion := g.wholly(string(w.Tenant), w.participant(), string(w.Job))
	locks, deletes := w.stepsOf(g, deletion, func(r *pgconn.Result) ([]int64, error) { return firstColumn(r, len(g.tables)) })
	if _, err := w.s.run(ctx, begin("READ WRITE", wholeTimeoutFactor*w.plan.cfg.StatementTimeout)...); err != nil {
		return fmt.Errorf("delete at once: %w", err)
	}
	if err := w.take(ctx, append(locks, deletes...)); err != nil {
		return fmt.Errorf("delete at once: %w", err)
	}
	if _, err := w.s.run(ctx, statement{sql: "COMMIT"}); err != nil {
		return fmt.Errorf("delete at once: %w", err)
	}
	w.plan.cfg.Reached()
	return w.pause(ctx)
}

// chunks walks through a leaf's blocks once, from where it was left to its present end: no block is read twice, so dead
// rows cost nothing.
func (w *erasing) chunks(ctx context.Context, t *target, l leaf, next int64) error {
	end, err := w.blocks(ctx, l)
	if err != nil {
		return err
	}
	aim := int64(w.plan.cfg.ChunkRows)
	for step := max(1, aim/blockRows); next < end; {
		to := min(next+step, end)
		n, err := w.chunk(ctx, t, l, next, to)
		if err != nil {
			return fmt.Errorf("delete chunk: %w", err)
		}
		w.Add(t.name, n)
		w.plan.cfg.Reached()
		if err := w.pause(ctx); err != nil {
			return err
		}
		next, step = to, stepAfter(step, n, aim)
	}
	return nil
}

// stepAfter measures the next chunk by the last one, and at most doubles it: rows are not spread evenly.
func stepAfter(step, rows, aim int64) int64 {
	return min(max(1, min(2*step, step*aim/max(rows, 1))), blocksMax)
}

func (w *erasing) blocks(ctx context.Context, l leaf) (int64, error) {
	results, err := w.s.run(ctx, statement{sql: "SELECT pg_relation_size($1::oid) / current_setting('block_size')::int8",
		args: []string{strconv.FormatUint(uint64(l.OID), 10)}})
	if err != nil {
		return 0, fmt.Errorf("measure table: %w", err)
	}
	return strconv.ParseInt(string(text(results[0], 0)), 10, 64)
}

func (w *erasing) chunk(ctx context.Context, t *target, l leaf, from, to int64) (int64, error) {
	tid := func(block int64) string { return "(" + strconv.FormatInt(block, 10) + ",0)" }
	statements := begin("READ WRITE", w.plan.cfg.StatementTimeout)
	results, err := w.s.run(ctx, append(statements,
		statement{sql: t.chunk(l), args: []string{string(w.Tenant), tid(from), tid(to), w.participant(), string(w.Job), l.String(),
			t.name, strconv.FormatInt(to, 10)}},
		statement{sql: "COMMIT"})...)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(string(text(results[len(statements)], 0)), 10, 64)
}

// pause leaves the server to the others for a moment.
func (w *erasing) pause(ctx context.Context) error {
	timer := time.NewTimer(w.plan.cfg.Pace)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// forget removes the job's cursors, in the transaction that stores its receipt.
func (w *erasing) forget() []statement {
	args := []string{w.participant(), string(w.Job)}
	return []statement{
		{sql: "DELETE FROM td_progress WHERE participant = $1 AND job_id = $2", args: args},
		{sql: "DELETE FROM td_bounded WHERE participant = $1 AND job_id = $2", args: args},
	}
}

// countTimeout remembers that the transaction was too long for the statement timeout: after timeoutsMax the job is deleted
// in chunks.
func (w *erasing) countTimeout(ctx context.Context, err error) error {
	if codeOf(err) != codeCancelled || ctx.Err() != nil || w.mode == participants.ModeBounded {
		return nil
	}
	w.s.rollback(ctx)
	_, err = w.s.run(ctx, statement{sql: "INSERT INTO td_bounded (participant, job_id, tenant_id, timeouts) VALUES ($1, $2, $3, 1)" +
		" ON CONFLICT (participant, job_id) DO UPDATE SET timeouts = td_bounded.timeouts + 1",
		args: []string{w.participant(), string(w.Job), string(w.Tenant)}})
	if err != nil {
		return fmt.Errorf("count timeout: %w", classified(err))
	}
	return nil
}
