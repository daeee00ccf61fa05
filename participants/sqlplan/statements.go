package sqlplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// parents is the list of the tables on the way to the tenant column, to follow the table itself.
func (t *target) parents() string {
	list := make([]string, len(t.joins))
	for i, j := range t.joins {
		list[i] = fmt.Sprintf("%s AS p%d", j.from, i+1)
	}
	return strings.Join(list, ", ")
}

// path is the list of conditions that lead along the parents, and the alias of the table that has the tenant column.
func (t *target) path() (conditions []string, last string) {
	last = "t"
	for i, j := range t.joins {
		next := fmt.Sprintf("p%d", i+1)
		for k := range j.columns {
			conditions = append(conditions, fmt.Sprintf("%s.%s = %s.%s", last, ident(j.columns[k]), next, ident(j.parentColumns[k])))
		}
		last = next
	}
	return conditions, last
}

// condition picks the tenant's rows. The tenant is parameter n: every table has its own, because the types may differ.
func (t *target) condition(n int) string {
	conditions, last := t.path()
	return strings.Join(append(conditions, fmt.Sprintf("%s.%s = $%d", last, ident(t.column), n)), " AND ")
}

// blindCondition is condition for a walk over blocks: a sub-select that no index serves and no join order can turn around,
// so that a chunk reads its blocks and nothing else, whatever the planner knows about the table.
func (t *target) blindCondition(n int) string {
	conditions, last := t.path()
	tenant := fmt.Sprintf("(SELECT %s.%s", last, ident(t.column))
	if len(t.joins) > 0 {
		tenant += " FROM " + t.parents() + " WHERE " + strings.Join(conditions, " AND ")
	}
	return fmt.Sprintf("%s) = $%d", tenant, n)
}

// using is the parents as a DELETE names them.
func (t *target) using() string {
	if len(t.joins) == 0 {
		return ""
	}
	return " USING " + t.parents()
}

// rows is the FROM and WHERE of a query over the tenant's rows.
func (t *target) rows(n int) string {
	from := t.from + " AS t"
	if len(t.joins) > 0 {
		from += ", " + t.parents()
	}
	return from + " WHERE " + t.condition(n)
}

func (t *target) delete(n int) string {
	return "DELETE FROM " + t.from + " AS t" + t.using() + " WHERE " + t.condition(n)
}

// delete removes the rows of a table, or of all tables of a cycle at once: their foreign keys are checked at the end of the
// statement. A cycle answers with one row of counts, a table with its command tag.
func (g *group) delete(tenant string) statement {
	if len(g.tables) == 1 {
		return statement{sql: g.tables[0].delete(1), args: []string{tenant}}
	}
	var with, counts, args []string
	for i, t := range g.tables {
		with = append(with, fmt.Sprintf("d%d AS (%s RETURNING 1)", i, t.delete(i+1)))
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM d%d)", i))
		args = append(args, tenant)
	}
	return statement{sql: "WITH " + strings.Join(with, ", ") + " SELECT " + strings.Join(counts, ", "), args: args}
}

// countAll counts every table exactly, and ends with the fingerprint: one statement, one snapshot.
func (l *layout) countAll(tenant string) statement {
	var columns, args []string
	for i, t := range l.tables {
		columns = append(columns, "(SELECT count(*) FROM "+t.rows(i+1)+")")
		args = append(args, tenant)
	}
	return statement{sql: "SELECT " + strings.Join(columns, ", ") + ", " + l.fingerprint, args: args}
}

// absence asks, for each table that the anchor does not vouch for, whether a row is left. No tables, no statement.
func (l *layout) absence(tenant string) []statement {
	var columns, args []string
	for _, t := range l.unfenced() {
		args = append(args, tenant)
		columns = append(columns, "EXISTS (SELECT FROM "+t.rows(len(args))+")")
	}
	if len(columns) == 0 {
		return nil
	}
	return []statement{{sql: "SELECT " + strings.Join(columns, ", "), args: args}}
}

func (l *layout) unfenced() (tables []*target) {
	for _, t := range l.tables {
		if !t.fenced {
			tables = append(tables, t)
		}
	}
	return tables
}

// estimates asks the planner how many rows each table holds of the tenant.
func (l *layout) estimates(tenant string) []statement {
	statements := make([]statement, len(l.tables))
	for i, t := range l.tables {
		statements[i] = statement{sql: "EXPLAIN (FORMAT JSON) SELECT FROM " + t.rows(1), args: []string{tenant}}
	}
	return statements
}

// measure asks for the bytes of all tables that an erasure touches.
func (l *layout) measure() statement {
	oids := make([]string, len(l.leaves))
	for i, leaf := range l.leaves {
		oids[i] = fmt.Sprint(leaf.OID)
	}
	slices.Sort(oids)
	return statement{sql: "SELECT coalesce(sum(pg_relation_size(o)), 0)::int8" +
		" FROM unnest('{" + strings.Join(oids, ",") + "}'::oid[]) o"}
}

// chunk removes the rows of a range of blocks and moves the cursor, in one statement: the count is exact whatever happens next.
// It answers with the rows removed.
func (t *target) chunk(leaf leaf) string {
	return "WITH gone AS (DELETE FROM ONLY " + leaf.ident() + " AS t WHERE" +
		" t.ctid >= $2::tid AND t.ctid < $3::tid AND " + t.blindCondition(1) + " RETURNING 1), n AS (SELECT count(*) AS n FROM gone)" +
		" INSERT INTO td_progress AS p (participant, job_id, relation, table_name, next_block, deleted)" +
		" SELECT $4, $5, $6, $7, $8, n FROM n ON CONFLICT (participant, job_id, relation)" +
		" DO UPDATE SET next_block = excluded.next_block, deleted = p.deleted + excluded.deleted RETURNING (SELECT n FROM n)"
}

// wholly is chunk for the tables of a group that can only be deleted at once.
func (g *group) wholly(tenant string, participant, job string) statement {
	args := []string{participant, job}
	var with, counts []string
	for i, t := range g.tables {
		args = append(args, tenant, t.name)
		with = append(with, fmt.Sprintf("d%d AS (%s RETURNING 1)", i, t.delete(len(args)-1)))
		counts = append(counts, fmt.Sprintf("SELECT $%d::text AS name, count(*) AS n FROM d%d", len(args), i))
	}
	return statement{args: args, sql: "WITH " + strings.Join(with, ", ") + ", n AS (" + strings.Join(counts, " UNION ALL ") + ")" +
		" INSERT INTO td_progress AS p (participant, job_id, relation, table_name, next_block, deleted)" +
		" SELECT $1, $2, name, name, 1, n FROM n ON CONFLICT (participant, job_id, relation)" +
		" DO UPDATE SET deleted = p.deleted + excluded.deleted" +
		" RETURNING table_name, (SELECT n.n FROM n WHERE n.name = table_name)"}
}

func (l leaf) ident() string { return pgx.Identifier{l.Schema, l.Name}.Sanitize() }

func (l leaf) String() string { return l.Schema + "." + l.Name }

func ident(name string) string { return pgx.Identifier{name}.Sanitize() }

func idents(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = ident(name)
	}
	return strings.Join(quoted, ", ")
}
