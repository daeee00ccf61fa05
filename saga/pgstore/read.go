package pgstore

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Job implements saga.JobStore. A job that breaks an invariant is returned with the error (saga.ErrInvariant), so that a
// person can look at it.
func (s *Store) Job(ctx context.Context, id events.JobID) (saga.Job, error) {
	var found []saga.Job
	if _, err := events.ParseJobID(string(id)); err == nil {
		if found, err = s.snapshot(ctx, "WHERE id = ?", id); err != nil {
			return saga.Job{}, fmt.Errorf("pgstore: read job: %w", err)
		}
	}
	if len(found) == 0 {
		return saga.Job{}, fmt.Errorf("pgstore: read job: %w: %s", saga.ErrNotFound, id)
	}
	if err := found[0].Check(); err != nil {
		return found[0], fmt.Errorf("pgstore: read job: %w", err)
	}
	return found[0], nil
}

// snapshot reads jobs and their steps as they were at one moment: between two statements of their own a decision could be
// committed, and the steps would not be the job's.
func (s *Store) snapshot(ctx context.Context, where string, args ...any) (jobs []saga.Job, err error) {
	one := &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true}
	err = s.db.RunInTx(ctx, one, func(ctx context.Context, tx bun.Tx) error {
		jobs, err = readJobs(ctx, tx, where, args...)
		return err
	})
	return jobs, err
}

// readJobs reads jobs with their steps in two statements; with none found, in one. Where is SQL of this package; it locks the
// jobs, or the transaction has one snapshot, or the steps may be newer than the jobs.
func readJobs(ctx context.Context, db bun.IDB, where string, args ...any) ([]saga.Job, error) {
	var rows []jobRow
	if err := db.NewRaw("SELECT "+jobColumns+" FROM jobs "+where, args...).Scan(ctx, &rows); err != nil {
		return nil, fmt.Errorf("read jobs: %w", err)
	}
	if len(rows) == 0 {
		return nil, nil
	}
	jobs, ids, at := make([]saga.Job, len(rows)), make([]events.JobID, len(rows)), make(map[string]int, len(rows))
	for i := range rows {
		jobs[i], ids[i], at[rows[i].ID] = rows[i].job(), events.JobID(rows[i].ID), i
	}
	var steps []stepRow
	err := db.NewRaw("SELECT "+stepColumns+` FROM steps WHERE job_id = ANY(?::uuid[])
		ORDER BY job_id, wave, participant COLLATE "C"`, uuids(ids)).Scan(ctx, &steps)
	if err != nil {
		return nil, fmt.Errorf("read steps: %w", err)
	}
	for i := range steps {
		job := &jobs[at[steps[i].JobID]]
		job.Steps = append(job.Steps, steps[i].step())
	}
	return jobs, nil
}

// uuids is an array literal; what is no UUID names no job and is left out.
func uuids(ids []events.JobID) string {
	valid := make([]string, 0, len(ids))
	for _, id := range ids {
		if _, err := events.ParseJobID(string(id)); err == nil {
			valid = append(valid, string(id))
		}
	}
	return "{" + strings.Join(valid, ",") + "}"
}

// document is rows as one JSON parameter: one statement takes any number of them.
func document(rows any) (string, error) {
	text, err := json.Marshal(rows)
	if err != nil {
		return "", fmt.Errorf("encode rows: %w", err)
	}
	return string(text), nil
}
