package familytest

import (
	"fmt"
	"slices"
	"strings"
)

// Way is how rows of a drawn table belong to somebody. It is the generator's knowledge: what a person who knows the product would
// say when asked.
type Way string

// Ways.
const (
	WayRoot     Way = "root"     // the tenants themselves
	WayColumn   Way = "column"   // a tenant column with a key
	WayNamed    Way = "named"    // a tenant column without a key, by its name
	WayNullable Way = "nullable" // a tenant column that may be null: then the row is nobody's
	WayEither   Way = "either"   // two tenant columns: the row goes with either
	WayOne      Way = "one"      // two tenant columns, of which the second says nothing
	WayWhere    Way = "where"    // a tenant column, and the rows for which Where is not true stay
	WayKey      Way = "key"      // a key to a parent
	WayLoose    Way = "loose"    // a key to a parent that may be null: then the row is nobody's
	WayValue    Way = "value"    // a parent's primary key without a key
	WayPair     Way = "pair"     // a polymorphic reference
	WayShared   Way = "shared"   // nobody's, all of them
)

// Table is a drawn table.
type Table struct {
	Schema, Name string
	Way          Way
	// By are the tenant columns that count, Ignored those that do not.
	By, Ignored []string
	// Column leads to Parent, for WayKey, WayLoose and WayValue; of a pair it holds the id.
	Column string
	Parent *Table
	// PairType is the type column of a pair, PairParents its values' parents. Rows of type Note are nobody's.
	PairType    string
	PairParents map[string]*Table
	// Null says that the way may be null, and rows are nobody's then.
	Null bool
	// Where is true for the rows that go.
	Where string
	// Key is the primary key; none when nothing may refer to the table.
	Key []Column
	// Code is a second unique column that keys refer to; empty when there is none. The root's is its id when its key is another.
	Code string
	// Fenced tables have a foreign key to the participant's anchor.
	Fenced bool
	// Keys are the foreign keys of the table.
	Keys []*Key
	// Triggers fire on deletes.
	Triggers []Trigger

	columns     []Column
	partitioned bool
	single      bool // one row for each tenant
	rewrites    bool // a rule rewrites deletes
	heirOf      *Table
	rows        []*made
}

// Column is a column's name and type.
type Column struct {
	Name, Type string
	Nullable   bool
}

// Key is a foreign key.
type Key struct {
	Name      string
	Child     *Table
	Parent    *Table
	Columns   []Column
	ParentKey []string // the columns it refers to
	OnDelete  string   // as DDL; empty is NO ACTION
	Unindexed bool
	Deferred  bool
	NotValid  bool
	Carries   bool // it is the table's way
	Tenant    bool // it makes its column a tenant column
}

// Trigger fires on deletes; one that keeps rows returns NULL.
type Trigger struct {
	Name  string
	Keeps bool
}

// Drawn is a family and the tables it was made from.
type Drawn struct {
	Family
	// Entangled says that a row refers to another tenant's, as the foreign key allows and the product does not.
	Entangled bool
	Model     []*Table
	// Outside says that a table outside of the family's schemas refers to one inside.
	Outside bool
}

func (t *Table) quoted() string { return quoted(t.Schema) + "." + quoted(t.Name) }

// Nullable reports whether a column of the key may be null.
func (k *Key) Nullable() bool {
	return slices.ContainsFunc(k.Columns, func(c Column) bool { return c.Nullable })
}

// TenantColumnsOf are the table's columns that mean a tenant: its own, and those that a key pairs with another table's.
func (d Drawn) TenantColumnsOf(t *Table) (columns []Column) {
	for _, c := range t.columns {
		if d.means(t, c.Name, map[string]bool{}) {
			columns = append(columns, c)
		}
	}
	return columns
}

func (d Drawn) means(t *Table, column string, seen map[string]bool) bool {
	at := t.quoted() + "." + column
	if seen[at] {
		return false
	}
	seen[at] = true
	if slices.Contains(t.By, column) || slices.Contains(t.Ignored, column) {
		return true
	}
	for _, k := range t.Keys {
		for i, c := range k.Columns {
			if c.Name == column && d.means(k.Parent, k.ParentKey[i], seen) {
				return true
			}
		}
	}
	return false
}

// Unkeyed are the table's columns that no foreign key has.
func (t *Table) Unkeyed() (names []string) {
	for _, c := range t.columns {
		if !slices.ContainsFunc(t.Keys, func(k *Key) bool { return slices.Contains(k.Columns, c) }) {
			names = append(names, c.Name)
		}
	}
	return names
}

// Acting are the keys into the table that do something on deletes.
func (d Drawn) Acting(t *Table) (keys []*Key) {
	for _, child := range d.Model {
		for _, k := range child.Keys {
			if k.Parent == t && k.OnDelete != "" && k.OnDelete != "RESTRICT" {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// GoString is the family as SQL: what a failing test prints.
func (d Drawn) GoString() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n-- root %s of type %s, tenants %q\n", d.Root, d.TenantType, d.Tenants)
	for _, schema := range d.Schemas {
		fmt.Fprintf(&b, "CREATE SCHEMA %s;\n", quoted(schema))
	}
	b.WriteString(d.Tables)
	for _, turn := range d.Turns {
		fmt.Fprintf(&b, "-- of %q\n%s", turn.Owners, turn.SQL)
	}
	return b.String() + d.After
}
