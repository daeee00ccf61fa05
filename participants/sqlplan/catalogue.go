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

// catalogue is the plan's schemas as PostgreSQL describes them. A partitioned table stands for its partitions.
type catalogue struct {
	// Home is the schema of the engine's own tables.
	Home string
	// Schemas are those asked for, Namespaces those of them that exist.
	Schemas     []string
	Namespaces  []namespace
	Fingerprint string
	// Tables are those of the schemas, and the engine's own.
	Tables []*table
	// Keys are those that begin or end at one of the tables.
	Keys []*foreignKey
}

type namespace struct {
	OID  uint32
	Name string
}

type table struct {
	OID          uint32
	Schema, Name string
	// Kind is pg_class.relkind: r table, p partitioned, m materialized view, f foreign table.
	Kind      string
	Extension bool     // belongs to an extension
	Stray     bool     // a partition of a table that is in none of the schemas
	Hidden    bool     // row-level security is active for this role
	Denied    []string // privileges that this role lacks: SELECT, DELETE, UPDATE
	Rules     []string // that rewrite DELETE
	Triggers  []string // that fire on DELETE
	Heirs     []string // tables outside the schemas that inherit from it
	Columns   []column
	Indexes   []index
	Leaves    []leaf // where the rows are: the table itself, or its partitions
}

type column struct {
	Name    string
	NotNull bool
	True    bool // generated, always true
	// Type is the type's name, of a domain that of its base; with the schema unless it is PostgreSQL's own.
	Type   string
	Labels []string // of an enum
	Loose  bool     // its collation takes different texts for equal
}

type index struct {
	Columns []string
	// NotNullOnly names the column of a partial index whose predicate is only that the column is not null.
	NotNullOnly string
	// Partial is any other predicate: useless to a foreign key's check.
	Partial bool
	Ordered bool // a B-tree
	Primary bool
}

type leaf struct {
	OID                uint32
	Schema, Name, Kind string
}

type foreignKey struct {
	Name                     string
	Child, Parent            uint32
	ChildSchema, ChildName   string
	ParentSchema, ParentName string
	Columns, ParentColumns   []string
	OnDelete                 string // pg_constraint.confdeltype
	Nullable                 bool
	Valid                    bool // validated, and its triggers are enabled: every row obeys it
	Whole                    bool // of the whole table, not of one partition
}

// fingerprintSQL is a text that changes when one of the schemas gains or loses a relation, or when one of the service's tables
// gains or loses a column, a constraint (its own or one that refers to it), an index, a trigger, a rule or a policy, or when
// a column's type, collation or nullability changes. VACUUM and ANALYZE do not change it. It reads 20 to 100 index entries
// and is planned once: about 0.1 ms. Sums, because a pair of equal rows (a rule has one) would vanish from an exclusive or.
// %[1]s is the array of the schemas' oids, %[2]s that of the tables'.
const fingerprintSQL = `concat_ws('/',
 (SELECT sum(hashint8extended(objid::int8, refobjid::int8)) FROM pg_depend
  WHERE refclassid = 'pg_namespace'::regclass AND refobjid = ANY (%[1]s) AND classid = 'pg_class'::regclass),
 (SELECT sum(hashint8extended(objid::int8, (refobjid::int8 << 16) + refobjsubid)) FROM pg_depend
  WHERE refclassid = 'pg_class'::regclass AND refobjid = ANY (%[2]s)),
 (SELECT sum(hashint8extended((attrelid::int8 << 32) + atttypid::int8, (attcollation::int8 << 16) + attnum * 2 + attnotnull::int))
  FROM pg_attribute WHERE attrelid = ANY (%[2]s) AND attnum > 0))`

// readCatalogue reads the catalogue of these schemas and its fingerprint.
func readCatalogue(ctx context.Context, s *session, schemas []string) (*catalogue, error) {
	asked, err := json.Marshal(append([]string{}, schemas...))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	ours := "(relname = ANY ('{" + strings.Join(ownTables, ",") + "}') OR starts_with(relname, '" + versionPrefix + "'))"
	fingerprint := fmt.Sprintf(fingerprintSQL, "ARRAY(SELECT oid FROM ns)", "ARRAY(SELECT oid FROM service)")
	sql := strings.NewReplacer("/*fingerprint*/ ''", fingerprint, "/*ours*/ false", ours).Replace(catalogueSQL)
	results, err := s.run(ctx, statement{sql: sql, args: []string{string(asked)}})
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
	var schemas, tables []string
	for _, n := range c.Namespaces {
		schemas = append(schemas, fmt.Sprint(n.OID))
	}
	for _, t := range c.Tables {
		if !c.own(t) {
			tables = append(tables, fmt.Sprint(t.OID))
		}
	}
	array := func(oids []string) string { return "'{" + strings.Join(oids, ",") + "}'::oid[]" }
	return fmt.Sprintf(fingerprintSQL, array(schemas), array(tables))
}

// own reports whether a table is the engine's, or the version table of one of this house's migration lines.
func (c *catalogue) own(t *table) bool {
	return t.Schema == c.Home && (slices.Contains(ownTables, t.Name) || strings.HasPrefix(t.Name, versionPrefix))
}

func (t *table) column(name string) (column, bool) {
	for _, c := range t.Columns {
		if c.Name == name {
			return c, true
		}
	}
	return column{}, false
}

// primary is the column of a primary key that has one.
func (t *table) primary() (column, bool) {
	for _, i := range t.Indexes {
		if i.Primary && len(i.Columns) == 1 {
			return t.column(i.Columns[0])
		}
	}
	return column{}, false
}

// keyedBy reports whether the column alone is the primary key.
func (t *table) keyedBy(column string) bool {
	key, single := t.primary()
	return single && key.Name == column
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

// ordered reports whether a full B-tree begins with the column, so that its values can be found without reading the table.
func (t *table) ordered(column string) bool {
	return slices.ContainsFunc(t.Indexes, func(i index) bool {
		return i.Ordered && !i.Partial && (i.NotNullOnly == "" || i.NotNullOnly == column) && i.Columns[0] == column
	})
}
