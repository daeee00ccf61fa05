package sqlplan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
)

// ProposeConfig says what a plan is to be derived for.
type ProposeConfig struct {
	// Decided are rules that a person has made: paths may lead through their tables. A table with one is not proposed.
	Decided []Rule
	// Root is the column that is the tenant's identity: "organizations.id", or "billing.accounts.id" when the table is not in
	// the first schema. Required.
	Root string
	// Schemas are those that the plan is to cover. Empty means the connection's current schema.
	Schemas []string
	// TenantColumns are further column names that mean the tenant wherever they occur, without a foreign key.
	TenantColumns []string
}

// Proposal is what the catalogue says by itself.
type Proposal struct {
	// Home is the connection's current schema, where the tables of migrations/participant are looked for.
	Home string
	// Notes are worth knowing about the derived rules: a path that was chosen among several.
	Notes []Finding
	// Rules are derived from tenant columns and foreign keys, one for a table, sorted by table.
	Rules []Rule
	// Schemas are those that were read.
	Schemas []string
	// TenantType is the type of the root column, of a domain that of its base: uuid, text, varchar, bigint, ...
	TenantType string
	// Undecided are the tables that no rule could be derived for, with what was seen and what to decide; sorted by table. A
	// table may have several.
	Undecided []Finding
}

// Propose derives a plan from the catalogue. Nothing is guessed: a table has a rule when it has one tenant column that is
// never null, or when validated keys that are never null lead from it to such a table; otherwise it is undecided. Propose has no
// effect, and reads no rows.
func Propose(ctx context.Context, db *bun.DB, cfg ProposeConfig) (*Proposal, error) {
	if _, _, ok := splitColumn(cfg.Root); !ok {
		return nil, fmt.Errorf("sqlplan: propose: config: Root: %w: write it as table.column", events.ErrInvalid)
	}
	var p *Proposal
	err := onSession(ctx, db, nil, func(s *session) error {
		cat, err := readCatalogue(ctx, s, cfg.Schemas)
		if err != nil {
			return err
		}
		p, err = propose(cat, cfg)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("sqlplan: propose: %w", err)
	}
	return p, nil
}

// proposing is a Propose at work.
type proposing struct {
	*judge
	*Proposal
	// owned are the tables with a rule that deletes, so far.
	owned map[string]*RuleSpec
	open  []string // tables that are waiting for a path, sorted
}

func propose(cat *catalogue, cfg ProposeConfig) (*Proposal, error) {
	j := newJudge(cat, Config{Root: cfg.Root, TenantColumns: cfg.TenantColumns})
	j.judgePlan()
	for _, f := range j.findings {
		if f.Code != FindingHome && f.Severity == SeverityRefuse {
			return nil, fmt.Errorf("%w: %s: %s", events.ErrInvalid, f.Text, f.WayOut)
		}
	}
	p := &proposing{judge: j, Proposal: &Proposal{Home: cat.Home, Schemas: cat.Schemas, TenantType: typeWord(j.rootColumn().Type)},
		owned: map[string]*RuleSpec{}}
	p.decided(cfg.Decided)
	p.direct()
	p.reached()
	for _, name := range p.open {
		p.explain(name)
	}
	for name, rule := range p.owned {
		if j.rules[name] == nil {
			p.Rules = append(p.Rules, RuleOf(*rule))
		}
	}
	slices.SortFunc(p.Rules, func(a, b Rule) int { return cmp.Compare(a.spec.Table, b.spec.Table) })
	p.Undecided, p.Notes = sortedFindings(p.Undecided), sortedFindings(p.Notes)
	return p.Proposal, nil
}

// decided takes the rules that were made by a person. What is wrong with them is Check's to say.
func (p *proposing) decided(rules []Rule) {
	for _, rule := range rules {
		r := rule.Spec()
		p.named(&r)
		p.rules[r.Table] = &r
		if !r.Kept && p.tables[r.Table] != nil {
			p.owned[r.Table] = &r
		}
	}
}

// direct proposes the tables with a tenant column, and leaves those without one open.
func (p *proposing) direct() {
	for _, t := range p.cat.Tables {
		name := p.names[t.OID]
		if p.exempt(t) || p.rules[name] != nil {
			continue
		}
		columns := p.tenants.of(t)
		switch {
		case t.Kind != "r" && t.Kind != "p":
			p.undecided(FindingUnplannedTable, name, "keep it with a reason, and see to its rows in another way",
				"no rows can be deleted from it, and it may copy or reach tenant data")
		case len(columns) == 0:
			p.open = append(p.open, name)
		default:
			p.owns(t, columns)
		}
	}
	slices.Sort(p.open)
}

// owns proposes a table by its only tenant column, or says why it cannot.
func (p *proposing) owns(t *table, columns []string) {
	name := p.names[t.OID]
	c, _ := t.column(columns[0])
	root := p.rootColumn()
	switch {
	case len(columns) > 1:
		p.undecided(FindingUndecidedColumn, name, "name those with By that make a row the tenant's, and the others with Ignoring",
			"several columns mean a tenant: %s", strings.Join(columns, ", "))
	case !p.tenants.sure[columnOf{t.OID, c.Name}]:
		p.undecided(FindingUndecidedColumn, name, "name it as a tenant column, or decide another way",
			"column %s has the name of a tenant column, and no foreign key", c.Name)
	case !c.identifies() || !c.equates(*root):
		p.undecided(FindingTenantType, name, "give it the root's type", "column %s is of type %s, the tenant root of type %s",
			c.Name, typeWord(c.Type), typeWord(root.Type))
	case !c.NotNull:
		p.undecided(FindingNullableTenant, name, "make it NOT NULL, or declare KeepingNull with a reason",
			"column %s may be null", c.Name)
	default:
		p.owned[name] = &RuleSpec{Table: name, By: columns}
	}
}

func (p *proposing) undecided(code, table, wayOut, format string, args ...any) {
	p.Undecided = append(p.Undecided, Finding{Code: code, Severity: SeverityDecide, Table: table,
		Text: fmt.Sprintf(format, args...), WayOut: wayOut})
}

// reached proposes the tables from which keys lead to an owned one, the nearest first.
func (p *proposing) reached() {
	for {
		found := map[string]*RuleSpec{}
		for _, name := range p.open {
			if rule := p.nearest(name); rule != nil {
				found[name] = rule
			}
		}
		if len(found) == 0 {
			return
		}
		for name, rule := range found {
			p.owned[name] = rule
		}
		p.open = slices.DeleteFunc(p.open, func(name string) bool { return found[name] != nil })
	}
}

// nearest is a rule over a key to an owned table. Of several the first by name is taken, and the choice is noted.
func (p *proposing) nearest(name string) *RuleSpec {
	t := p.tables[name]
	var keys []*foreignKey
	for _, k := range p.outgoing[t.OID] {
		if k.Valid && !k.Nullable && k.Whole && k.Parent != t.OID && p.owned[p.names[k.Parent]] != nil {
			keys = append(keys, k)
		}
	}
	if len(keys) == 0 {
		return nil
	}
	slices.SortFunc(keys, func(a, b *foreignKey) int {
		return cmp.Or(cmp.Compare(p.names[a.Parent], p.names[b.Parent]), compareKeys(a, b))
	})
	rule := &RuleSpec{Table: name, ViaColumn: keys[0].Columns[0], ViaParent: p.names[keys[0].Parent]}
	if len(keys) > 1 {
		others := make([]string, len(keys)-1)
		for i, k := range keys[1:] {
			others[i] = fmt.Sprintf("%s (%s)", p.names[k.Parent], strings.Join(k.Columns, ", "))
		}
		p.Notes = append(p.Notes, Finding{Code: FindingPath, Severity: SeverityInfo, Table: name,
			Text: fmt.Sprintf("reached via %s (%s); it refers to %s too", rule.ViaParent, rule.ViaColumn, strings.Join(others, ", "))})
	}
	return rule
}

// explain says what was seen of a table that no key leads to the tenant from.
func (p *proposing) explain(name string) {
	t := p.tables[name]
	before := len(p.Undecided)
	keyed := map[string]bool{}
	for _, k := range p.outgoing[t.OID] {
		for _, c := range k.Columns {
			keyed[c] = true
		}
		p.explainKey(name, k)
	}
	for _, pair := range pairsOf(t, keyed) {
		p.undecided(FindingPolymorphicType, name, "declare ViaPair with the table of each type",
			"columns %s and %s look like a polymorphic reference", pair[0], pair[1])
		keyed[pair[0]], keyed[pair[1]] = true, true
	}
	for _, c := range t.Columns {
		if !keyed[c.Name] && referenceName(c.Name) {
			p.undecided(FindingPath, name, "add a foreign key, or declare Via with WithoutKey and a reason",
				"column %s looks like a reference, and has no foreign key", c.Name)
		}
	}
	if len(p.Undecided) == before {
		p.undecided(FindingUnplannedTable, name, "keep it with the reason why it is shared by all tenants, or plan it",
			"nothing leads from it to the tenant")
	}
}

// explainKey says why a key is no path to the tenant. A key to a table that is kept, or that nothing leads from, says nothing.
func (p *proposing) explainKey(name string, k *foreignKey) {
	parent := p.names[k.Parent]
	list := strings.Join(k.Columns, ", ")
	switch {
	case k.Parent == k.Child:
	case p.tables[parent] == nil:
		p.undecided(FindingForeignSchema, name, "plan its schema too, or keep the table with a reason",
			"it refers to %s (%s), which is in no schema of the plan", TableName(p.cat.Schemas[0], k.ParentSchema, k.ParentName), list)
	case p.owned[parent] == nil && p.rules[parent] == nil:
		p.undecided(FindingPath, name, "decide "+parent+" first", "it refers to %s (%s), which is undecided", parent, list)
	case p.owned[parent] != nil && !k.Valid:
		p.undecided(FindingPath, name, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", p.tables[name].qualified(), ident(k.Name)),
			"its foreign key to %s (%s) is not validated", parent, list)
	case p.owned[parent] != nil && !k.Whole:
		p.undecided(FindingPath, name, "make it a key of the partitioned table", "its foreign key to %s (%s) is that of one partition",
			parent, list)
	case p.owned[parent] != nil:
		p.undecided(FindingNullablePath, name, "make its columns NOT NULL, or declare Via with AcceptingNull and a reason",
			"its foreign key to %s (%s) may be null", parent, list)
	}
}

// referenceName reports whether a column is named as references are.
func referenceName(name string) bool {
	for _, end := range []string{"_id", "Id", "ID", "_uuid", "_ref"} {
		if strings.HasSuffix(name, end) && len(name) > len(end) {
			return true
		}
	}
	return false
}

// pairsOf finds columns x_type and x_id, in the spellings that frameworks use.
func pairsOf(t *table, keyed map[string]bool) (pairs [][2]string) {
	for _, c := range t.Columns {
		for _, end := range [][2]string{{"_type", "_id"}, {"Type", "Id"}, {"_type_id", "_id"}, {"content_type_id", "object_id"}} {
			stem, is := strings.CutSuffix(c.Name, end[0])
			id, has := t.column(stem + end[1])
			if is && has && !keyed[id.Name] && (stem != "" || end[0] == "content_type_id") {
				pairs = append(pairs, [2]string{c.Name, id.Name})
				break
			}
		}
	}
	return pairs
}
