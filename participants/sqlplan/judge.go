package sqlplan

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Limits of an answer that judgeSize tries, see docs/protocol.md.
const (
	tenantBytesMax = 64
	countMax       = 1<<53 - 1
)

// judge compares the rules with the catalogue. It collects every finding, so that one start tells everything there is to mend.
type judge struct {
	cat      *catalogue
	cfg      Config
	rules    map[string]*RuleSpec // by the table's name
	tables   map[string]*table    // of the schemas, without the engine's own
	byOID    map[uint32]*table    // all
	names    map[uint32]string
	anchor   *table
	outgoing map[uint32][]*foreignKey
	incoming map[uint32][]*foreignKey
	tenants  *tenantColumns
	paths    map[string]*path
	where    map[string][]comparison
	groups   [][]string
	findings []Finding
}

// newJudge knows the catalogue, and no rule yet.
func newJudge(cat *catalogue, cfg Config) *judge {
	j := &judge{cat: cat, cfg: cfg, rules: map[string]*RuleSpec{}, tables: map[string]*table{}, byOID: map[uint32]*table{},
		names: map[uint32]string{}, outgoing: map[uint32][]*foreignKey{}, incoming: map[uint32][]*foreignKey{},
		paths: map[string]*path{}, where: map[string][]comparison{}}
	for _, t := range cat.Tables {
		name := TableName(cat.Schemas[0], t.Schema, t.Name)
		j.byOID[t.OID], j.names[t.OID] = t, name
		if !cat.own(t) {
			j.tables[name] = t
		} else if t.Name == anchorTable {
			j.anchor = t
		}
	}
	for _, key := range cat.Keys {
		j.outgoing[key.Child] = append(j.outgoing[key.Child], key)
		j.incoming[key.Parent] = append(j.incoming[key.Parent], key)
	}
	j.tenants = j.findTenantColumns()
	return j
}

// judge looks at every rule, table and key.
func (j *judge) judge(rules []Rule) {
	j.judgePlan()
	j.readRules(rules)
	for _, t := range j.cat.Tables {
		j.judgeTable(t)
	}
	for _, key := range j.cat.Keys {
		j.judgeKey(key)
	}
	j.judgeOrder()
	j.judgeFence()
	j.judgeSize()
}

func (j *judge) find(code string, severity Severity, table, wayOut, format string, args ...any) {
	j.findings = append(j.findings, Finding{Code: code, Severity: severity, Table: table, Text: fmt.Sprintf(format, args...),
		WayOut: wayOut})
}

// judgePlan looks at what the plan is about as a whole.
func (j *judge) judgePlan() {
	j.judgeHome()
	j.judgeTenantTypes()
	for i, schema := range j.cat.Schemas {
		if !slices.ContainsFunc(j.cat.Namespaces, func(n namespace) bool { return n.Name == schema }) {
			j.find(FindingNoTable, SeverityRefuse, "", "correct Config.Schemas", "schema %s does not exist", schema)
		} else if slices.Contains(j.cat.Schemas[:i], schema) {
			j.find(FindingRuleMistake, SeverityRefuse, "", "name it once", "schema %s is named twice", schema)
		}
	}
	if j.cfg.Root != "" && j.tenants.root == nil {
		j.find(FindingNoTable, SeverityRefuse, "", "write it as table.column", "the tenant root %s is no column of the plan's schemas",
			j.cfg.Root)
	}
}

// judgeHome looks for the engine's own tables.
func (j *judge) judgeHome() {
	if j.cat.Home == "" {
		j.find(FindingHome, SeverityRefuse, "", "create it, and apply migrations/participant to it",
			"the connection's current schema (search_path) does not exist")
		return
	}
	for _, name := range ownTables {
		if !slices.ContainsFunc(j.cat.Tables, func(t *table) bool { return j.cat.own(t) && t.Name == name }) {
			j.find(FindingHome, SeverityRefuse, "", "apply migrations/participant to schema "+j.cat.Home, "table %s is missing", name)
		}
	}
}

func (j *judge) readRules(rules []Rule) {
	for _, rule := range rules {
		r := rule.Spec()
		if mistake := r.Mistake(); mistake != "" {
			j.find(FindingRuleMistake, SeverityRefuse, r.Table, "", "rule for table %q: %s", r.Table, mistake)
			continue
		}
		t, known := j.named(&r)
		if _, twice := j.rules[r.Table]; twice {
			j.find(FindingRuleMistake, SeverityRefuse, r.Table, "remove one", "table %s has two rules", r.Table)
		}
		if r.direct() && len(r.By) == 0 && j.cfg.TenantColumn != "" {
			r.By = []string{j.cfg.TenantColumn}
		}
		j.rules[r.Table] = &r
		switch {
		case !known:
			j.find(FindingNoTable, SeverityRefuse, r.Table, "remove the rule",
				"table %s is planned, but schema %s has no such table of the service", r.Table, j.schemaOf(r.Table))
		case !r.Kept && t.Kind != "r" && t.Kind != "p":
			j.find(FindingRuleMistake, SeverityRefuse, r.Table, "keep it with a reason",
				"%s is not a table that rows can be deleted from", r.Table)
		}
	}
}

// named gives the rule's tables the names that the catalogue's have.
func (j *judge) named(r *RuleSpec) (*table, bool) {
	canonical := func(text string) string {
		if schema, name, ok := ParseTable(j.cat.Schemas[0], text); ok {
			return TableName(j.cat.Schemas[0], schema, name)
		}
		return text
	}
	r.Table, r.ViaParent = canonical(r.Table), canonical(r.ViaParent)
	for value, parent := range r.PairParents {
		r.PairParents[value] = canonical(parent)
	}
	t := j.tables[r.Table]
	return t, t != nil
}

func (j *judge) schemaOf(text string) string {
	if schema, _, ok := ParseTable(j.cat.Schemas[0], text); ok {
		return schema
	}
	return j.cat.Schemas[0]
}

func (j *judge) deleted(table string) bool {
	rule, planned := j.rules[table]
	return planned && !rule.Kept && j.tables[table] != nil
}

// judgeSize asks whether the largest counts would fit into an answer: nothing may be deleted that cannot be told.
func (j *judge) judgeSize() {
	answer := events.Preview{TenantID: events.TenantID(strings.Repeat("t", tenantBytesMax)), ServiceName: j.cfg.Service,
		Counts: map[string]int64{}, Kept: map[string]string{}}
	for name, rule := range j.rules {
		if !rule.Kept {
			answer.Counts[name] = countMax
		}
		if reason := rule.kept(); reason != "" {
			answer.Kept[name] = reason
		}
	}
	if len(answer.Counts) == 0 {
		j.find(FindingRuleMistake, SeverityRefuse, "", "add a Delete rule", "the plan deletes nothing")
		return
	}
	if _, err := events.EncodePreview(answer); err != nil {
		j.find(FindingSize, SeverityRefuse, "", "shorten names or reasons, or make several participants of it, by schema",
			"an answer could not carry the counts of %d tables and the reasons of %d: %s", len(answer.Counts), len(answer.Kept), err)
	}
}

// quotedName is a name for a finding: control characters would break the line.
func quotedName(name string) string {
	if utf8.ValidString(name) && !slices.ContainsFunc([]rune(name), func(r rune) bool { return r < ' ' }) {
		return name
	}
	return fmt.Sprintf("%q", name)
}
