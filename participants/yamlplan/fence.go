package yamlplan

import (
	"context"
	_ "embed" // fence.sql
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

//go:embed fence.sql
var fenceSQL string

// liveColumn is the column that a fence adds to a table, otherLiveColumn where the table has one of this name already.
const (
	liveColumn      = "td_live"
	otherLiveColumn = "td_live_fence"
)

// ErrNoFence says that a plan's tables cannot be fenced, or not yet.
var ErrNoFence = errors.New("cannot be fenced")

// fenceable is a tenant column of a table, and what there is of its fence.
type fenceable struct {
	Place  int    `json:"place"`
	Schema string `json:"schema"`
	Table  string `json:"table"`
	Column string `json:"column"`

	// several says that the table has other tenant columns: the engine then wants the key's own index.
	several                             bool
	partitioned, taken, fenced, indexed bool
	// live is a column that is always true; empty when there is none.
	live string
}

// Fence are the statements, for an administrator, that refer the plan's tables to the tenants' anchors, in the order in which
// they must run: from then on PostgreSQL itself proves each deletion, and refuses rows of a tenant that is gone. What is there
// already is left out. Tables of which rows stay (where) cannot have one, and tables that are reached through a parent need
// none. Home must be laid. Nothing is run.
func (f *File) Fence(ctx context.Context, db *bun.DB) ([]string, error) {
	if f.Tenant.Type == "numeric" {
		return nil, fmt.Errorf("yamlplan: fence: %w: tenants are numeric, which no foreign key compares with the anchor", ErrNoFence)
	}
	columns, err := f.fenceables(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("yamlplan: fence: %w", err)
	}
	var tables []string
	for _, c := range columns {
		if !c.fenced {
			tables = append(tables, c.statements(f.Home)...)
		}
	}
	if len(tables) == 0 {
		return nil, nil
	}
	opened, err := f.opening(columns)
	if err != nil {
		return nil, fmt.Errorf("yamlplan: fence: %w", err)
	}
	return append(opened, tables...), nil
}

// fenceables reads what there is of the tables' fences.
func (f *File) fenceables(ctx context.Context, db *bun.DB) (columns []fenceable, err error) {
	for _, t := range f.Tables {
		if len(t.By) == 0 || t.Where != "" {
			continue
		}
		schema, table, ok := sqlplan.ParseTable(f.Schemas[0], t.Table)
		if !ok {
			return nil, fmt.Errorf("table %s: %w", t.Table, errTableName)
		}
		for _, column := range t.By {
			columns = append(columns, fenceable{Place: len(columns), Schema: schema, Table: table, Column: column,
				several: len(t.By) > 1})
		}
	}
	var laid bool
	if err := db.DB.QueryRowContext(ctx, "SELECT to_regclass('tenant_anchor') IS NOT NULL").Scan(&laid); err != nil {
		return nil, err
	}
	if !laid {
		return nil, fmt.Errorf("%w yet: schema %s is not laid; participant --plan FILE --migrate does it", ErrNoFence, f.Home)
	}
	wanted, err := json.Marshal(columns)
	if err != nil {
		return nil, err
	}
	rows, err := db.DB.QueryContext(ctx, fenceSQL, string(wanted))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := 0
	for ; rows.Next(); found++ {
		c := &columns[found]
		if err := rows.Scan(&c.Place, &c.partitioned, &c.live, &c.taken, &c.fenced, &c.indexed); err != nil {
			return nil, err
		}
		if c.Place != found {
			break
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if found < len(columns) {
		return nil, fmt.Errorf("%w: table %s has no column %s; erasectl plan check says more", ErrNoFence, columns[found].Table,
			columns[found].Column)
	}
	return columns, nil
}

// opening makes an anchor for every tenant that there is, and for each that comes, before its first row.
func (f *File) opening(columns []fenceable) ([]string, error) {
	name, column, ok := cutColumn(f.Tenant.Root)
	if !ok {
		return nil, fmt.Errorf("tenant: root: %w", errTableName)
	}
	root, err := f.quoted(name)
	if err != nil {
		return nil, err
	}
	home := pgx.Identifier{f.Home}.Sanitize()
	body := fmt.Sprintf(`
BEGIN
    INSERT INTO %s.tenant_anchor (tenant_id) VALUES (NEW.%s) ON CONFLICT (tenant_id) DO NOTHING;
    RETURN NEW;
END
`, home, pgx.Identifier{column}.Sanitize())
	mark := dollars(body)
	statements := []string{
		fmt.Sprintf("CREATE OR REPLACE FUNCTION %s.td_open_tenant() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER\n"+
			"SET search_path = pg_catalog, pg_temp AS %s%s%[2]s", home, mark, body),
		fmt.Sprintf("CREATE OR REPLACE TRIGGER td_open_tenant BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION %s.td_open_tenant()",
			root, home)}
	for _, c := range columns {
		statements = append(statements, fmt.Sprintf("INSERT INTO %s.tenant_anchor (tenant_id)"+
			" SELECT DISTINCT %s FROM %s WHERE %[2]s IS NOT NULL ON CONFLICT (tenant_id) DO NOTHING", home, c.column(), c.table()))
	}
	return statements, nil
}

// dollars is a quoting mark that a text does not hold: a column may be called anything.
func dollars(text string) string {
	mark := "$td$"
	for n := 1; strings.Contains(text, mark); n++ {
		mark = fmt.Sprintf("$td%d$", n)
	}
	return mark
}

func (c *fenceable) table() string  { return pgx.Identifier{c.Schema, c.Table}.Sanitize() }
func (c *fenceable) column() string { return pgx.Identifier{c.Column}.Sanitize() }

// statements fence one column. The key is added without looking at the rows and validated afterwards, which lets writers go on;
// a partitioned table cannot have that. The new column rewrites the table.
func (c *fenceable) statements(home string) (all []string) {
	live, concurrently, valid := c.live, "CONCURRENTLY ", " NOT VALID"
	if live == "" {
		if live = liveColumn; c.taken {
			live = otherLiveColumn
		}
		all = append(all, fmt.Sprintf("ALTER TABLE %s ADD COLUMN IF NOT EXISTS %s boolean GENERATED ALWAYS AS (true) STORED",
			c.table(), live))
	}
	if c.partitioned {
		concurrently, valid = "", ""
	}
	quoted := pgx.Identifier{live}.Sanitize()
	if !c.indexed || c.several {
		all = append(all, fmt.Sprintf("CREATE INDEX %sON %s (%s, %s)", concurrently, c.table(), c.column(), quoted))
	}
	key := pgx.Identifier{"td_fence_" + c.Column}.Sanitize()
	all = append(all, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s, %s)"+
		" REFERENCES %s.tenant_anchor (tenant_id, live)%s",
		c.table(), key, c.column(), quoted, pgx.Identifier{home}.Sanitize(), valid))
	if valid != "" {
		all = append(all, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", c.table(), key))
	}
	return all
}

// cutColumn cuts TABLE.COLUMN.
func cutColumn(root string) (table, column string, ok bool) {
	at := strings.LastIndexByte(root, '.')
	if strings.HasSuffix(root, `"`) {
		at = strings.LastIndex(root, `."`)
	}
	if at < 0 {
		return "", "", false
	}
	_, column, ok = sqlplan.ParseTable("", root[at+1:])
	return root[:at], column, ok
}
