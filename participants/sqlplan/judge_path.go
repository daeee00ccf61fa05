package sqlplan

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// scopeTablesMax bounds a path: pairs that lead to pairs multiply.
const scopeTablesMax = 256

// path is the way from a table to its parents that the catalogue bears out.
type path struct {
	parents []string
	// keyed paths follow a validated key: no row can be left behind by its parent.
	keyed                  bool
	columns, parentColumns []string          // of Via
	keys                   map[string]string // of ViaPair: the parent's column, by type
}

var integerForm = regexp.MustCompile(`^(0|-?[1-9][0-9]{0,17})$`)

// judgePath looks for the way from t to the parents of its rule, and on to tables with a tenant column.
func (j *judge) judgePath(t *table, rule *RuleSpec) {
	name := j.names[t.OID]
	parents := []string{rule.ViaParent}
	if rule.paired() {
		parents = slices.Sorted(maps.Values(rule.PairParents))
	}
	for _, parent := range parents {
		if !j.deleted(parent) {
			j.find(FindingPath, SeverityRefuse, name, "plan the parent to be deleted, or reach the table in another way",
				"table %s is reached via %s, which is not on the plan to be deleted", name, parent)
			return
		}
	}
	p := &path{parents: slices.Compact(parents)}
	if rule.paired() {
		j.judgePair(t, rule, p)
	} else if key := j.findKey(t, rule); key != nil {
		j.judgeKeyed(t, rule, key, p)
	} else {
		j.judgeUnkeyed(t, rule, p)
	}
	j.paths[name] = p
	if j.leadsBack(name) {
		j.find(FindingCycle, SeverityRefuse, name, "one of its parents needs a tenant column", "table %s is reached via itself", name)
	} else if size := j.scopeSize(name); size > scopeTablesMax {
		j.find(FindingPath, SeverityRefuse, name, "give one of its parents a tenant column",
			"table %s is reached through more than %d tables", name, scopeTablesMax)
	}
}

// findKey is the foreign key that a Via means; of several the one that binds most.
func (j *judge) findKey(t *table, rule *RuleSpec) *foreignKey {
	parent := j.tables[rule.ViaParent]
	if parent == nil {
		return nil
	}
	var best *foreignKey
	for _, k := range j.outgoing[t.OID] {
		leads := k.Parent == parent.OID && k.Whole && slices.Contains(k.Columns, rule.ViaColumn)
		if leads && (best == nil || compareKeys(k, best) < 0) {
			best = k
		}
	}
	return best
}

// compareKeys puts keys first that bind more.
func compareKeys(a, b *foreignKey) int {
	rank := func(k *foreignKey) int {
		switch {
		case k.Valid && !k.Nullable:
			return 0
		case k.Valid:
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a.Columns), len(b.Columns)), cmp.Compare(a.Name, b.Name))
}

func (j *judge) judgeKeyed(t *table, rule *RuleSpec, key *foreignKey, p *path) {
	name := j.names[t.OID]
	p.columns, p.parentColumns, p.keyed = key.Columns, key.ParentColumns, key.Valid
	switch {
	case !key.Valid && rule.WithoutKey == "":
		j.find(FindingPath, SeverityRefuse, name,
			fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", t.qualified(), ident(key.Name)),
			"foreign key %s of %s is not validated, or its triggers are disabled", key.Name, name)
	case key.Valid && rule.WithoutKey != "":
		j.stale(name, "foreign key "+key.Name+" of "+name+" is the path, and WithoutKey is declared")
	}
	j.judgeNull(name, rule, key.Nullable, "foreign key "+key.Name+" of "+name)
}

// judgeNull asks what a path that may be null leaves behind.
func (j *judge) judgeNull(name string, rule *RuleSpec, nullable bool, what string) {
	switch {
	case nullable && rule.AcceptNull == "":
		j.find(FindingNullablePath, SeverityDecide, name, "make its columns NOT NULL, or declare AcceptingNull with a reason",
			"%s may be null and its rows could escape", what)
	case !nullable && rule.AcceptNull != "":
		j.stale(name, what+" is never null, and AcceptingNull is declared")
	}
}

// judgeUnkeyed looks at a path that a person says is followed by value.
func (j *judge) judgeUnkeyed(t *table, rule *RuleSpec, p *path) {
	name := j.names[t.OID]
	c, has := t.column(rule.ViaColumn)
	switch {
	case !has:
		j.find(FindingNoTable, SeverityRefuse, name, "correct the rule", "table %s has no column %s", name, rule.ViaColumn)
		return
	case rule.WithoutKey == "":
		j.find(FindingPath, SeverityRefuse, name, "add one, give the table a tenant column, or declare WithoutKey with a reason",
			"table %s has no foreign key on %s to %s", name, rule.ViaColumn, rule.ViaParent)
		return
	}
	key, ok := j.valueKey(name, c, rule.ViaParent)
	if !ok {
		return
	}
	p.columns, p.parentColumns = []string{c.Name}, []string{key}
	j.judgeReading(t, c.Name)
	j.judgeNull(name, rule, !c.NotNull, "column "+name+"."+c.Name)
}

// valueKey is the parent's column that a reference by value holds: its primary key.
func (j *judge) valueKey(name string, c column, parent string) (string, bool) {
	key, single := j.tables[parent].primary()
	switch {
	case !single:
		j.find(FindingPath, SeverityRefuse, name, "give it one, or a foreign key to "+parent,
			"table %s is reached by value, but %s has no primary key of one column", name, parent)
	case !c.equates(key):
		j.find(FindingPathType, SeverityRefuse, name, "give it the type of the primary key",
			"column %s.%s is of type %s and the primary key of %s of type %s: the same row may be written in another way",
			name, c.Name, typeWord(c.Type), parent, typeWord(key.Type))
	default:
		return key.Name, true
	}
	return "", false
}

func (j *judge) judgePair(t *table, rule *RuleSpec, p *path) {
	name := j.names[t.OID]
	typ, hasType := t.column(rule.PairType)
	id, hasID := t.column(rule.PairID)
	if !hasType || !hasID {
		j.find(FindingNoTable, SeverityRefuse, name, "correct the rule", "table %s has no columns %s and %s", name,
			rule.PairType, rule.PairID)
		return
	}
	if !typ.types() {
		j.find(FindingPathType, SeverityRefuse, name, "make it text, an enum or an integer",
			"column %s.%s is of type %s, whose values cannot be told apart by their texts", name, typ.Name, typeWord(typ.Type))
		return
	}
	p.keys = map[string]string{}
	for _, value := range slices.Sorted(maps.Keys(rule.PairParents)) {
		if !typ.holds(value) {
			j.find(FindingPathType, SeverityRefuse, name, "correct the rule",
				"column %s.%s cannot hold one of the types that the rule names", name, typ.Name)
			return
		}
		if p.keys[value], hasID = j.valueKey(name, id, rule.PairParents[value]); !hasID {
			return
		}
	}
	j.judgeReading(t, typ.Name)
	j.judgeNull(name, rule, !typ.NotNull || !id.NotNull, "the pair "+name+"."+typ.Name+", "+id.Name)
}

// types reports whether a column can hold the types of a pair: its values are told apart by their texts.
func (c *column) types() bool {
	return !c.Loose && (c.Labels != nil || familyOf(c.Type) == familyText || familyOf(c.Type) == familyNumber && c.Type != "numeric")
}

// judgeReading warns of a path by value that no index serves: every deletion reads the table.
func (j *judge) judgeReading(t *table, column string) {
	if name := j.names[t.OID]; !t.ordered(column) {
		j.find(FindingUnindexedKey, SeverityWarn, name, j.createIndex(t, []string{column}),
			"column %s.%s has no index, each deletion reads the table", name, column)
	}
}

// holds reports whether a column of a type value can hold it, written in this one way.
func (c *column) holds(value string) bool {
	switch {
	case c.Labels != nil:
		return slices.Contains(c.Labels, value)
	case familyOf(c.Type) == familyNumber:
		return integerForm.MatchString(value)
	}
	return !strings.ContainsRune(value, 0)
}

// leadsBack reports whether the path of a table leads to the table itself.
func (j *judge) leadsBack(name string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		for _, parent := range j.parentsOf(at) {
			if parent == name {
				return true
			}
			if !seen[parent] {
				seen[parent] = true
				if visit(parent) {
					return true
				}
			}
		}
		return false
	}
	return visit(name)
}

// parentsOf are the tables that a rule names as parents.
func (j *judge) parentsOf(name string) []string {
	rule := j.rules[name]
	switch {
	case rule == nil || rule.Kept:
		return nil
	case rule.paired():
		return slices.Sorted(maps.Values(rule.PairParents))
	case rule.ViaParent != "":
		return []string{rule.ViaParent}
	}
	return nil
}

// scopeSize counts the tables of a path's conditions, not beyond the limit.
func (j *judge) scopeSize(name string) int {
	size, waiting := 0, []string{name}
	for len(waiting) > 0 && size <= scopeTablesMax {
		at := waiting[len(waiting)-1]
		waiting = append(waiting[:len(waiting)-1], j.parentsOf(at)...)
		size++
	}
	return size
}
