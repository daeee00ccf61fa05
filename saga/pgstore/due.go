package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Due implements saga.JobStore. A claim is the wake time itself, moved to the end of the lease; the next decision about the
// job sets its own.
func (s *Store) Due(
	ctx context.Context, now time.Time, lease time.Duration, limit int,
) (due []events.JobID, next time.Time, err error) {
	until := now.Add(lease)
	var rows []struct {
		ID   *string    `bun:"id"`
		Next *time.Time `bun:"next"`
		Open bool       `bun:"open"`
	}
	err = s.db.NewRaw(`
		WITH due AS MATERIALIZED (
			SELECT id, wake_at FROM jobs WHERE wake_at <= ?0 ORDER BY wake_at LIMIT ?2 FOR UPDATE SKIP LOCKED
		), claimed AS (
			UPDATE jobs AS j SET wake_at = ?1 FROM due WHERE j.id = due.id RETURNING j.id, due.wake_at AS was
		)
		SELECT claimed.id::text AS id, look.next, look.open FROM (
			SELECT (SELECT min(wake_at) FROM jobs WHERE wake_at > ?0) AS next,
			       EXISTS (SELECT 1 FROM jobs WHERE wake_at <= ?0) AS open
		) AS look LEFT JOIN claimed ON true ORDER BY claimed.was, claimed.id`, now, until, limit).Scan(ctx, &rows)
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("pgstore: claim due jobs: %w", err)
	}
	var open bool
	for _, row := range rows {
		if row.ID != nil {
			due = append(due, events.JobID(*row.ID))
		}
		next, open = orZero(row.Next), row.Open
	}
	switch {
	case len(due) == limit: // there may be more
		next = now.UTC()
	case open && (next.IsZero() || until.Before(next)): // what was due is claimed or locked; look again when that has ended
		next = until.UTC()
	}
	return due, next, nil
}
