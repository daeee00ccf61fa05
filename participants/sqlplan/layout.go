package sqlplan

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// layout is a plan that the catalogue bears out, as statements. It never changes.
type layout struct {
	// era is the catalogue's fingerprint, fingerprint the expression that computes it again.
	era, fingerprint string
	// groups are deleted in this order; a group is one statement.
	groups []*group
	// tables are those of the groups, in the same order.
	tables []*target
	// leaves are all relations an erasure reads or writes.
	leaves []leaf
}

// group is one table, or the tables of a foreign key cycle.
type group struct {
	tables []*target
	// whole is true when a part of the rows cannot be deleted without the rest: cycles and self references.
	whole bool
}

// target is a table to be deleted from.
type target struct {
	name   string
	from   string // the table as a statement names it
	joins  []join // the parents on the way to the tenant column
	column string // the tenant column, of the last join's table
	leaves []leaf
	// fenced tables are proven empty by closing the anchor; the others are looked at again.
	fenced bool
}

// join leads from a table to its parent.
type join struct {
	from                   string
	columns, parentColumns []string
}

// introspect reads and judges the catalogue, and makes what it finds the plan's layout.
func (p *Plan) introspect(ctx context.Context, s *session) (*layout, error) {
	s.era = ""
	cat, err := readCatalogue(ctx, s)
	if err != nil {
		return nil, err
	}
	lay, err := judged(cat, p.cfg.TenantColumn, p.rules)
	if err != nil {
		return nil, err
	}
	p.layout.Store(lay)
	s.era = lay.era
	return lay, nil
}

// current is the layout of the last introspection, or of one now.
func (p *Plan) current(ctx context.Context, s *session) (*layout, error) {
	if lay := p.layout.Load(); lay != nil {
		s.era = lay.era
		return lay, nil
	}
	return p.introspect(ctx, s)
}

func (j *judge) layout() (*layout, error) {
	lay := &layout{era: j.cat.Fingerprint, fingerprint: j.cat.fingerprint()}
	var names []string
	edges, selfs := map[string][]string{}, map[string]bool{}
	for name, rule := range j.rules {
		if !rule.Kept {
			names = append(names, name)
		}
	}
	for _, key := range j.cat.Keys {
		child, parent := j.names[key.Child], j.names[key.Parent]
		if !j.deleted(child) || !j.deleted(parent) {
			continue
		}
		edges[child] = append(edges[child], parent)
		selfs[child] = selfs[child] || child == parent
	}
	for _, cycle := range deletionOrder(names, edges) {
		g := &group{whole: len(cycle) > 1 || selfs[cycle[0]]}
		for _, name := range cycle {
			t := j.target(name)
			g.tables, lay.tables = append(g.tables, t), append(lay.tables, t)
		}
		lay.groups = append(lay.groups, g)
	}
	for _, name := range append(names, anchorTable, "td_receipts") {
		lay.leaves = append(lay.leaves, j.tables[name].Leaves...)
	}
	if len(lay.tables) == 0 {
		return nil, participants.Refuse(participants.CodePlanInvalid, "the plan deletes nothing")
	}
	return lay, nil
}

func (j *judge) deleted(table string) bool {
	rule, planned := j.rules[table]
	return planned && !rule.Kept
}

func (j *judge) target(name string) *target {
	t := &target{name: name, from: j.from(name), leaves: j.tables[name].Leaves}
	for rule := j.rules[name]; ; rule = j.rules[rule.ViaParent] {
		if rule.direct() {
			t.column = rule.By[0]
			break
		}
		key := j.paths[rule.Table]
		t.joins = append(t.joins, join{from: j.from(rule.ViaParent), columns: key.Columns, parentColumns: key.ParentColumns})
	}
	// A child that is reached by validated keys without nulls has no rows once its parent has none.
	t.fenced = len(t.joins) > 0 || j.fenced(name, t.column)
	return t
}

// fenced reports whether PostgreSQL refuses to close the anchor while the table holds a row of the tenant: a validated
// foreign key of the tenant column, and a column that is always true, to the anchor's tenant_id and live.
func (j *judge) fenced(name, tenantColumn string) bool {
	for _, key := range j.cat.Keys {
		if j.names[key.Child] != name || j.names[key.Parent] != anchorTable || !key.Valid || len(key.Columns) != 2 {
			continue
		}
		pairs := map[string]string{key.ParentColumns[0]: key.Columns[0], key.ParentColumns[1]: key.Columns[1]}
		live, _ := j.tables[name].column(pairs["live"])
		if pairs["tenant_id"] == tenantColumn && live.True {
			return true
		}
	}
	return false
}

// from names a table with its schema. ONLY, because a table that inherits from a plain one is a table of its own.
func (j *judge) from(name string) string {
	qualified := pgx.Identifier{j.cat.Schema, name}.Sanitize()
	if j.tables[name].Kind == "p" {
		return qualified
	}
	return "ONLY " + qualified
}
