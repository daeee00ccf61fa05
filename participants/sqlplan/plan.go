package sqlplan

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Config tunes a plan. The zero value of every field but Service works for a service with its tables in the connection's
// current schema.
type Config struct {
	// BoundedRows is the number of a tenant's rows above which it is deleted in chunks. Zero means 1,000,000: a transaction
	// of about 12 s on one core.
	BoundedRows int64
	// ChunkRows is the aim for rows per chunk. Zero means 10,000.
	ChunkRows int
	// Pace is the pause between chunks. Zero means 15 ms.
	Pace time.Duration
	// Reached is called inside the transaction, after the first delete, and after each chunk; tests stop the process there.
	// Nil in production.
	Reached func()
	// Root is the column that is the tenant's identity, "organizations.id". Columns that refer to it are tenant columns, which
	// every rule must decide. Empty for services that know their tenants by TenantColumn alone.
	Root string
	// Schemas are those that the plan covers, the one that table names without a schema mean first. Empty means the
	// connection's current schema. The tables of migrations/participant are always in the current schema.
	Schemas []string
	// Service owns the plan; receipts are stored under its name. Required.
	Service events.Participant
	// StatementTimeout bounds each statement of an erasure. Zero means 60 s.
	StatementTimeout time.Duration
	// TenantColumn is the usual tenant column. Empty means tenant_id, or none when Root is set.
	TenantColumn string
	// TenantColumns are further columns that mean the tenant wherever they occur.
	TenantColumns []string
}

// Plan is a service's tables and what happens to them; it is the participants.Ledger of SQL services.
type Plan struct {
	db     *bun.DB
	cfg    Config
	rules  []Rule
	layout atomic.Pointer[layout]
	size   atomic.Pointer[size]
}

var _ participants.Ledger = (*Plan)(nil)

// New makes a plan over a database whose migrations include migrations/participant. Check compares it with the live
// catalogue; a service refuses to start before it passes.
func New(db *bun.DB, cfg Config, rules ...Rule) *Plan {
	return &Plan{db: db, cfg: cfg.withDefaults(), rules: rules}
}

func (c Config) withDefaults() Config {
	c.BoundedRows = cmp.Or(c.BoundedRows, 1_000_000)
	c.ChunkRows = cmp.Or(c.ChunkRows, 10_000)
	c.Pace = cmp.Or(c.Pace, 15*time.Millisecond)
	if c.Reached == nil {
		c.Reached = func() {}
	}
	c.StatementTimeout = cmp.Or(c.StatementTimeout, time.Minute)
	if c.Root == "" {
		c.TenantColumn = cmp.Or(c.TenantColumn, "tenant_id")
	}
	return c
}

func (c Config) validate() error {
	_, err := events.ParseParticipant(string(c.Service))
	switch {
	case err != nil:
		return fmt.Errorf("config: Service: %w", err)
	case c.BoundedRows < 0 || c.ChunkRows < 0 || c.Pace < 0:
		return fmt.Errorf("config: BoundedRows, ChunkRows, Pace: %w: must not be negative", events.ErrInvalid)
	case c.StatementTimeout < time.Millisecond:
		return fmt.Errorf("config: StatementTimeout: %w: must be at least 1ms", events.ErrInvalid)
	}
	return nil
}

// Check compares the plan with the live catalogue and tells everything that is wrong with it at once. It is safe to call
// again; a plan that was never checked is checked by its first Preview or Erase.
func (p *Plan) Check(ctx context.Context) error {
	err := p.withSession(ctx, func(s *session) error {
		_, err := p.introspect(ctx, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("sqlplan: check %s: %w", p.cfg.Service, err)
	}
	return nil
}

// Receipt reads the stored receipt of a job; nil when there is none.
func (p *Plan) Receipt(ctx context.Context, job events.JobID) (*participants.Receipt, error) {
	var body []byte
	err := p.db.NewRaw("SELECT body FROM td_receipts WHERE participant = ? AND job_id = ?", string(p.cfg.Service), string(job)).
		Scan(ctx, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("sqlplan: read receipt: %w", classified(err))
	}
	return parseReceipt(body)
}

// Kept names what stays, with the reason.
func (p *Plan) Kept() map[string]string {
	kept := map[string]string{}
	for _, r := range p.rules {
		if reason := r.spec.kept(); reason != "" {
			kept[r.spec.Table] = reason
		}
	}
	return kept
}

func parseReceipt(body []byte) (*participants.Receipt, error) {
	if body == nil {
		return nil, nil
	}
	receipt := new(participants.Receipt)
	if err := json.Unmarshal(body, receipt); err != nil {
		return nil, fmt.Errorf("sqlplan: parse receipt: %w", err)
	}
	return receipt, nil
}
