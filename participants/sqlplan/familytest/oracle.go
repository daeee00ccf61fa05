package familytest

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/events"
)

// linesMax is how many differences one message tells.
const linesMax = 20

// TB is what the oracle needs of a test: *testing.T is one, and so is the T of a property test.
type TB interface {
	Context() context.Context
	Fatalf(format string, args ...any)
}

// Oracle knows whose every row is, because it looked on while they were made.
type Oracle struct {
	db      *sql.DB
	home    string
	schemas []string
	rows    map[row][]owners // as many entries as the table has rows of this text
}

// row is a row's text in the table (a partition, where there are some) that holds it.
type row struct{ table, text string }

// owners are those with each of whom the row goes; none, when it is nobody's.
type owners struct {
	tenants []events.TenantID
	// entangled rows belong to one tenant and refer to another's: whether they go with one of them is for the engine to say.
	entangled bool
}

func (o owners) has(tenant events.TenantID) bool { return slices.Contains(o.tenants, tenant) }

func (o owners) equal(other owners) bool {
	return o.entangled == other.entangled && slices.Equal(o.tenants, other.tenants)
}

func newOracle(db *sql.DB, home string, schemas []string) *Oracle {
	return &Oracle{db: db, home: home, schemas: schemas, rows: map[row][]owners{}}
}

// claim gives all rows that nobody has claimed before to the owners. A turn may change its owners' own rows, and no others.
func (o *Oracle) claim(ctx context.Context, by owners) error {
	now, err := o.look(ctx)
	if err != nil {
		return err
	}
	for r, known := range o.rows {
		for range len(known) - now[r] {
			at := slices.IndexFunc(o.rows[r], by.equal)
			if at < 0 {
				return fmt.Errorf("a turn of %v changed somebody else's row of %s: %s", by.tenants, r.table, r.text)
			}
			o.rows[r] = slices.Delete(o.rows[r], at, at+1)
		}
	}
	for r, n := range now {
		for len(o.rows[r]) < n {
			o.rows[r] = append(o.rows[r], by)
		}
	}
	return nil
}

// Counts is how many rows of each table go with the tenant, by the names that a plan over the family's schemas uses. Tables with
// none are left out. It fails the test when rows are entangled: then there is no one truth.
func (o *Oracle) Counts(t TB, tenant events.TenantID) map[string]int64 {
	roots, err := o.roots(t.Context())
	if err != nil {
		t.Fatalf("familytest: read tables: %v", err)
	}
	counts := map[string]int64{}
	for r, copies := range o.rows {
		for _, c := range copies {
			if c.has(tenant) && c.entangled {
				t.Fatalf("familytest: %s has entangled rows of %s", r.table, tenant)
			}
			if c.has(tenant) {
				counts[roots[r.table]]++
			}
		}
	}
	return counts
}

// Entangled reports whether the tenant has rows that refer to another tenant's, or another tenant to this one's.
func (o *Oracle) Entangled(tenant events.TenantID) bool {
	for _, copies := range o.rows {
		if slices.ContainsFunc(copies, func(c owners) bool { return c.entangled && c.has(tenant) }) {
			return true
		}
	}
	return false
}

// Total is how many rows there are now, in all tables.
func (o *Oracle) Total() (n int) {
	for _, copies := range o.rows {
		n += len(copies)
	}
	return n
}

// Unchanged fails the test unless every row is what it was.
func (o *Oracle) Unchanged(t TB) {
	if diff := o.diff(t, func(owners) (stays, goes bool) { return true, false }); diff != "" {
		t.Fatalf("rows changed although nothing may have been deleted:\n%s", diff)
	}
}

// Spared fails the test unless every row that does not go with the tenant is what it was: a deletion in chunks that was
// refused at its end has deleted some of the tenant's.
func (o *Oracle) Spared(t TB, tenant events.TenantID) {
	if diff := o.diff(t, func(c owners) (stays, goes bool) { return !c.has(tenant), false }); diff != "" {
		t.Fatalf("deleting %s changed others' rows:\n%s", tenant, diff)
	}
}

// Erased fails the test unless exactly the tenant's rows are gone and every other row is what it was. From then on the
// oracle counts without the tenant.
func (o *Oracle) Erased(t TB, tenant events.TenantID) {
	diff := o.diff(t, func(c owners) (stays, goes bool) { return !c.has(tenant), c.has(tenant) && !c.entangled })
	if diff != "" {
		t.Fatalf("deleting %s was not exact:\n%s", tenant, diff)
	}
	now, err := o.look(t.Context())
	if err != nil {
		t.Fatalf("familytest: look at rows: %v", err)
	}
	for r := range o.rows {
		left := now[r]
		o.rows[r] = slices.DeleteFunc(o.rows[r], func(c owners) bool { return c.has(tenant) && (!c.entangled || left == 0) })
		if len(o.rows[r]) == 0 {
			delete(o.rows, r)
		}
	}
}

// diff tells which rows are not as judge wants them; empty when all are.
func (o *Oracle) diff(t TB, judge func(owners) (stays, goes bool)) string {
	now, err := o.look(t.Context())
	if err != nil {
		t.Fatalf("familytest: look at rows: %v", err)
	}
	var lines []string
	for r, copies := range o.rows {
		least, most := 0, 0
		for _, c := range copies {
			stays, goes := judge(c)
			if stays {
				least++
			}
			if !goes {
				most++
			}
		}
		switch n := now[r]; {
		case n < least:
			lines = append(lines, fmt.Sprintf("gone, and must not be: %s %s of %v", r.table, r.text, copies))
		case n > most:
			lines = append(lines, fmt.Sprintf("left, and must not be: %s %s of %v", r.table, r.text, copies))
		}
	}
	for r := range now {
		if len(o.rows[r]) == 0 {
			lines = append(lines, fmt.Sprintf("new, or changed: %s %s", r.table, r.text))
		}
	}
	slices.Sort(lines)
	if more := len(lines) - linesMax; more > 0 {
		lines = append(lines[:linesMax], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// look reads every row of every table, in one statement and hence in one snapshot.
func (o *Oracle) look(ctx context.Context) (map[row]int, error) {
	roots, err := o.roots(ctx)
	if err != nil {
		return nil, err
	}
	if len(roots) == 0 {
		return map[row]int{}, nil
	}
	var parts []string
	for _, table := range slices.Sorted(maps.Keys(roots)) {
		parts = append(parts, "SELECT "+literal(table)+"::text, td_row::text FROM ONLY "+table+" td_row")
	}
	rows, err := o.db.QueryContext(ctx, strings.Join(parts, "\nUNION ALL "))
	if err != nil {
		return nil, fmt.Errorf("look at rows: %w", err)
	}
	defer rows.Close()
	found := map[row]int{}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.table, &r.text); err != nil {
			return nil, fmt.Errorf("look at rows: %w", err)
		}
		found[r]++
	}
	return found, rows.Err()
}

// roots leads from each table that holds rows, quoted and with its schema, to the name by which a plan counts it: its
// partitions' root's. The participant's own tables are left out.
func (o *Oracle) roots(ctx context.Context) (map[string]string, error) {
	rows, err := o.db.QueryContext(ctx, `
SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), rn.nspname, r.relname
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class r ON r.oid = coalesce(pg_partition_root(c.oid)::oid, c.oid) JOIN pg_namespace rn ON rn.oid = r.relnamespace
WHERE (c.relkind = 'r' OR c.relkind = 'm' AND c.relispopulated) AND c.relpersistence <> 't'
    AND NOT (n.nspname = $1 AND c.relname IN (`+ownTables+`))
    AND n.nspname <> 'information_schema' AND NOT starts_with(n.nspname, 'pg_')`, o.home)
	if err != nil {
		return nil, fmt.Errorf("read tables: %w", err)
	}
	defer rows.Close()
	roots := map[string]string{}
	for rows.Next() {
		var quoted, schema, name string
		if err := rows.Scan(&quoted, &schema, &name); err != nil {
			return nil, fmt.Errorf("read tables: %w", err)
		}
		roots[quoted] = o.planned(schema, name)
	}
	return roots, rows.Err()
}

// planned is a table's name in a plan: without its schema when that is the first one; a part with a dot or a quote is quoted.
func (o *Oracle) planned(schema, name string) string {
	if schema == o.schemas[0] {
		return part(name)
	}
	return part(schema) + "." + part(name)
}

func part(name string) string {
	if strings.ContainsAny(name, `."`) {
		return quoted(name)
	}
	return name
}

func quoted(identifier string) string { return `"` + strings.ReplaceAll(identifier, `"`, `""`) + `"` }

func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }
