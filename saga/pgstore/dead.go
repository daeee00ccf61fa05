package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// deadRow is a row of dead_letters. The body travels as base64 inside the JSON parameter.
type deadRow struct {
	ID        int64     `bun:"id" json:"-"`
	Stream    string    `bun:"stream" json:"stream"`
	Sequence  string    `bun:"sequence" json:"sequence"`
	Consumer  string    `bun:"consumer" json:"consumer"`
	Subject   string    `bun:"subject" json:"subject"`
	Reason    string    `bun:"reason" json:"reason"`
	Body      []byte    `bun:"body" json:"body"`
	CreatedAt time.Time `bun:"created_at" json:"created_at"`

	Resolution     string     `bun:"resolution" json:"-"`
	ResolvedBy     string     `bun:"resolved_by" json:"-"`
	ResolvedReason string     `bun:"resolved_reason" json:"-"`
	ResolvedAt     *time.Time `bun:"resolved_at" json:"-"`
}

const selectDead = `SELECT id, stream, sequence::text AS sequence, consumer, subject, reason, body, created_at,
	resolution, resolved_by, resolved_reason, resolved_at FROM dead_letters`

// Bury implements saga.DeadLetters.
func (s *Store) Bury(ctx context.Context, letters ...saga.DeadLetter) error {
	if len(letters) == 0 {
		return nil
	}
	rows := make([]deadRow, len(letters))
	for i, letter := range letters {
		d := letter.Bounded()
		rows[i] = deadRow{Stream: d.Stream, Sequence: strconv.FormatUint(d.Sequence, 10), Consumer: d.Consumer,
			Subject: d.Subject, Reason: d.Reason, Body: append([]byte{}, d.Body...), CreatedAt: d.CreatedAt}
	}
	text, err := document(rows)
	if err != nil {
		return fmt.Errorf("pgstore: bury: %w", err)
	}
	_, err = s.db.NewRaw(`INSERT INTO dead_letters (stream, sequence, consumer, subject, reason, body, created_at)
		SELECT stream, sequence, consumer, subject, reason, decode(body, 'base64'), created_at
		FROM jsonb_to_recordset(?::jsonb) AS v(stream text, sequence numeric, consumer text, subject text, reason text,
			body text, created_at timestamptz)
		ON CONFLICT DO NOTHING`, text).Exec(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: bury: %w", err)
	}
	return nil
}

// Buried implements saga.DeadLetters.
func (s *Store) Buried(ctx context.Context, f saga.DeadFilter) ([]saga.DeadLetter, error) {
	if !storable(f.Consumer) {
		return nil, nil // no letter can be like that
	}
	var c conditions
	if !f.Resolved {
		c.and("resolved_at IS NULL")
	}
	if f.Consumer != "" {
		c.and("consumer = ?", f.Consumer)
	}
	if f.Before != 0 {
		c.and("id < ?", f.Before)
	}
	letters, err := s.letters(ctx, "WHERE "+c.String()+" ORDER BY id DESC LIMIT ?", append(c.args, saga.ListLimit(f.Limit))...)
	if err != nil {
		return nil, fmt.Errorf("pgstore: list dead letters: %w", err)
	}
	return letters, nil
}

// Letter implements saga.DeadLetters.
func (s *Store) Letter(ctx context.Context, id int64) (saga.DeadLetter, error) {
	letters, err := s.letters(ctx, "WHERE id = ?", id)
	if err != nil {
		return saga.DeadLetter{}, fmt.Errorf("pgstore: read dead letter: %w", err)
	}
	if len(letters) == 0 {
		return saga.DeadLetter{}, fmt.Errorf("pgstore: read dead letter: %w: %d", saga.ErrNotFound, id)
	}
	return letters[0], nil
}

// Resolve implements saga.DeadLetters. The table itself refuses a resolution that says too little.
func (s *Store) Resolve(ctx context.Context, id int64, r saga.Resolution) error {
	if !storable(r.Kind, r.By, r.Reason) {
		return fmt.Errorf("pgstore: resolve dead letter: %w: not text", events.ErrInvalid)
	}
	result, err := s.db.NewRaw(`UPDATE dead_letters SET resolution = ?, resolved_by = ?, resolved_reason = ?, resolved_at = ?
		WHERE id = ? AND resolved_at IS NULL`, r.Kind, r.By, r.Reason, r.At.UTC().Truncate(time.Microsecond), id).Exec(ctx)
	if violates(err, "dead_letters_resolution") {
		return fmt.Errorf("pgstore: resolve dead letter: %w: it is resent or discarded, by someone, and discarded for a reason",
			events.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("pgstore: resolve dead letter: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 1 {
		return err
	}
	if _, err := s.Letter(ctx, id); err != nil {
		return err
	}
	return fmt.Errorf("pgstore: resolve dead letter: %w: it was resolved before", saga.ErrState)
}

// letters reads dead letters. Where is SQL of this package.
func (s *Store) letters(ctx context.Context, where string, args ...any) ([]saga.DeadLetter, error) {
	var rows []deadRow
	if err := s.db.NewRaw(selectDead+" "+where, args...).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	letters := make([]saga.DeadLetter, len(rows))
	for i := range rows {
		var err error
		if letters[i], err = rows[i].letter(); err != nil {
			return nil, err
		}
	}
	return letters, nil
}

func (r *deadRow) letter() (saga.DeadLetter, error) {
	sequence, err := strconv.ParseUint(r.Sequence, 10, 64)
	if err != nil {
		return saga.DeadLetter{}, fmt.Errorf("sequence: %w", err)
	}
	letter := saga.DeadLetter{ID: r.ID, Stream: r.Stream, Sequence: sequence, Consumer: r.Consumer, Subject: r.Subject,
		Reason: r.Reason, Body: r.Body, CreatedAt: r.CreatedAt.UTC()}
	if r.ResolvedAt != nil {
		letter.Resolution = &saga.Resolution{Kind: r.Resolution, By: r.ResolvedBy, Reason: r.ResolvedReason, At: r.ResolvedAt.UTC()}
	}
	return letter, nil
}
