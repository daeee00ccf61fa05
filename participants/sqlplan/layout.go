package sqlplan

import (
	"context"
	"maps"
	"slices"
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
	// parameters are the types that a tenant id is given, the anchor's too.
	parameters []string
}

// group is one table, or the tables of a foreign key cycle.
type group struct {
	tables []*target
	// whole is true when a part of the rows cannot be deleted without the rest: cycles and self references, and tables that
	// acting keys refer to.
	whole bool
	// guards prove before the delete that no foreign key has a row to act on.
	guards []guard
}

// target is a table to be deleted from.
type target struct {
	name   string
	table  *table
	scope  *scope
	leaves []leaf
	proof  proof
	// types looks for rows of a pair whose type the rule does not name; empty when the table has no pair.
	types string
}

// proof is what vouches for a table after its delete.
type proof int

const (
	// proofLook: the same transaction looks again at its end.
	proofLook proof = iota
	// proofFence: the anchor cannot be closed while the table holds a row of the tenant.
	proofFence
	// proofKey: a child that is reached by a validated key has no rows once its parent has none.
	proofKey
	// proofAtOnce: reached by value, so the same transaction looks again before the parents go.
	proofAtOnce
)

// guard is a foreign key that acts on the deletes of its parent.
type guard struct {
	key           *foreignKey
	child, parent *target
}

// introspect reads and judges the catalogue, and makes what it finds the plan's layout.
func (p *Plan) introspect(ctx context.Context, s *session) (*layout, error) {
	j, err := p.judged(ctx, s)
	if err != nil {
		return nil, err
	}
	return p.lay(s, j)
}

// lay makes what the judge has found the plan's layout, or refuses.
func (p *Plan) lay(s *session, j *judge) (*layout, error) {
	if err := verdict(j.findings); err != nil {
		return nil, err
	}
	lay := j.layout()
	p.layout.Store(lay)
	s.era = lay.era
	return lay, nil
}

// outline is a layout for counting alone: the engine's own tables may be missing, and it is not kept.
func (p *Plan) outline(ctx context.Context, s *session) (*layout, error) {
	j, err := p.judged(ctx, s)
	if err != nil {
		return nil, err
	}
	others := withoutHome(j.findings)
	if len(others) == len(j.findings) || verdict(others) != nil {
		return p.lay(s, j)
	}
	return j.layout(), nil
}

// judged is the comparison of the plan with the catalogue, and with the types that the data has.
func (p *Plan) judged(ctx context.Context, s *session) (*judge, error) {
	s.era = ""
	cat, err := readCatalogue(ctx, s, p.cfg.Schemas)
	if err != nil {
		return nil, err
	}
	j := newJudge(cat, p.cfg)
	j.judge(p.rules)
	return j, j.judgeTypes(ctx, s)
}

// current is the layout of the last introspection; nil before the first.
func (p *Plan) current(s *session) *layout {
	lay := p.layout.Load()
	if lay != nil {
		s.era = lay.era
	}
	return lay
}

// layout makes statements of what the judge has found to be sound.
func (j *judge) layout() *layout {
	lay := &layout{era: j.cat.Fingerprint, fingerprint: j.cat.fingerprint()}
	if j.anchor != nil {
		anchor, _ := j.anchor.column("tenant_id")
		lay.parameters = []string{anchor.parameter()}
	}
	targets, scopes := map[string]*target{}, map[string]*scope{}
	for _, names := range j.groups {
		g := &group{whole: len(names) > 1}
		for _, name := range names {
			t := j.target(name, scopes)
			targets[name] = t
			g.tables, lay.tables = append(g.tables, t), append(lay.tables, t)
			lay.leaves = append(lay.leaves, t.leaves...)
			lay.parameters = append(lay.parameters, t.scope.parameters()...)
		}
		lay.groups = append(lay.groups, g)
	}
	for _, g := range lay.groups {
		j.guard(g, targets)
	}
	slices.Sort(lay.parameters)
	lay.parameters = slices.Compact(lay.parameters)
	for _, t := range j.cat.Tables {
		if j.cat.own(t) && (t.Name == anchorTable || t.Name == "td_receipts") {
			lay.leaves = append(lay.leaves, t.Leaves...)
		}
	}
	return lay
}

func (j *judge) target(name string, scopes map[string]*scope) *target {
	rule := j.rules[name]
	t := &target{name: name, table: j.tables[name], scope: j.scope(name, scopes), leaves: j.tables[name].Leaves}
	switch {
	case rule.direct() && j.fenced(name):
		t.proof = proofFence
	case rule.direct():
		t.proof = proofLook
	case j.paths[name].keyed:
		t.proof = proofKey
	default:
		t.proof = proofAtOnce
	}
	if rule.paired() {
		t.types = j.unnamedTypes(name)
	}
	return t
}

// scope is the way of a table's rows to the tenant; tables share those of their parents.
func (j *judge) scope(name string, known map[string]*scope) *scope {
	if s := known[name]; s != nil {
		return s
	}
	rule, t := j.rules[name], j.tables[name]
	s := &scope{table: t, where: j.where[name]}
	known[name] = s
	switch p := j.paths[name]; {
	case rule.paired():
		s.pair = &pair{typeColumn: rule.PairType, idColumn: rule.PairID}
		for _, value := range slices.Sorted(maps.Keys(rule.PairParents)) {
			parent := j.scope(rule.PairParents[value], known)
			s.pair.types = append(s.pair.types, pairType{value: value, key: p.keys[value], parent: parent})
		}
	case rule.direct():
		for _, by := range rule.By {
			c, _ := t.column(by)
			s.columns = append(s.columns, tenantColumn{name: by, parameter: c.parameter()})
		}
	default:
		s.hop = &hop{columns: p.columns, parentColumns: p.parentColumns, parent: j.scope(rule.ViaParent, known)}
	}
	return s
}

// guard finds what must be deleted whole, and the keys that act on a group's deletes.
func (j *judge) guard(g *group, targets map[string]*target) {
	for _, t := range g.tables {
		for _, key := range j.incoming[t.table.OID] {
			child := targets[j.names[key.Child]]
			if child == nil {
				continue
			}
			g.whole = g.whole || child == t
			if actions[key.OnDelete] != "" {
				g.whole = true
				g.guards = append(g.guards, guard{key: key, child: child, parent: t})
			}
		}
	}
}
