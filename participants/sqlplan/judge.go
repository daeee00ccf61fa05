package sqlplan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// judge compares the rules with the catalogue. It collects every finding, so that one start tells everything there is to mend.
type judge struct {
	cat          *catalogue
	tenantColumn string
	rules        map[string]RuleSpec
	tables       map[string]*table
	names        map[uint32]string // of the tables of the schema
	paths        map[string]*foreignKey
	findings     []finding
}

// finding is one reason to refuse. Its text names the table and the way out.
type finding struct{ code, text string }

// judged returns the layout of a plan that the catalogue bears out, or everything that speaks against it.
func judged(cat *catalogue, tenantColumn string, rules []Rule) (*layout, error) {
	j := &judge{cat: cat, tenantColumn: tenantColumn, rules: map[string]RuleSpec{}, tables: map[string]*table{},
		names: map[uint32]string{}, paths: map[string]*foreignKey{}}
	for _, t := range cat.Tables {
		j.tables[t.Name], j.names[t.OID] = t, t.Name
	}
	j.readRules(rules)
	for _, t := range cat.Tables {
		j.judgeTable(t)
	}
	for _, key := range cat.Keys {
		j.judgeKey(key)
	}
	for _, t := range []string{anchorTable, "td_receipts", "td_bounded", "td_progress"} {
		if j.tables[t] == nil {
			j.find(participants.CodePlanInvalid, "table %s is missing: apply migrations/participant to schema %s", t, cat.Schema)
		}
	}
	if err := j.verdict(); err != nil {
		return nil, err
	}
	return j.layout()
}

func (j *judge) find(code, format string, args ...any) {
	j.findings = append(j.findings, finding{code: code, text: fmt.Sprintf(format, args...)})
}

// verdict puts what endangers tenants' data first: a stranger sees a limited number of characters.
func (j *judge) verdict() error {
	if len(j.findings) == 0 {
		return nil
	}
	rank := []string{participants.CodeUnplannedTable, participants.CodeHiddenRows, participants.CodePlanInvalid}
	slices.SortStableFunc(j.findings, func(a, b finding) int {
		return slices.Index(rank, a.code) - slices.Index(rank, b.code)
	})
	texts := make([]string, len(j.findings))
	for i, f := range j.findings {
		texts[i] = f.text
	}
	return &participants.RefusedError{Code: j.findings[0].code, Detail: strings.Join(texts, "; ")}
}

func (j *judge) readRules(rules []Rule) {
	for _, rule := range rules {
		r := rule.spec
		if mistake := r.mistake(); mistake != "" {
			j.find(participants.CodePlanInvalid, "rule for table %q: %s", r.Table, mistake)
			continue
		}
		if _, twice := j.rules[r.Table]; twice {
			j.find(participants.CodePlanInvalid, "table %s has two rules: remove one", r.Table)
		}
		if r.direct() && len(r.By) == 0 {
			r.By = []string{j.tenantColumn}
		}
		j.rules[r.Table] = r
		if t := j.tables[r.Table]; t == nil || ours(r.Table) {
			j.find(participants.CodePlanInvalid, "table %s is planned, but schema %s has no such table of the service: remove the rule",
				r.Table, j.cat.Schema)
		} else if !r.Kept && t.Kind != "r" && t.Kind != "p" {
			j.find(participants.CodePlanInvalid, "%s is not a table that rows can be deleted from: keep it with a reason", r.Table)
		}
	}
}

// judgeTable asks of every table of the schema: is it on the plan, and would its deletes do what they say?
func (j *judge) judgeTable(t *table) {
	rule, planned := j.rules[t.Name]
	switch {
	case ours(t.Name) || t.Extension:
	case !planned:
		j.find(participants.CodeUnplannedTable, "table %s %s and is on no plan: add a Delete or a Keep rule", t.Name, j.suspicion(t))
	case rule.Kept:
	default:
		j.judgeHiding(t)
		if rule.direct() {
			j.judgeColumn(t, rule)
		} else {
			j.judgePath(t, rule)
		}
	}
}

// suspicion says why a table may hold tenant data.
func (j *judge) suspicion(t *table) string {
	if _, has := t.column(j.tenantColumn); has {
		return "has column " + j.tenantColumn
	}
	for _, key := range j.cat.Keys {
		if key.Child == t.OID && key.Parent != t.OID {
			return "refers to " + key.ParentName
		}
	}
	if t.Kind == "m" || t.Kind == "f" {
		return "may copy or reach tenant data"
	}
	return "is unknown"
}

func (j *judge) judgeHiding(t *table) {
	if t.Hidden {
		j.find(participants.CodeHiddenRows,
			"row-level security would hide rows of %s from this role: give it BYPASSRLS or make it the owner", t.Name)
	}
	for _, name := range t.Rules {
		j.find(participants.CodeHiddenRows, "rule %s rewrites deletes on %s: drop it", name, t.Name)
	}
	for _, name := range t.Triggers {
		j.find(participants.CodeHiddenRows, "trigger %s fires on deletes on %s and may keep or copy rows: drop it", name, t.Name)
	}
}

func (j *judge) judgeColumn(t *table, rule RuleSpec) {
	c, has := t.column(rule.By[0])
	switch {
	case !has:
		j.find(participants.CodePlanInvalid, "table %s has no column %s: name its tenant column with By, or its parent with Via",
			t.Name, rule.By[0])
	case !c.NotNull && rule.KeepNull == "":
		j.find(participants.CodePlanInvalid, "column %s.%s may be null: make it NOT NULL, or declare KeepingNull with a reason",
			t.Name, c.Name)
	case c.NotNull && rule.KeepNull != "":
		j.find(participants.CodePlanInvalid, "column %s.%s is never null: remove KeepingNull", t.Name, c.Name)
	}
}

// judgePath looks for the foreign key that leads from t to the parent of its rule, and on to a table with a tenant column.
func (j *judge) judgePath(t *table, rule RuleSpec) {
	parent, planned := j.rules[rule.ViaParent]
	if !planned || parent.Kept {
		j.find(participants.CodePlanInvalid, "table %s is reached via %s, which is not on the plan to be deleted", t.Name, rule.ViaParent)
		return
	}
	at := slices.IndexFunc(j.cat.Keys, func(k *foreignKey) bool {
		return k.Child == t.OID && k.ParentName == rule.ViaParent && slices.Contains(k.Columns, rule.ViaColumn)
	})
	if at < 0 {
		j.find(participants.CodePlanInvalid, "table %s has no foreign key on %s to %s: add one, or give the table a tenant column",
			t.Name, rule.ViaColumn, rule.ViaParent)
		return
	}
	key := j.cat.Keys[at]
	j.paths[t.Name] = key
	if key.Nullable {
		j.find(participants.CodePlanInvalid, "foreign key %s of %s may be null and its rows could escape: make its columns NOT NULL",
			key.Name, t.Name)
	}
	if !key.Valid {
		j.find(participants.CodePlanInvalid, "foreign key %s of %s is not validated: VALIDATE CONSTRAINT it", key.Name, t.Name)
	}
	for hops, name := 0, rule.ViaParent; j.rules[name].ViaParent != ""; hops, name = hops+1, j.rules[name].ViaParent {
		if hops > len(j.rules) {
			j.find(participants.CodePlanInvalid, "table %s is reached via itself: one of its parents needs a tenant column", t.Name)
			return
		}
	}
}

// judgeKey looks at a foreign key that refers to rows which will be deleted, or to the anchor.
func (j *judge) judgeKey(key *foreignKey) {
	parent, planned := j.rules[key.ParentName]
	toAnchor := key.ParentName == anchorTable && j.names[key.Parent] == anchorTable
	if j.names[key.Parent] == "" || !toAnchor && (!planned || parent.Kept) {
		return
	}
	child, childPlanned := j.rules[key.ChildName]
	qualified := key.ChildSchema + "." + key.ChildName
	switch {
	case j.names[key.Child] == "":
		j.find(participants.CodeUnplannedTable, "table %s of another schema refers to %s (%s): its service must drop the key",
			qualified, key.ParentName, key.Name)
	case childPlanned && child.Kept:
		j.find(participants.CodePlanInvalid, "table %s is kept but refers to %s (%s), which is deleted: delete it too, or drop the key",
			key.ChildName, key.ParentName, key.Name)
	case childPlanned:
		j.judgeReferrer(key, toAnchor, child)
	}
}

func (j *judge) judgeReferrer(key *foreignKey, toAnchor bool, child RuleSpec) {
	if action, acts := map[string]string{"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}[key.OnDelete]; acts {
		j.find(participants.CodePlanInvalid,
			"foreign key %s of %s is ON DELETE %s, which changes rows that nobody counts: make it NO ACTION",
			key.Name, key.ChildName, action)
	}
	columns := key.Columns
	if toAnchor && child.direct() {
		columns = []string{child.By[0]} // live is true in every row: the tenant column alone finds them
	}
	if t := j.tables[key.ChildName]; !t.serves(columns) && !t.serves(key.Columns) {
		j.find(participants.CodePlanInvalid, "foreign key %s of %s has no index, each deleted row of %s would scan the table: "+
			"CREATE INDEX CONCURRENTLY ON %s (%s)", key.Name, key.ChildName, key.ParentName, ident(key.ChildName), idents(columns))
	}
}
