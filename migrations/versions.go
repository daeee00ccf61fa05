package migrations

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/pressly/goose/v3"
)

// Version is one numbered file of a line, and when it was laid.
type Version struct {
	Number int64
	// File is empty for a version that the database has and this program knows no file of: a newer program laid it.
	File string
	// AppliedAt is zero while the file is pending.
	AppliedAt time.Time
}

// Named is the house's line of that name in the schema: coordinator, participant, bakery and the others that have a folder
// here. The schemas of coordinator and audit are always those of their names, so they may be left empty.
func Named(name, schema string) (Line, error) {
	dir := name
	switch name {
	case "coordinator", "audit":
		schema = cmp.Or(schema, name)
		if schema != name {
			return Line{}, fmt.Errorf("migrations: the line %s is always in the schema %[1]s", name)
		}
		if name == "audit" {
			return Audit(), nil
		}
	case "bakery":
		dir = path.Join(name, schema)
	}
	if !identifier.MatchString(name) || !identifier.MatchString(schema) {
		return Line{}, fmt.Errorf("migrations: the names of a line and of its schema must be plain identifiers")
	}
	if numbered, err := fs.Glob(files, path.Join(dir, "*.sql")); err != nil || len(numbered) == 0 {
		return Line{}, fmt.Errorf("migrations: there is no such line")
	}
	return embedded(name, schema, dir), nil
}

// Name is the line's own name, without its schema.
func (l Line) Name() string { return l.name }

// Versions compares the line's files with what is laid in the database, in the order of their numbers. It changes nothing:
// where the schema or the version table is missing, every file is pending.
func Versions(ctx context.Context, dsn string, line Line) ([]Version, error) {
	if err := line.validate(); err != nil {
		return nil, err
	}
	versions, err := line.versions(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("migrations: versions of %s: %w", line, err)
	}
	return versions, nil
}

func (l Line) versions(ctx context.Context, dsn string) ([]Version, error) {
	db, err := open(dsn, l.schema)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, l.files,
		goose.WithTableName(l.versionTable()), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return nil, err
	}
	laid, err := laidVersions(ctx, db, l) // not the provider's Status: it makes the version table
	if err != nil {
		return nil, err
	}
	var versions []Version
	for _, source := range provider.ListSources() {
		versions = append(versions, Version{Number: source.Version, File: path.Base(source.Path), AppliedAt: laid[source.Version]})
		delete(laid, source.Version)
	}
	for number, at := range laid {
		versions = append(versions, Version{Number: number, AppliedAt: at})
	}
	slices.SortFunc(versions, func(a, b Version) int { return cmp.Compare(a.Number, b.Number) })
	return versions, nil
}

// laidVersions reads the version table. Its times have no zone; they are in the zone of the server's sessions.
func laidVersions(ctx context.Context, db *sql.DB, l Line) (map[int64]time.Time, error) {
	var exists bool
	err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = $1 AND tablename = $2)",
		l.schema, l.versionTable()).Scan(&exists)
	if err != nil || !exists {
		return nil, err
	}
	rows, err := db.QueryContext(ctx, "SELECT version_id, max(tstamp)::timestamptz FROM "+l.versionTable()+
		" WHERE is_applied AND version_id > 0 GROUP BY version_id") // goose's own first row is version 0
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	laid := map[int64]time.Time{}
	for rows.Next() {
		var number int64
		var at time.Time
		if err := rows.Scan(&number, &at); err != nil {
			return nil, err
		}
		laid[number] = at.UTC()
	}
	return laid, rows.Err()
}

// Laid finds the house's lines that have a version table in the database, in the order of their schemas. Lines that this
// program does not know, and those that the role of the DSN may not read, are left out.
func Laid(ctx context.Context, dsn string) ([]Line, error) {
	lines, err := laidLines(ctx, dsn)
	if err != nil {
		return nil, fmt.Errorf("migrations: find lines: %w", err)
	}
	return lines, nil
}

func laidLines(ctx context.Context, dsn string) ([]Line, error) {
	db, err := open(dsn, "")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	rows, err := db.QueryContext(ctx, laidQuery)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var lines []Line
	for rows.Next() {
		var schema, name string
		if err := rows.Scan(&schema, &name); err != nil {
			return nil, err
		}
		if line, err := Named(name, schema); err == nil {
			lines = append(lines, line)
		}
	}
	return lines, rows.Err()
}

// laidQuery orders participant before bakery, which stands on it.
const laidQuery = `SELECT n.nspname, substr(c.relname, length('td_version_') + 1)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
	WHERE c.relkind = 'r' AND starts_with(c.relname, 'td_version_')
		AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
	ORDER BY n.nspname COLLATE "C", c.relname <> 'td_version_participant', c.relname COLLATE "C"`
