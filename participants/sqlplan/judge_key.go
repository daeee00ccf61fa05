package sqlplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// actions are what pg_constraint.confdeltype does to rows that nobody counts.
var actions = map[string]string{"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}

// judgeKey looks at a foreign key that refers to rows which will be deleted, or to the anchor.
func (j *judge) judgeKey(key *foreignKey) {
	parent, child := j.names[key.Parent], j.names[key.Child]
	toAnchor := j.anchor != nil && key.Parent == j.anchor.OID
	if !toAnchor && !j.deleted(parent) {
		return
	}
	rule, planned := j.rules[child]
	switch {
	case child == "":
		outside := TableName(j.cat.Schemas[0], key.ChildSchema, key.ChildName)
		j.find(FindingForeignSchema, SeverityRefuse, parent, "plan its schema too, or its service must drop the key",
			"table %s of another schema refers to %s (%s)", outside, parent, key.Name)
	case !planned && j.byOID[key.Child].Extension:
		j.find(FindingUnplannedTable, SeverityDecide, child, "add a Delete rule, or drop the key",
			"table %s of an extension refers to %s (%s)", child, parent, key.Name)
	case planned && rule.Kept:
		j.find(FindingKeptReferrer, SeverityRefuse, child, "delete it too, or drop the key",
			"table %s is kept but refers to %s (%s), which is deleted", child, parent, key.Name)
	case planned:
		j.judgeAction(key, toAnchor)
		j.judgeIndex(key, toAnchor, rule)
	}
}

func (j *judge) judgeAction(key *foreignKey, toAnchor bool) {
	action, acts := actions[key.OnDelete]
	if !acts || !toAnchor && j.rules[j.names[key.Parent]].AcceptActions[key.Name] != "" {
		return
	}
	child, parent := j.names[key.Child], j.names[key.Parent]
	wayOut := fmt.Sprintf("make it NO ACTION, or declare AcceptingAction on %s (each deletion proves that it has nothing to do)",
		parent)
	if toAnchor {
		wayOut = "make it NO ACTION"
	}
	j.find(FindingCascade, SeverityDecide, child, wayOut,
		"foreign key %s of %s is ON DELETE %s, which changes rows that nobody counts", key.Name, child, action)
}

func (j *judge) judgeIndex(key *foreignKey, toAnchor bool, rule *RuleSpec) {
	t, child := j.byOID[key.Child], j.names[key.Child]
	columns := key.Columns
	if toAnchor && len(rule.By) == 1 {
		columns = rule.By // live is true in every row: the tenant column alone finds them
	}
	if t.serves(columns) || t.serves(key.Columns) {
		return
	}
	j.find(FindingUnindexedKey, SeverityRefuse, child, j.createIndex(t, columns),
		"foreign key %s of %s has no index, each deleted row of %s would scan the table", key.Name, child, j.names[key.Parent])
}

// createIndex is the statement that makes an index. For a partitioned table there is no way but to let writers wait.
func (j *judge) createIndex(t *table, columns []string) string {
	how, on := "CREATE INDEX CONCURRENTLY ON", t.qualified()
	if t.Kind == "p" {
		how = "CREATE INDEX ON"
	}
	if t.Schema == j.cat.Home {
		on = ident(t.Name)
	}
	return fmt.Sprintf("%s %s (%s)", how, on, idents(columns))
}

// judgeOrder groups the tables by what must be deleted together. A path without a key must not lead through such a group: its
// rows are looked for once more before their parents go.
func (j *judge) judgeOrder() {
	var names []string
	edges := map[string][]string{}
	for name := range j.rules {
		if !j.deleted(name) {
			continue
		}
		names = append(names, name)
		if p := j.paths[name]; p != nil {
			edges[name] = append(edges[name], p.parents...)
		}
		for _, key := range j.outgoing[j.tables[name].OID] {
			if parent := j.names[key.Parent]; j.deleted(parent) {
				edges[name] = append(edges[name], parent)
			}
		}
	}
	j.groups = deletionOrder(names, edges)
	for _, group := range j.groups {
		if len(group) > 1 {
			j.judgeCycle(group)
		}
	}
	for _, name := range names {
		j.judgeStaleActions(name)
	}
}

func (j *judge) judgeCycle(group []string) {
	list := strings.Join(group, ", ")
	for _, name := range group {
		p := j.paths[name]
		if p == nil || p.keyed || !slices.ContainsFunc(p.parents, func(parent string) bool { return slices.Contains(group, parent) }) {
			continue
		}
		j.find(FindingCycle, SeverityRefuse, name, "reach it in another way, or add a foreign key",
			"the path of %s has no key, and leads through tables that refer to each other (%s)", name, list)
		return
	}
	j.find(FindingCycle, SeverityInfo, group[0], "", "tables %s refer to each other: one statement deletes them", list)
}

func (j *judge) judgeStaleActions(name string) {
	for _, accepted := range slices.Sorted(maps.Keys(j.rules[name].AcceptActions)) {
		acting := slices.ContainsFunc(j.incoming[j.tables[name].OID], func(k *foreignKey) bool {
			return k.Name == accepted && actions[k.OnDelete] != ""
		})
		if !acting {
			j.stale(name, "the action of foreign key "+accepted+" into "+name+" is accepted, and there is no such key")
		}
	}
}

// judgeFence tells how many tables the anchor does not vouch for.
func (j *judge) judgeFence() {
	var open []string
	for name, rule := range j.rules {
		if j.deleted(name) && rule.direct() && !j.fenced(name) {
			open = append(open, name)
		}
	}
	if len(open) > 0 {
		slices.Sort(open)
		j.find(FindingNoFence, SeverityInfo, "", "see migrations/participant",
			"%d tables have no key to tenant_anchor (%s, ...): late writers are found by verification instead of refused",
			len(open), open[0])
	}
}

// fenced reports whether PostgreSQL refuses to close the anchor while the table holds a row of the tenant: for each tenant
// column a validated foreign key, with a column that is always true, to the anchor's tenant_id and live.
func (j *judge) fenced(name string) bool {
	for _, by := range j.rules[name].By {
		if !slices.ContainsFunc(j.outgoing[j.tables[name].OID], func(k *foreignKey) bool { return j.fences(k, by) }) {
			return false
		}
	}
	return len(j.rules[name].By) > 0
}

func (j *judge) fences(key *foreignKey, tenantColumn string) bool {
	if j.anchor == nil || key.Parent != j.anchor.OID || !key.Valid || !key.Whole || len(key.Columns) != 2 {
		return false
	}
	pairs := map[string]string{key.ParentColumns[0]: key.Columns[0], key.ParentColumns[1]: key.Columns[1]}
	live, _ := j.byOID[key.Child].column(pairs["live"])
	return pairs["tenant_id"] == tenantColumn && live.True
}
