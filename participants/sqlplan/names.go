package sqlplan

import (
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// anchorTable is the tenant anchor of migrations/participant.
const anchorTable = "tenant_anchor"

// versionPrefix begins the version tables of this house's migration lines.
const versionPrefix = "td_version_"

// ownTables are the engine's, in the current schema: they hold no tenant data, and no rule may name them.
var ownTables = []string{anchorTable, "td_receipts", "td_bounded", "td_progress"}

// versionTables are those in which migration runners remember what they ran. They need no rule in any schema.
var versionTables = []string{
	"__diesel_schema_migrations", "__drizzle_migrations", "__EFMigrationsHistory", "_prisma_migrations", "_sqlx_migrations",
	"alembic_version", "ar_internal_metadata", "bun_migration_locks", "bun_migrations", "databasechangelog",
	"databasechangeloglock", "django_migrations", "doctrine_migration_versions", "flyway_schema_history", "goose_db_version",
	"gorp_migrations", "knex_migrations", "knex_migrations_lock", "kysely_migration", "kysely_migration_lock",
	"mikro_orm_migrations", "phinxlog", "refinery_schema_history", "schema_migrations", "SequelizeMeta", "sequelizemeta",
	"__efmigrationshistory", // without quotes, as some set-ups create it
}

// TableName writes a table's name as rules, counts and findings have it; first is the plan's first schema.
func TableName(first, schema, name string) string {
	if schema == first {
		return namePart(name)
	}
	return namePart(schema) + "." + namePart(name)
}

func namePart(part string) string {
	if strings.ContainsAny(part, `."`) {
		return pgx.Identifier{part}.Sanitize()
	}
	return part
}

// ParseTable reads what TableName writes. A text that is not of this form names no table.
func ParseTable(first, text string) (schema, name string, ok bool) {
	var parts []string
	for rest := text; ; rest = rest[1:] {
		var part string
		if part, rest, ok = cutPart(rest); !ok {
			return "", "", false
		}
		parts = append(parts, part)
		if rest == "" {
			break
		}
		if rest[0] != '.' {
			return "", "", false
		}
	}
	switch len(parts) {
	case 1:
		return first, parts[0], true
	case 2:
		return parts[0], parts[1], true
	}
	return "", "", false
}

// cutPart cuts one part of a name off, which ends at a dot unless it is in double quotes.
func cutPart(text string) (part, rest string, ok bool) {
	if !strings.HasPrefix(text, `"`) {
		at := strings.IndexByte(text, '.')
		if at < 0 {
			at = len(text)
		}
		part = text[:at]
		return part, text[at:], part != "" && !strings.Contains(part, `"`)
	}
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		if text[i] != '"' {
			b.WriteByte(text[i])
			continue
		}
		if i+1 < len(text) && text[i+1] == '"' {
			b.WriteByte('"')
			i++
			continue
		}
		return b.String(), text[i+1:], b.Len() > 0
	}
	return "", "", false
}

// splitColumn reads "table.column" or "schema.table.column", as Config.Root is written.
func splitColumn(text string) (table, column string, ok bool) {
	var ends []int
	for rest := text; ; rest = rest[1:] {
		var part bool
		if _, rest, part = cutPart(rest); !part {
			return "", "", false
		}
		ends = append(ends, len(text)-len(rest))
		if rest == "" {
			break
		}
		if rest[0] != '.' {
			return "", "", false
		}
	}
	if len(ends) < 2 {
		return "", "", false
	}
	last := ends[len(ends)-2]
	column, _, ok = cutPart(text[last+1:])
	return text[:last], column, ok
}

// from names a table as a statement does. ONLY, because a table that inherits from a plain one is a table of its own.
func (t *table) from() string {
	if t.Kind == "p" {
		return t.qualified()
	}
	return "ONLY " + t.qualified()
}

func (t *table) qualified() string { return pgx.Identifier{t.Schema, t.Name}.Sanitize() }

func (l leaf) ident() string { return pgx.Identifier{l.Schema, l.Name}.Sanitize() }

func (l leaf) String() string { return TableName("", l.Schema, l.Name) }

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = ident(name)
	}
	return strings.Join(quoted, ", ")
}

// quote writes a text as an SQL literal, whatever standard_conforming_strings says.
func quote(text string) string {
	quoted := strings.ReplaceAll(text, "'", "''")
	if strings.Contains(text, `\`) {
		return " E'" + strings.ReplaceAll(quoted, `\`, `\\`) + "'"
	}
	return "'" + quoted + "'"
}

// versioned reports whether a name is that of a migration runner's table.
func versioned(name string) bool { return slices.Contains(versionTables, name) }
