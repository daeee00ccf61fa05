package sqlplan

import (
	"fmt"
	"slices"
	"strings"
)

// clauses say which rows of the table, as t, are the tenant's. Every table has a parameter of its own: the types may differ.
func (t *target) clauses(w *writer) clauses { return w.write(t.scope, "t") }

// using is the clauses after a table: its parents, behind the word, and all conditions.
func (c clauses) using(word string) string {
	where := " WHERE " + allOf(append(slices.Clone(c.joins), c.conditions...))
	if len(c.tables) == 0 {
		return where
	}
	return word + strings.Join(c.tables, ", ") + where
}

// rows is the FROM and WHERE of a query over the tenant's rows.
func (t *target) rows(tenant string) string {
	return t.table.from() + " AS t" + t.clauses(&writer{tenant: tenant}).using(", ")
}

func (t *target) delete(tenant string) string {
	return "DELETE FROM " + t.table.from() + " AS t" + t.clauses(&writer{tenant: tenant}).using(" USING ")
}

// parameter is the n-th parameter of a statement, from one.
func parameter(n int) string { return fmt.Sprintf("$%d", n) }

// sql removes the rows of a table, or of all tables of a cycle at once: their foreign keys are checked at the end of the
// statement. A cycle answers with one row of counts, a table with its command tag. The n-th table has the n-th tenant.
func (g *group) sql(tenant func(n int) string) string {
	if len(g.tables) == 1 {
		return g.tables[0].delete(tenant(1))
	}
	var with, counts []string
	for i, t := range g.tables {
		with = append(with, fmt.Sprintf("d%d AS (%s RETURNING 1)", i, t.delete(tenant(i+1))))
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM d%d)", i))
	}
	return "WITH " + strings.Join(with, ", ") + " SELECT " + strings.Join(counts, ", ")
}

func (g *group) delete(tenant string) statement {
	return statement{sql: g.sql(parameter), args: slices.Repeat([]string{tenant}, len(g.tables))}
}

// lock takes the rows of a group that acting keys refer to, so that no row can begin to refer to them, and counts them.
func (g *group) lock(tenant string) statement {
	var counts []string
	for i, t := range g.tables {
		rows := t.rows(parameter(i + 1))
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM (SELECT FROM %s FOR UPDATE OF t) AS locked)", rows))
	}
	return statement{sql: "SELECT " + strings.Join(counts, ", "), args: slices.Repeat([]string{tenant}, len(g.tables))}
}

// guard asks for each acting key whether it would find a row to act on: one of an earlier table of which all should be gone, or
// one of the same group that is not to be deleted.
func (g *group) guard(tenant string) statement {
	columns := make([]string, len(g.guards))
	for i, k := range g.guards {
		w := &writer{tenant: parameter(i + 1)}
		c := w.write(k.parent.scope, "t")
		c.tables = append([]string{k.child.table.from() + " AS c", k.parent.table.from() + " AS t"}, c.tables...)
		c.joins = append(equalities("c", k.key.Columns, "t", k.key.ParentColumns), c.joins...)
		if slices.Contains(g.tables, k.child) {
			w.blind = true
			c.conditions = append(c.conditions, w.write(k.child.scope, "c").exists(true)+" IS NOT TRUE")
		}
		columns[i] = c.exists(false)
	}
	return statement{sql: "SELECT " + strings.Join(columns, ", "), args: slices.Repeat([]string{tenant}, len(columns))}
}

// countAll counts every table exactly, and ends with whether the tenant id is written as the columns write it, and with the
// fingerprint: one statement, one snapshot.
func (l *layout) countAll(tenant string) statement {
	var columns, args []string
	for i, t := range l.tables {
		columns = append(columns, "(SELECT count(*) FROM "+t.rows(parameter(i+1))+")")
		args = append(args, tenant)
	}
	args = append(args, tenant)
	columns = append(columns, l.canonical(parameter(len(args))), l.fingerprint)
	return statement{sql: "SELECT " + strings.Join(columns, ", "), args: args}
}

// canonical asks whether the tenant id is written as its columns write it. "007", an upper case uuid or "1_000" would find the
// rows of a tenant with another name.
func (l *layout) canonical(tenant string) string {
	conditions := []string{tenant + "::text IS NOT NULL"}
	for _, typ := range l.parameters {
		if typ != "text" {
			conditions = append(conditions, fmt.Sprintf("%s::text::%s::text = %s::text", tenant, typ, tenant))
		}
	}
	return "(" + allOf(conditions) + ")"
}

// absence asks, for each table that nothing else vouches for, whether a row is left. No tables, no statement.
func (l *layout) absence(tenant string) []statement {
	unproven := l.unproven()
	if len(unproven) == 0 {
		return nil
	}
	return []statement{absence(unproven, tenant)}
}

func absence(tables []*target, tenant string) statement {
	columns := make([]string, len(tables))
	for i, t := range tables {
		columns[i] = "EXISTS (SELECT FROM " + t.rows(parameter(i+1)) + ")"
	}
	return statement{sql: "SELECT " + strings.Join(columns, ", "), args: slices.Repeat([]string{tenant}, len(tables))}
}

// unproven are the tables that are looked at when all deletes have run.
func (l *layout) unproven() (tables []*target) {
	for _, t := range l.tables {
		if t.proof == proofLook {
			tables = append(tables, t)
		}
	}
	return tables
}

// estimates asks the planner how many rows each table holds of the tenant.
func (l *layout) estimates(tenant string) []statement {
	statements := make([]statement, len(l.tables))
	for i, t := range l.tables {
		statements[i] = statement{sql: "EXPLAIN (FORMAT JSON) SELECT FROM " + t.rows(parameter(1)), args: []string{tenant}}
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
	mine := t.clauses(&writer{tenant: parameter(1), blind: true}).exists(true)
	return "WITH gone AS (DELETE FROM ONLY " + leaf.ident() + " AS t WHERE" +
		" t.ctid >= $2::tid AND t.ctid < $3::tid AND " + mine + " RETURNING 1), n AS (SELECT count(*) AS n FROM gone)" +
		" INSERT INTO td_progress AS p (participant, job_id, relation, table_name, next_block, deleted)" +
		" SELECT $4, $5, $6, $7, $8, n FROM n ON CONFLICT (participant, job_id, relation)" +
		" DO UPDATE SET next_block = excluded.next_block, deleted = p.deleted + excluded.deleted RETURNING (SELECT n FROM n)"
}

// wholly is chunk for the tables of a group at once. It answers with a row for each table, in the order of the group.
func (g *group) wholly(tenant string, participant, job string) statement {
	args := []string{participant, job}
	var with, counts []string
	for i, t := range g.tables {
		args = append(args, tenant, t.name)
		with = append(with, fmt.Sprintf("d%d AS (%s RETURNING 1)", i, t.delete(parameter(len(args)-1))))
		counts = append(counts, fmt.Sprintf("SELECT %d AS place, $%d::text AS name, count(*) AS n FROM d%d", i, len(args), i))
	}
	return statement{args: args, sql: "WITH " + strings.Join(with, ", ") + ", n AS (" + strings.Join(counts, " UNION ALL ") +
		"), kept AS (INSERT INTO td_progress AS p (participant, job_id, relation, table_name, next_block, deleted)" +
		" SELECT $1, $2, name, name, 1, n FROM n ON CONFLICT (participant, job_id, relation)" +
		" DO UPDATE SET deleted = p.deleted + excluded.deleted) SELECT n FROM n ORDER BY place"}
}
