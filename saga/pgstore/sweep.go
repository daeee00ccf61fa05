package pgstore

import (
	"context"
	"fmt"
	"time"
)

// sweepRowsMax is how many rows one transaction of a sweep deletes: some tens of milliseconds of work.
const sweepRowsMax = 10_000

// Sweep forgets what is older than before: events that were counted, events that were sent, dead letters and previews. It returns
// how many rows went. Jobs, their steps and their history stay: they are the record. Before should be older than the oldest
// message of the streams, or an old message that is read again is decided again; Decide then finds it stale.
func (s *Store) Sweep(ctx context.Context, before time.Time) (rows int64, err error) {
	for _, part := range []struct{ table, age string }{
		{"inbox", "received_at"}, {"outbox", "sent_at"}, {"dead_letters", "created_at"}, {"previews", "counted_at"},
	} {
		query := fmt.Sprintf("DELETE FROM %[1]s WHERE ctid = ANY(ARRAY(SELECT ctid FROM %[1]s WHERE %[2]s < ? LIMIT ?)) AND %[2]s < ?",
			part.table, part.age)
		for {
			result, err := s.db.NewRaw(query, before, sweepRowsMax, before).Exec(ctx)
			if err != nil {
				return rows, fmt.Errorf("pgstore: sweep %s: %w", part.table, err)
			}
			n, err := result.RowsAffected()
			if err != nil {
				return rows, fmt.Errorf("pgstore: sweep %s: %w", part.table, err)
			}
			if rows += n; n < sweepRowsMax {
				break
			}
		}
	}
	return rows, nil
}
