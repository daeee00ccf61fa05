package digest

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Digests say per table how many rows it has and what is in them; equal digests mean equal rows.
type Digests map[string]string

// Scope says which rows a digest covers.
type Scope struct {
	// Columns names the tenant column of tables where it is not TenantColumn: {"tenants": "id"}.
	Columns map[string]string
	// Except is the tenant whose rows are left out; empty means every row counts.
	Except events.TenantID
	// Schema is the service's schema. Required.
	Schema string
	// TenantColumn is the usual tenant column. Empty means tenant_id.
	TenantColumn string
}

// Of covers, in one snapshot, every row of the schema that is not the excepted tenant's: other tenants' and shared
// ones, in every table but the participant's own: td_* and tenant_anchor, where the tombstone of a
// deleted tenant stays on purpose. Whose a row is comes from the catalogue: from its tenant
// column, else from the NOT NULL foreign keys that lead to a table that has one. A table of neither kind is shared.
func Of(ctx context.Context, db *sql.DB, s Scope) (Digests, error) {
	s.TenantColumn = cmp.Or(s.TenantColumn, "tenant_id")
	if s.Except != "" {
		if err := s.Except.Validate(); err != nil { // it is written into the statements below
			return nil, fmt.Errorf("digest: %w", err)
		}
	}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return nil, fmt.Errorf("digest: begin: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only reads
	schema, err := readSchema(ctx, tx, s)
	if err != nil {
		return nil, fmt.Errorf("digest: read catalogue: %w", err)
	}
	digests := Digests{}
	for _, table := range schema.tables {
		const row = "td_row"
		own := schema.ownership(table.name, row, nil)
		if own == "" || s.Except == "" {
			own = "false"
		}
		var digest string
		query := fmt.Sprintf(`SELECT count(*) || ' rows ' || md5(coalesce(string_agg(%[1]s::text, E'\n'
			ORDER BY %[1]s::text COLLATE "C"), '')) FROM %[2]s %[1]s WHERE (%[3]s) IS NOT TRUE`, row, schema.qualify(table.name), own)
		if err := tx.QueryRowContext(ctx, query).Scan(&digest); err != nil {
			return nil, fmt.Errorf("digest %s: %w", table.name, err)
		}
		digests[table.name] = digest
	}
	return digests, nil
}

// Diff names the tables that differ, with both digests; empty when nothing does.
func (d Digests) Diff(other Digests) string {
	var lines []string
	for table, digest := range d {
		if other[table] != digest {
			lines = append(lines, fmt.Sprintf("%s: %s, then %s", table, digest, cmp.Or(other[table], "missing")))
		}
	}
	for table, digest := range other {
		if _, known := d[table]; !known {
			lines = append(lines, fmt.Sprintf("%s: missing, then %s", table, digest))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
