package sqlplan

import (
	"fmt"
	"strings"
)

// scope is the way from a table's rows to the tenant.
type scope struct {
	table *table
	where []comparison
	// Exactly one of these leads on.
	columns []tenantColumn
	hop     *hop
	pair    *pair
}

// tenantColumn holds the tenant id, which is given as this type for the comparison.
type tenantColumn struct{ name, parameter string }

// hop leads from a table to its parent.
type hop struct {
	columns, parentColumns []string
	parent                 *scope
}

// pair leads to the parent that a row's type names.
type pair struct {
	typeColumn, idColumn string
	types                []pairType
}

type pairType struct {
	value  string
	key    string // the parent's column
	parent *scope
}

// writer writes the conditions of one statement: every table in it has an alias of its own.
type writer struct {
	tenant string // the tenant id as the statement has it: a parameter, or a literal
	// blind conditions are for a walk over blocks: sub-selects by the parents' keys that no index of the tenant serves and no
	// join order can turn around, so that a chunk reads its blocks and nothing else, whatever the planner knows of the table.
	blind   bool
	aliases int
}

// clauses are what a condition needs: tables beside the one it is about, their joins, and what must be true.
type clauses struct{ tables, joins, conditions []string }

func (w *writer) alias() string {
	w.aliases++
	return fmt.Sprintf("p%d", w.aliases)
}

// write says when the row of an alias is the tenant's.
func (w *writer) write(s *scope, alias string) (c clauses) {
	switch {
	case s.hop != nil:
		parent := w.alias()
		c.tables = []string{s.hop.parent.table.from() + " AS " + parent}
		c.joins = equalities(alias, s.hop.columns, parent, s.hop.parentColumns)
		rest := w.write(s.hop.parent, parent)
		c.tables, c.joins = append(c.tables, rest.tables...), append(c.joins, rest.joins...)
		c.conditions = rest.conditions
	case s.pair != nil:
		c.conditions = []string{w.writePair(s, alias)}
	default:
		c.conditions = []string{w.writeColumns(s.columns, alias)}
	}
	for _, where := range s.where {
		c.conditions = append(c.conditions, where.sql(alias))
	}
	return c
}

func (w *writer) writeColumns(columns []tenantColumn, alias string) string {
	list := make([]string, len(columns))
	for i, c := range columns {
		list[i] = fmt.Sprintf("%s.%s = %s::%s", alias, ident(c.name), w.tenant, c.parameter)
	}
	return anyOf(list)
}

// writePair leads to the parents of all types at once, as a set that the planner can join by an index of the pair. A blind
// condition asks for each row by itself.
func (w *writer) writePair(s *scope, alias string) string {
	list := make([]string, len(s.pair.types))
	for i, t := range s.pair.types {
		parent := w.alias()
		c := w.write(t.parent, parent)
		c.tables = append([]string{t.parent.table.from() + " AS " + parent}, c.tables...)
		if w.blind {
			c.joins = append(equalities(alias, []string{s.pair.idColumn}, parent, []string{t.key}), c.joins...)
			list[i] = fmt.Sprintf("(%s.%s = %s AND %s)", alias, ident(s.pair.typeColumn), quote(t.value), c.exists(true))
			continue
		}
		list[i] = fmt.Sprintf("SELECT %s, %s.%s FROM %s WHERE %s", quote(t.value), parent, ident(t.key),
			strings.Join(c.tables, ", "), allOf(append(c.joins, c.conditions...)))
	}
	if w.blind {
		return anyOf(list)
	}
	// The first row is none: it gives the types of the columns to the literals of the others.
	row, typ, id := s.table.qualified(), ident(s.pair.typeColumn), ident(s.pair.idColumn)
	return fmt.Sprintf("(%[1]s.%[2]s, %[1]s.%[3]s) IN (SELECT (NULL::%[4]s).%[2]s, (NULL::%[4]s).%[3]s WHERE false UNION ALL %[5]s)",
		alias, typ, id, row, strings.Join(list, " UNION ALL "))
}

// exists is the clauses as one condition.
func (c clauses) exists(blind bool) string {
	if !blind {
		return "EXISTS (SELECT FROM " + strings.Join(c.tables, ", ") + " WHERE " + allOf(append(c.joins, c.conditions...)) + ")"
	}
	if len(c.tables) == 0 {
		return "(SELECT " + allOf(c.conditions) + ")"
	}
	return "(SELECT " + allOf(c.conditions) + " FROM " + strings.Join(c.tables, ", ") + " WHERE " + allOf(c.joins) + ")"
}

func equalities(alias string, columns []string, parent string, parentColumns []string) []string {
	list := make([]string, len(columns))
	for i := range columns {
		list[i] = fmt.Sprintf("%s.%s = %s.%s", alias, ident(columns[i]), parent, ident(parentColumns[i]))
	}
	return list
}

func allOf(conditions []string) string { return strings.Join(conditions, " AND ") }

func anyOf(conditions []string) string {
	if len(conditions) == 1 {
		return conditions[0]
	}
	return "(" + strings.Join(conditions, " OR ") + ")"
}

// parameters are the types that the tenant id is given on the way.
func (s *scope) parameters() (list []string) {
	for _, c := range s.columns {
		list = append(list, c.parameter)
	}
	if s.hop != nil {
		list = append(list, s.hop.parent.parameters()...)
	}
	if s.pair != nil {
		for _, t := range s.pair.types {
			list = append(list, t.parent.parameters()...)
		}
	}
	return list
}
