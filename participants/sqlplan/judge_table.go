package sqlplan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// judgeTable asks of every table of the schemas: is it on the plan, and would its deletes do what they say?
func (j *judge) judgeTable(t *table) {
	name := j.names[t.OID]
	rule, planned := j.rules[name]
	switch {
	case j.exempt(t):
	case !planned:
		j.find(FindingUnplannedTable, SeverityDecide, name, "add a Delete or a Keep rule",
			"table %s %s and is on no plan", quotedName(name), j.suspicion(t))
	case rule.Kept:
		if columns := j.tenants.of(t); len(columns) > 0 {
			j.find(FindingKeptTenant, SeverityInfo, name, "", "table %s is kept, with the tenants of its column %s", name,
				strings.Join(columns, ", "))
		}
	default:
		j.judgeHiding(t, rule)
		j.judgeRelatives(t)
		j.judgeDenied(t)
		j.judgeStaying(t, rule)
		j.judgeColumns(t, rule)
		j.judgeWhere(t, rule)
		if !rule.direct() {
			j.judgePath(t, rule)
		}
	}
}

// exempt tables need no rule: the engine's own, an extension's, and migration runners' version tables that hold nothing of
// anybody else.
func (j *judge) exempt(t *table) bool {
	if j.cat.own(t) || t.Extension {
		return true
	}
	return versioned(t.Name) && j.rules[j.names[t.OID]] == nil && len(j.tenants.of(t)) == 0 && len(j.outgoing[t.OID]) == 0 &&
		len(j.incoming[t.OID]) == 0
}

// suspicion says why a table may hold tenant data.
func (j *judge) suspicion(t *table) string {
	if columns := j.tenants.of(t); len(columns) > 0 {
		return "has column " + strings.Join(columns, ", ")
	}
	for _, key := range j.outgoing[t.OID] {
		if key.Parent != t.OID {
			return "refers to " + TableName(j.cat.Schemas[0], key.ParentSchema, key.ParentName)
		}
	}
	if t.Kind == "m" || t.Kind == "f" {
		return "may copy or reach tenant data"
	}
	return "is unknown"
}

func (j *judge) judgeHiding(t *table, rule *RuleSpec) {
	name := j.names[t.OID]
	if t.Hidden {
		j.find(FindingRowSecurity, SeverityRefuse, name, "give it BYPASSRLS or make it the owner",
			"row-level security would hide rows of %s from this role", name)
	}
	for _, r := range t.Rules {
		j.find(FindingRule, SeverityRefuse, name, "drop it", "rule %s rewrites deletes on %s", r, name)
	}
	for _, trigger := range t.Triggers {
		if _, accepted := rule.AcceptTriggers[trigger]; accepted {
			continue
		}
		j.find(FindingTrigger, SeverityDecide, name, "drop it, or read it and declare AcceptingTrigger",
			"trigger %s fires on deletes on %s and may keep or copy rows", trigger, name)
	}
	for _, trigger := range slices.Sorted(maps.Keys(rule.AcceptTriggers)) {
		if !slices.Contains(t.Triggers, trigger) {
			j.stale(name, "trigger "+trigger+" is accepted, and "+name+" has no such trigger on deletes")
		}
	}
}

// judgeRelatives looks at the tables that share rows with t.
func (j *judge) judgeRelatives(t *table) {
	name := j.names[t.OID]
	for _, heir := range t.Heirs {
		j.find(FindingForeignSchema, SeverityRefuse, name, "plan its schema too, or end the inheritance",
			"table %s of another schema inherits from %s", heir, name)
	}
	if t.Stray {
		j.find(FindingForeignSchema, SeverityRefuse, name, "plan its schema too, or detach the partition",
			"table %s is a partition of a table of another schema", name)
	}
	for _, l := range t.Leaves {
		if t.Kind == "p" && l.Kind == "f" {
			j.find(FindingRuleMistake, SeverityRefuse, name, "detach it", "partition %s of %s is a foreign table", l, name)
		}
	}
}

// judgeDenied warns of rights that this connection's role lacks. It may be another role than the participant's, whose deletion
// PostgreSQL would refuse.
func (j *judge) judgeDenied(t *table) {
	name := j.names[t.OID]
	for _, privilege := range t.Denied {
		guarded := slices.ContainsFunc(j.incoming[t.OID], func(k *foreignKey) bool { return actions[k.OnDelete] != "" })
		if privilege == "UPDATE" && !guarded { // what acting keys refer to is locked, which takes this right
			continue
		}
		j.find(FindingDenied, SeverityWarn, name, fmt.Sprintf("GRANT %s ON %s TO the participant's role", privilege, t.qualified()),
			"the role of this connection has no right to %s on %s", privilege, name)
	}
}

// judgeStaying warns of rows that stay although they always refer to a table that rows go from.
func (j *judge) judgeStaying(t *table, rule *RuleSpec) {
	if rule.kept() == "" {
		return
	}
	name := j.names[t.OID]
	for _, key := range j.outgoing[t.OID] {
		if parent := j.names[key.Parent]; j.deleted(parent) && !key.Nullable && key.Parent != t.OID {
			j.find(FindingStayingReferrer, SeverityWarn, name, "let them refer to rows of nobody only",
				"rows of %s that stay refer to %s (%s): a deletion is refused while one refers to a row that goes", name, parent, key.Name)
		}
	}
}

// stale is a declaration about something that is gone. It allows nothing any more, and hides what it was about.
func (j *judge) stale(table, text string) {
	j.find(FindingStale, SeverityWarn, table, "remove the declaration", "%s", text)
}

// judgeColumns looks at the columns that mean the tenant: those that the rule names, and those that it does not.
func (j *judge) judgeColumns(t *table, rule *RuleSpec) {
	name := j.names[t.OID]
	if rule.direct() && len(rule.By) == 0 {
		j.find(FindingUndecidedColumn, SeverityDecide, name, "name its tenant column with By, or its parent with Via",
			"the rule for %s does not say how rows are the tenant's", name)
	}
	nullable := len(rule.By) > 0
	for _, by := range rule.By {
		c, has := t.column(by)
		if !has {
			j.find(FindingNoTable, SeverityRefuse, name, "name its tenant column with By, or its parent with Via",
				"table %s has no column %s", name, by)
			return
		}
		nullable = nullable && !c.NotNull
		j.judgeTenantType(name, c)
	}
	list := strings.Join(rule.By, ", ")
	switch {
	case nullable && rule.KeepNull == "":
		j.find(FindingNullableTenant, SeverityDecide, name, "make it NOT NULL, or declare KeepingNull with a reason",
			"column %s.%s may be null", name, list)
	case !nullable && rule.KeepNull != "":
		j.stale(name, "column "+name+"."+list+" is never null, and KeepingNull is declared")
	}
	j.judgeUndecided(t, rule)
}

// judgeUndecided finds tenant columns that the rule does not mention. Those of a path's own key say the same as the parent.
func (j *judge) judgeUndecided(t *table, rule *RuleSpec) {
	name := j.names[t.OID]
	key := j.findKey(t, rule)
	for _, column := range j.tenants.of(t) {
		_, ignored := rule.Ignore[column]
		bound := key != nil && key.Valid && !key.Nullable && slices.Contains(key.Columns, column)
		if ignored || bound || slices.Contains(rule.By, column) {
			continue
		}
		j.find(FindingUndecidedColumn, SeverityDecide, name, "name it with By, or declare Ignoring with a reason",
			"column %s.%s means a tenant, and the rule does not say whether it makes a row the tenant's", name, column)
	}
	for _, column := range slices.Sorted(maps.Keys(rule.Ignore)) {
		switch _, has := t.column(column); {
		case !has:
			j.stale(name, "column "+column+" is ignored, and "+name+" has no such column")
		case slices.Contains(rule.By, column):
			j.find(FindingRuleMistake, SeverityRefuse, name, "remove one", "column %s.%s is both named by By and ignored", name, column)
		case j.anchored(t, column):
			j.find(FindingRuleMistake, SeverityRefuse, name, "drop the key to the anchor, or name the column with By",
				"column %s.%s is ignored, but its key to tenant_anchor would keep the tenant open", name, column)
		}
	}
}

// anchored reports whether a column refers to the anchor.
func (j *judge) anchored(t *table, column string) bool {
	return j.anchor != nil && slices.ContainsFunc(j.outgoing[t.OID], func(k *foreignKey) bool {
		return k.Parent == j.anchor.OID && (column == "" || slices.Contains(k.Columns, column))
	})
}

// judgeWhere reads the rule's predicate and asks whether its columns bear it.
func (j *judge) judgeWhere(t *table, rule *RuleSpec) {
	name := j.names[t.OID]
	if (rule.Where != "" || len(rule.PairKept) > 0) && j.anchored(t, "") {
		j.find(FindingRuleMistake, SeverityRefuse, name, "drop its key to tenant_anchor, or delete all of the tenant's rows",
			"rows of %s that stay would keep the tenant open", name)
	}
	if rule.Where == "" {
		return
	}
	list, err := parsePredicate(rule.Where)
	if err != nil {
		j.find(FindingWhere, SeverityRefuse, name, "", "the predicate of %s cannot be read: %s", name, err)
		return
	}
	j.where[name] = list
	certain := map[string]bool{}
	for _, c := range list {
		certain[c.column] = certain[c.column] || strings.HasPrefix(c.operator, "IS ")
	}
	for _, c := range list {
		col, has := t.column(c.column)
		switch {
		case !has:
			j.find(FindingWhere, SeverityRefuse, name, "correct the predicate",
				"the predicate of %s names column %s, which is not there", name, c.column)
		case c.fits(col) != "":
			j.find(FindingWhere, SeverityRefuse, name, "correct the predicate",
				"the predicate of %s cannot compare column %s (%s), which %s", name, c.column, typeWord(col.Type), c.fits(col))
		case !col.NotNull && !certain[c.column]:
			j.find(FindingNullableWhere, SeverityDecide, name,
				"make it NOT NULL, or begin the predicate with "+ident(c.column)+" IS NOT NULL AND",
				"column %s.%s may be null, and the predicate leaves such rows", name, c.column)
			certain[c.column] = true
		}
	}
}
