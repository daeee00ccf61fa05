package digest

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// schema is what a digest needs to know of a catalogue.
type schema struct {
	scope  Scope
	tables []table
	keys   []foreignKey
}

type table struct {
	name   string
	column string // the tenant column; empty when there is none
}

// foreignKey is a reference whose columns are all NOT NULL, so that it always says whose the row is.
type foreignKey struct {
	Child, Parent           string
	Columns, ParentsColumns []string
}

// readSchema reads the tables (a partitioned one as its root) and the foreign keys between them.
func readSchema(ctx context.Context, tx *sql.Tx, s Scope) (*schema, error) {
	const query = `
WITH names AS (
    SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT c.relispartition
        AND c.relname NOT LIKE 'td\_%' AND c.relname <> 'tenant_anchor'
), columns AS (
    SELECT a.attrelid, a.attnum, a.attname, a.attnotnull FROM pg_attribute a JOIN names ON names.oid = a.attrelid
    WHERE a.attnum > 0 AND NOT a.attisdropped
), keys AS (
    SELECT child.relname AS "Child", parent.relname AS "Parent", c.oid,
        (SELECT json_agg(col.attname ORDER BY k.i) FROM unnest(c.conkey) WITH ORDINALITY k(n, i)
            JOIN columns col ON col.attrelid = c.conrelid AND col.attnum = k.n) AS "Columns",
        (SELECT json_agg(col.attname ORDER BY k.i) FROM unnest(c.confkey) WITH ORDINALITY k(n, i)
            JOIN columns col ON col.attrelid = c.confrelid AND col.attnum = k.n) AS "ParentsColumns"
    FROM pg_constraint c JOIN names child ON child.oid = c.conrelid JOIN names parent ON parent.oid = c.confrelid
    WHERE c.contype = 'f' AND c.conparentid = 0 AND (SELECT bool_and(col.attnotnull) FROM columns col
        WHERE col.attrelid = c.conrelid AND col.attnum = ANY (c.conkey))
)
SELECT json_build_object(
    'tables', (SELECT json_object_agg(relname, (SELECT json_agg(attname) FROM columns WHERE attrelid = names.oid)) FROM names),
    'keys', (SELECT json_agg(keys ORDER BY keys."Child", keys.oid) FROM keys))::text`
	var text string
	if err := tx.QueryRowContext(ctx, query, s.Schema).Scan(&text); err != nil {
		return nil, err
	}
	var found struct {
		Tables map[string][]string `json:"tables"`
		Keys   []foreignKey        `json:"keys"`
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		return nil, err
	}
	if len(found.Tables) == 0 {
		return nil, fmt.Errorf("schema %q has no tables", s.Schema)
	}
	result := &schema{scope: s, keys: found.Keys}
	for name, columns := range found.Tables {
		column, named := s.Columns[name]
		if !named {
			column = s.TenantColumn
		}
		if !slices.Contains(columns, column) {
			if named {
				return nil, fmt.Errorf("table %q has no column %q", name, column)
			}
			column = ""
		}
		result.tables = append(result.tables, table{name: name, column: column})
	}
	slices.SortFunc(result.tables, func(a, b table) int { return strings.Compare(a.name, b.name) })
	return result, nil
}

// ownership is the SQL condition that a row (by its alias) is the excepted tenant's; empty when the table is shared.
func (s *schema) ownership(name, alias string, path []string) string {
	at := slices.IndexFunc(s.tables, func(t table) bool { return t.name == name })
	if column := s.tables[at].column; column != "" {
		return fmt.Sprintf("%s.%s::text = '%s'", alias, quote(column), s.scope.Except)
	}
	if slices.Contains(path, name) {
		return ""
	}
	path = append(slices.Clone(path), name)
	var ways []string
	for _, key := range s.keys {
		if key.Child != name {
			continue
		}
		parent := fmt.Sprintf("%s_%d", alias, len(ways)+1)
		own := s.ownership(key.Parent, parent, path)
		if own == "" {
			continue
		}
		conditions := []string{own}
		for i, column := range key.Columns {
			conditions = append(conditions, fmt.Sprintf("%s.%s = %s.%s", parent, quote(key.ParentsColumns[i]), alias, quote(column)))
		}
		ways = append(ways, fmt.Sprintf("EXISTS (SELECT FROM %s %s WHERE %s)",
			s.qualify(key.Parent), parent, strings.Join(conditions, " AND ")))
	}
	return strings.Join(ways, " OR ")
}

func (s *schema) qualify(name string) string { return quote(s.scope.Schema) + "." + quote(name) }

func quote(identifier string) string { return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"` }
