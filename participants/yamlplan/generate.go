package yamlplan

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// FindingUndecided is the code of a table that the file leaves to decide.
const FindingUndecided = "undecided_table"

// Changes are what Update has done to a file, by the names of tables.
type Changes struct {
	// Added tables are new, or were undecided and can be derived now.
	Added []string
	// Undecided tables wait for a person.
	Undecided []string
	// Gone tables are on the plan and no longer in the database; their lines stay, for a person to remove.
	Gone []string
}

// header is written above a file that nobody has commented.
var header = []string{
	"# What happens to the tables when a tenant is deleted. Written by erasectl plan generate from the catalogue.",
	"#",
	"# A table with decide: could not be derived, and nothing runs before a person has replaced it by one of:",
	"#   {by: COLUMN}                             the column that holds the tenant's id; [A, B] for any of several",
	"#   {via: {column: COLUMN, parent: TABLE}}   rows that belong to rows of another table",
	"#   {keep: REASON}                           no tenant's data",
	"# Lines that begin with #: are what was seen. erasectl plan generate --update writes them anew, and leaves decisions and",
	"# other comments alone. erasectl plan schema prints the JSON Schema, with every key and what it means.",
}

// New is a file that says nothing yet: Update writes it from a database, when it has a Participant and a Tenant.Root.
func New() *File {
	return &File{Home: "tenant_deletion", Schemas: []string{"public"}, Comments: slices.Clone(header)}
}

// Update takes in what the catalogue of the database says and the file does not. Every decision stays as it is, whoever made
// it; what cannot be derived is left to decide: nothing is guessed. It has no effect on the database.
func (f *File) Update(ctx context.Context, db *bun.DB) (Changes, error) {
	proposal, err := sqlplan.Propose(ctx, db, sqlplan.ProposeConfig{Decided: f.Rules(), Root: f.Tenant.Root, Schemas: f.Schemas,
		TenantColumns: f.Tenant.Columns})
	if err != nil {
		return Changes{}, fmt.Errorf("yamlplan: generate: %w", err)
	}
	if f.Tenant.Type, err = typeOf(proposal.TenantType); err != nil {
		return Changes{}, fmt.Errorf("yamlplan: generate: %w", err)
	}
	changes := f.merge(proposal)
	findings, err := f.Findings(ctx, db)
	if err != nil {
		return Changes{}, err
	}
	f.note(append(proposal.Notes, findings...))
	for _, finding := range findings {
		if finding.Code == sqlplan.FindingNoTable {
			changes.Gone = append(changes.Gone, finding.Table)
		}
	}
	return changes, nil
}

// typeOf is how a file writes a type of the catalogue.
func typeOf(catalogue string) (string, error) {
	if catalogue == "character varying" {
		catalogue = "varchar"
	}
	if !slices.Contains(Types, catalogue) {
		return "", fmt.Errorf("the root's type %s does not name tenants exactly: want one of %s", catalogue, strings.Join(Types, ", "))
	}
	return catalogue, nil
}

// merge puts what is new into the file.
func (f *File) merge(p *sqlplan.Proposal) (changes Changes) {
	put := func(t Table) bool {
		at, known := f.table(t.Table)
		if known && f.Tables[at].Decide == "" {
			return false
		}
		if known {
			t.Comments = f.Tables[at].Comments
			f.Tables[at] = t
		} else {
			f.Tables = slices.Insert(f.Tables, at, t)
		}
		return true
	}
	for _, rule := range p.Rules {
		if t := (Table{RuleSpec: rule.Spec()}); put(t) {
			changes.Added = append(changes.Added, t.Table)
		}
	}
	for name, seen := range byTable(p.Undecided) {
		t := Table{RuleSpec: sqlplan.RuleSpec{Table: name}}
		var texts []string
		for _, finding := range seen {
			finding = inWords(finding)
			texts = append(texts, finding.Text)
			if finding.WayOut != "" {
				t.Notes = append(t.Notes, noteDecide+printable(finding.WayOut))
			}
		}
		t.Decide = limited(printable(strings.Join(texts, "; ")), reasonBytesMax)
		if put(t) {
			changes.Undecided = append(changes.Undecided, name)
		}
	}
	slices.Sort(changes.Undecided)
	f.Tables = slices.DeleteFunc(f.Tables, func(t Table) bool { // a question about a table that is gone is answered
		return t.Decide != "" && len(t.Comments) == 0 && !slices.Contains(changes.Undecided, t.Table)
	})
	return changes
}

func byTable(findings []sqlplan.Finding) map[string][]sqlplan.Finding {
	all := map[string][]sqlplan.Finding{}
	for _, f := range findings {
		all[f.Table] = append(all[f.Table], f)
	}
	return all
}

func limited(text string, bytesMax int) string {
	if len(text) <= bytesMax {
		return text
	}
	const more = "…"
	cut := bytesMax - len(more)
	for !utf8.RuneStart(text[cut]) {
		cut--
	}
	return text[:cut] + more
}

// unnoted are findings that a person reads elsewhere: what stands in decide already, and what is about no table's rule.
var unnoted = []string{FindingUndecided, sqlplan.FindingHome, sqlplan.FindingNoFence}

// note writes what was seen above each decided table.
func (f *File) note(findings []sqlplan.Finding) {
	seen := byTable(findings)
	for i := range f.Tables {
		t := &f.Tables[i]
		if t.Decide != "" {
			continue
		}
		t.Notes = nil
		for _, finding := range seen[t.Table] {
			if slices.Contains(unnoted, finding.Code) {
				continue
			}
			t.Notes = append(t.Notes, printable(fmt.Sprintf("%s: %s", finding.Severity, finding.Text)))
			if finding.WayOut != "" {
				t.Notes = append(t.Notes, "  "+printable(finding.WayOut))
			}
		}
	}
}

// Findings compares the file with the live catalogue and tells everything, the gravest first, as sqlplan does; a table that is
// left to decide is one of SeverityDecide. The search_path of the database is Home.
func (f *File) Findings(ctx context.Context, db *bun.DB) ([]sqlplan.Finding, error) {
	found, err := f.draft(db, sqlplan.Config{}).Findings(ctx)
	if err != nil {
		return nil, fmt.Errorf("yamlplan: %w", err)
	}
	undecided := f.Undecided()
	found = slices.DeleteFunc(found, func(one sqlplan.Finding) bool {
		return one.Code == sqlplan.FindingUnplannedTable && slices.Contains(undecided, one.Table)
	})
	for i := range found {
		found[i] = inWords(found[i])
	}
	for _, t := range f.Tables {
		if t.Decide != "" {
			found = append(found, sqlplan.Finding{Code: FindingUndecided, Severity: sqlplan.SeverityDecide, Table: t.Table,
				Text: t.Decide, WayOut: t.wayOut()})
		}
	}
	slices.SortStableFunc(found, func(a, b sqlplan.Finding) int {
		return cmp.Or(cmp.Compare(Rank(a.Severity), Rank(b.Severity)), cmp.Compare(a.Table, b.Table))
	})
	return found, nil
}

// noteDecide begins a note that says how a table could be decided.
const noteDecide = "to decide: "

// wayOut is what Update noted about a table that is undecided.
func (t *Table) wayOut() string {
	var ways []string
	for _, note := range t.Notes {
		if way, ok := strings.CutPrefix(note, noteDecide); ok {
			ways = append(ways, way)
		}
	}
	return cmp.Or(strings.Join(ways, "; "), "replace decide by by, via or keep")
}

// severities, the gravest first.
var severities = []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide, sqlplan.SeverityWarn, sqlplan.SeverityInfo}

// Rank is zero for the gravest severity, and grows.
func Rank(s sqlplan.Severity) int { return slices.Index(severities, s) }

// Stands is nil when a deletion may run with these findings. The error names the tables of those that refuse it.
func (f *File) Stands(findings []sqlplan.Finding) error {
	var grave []string
	for _, severity := range []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide} {
		var tables []string
		for _, one := range findings {
			if name := cmp.Or(one.Table, one.Code); one.Severity == severity && !slices.Contains(tables, name) {
				tables = append(tables, name)
			}
		}
		if len(tables) > 0 {
			grave = append(grave, string(severity)+" "+strings.Join(tables, ", "))
		}
	}
	if len(grave) == 0 {
		return nil
	}
	return fmt.Errorf("yamlplan: %w: the plan of %s does not stand: %s; erasectl plan check says why and what to do",
		participants.ErrRefused, f.Participant, strings.Join(grave, "; "))
}

// Worst is the gravest of the findings' severities; empty when there are none.
func Worst(findings []sqlplan.Finding) (worst sqlplan.Severity) {
	for _, f := range findings {
		if worst == "" || Rank(f.Severity) < Rank(worst) {
			worst = f.Severity
		}
	}
	return worst
}
