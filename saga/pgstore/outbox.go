package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// unsentRow is a row of outbox.
type unsentRow struct {
	ID      int64             `bun:"id"`
	Subject string            `bun:"subject"`
	Header  map[string]string `bun:"header,type:jsonb"`
	Body    string            `bun:"body"`
}

// Relay implements saga.Outbox. The rows stay locked while send runs, so that no other relay sends them too; a crash
// before the commit sends them again, under the same ids.
func (s *Store) Relay(
	ctx context.Context, limit int, send func(context.Context, []events.Message) ([]int, error),
) (sent int, more bool, err error) {
	err = s.db.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		var rows []unsentRow
		err := tx.NewRaw(`SELECT id, subject, header, body FROM outbox WHERE sent_at IS NULL
			ORDER BY id LIMIT ? FOR UPDATE SKIP LOCKED`, limit).Scan(ctx, &rows)
		if err != nil || len(rows) == 0 {
			return err
		}
		messages := make([]events.Message, len(rows))
		for i, row := range rows {
			messages[i] = events.Message{Subject: row.Subject, Header: row.Header, Body: []byte(row.Body)}
		}
		failed, err := send(ctx, messages)
		if err != nil {
			return err
		}
		var ids []string
		for i, row := range rows {
			if !slices.Contains(failed, i) {
				ids = append(ids, strconv.FormatInt(row.ID, 10))
			}
		}
		sent, more = len(ids), len(rows) == limit && len(failed) == 0
		_, err = tx.NewRaw("UPDATE outbox SET sent_at = now() WHERE id = ANY(?::bigint[])", "{"+strings.Join(ids, ",")+"}").Exec(ctx)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("pgstore: relay: %w", err)
	}
	return sent, more, nil
}
