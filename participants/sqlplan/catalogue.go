package sqlplan

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// catalogueSQL reads everything the plan is judged by in one statement, hence from one snapshot.
//
//go:embed catalogue.sql
var catalogueSQL string

// anchorTable is the tenant anchor of migrations/participant.
const anchorTable = "tenant_anchor"

// ownTables are this library's and the migration runners' tables: they hold no tenant data, and no rule may name them.
var ownTables = []string{anchorTable, "td_receipts", "td_bounded", "td_progress",
	"goose_db_version", "schema_migrations", "alembic_version", "flyway_schema_history"}

// versionPrefix begins the version tables of this house's migration lines.
const versionPrefix = "td_version_"

// ours reports whether a table is on the list of those that need no rule.
func ours(table string) bool {
	return slices.Contains(ownTables, table) || strings.HasPrefix(table, versionPrefix)
}

// catalogue is the service's schema as PostgreSQL describes it. A partitioned table stands for its partitions.
type catalogue struct {
	Schema      string
	Namespace   uint32
	Fingerprint string
	Tables      []*table
	Keys        []*foreignKey
}

type table struct {
	OID  uint32
	Name string
	// Kind is pg_class.relkind: r table, p partitioned, m materialized view, f foreign table.
	Kind      string
	Extension bool     // belongs to an extension
	Hidden    bool     // row-level security is active for this role
	Rules     []string // that rewrite DELETE
	Triggers  []string // that fire on DELETE
	Columns   []column
	Indexes   []index
	Leaves    []leaf // where the rows are: the table itself, or its partitions
}

type column struct {
	Name    string
	NotNull bool
	True    bool // generated, always true
}

type index struct {
	Columns []string
	// NotNullOnly names the column of a partial index whose predicate is only that the column is not null.
	NotNullOnly string
	// Partial is any other predicate: useless to a foreign key's check.
	Partial bool
}

type leaf struct {
	OID          uint32
	Schema, Name string
}

type foreignKey struct {
	Name                   string
	Child, Parent          uint32
	ChildSchema, ChildName string
	ParentName             string
	Columns, ParentColumns []string
	OnDelete               string // pg_constraint.confdeltype
	Nullable, Valid        bool
}

// fingerprintSQL is a text that changes when the schema gains or loses a relation, or when one of the service's tables gains or
// loses a column, a constraint (its own or one that refers to it), an index, a trigger, a rule or a policy, or when a
// column's type or nullability changes. VACUUM and ANALYZE do not change it. It reads 20 to 100 index entries and is
// planned once: about 0.1 ms. Sums, because a pair of equal rows (a rule has one) would vanish from an exclusive or.
// %[1]s is the schema's oid, %[2]s the array of those tables' oids.
const fingerprintSQL = `concat_ws('/',
 (SELECT sum(hashint8extended(objid::int8, 1)) FROM pg_depend
  WHERE refclassid = 'pg_namespace'::regclass AND refobjid = %[1]s AND classid = 'pg_class'::regclass),
 (SELECT sum(hashint8extended(objid::int8, (refobjid::int8 << 16) + refobjsubid)) FROM pg_depend
  WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY (%[2]s)),
 (SELECT sum(hashint8extended((attrelid::int8 << 32) + atttypid::int8, attnum * 2 + attnotnull::int)) FROM pg_attribute
  WHERE attrelid = ANY (%[2]s) AND attnum > 0))`

// readCatalogue reads the catalogue and its fingerprint.
func readCatalogue(ctx context.Context, s *session) (*catalogue, error) {
	services := "ARRAY(SELECT oid FROM own WHERE relname <> ALL ('{" + strings.Join(ownTables, ",") + "}')" +
		" AND NOT starts_with(relname, '" + versionPrefix + "'))"
	fingerprint := fmt.Sprintf(fingerprintSQL, "(SELECT oid FROM ns)", services)
	results, err := s.run(ctx, statement{sql: strings.ReplaceAll(catalogueSQL, "/*fingerprint*/ ''", fingerprint)})
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", classified(err))
	}
	cat := &catalogue{}
	if err := json.Unmarshal(text(results[0], 0), cat); err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	return cat, nil
}

// fingerprint is fingerprintSQL with the oids that the catalogue had when it was read.
func (c *catalogue) fingerprint() string {
	var oids []string
	for _, t := range c.Tables {
		if !ours(t.Name) {
			oids = append(oids, fmt.Sprint(t.OID))
		}
	}
	return fmt.Sprintf(fingerprintSQL, fmt.Sprint(c.Namespace), "'{"+strings.Join(oids, ",")+"}'::oid[]")
}

func (t *table) column(name string) (column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return column{}, false
}

// serves reports whether an index finds the rows of a foreign key: its first columns are the key's, in any order.
func (t *table) serves(columns []string) bool {
	return slices.ContainsFunc(t.Indexes, func(i index) bool {
		if i.Partial || len(i.Columns) < len(columns) {
			return false
		}
		if i.NotNullOnly != "" && !slices.Contains(columns, i.NotNullOnly) {
			return false
		}
		lead := slices.Sorted(slices.Values(i.Columns[:len(columns)]))
		return slices.Equal(lead, slices.Sorted(slices.Values(columns)))
	})
}
