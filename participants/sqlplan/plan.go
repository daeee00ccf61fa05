package sqlplan

import (
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Config tunes a plan. The zero value works for a service with its tables in the connection's current schema.
type Config struct {
	// BoundedRows is the number of a tenant's rows above which it is deleted in chunks. Zero means 1,000,000.
	BoundedRows int64
	// ChunkRows is the aim for rows per chunk. Zero means 10,000.
	ChunkRows int
	// Pace is the pause between chunks. Zero means 15 ms.
	Pace time.Duration
	// Reached is called inside the transaction, after the first delete; tests stop the process there. Nil in production.
	Reached func()
	// Service owns the plan; receipts are stored under its name. Required.
	Service events.Participant
	// StatementTimeout bounds each statement of an erasure. Zero means 60 s.
	StatementTimeout time.Duration
	// TenantColumn is the usual tenant column. Empty means tenant_id.
	TenantColumn string
}

// Plan is a service's tables and what happens to them; it is the participants.Ledger of SQL services.
type Plan struct {
	db    *bun.DB
	cfg   Config
	rules []Rule
}

// New makes a plan over a database whose migrations include migrations/participant. Check compares it with the live
// catalogue; a service refuses to start before it passes.
func New(db *bun.DB, cfg Config, rules ...Rule) *Plan {
	return &Plan{db: db, cfg: cfg, rules: rules}
}
