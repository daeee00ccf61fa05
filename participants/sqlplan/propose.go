package sqlplan

import (
	"context"
	"errors"

	"github.com/uptrace/bun"
)

// ProposeConfig says what a plan is to be derived for.
type ProposeConfig struct {
	// Root is the column that is the tenant's identity: "organizations.id", or "billing.accounts.id" when the table is not in
	// the first schema. Required.
	Root string
	// Schemas are those that the plan is to cover. Empty means the connection's current schema.
	Schemas []string
	// TenantColumns are further column names that mean the tenant wherever they occur, without a foreign key.
	TenantColumns []string
}

// Proposal is what the catalogue says by itself.
type Proposal struct {
	// Rules are derived from tenant columns and foreign keys, one for a table, sorted by table.
	Rules []Rule
	// TenantType is the type of the root column: uuid, text, bigint, ...
	TenantType string
	// Undecided are the tables that no rule could be derived for, with what was seen and what to decide; sorted by table. A
	// table may have several.
	Undecided []Finding
	// Notes are worth knowing about the derived rules: a path that was chosen among several.
	Notes []Finding
}

// Propose derives a plan from the catalogue. Nothing is guessed: a table has a rule when keys that PostgreSQL has validated
// lead from it to the tenant, and is undecided otherwise. It has no effect.
func Propose(ctx context.Context, db *bun.DB, cfg ProposeConfig) (*Proposal, error) {
	return nil, errors.Join(ctx.Err(), errors.New("sqlplan: propose: not built yet"))
}
