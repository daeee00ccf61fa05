package pgstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// KeepPreview implements saga.PreviewStore.
func (s *Store) KeepPreview(ctx context.Context, p saga.Preview) error {
	counts, err := document(p.Counts)
	if err != nil {
		return fmt.Errorf("pgstore: keep preview: %w", err)
	}
	_, err = s.db.NewRaw(`INSERT INTO previews (fingerprint, tenant, counted_at, counts) VALUES (?, ?, ?, ?::jsonb)
		ON CONFLICT DO NOTHING`, p.Fingerprint, p.Tenant, p.At, counts).Exec(ctx)
	if err != nil {
		return fmt.Errorf("pgstore: keep preview: %w", err)
	}
	return nil
}

// Preview implements saga.PreviewStore.
func (s *Store) Preview(ctx context.Context, fingerprint string) (saga.Preview, error) {
	var row struct {
		Fingerprint string                       `bun:"fingerprint"`
		Tenant      string                       `bun:"tenant"`
		CountedAt   time.Time                    `bun:"counted_at"`
		Counts      map[events.Participant]int64 `bun:"counts,type:jsonb"`
	}
	if !storable(fingerprint) {
		return saga.Preview{}, fmt.Errorf("pgstore: read preview: %w", saga.ErrNotFound)
	}
	err := s.db.NewRaw("SELECT fingerprint, tenant, counted_at, counts FROM previews WHERE fingerprint = ?",
		fingerprint).Scan(ctx, &row)
	if errors.Is(err, sql.ErrNoRows) {
		err = saga.ErrNotFound
	}
	if err != nil {
		return saga.Preview{}, fmt.Errorf("pgstore: read preview: %w", err)
	}
	return saga.Preview{Fingerprint: row.Fingerprint, Tenant: events.TenantID(row.Tenant), At: row.CountedAt.UTC(),
		Counts: row.Counts}, nil
}
