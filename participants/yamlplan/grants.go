package yamlplan

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// Grants are the statements, for an administrator, that let a role erase by the plan and do nothing else: it owns Home, and
// reads and deletes in the tables that rows are deleted from. It can write no row anywhere else. Rows that a foreign key could
// act on are locked before they go, for which PostgreSQL wants the right to update.
func (f *File) Grants(role string) ([]string, error) {
	to := " TO " + pgx.Identifier{role}.Sanitize()
	statements := []string{fmt.Sprintf("CREATE SCHEMA IF NOT EXISTS %s AUTHORIZATION %s", pgx.Identifier{f.Home}.Sanitize(),
		pgx.Identifier{role}.Sanitize())}
	for _, schema := range f.Schemas {
		statements = append(statements, "GRANT USAGE ON SCHEMA "+pgx.Identifier{schema}.Sanitize()+to)
	}
	for _, t := range f.Tables {
		if t.Kept || t.Decide != "" {
			continue
		}
		table, err := f.quoted(t.Table)
		if err != nil {
			return nil, fmt.Errorf("yamlplan: grants: %w", err)
		}
		rights := "SELECT, DELETE"
		if len(t.AcceptActions) > 0 {
			rights = "SELECT, UPDATE, DELETE"
		}
		statements = append(statements, "GRANT "+rights+" ON "+table+to)
	}
	return statements, nil
}

// quoted is a table's name for SQL, with its schema.
func (f *File) quoted(name string) (string, error) {
	schema, table, ok := sqlplan.ParseTable(f.Schemas[0], name)
	if !ok {
		return "", fmt.Errorf("table %s: %w", name, errTableName)
	}
	return pgx.Identifier{schema, table}.Sanitize(), nil
}
