package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// historyRow is a row of history. The detail is the entry's JSON, which leaves the columns out.
type historyRow struct {
	JobID  string     `bun:"job_id" json:"job_id"`
	Number int64      `bun:"number" json:"number"`
	At     time.Time  `bun:"at" json:"at"`
	Kind   string     `bun:"kind" json:"kind"`
	State  string     `bun:"state" json:"state"`
	Actor  string     `bun:"actor" json:"actor"`
	Detail saga.Entry `bun:"detail,type:jsonb" json:"detail"`
}

const historyColumns = "job_id, number, at, kind, state, actor, detail"

const historyRecord = "job_id uuid, number bigint, at timestamptz, kind text, state text, actor text, detail jsonb"

// History implements saga.JobStore.
func (s *Store) History(ctx context.Context, id events.JobID, after int64, limit int) ([]saga.Entry, error) {
	if _, err := events.ParseJobID(string(id)); err != nil {
		return nil, nil // no job has such an id
	}
	var rows []historyRow
	err := s.db.NewRaw("SELECT "+historyColumns+" FROM history WHERE job_id = ? AND number > ? ORDER BY number LIMIT ?",
		id, after, saga.ListLimit(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("pgstore: read history: %w", err)
	}
	entries := make([]saga.Entry, len(rows))
	for i := range rows {
		entries[i] = rows[i].entry()
	}
	return entries, nil
}

func historyRows(entries []saga.Entry) []historyRow {
	rows := make([]historyRow, len(entries))
	for i, e := range entries {
		rows[i] = historyRow{JobID: string(e.Job), Number: e.Number, At: e.At, Kind: e.Kind, State: string(e.State),
			Actor: e.By, Detail: e}
	}
	return rows
}

func (r *historyRow) entry() saga.Entry {
	e := r.Detail
	e.Job, e.Number, e.At = events.JobID(r.JobID), r.Number, r.At.UTC()
	e.Kind, e.State, e.By = r.Kind, saga.State(r.State), r.Actor
	return e
}
