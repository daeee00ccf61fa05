package pgstore

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// deadRow is a row of dead_letters. The body travels as base64 inside the JSON parameter.
type deadRow struct {
	Stream    string    `bun:"stream" json:"stream"`
	Sequence  string    `bun:"sequence" json:"sequence"`
	Consumer  string    `bun:"consumer" json:"consumer"`
	Subject   string    `bun:"subject" json:"subject"`
	Reason    string    `bun:"reason" json:"reason"`
	Body      []byte    `bun:"body" json:"body"`
	CreatedAt time.Time `bun:"created_at" json:"created_at"`
}

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
func (s *Store) Buried(ctx context.Context, limit int) ([]saga.DeadLetter, error) {
	var rows []deadRow
	err := s.db.NewRaw(`SELECT stream, sequence::text AS sequence, consumer, subject, reason, body, created_at
		FROM dead_letters ORDER BY id DESC LIMIT ?`, saga.ListLimit(limit)).Scan(ctx, &rows)
	if err != nil {
		return nil, fmt.Errorf("pgstore: list dead letters: %w", err)
	}
	letters := make([]saga.DeadLetter, len(rows))
	for i, r := range rows {
		sequence, err := strconv.ParseUint(r.Sequence, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("pgstore: list dead letters: sequence: %w", err)
		}
		letters[i] = saga.DeadLetter{Stream: r.Stream, Sequence: sequence, Consumer: r.Consumer, Subject: r.Subject,
			Reason: r.Reason, Body: r.Body, CreatedAt: r.CreatedAt.UTC()}
	}
	return letters, nil
}
