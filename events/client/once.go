package client

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
)

// OnceFunc handles one finished deletion inside the transaction that remembers its event.
type OnceFunc func(ctx context.Context, tx *sql.Tx, e events.Event, d *events.Deleted) error

// Once makes a handler whose effect in the database happens exactly once per event: the event's id is written to td_seen by the
// transaction that the function works in, so that a redelivery finds both or neither. The function must not commit or roll
// back. The table is migrations.Subscriber, in the schema that db's search_path names; name keeps several subscribers of one
// schema apart.
func Once(db *sql.DB, name string, handle OnceFunc) HandlerFunc {
	return func(ctx context.Context, e events.Event, d *events.Deleted) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return fmt.Errorf("client: once: begin: %w", err)
		}
		defer tx.Rollback() //nolint:errcheck // after the commit there is nothing to roll back
		// A second delivery at the same time waits here for the first one's end.
		result, err := tx.ExecContext(ctx,
			"INSERT INTO td_seen (subscriber, event_id) VALUES ($1, $2) ON CONFLICT DO NOTHING", name, string(e.ID))
		if err != nil {
			return fmt.Errorf("client: once: remember event: %w", err)
		}
		fresh, err := result.RowsAffected()
		if err != nil {
			return fmt.Errorf("client: once: remember event: %w", err)
		}
		if fresh == 0 {
			return nil
		}
		if err := handle(ctx, tx, e, d); err != nil {
			return err
		}
		if err := tx.Commit(); err != nil {
			return fmt.Errorf("client: once: commit: %w", err)
		}
		return nil
	}
}

// ForgetMin is the least age at which an id may be forgotten: the stream keeps its event for 90 days, and an hour of clocks
// that differ must not matter.
const ForgetMin = 91 * 24 * time.Hour

// Forget deletes the ids that a subscriber has seen longer ago than age, which bounds td_seen. An age below ForgetMin is
// refused: the stream could still deliver the event again. It is safe to call again, once a day is plenty.
func Forget(ctx context.Context, db *sql.DB, name string, age time.Duration) (forgotten int64, err error) {
	if age < ForgetMin {
		return 0, errors.New("client: forget: age must be 91 days or more: the stream keeps events for 90")
	}
	result, err := db.ExecContext(ctx,
		"DELETE FROM td_seen WHERE subscriber = $1 AND seen_at < now() - make_interval(secs => $2)", name, age.Seconds())
	if err != nil {
		return 0, fmt.Errorf("client: forget: %w", err)
	}
	if forgotten, err = result.RowsAffected(); err != nil {
		return 0, fmt.Errorf("client: forget: %w", err)
	}
	return forgotten, nil
}
