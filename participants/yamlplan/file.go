package yamlplan

import (
	"cmp"
	_ "embed" // plan.v1.json
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// Schema is the JSON Schema (draft 2020-12) of a file, for editors.
//
//go:embed plan.v1.json
var Schema []byte

// File is a plan with everything that a participant needs beside addresses and keys.
type File struct {
	// Participant is the name on the roster.
	Participant events.Participant
	// Home is the schema of the house's own tables: receipts and the tenants' anchors. No service's table is in it.
	Home string
	// Schemas are covered by the plan: every table in them is named by it. A table of the first one needs no schema in its name.
	Schemas []string
	// Tenant says what a tenant is.
	Tenant Tenant
	// Tables are sorted by name.
	Tables []Table
	// Comments are the lines that a person wrote outside of Tables.
	Comments []string
}

// Tenant says where a tenant's id comes from.
type Tenant struct {
	// Root is the column that tenants are named by, like organizations.id.
	Root string
	// Type is one of Types: that of the root.
	Type string
	// Columns are further names of columns that hold a tenant's id, whether or not a foreign key says so.
	Columns []string
}

// Types are the forms of a tenant's id that a file can name.
var Types = []string{"bigint", "integer", "numeric", "smallint", "text", "uuid", "varchar"}

// Table is one table with what happens to it.
type Table struct {
	// RuleSpec is the decision; all but its name is empty while there is none.
	sqlplan.RuleSpec
	// Decide is what was seen of a table for which nothing could be derived: a person must decide. Empty once it is decided.
	Decide string
	// Comments are the lines that a person wrote about the table.
	Comments []string
	// Notes are the lines that Update wrote about it.
	Notes []string
}

// UndecidedError names the tables that a person must decide before the plan can run.
type UndecidedError struct{ Tables []string }

func (e *UndecidedError) Error() string {
	return fmt.Sprintf("%d to decide: %s; write by, via or keep for each (see their decide)", len(e.Tables),
		strings.Join(e.Tables, ", "))
}

// Unwrap makes it a refusal: a plan with a hole deletes nothing.
func (e *UndecidedError) Unwrap() error { return participants.ErrRefused }

// Undecided are the tables that a person must decide.
func (f *File) Undecided() (names []string) {
	for _, t := range f.Tables {
		if t.Decide != "" {
			names = append(names, t.Table)
		}
	}
	return names
}

// Plan is the file's plan over a database whose search_path is Home. It refuses a file with undecided tables.
func (f *File) Plan(db *bun.DB, cfg sqlplan.Config) (*sqlplan.Plan, error) {
	if undecided := f.Undecided(); len(undecided) > 0 {
		return nil, fmt.Errorf("yamlplan: %s: %w", f.Participant, &UndecidedError{undecided})
	}
	return f.draft(db, cfg), nil
}

// draft is the plan of what is decided.
func (f *File) draft(db *bun.DB, cfg sqlplan.Config) *sqlplan.Plan {
	cfg.Service, cfg.Schemas, cfg.Root, cfg.TenantColumns = f.Participant, f.Schemas, f.Tenant.Root, f.Tenant.Columns
	return sqlplan.New(db, cfg, f.Rules()...)
}

// Rules are those of the tables that are decided.
func (f *File) Rules() (rules []sqlplan.Rule) {
	for _, t := range f.Tables {
		if t.Decide == "" {
			rules = append(rules, sqlplan.RuleOf(t.RuleSpec))
		}
	}
	return rules
}

// AnchorType is the type of the anchor's tenant_id: that of the tenant's columns, so that they can refer to it. Numbers that
// no foreign key can compare with each other are kept as text.
func (f *File) AnchorType() string {
	switch f.Tenant.Type {
	case "uuid":
		return "uuid"
	case "bigint", "integer", "smallint":
		return "bigint"
	}
	return "text"
}

// table finds a table by name.
func (f *File) table(name string) (at int, found bool) {
	return slices.BinarySearchFunc(f.Tables, name, func(t Table, name string) int { return cmp.Compare(t.Table, name) })
}

func (f *File) sort() {
	slices.SortStableFunc(f.Tables, func(a, b Table) int { return cmp.Compare(a.Table, b.Table) })
}
