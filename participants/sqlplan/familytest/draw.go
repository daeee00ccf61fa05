package familytest

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Dice decides what is drawn. *rand.Rand is one; a property test has one whose throws can be shrunk.
type Dice interface {
	// IntN is at least 0 and less than n.
	IntN(n int) int
}

var _ Dice = (*rand.Rand)(nil)

// Size bounds what is drawn.
type Size struct {
	// Calm draws nothing that a catalogue alone refuses: every key has an index and is validated, no trigger keeps rows, and no
	// table that is reached by value is part of a cycle.
	Calm bool
	// Entangled lets a row refer to another tenant's, where the drawn keys have room for it.
	Entangled bool
	// Keys is the number of foreign keys, at least. Those by which rows belong to somebody may be more.
	Keys int
	// Rows is how many rows a tenant has in a table, at most.
	Rows int
	// Schemas is their number, at most the number of names.
	Schemas int
	// Tables is their number, the tenants' own included.
	Tables int
}

// triesMax is how many pairs of tables are looked at for each key: between many pairs there can be none.
const triesMax = 10

// tenants is how many tenants a drawn family has.
const tenants = 4

// artist draws a family.
type artist struct {
	Dice
	size  Size
	d     Drawn
	taken map[string]bool // names of tables and schemas
}

// Seeded throws dice that fall the same way for the same seed.
func Seeded(seed uint64) Dice { return rand.New(rand.NewPCG(seed, 0)) }

// Random draws a family: tables, keys between them, and rows of four tenants and of nobody. The rows are whole: every
// reference stays within its owner's rows or leads to nobody's.
func Random(dice Dice, size Size) Drawn {
	a := &artist{Dice: dice, size: size, taken: map[string]bool{}}
	types := []string{"text", "bigint", "uuid", "integer", "numeric"}
	a.d.Name, a.d.TenantType = "random", types[a.IntN(len(types))]
	a.d.TenantColumns = []string{namedTenant}
	ids := slices.Clone(tenantIDs[a.d.TenantType])
	for range tenants {
		at := a.IntN(len(ids))
		a.d.Tenants = append(a.d.Tenants, ids[at])
		ids = slices.Delete(ids, at, at+1)
	}
	a.d.Schemas = slices.Clone(schemaNames[:max(1, size.Schemas)])
	for i := range a.d.Schemas { // the first is not always the same
		j := i + a.IntN(len(a.d.Schemas)-i)
		a.d.Schemas[i], a.d.Schemas[j] = a.d.Schemas[j], a.d.Schemas[i]
	}
	if a.chance(8) {
		a.d.Schemas[a.IntN(len(a.d.Schemas))] = Home
	}
	if a.chance(2) {
		a.d.AnchorType = a.d.TenantType
	}
	a.drawRoot()
	for len(a.d.Model) < size.Tables {
		a.drawTable()
	}
	for tries := 0; a.keys() < size.Keys && tries < triesMax*size.Keys; tries++ {
		a.drawKey()
	}
	a.drawHeirs()
	a.drawRows()
	if size.Entangled {
		a.entangle()
	}
	a.d.Outside = a.trap(20)
	a.write()
	return a.d
}

// chance is true once in n throws.
func (a *artist) chance(n int) bool { return a.IntN(n) == n-1 }

// trap is chance for what a catalogue alone refuses.
func (a *artist) trap(n int) bool { return !a.size.Calm && a.chance(n) }

func (a *artist) drawRoot() {
	id := Column{Name: "id", Type: a.d.TenantType}
	root := &Table{Way: WayRoot, By: []string{"id"}, Key: []Column{id}, columns: []Column{id}}
	a.name(root)
	if a.chance(4) { // another key, to which paths lead
		root.Key, root.Code = []Column{{Name: "pk", Type: "bigint"}}, "id"
		root.columns = append(root.columns, root.Key...)
	}
	a.fence(root)
	a.d.Model = append(a.d.Model, root)
	a.d.Root = a.planned(root) + ".id"
}

// name gives the table a schema and a name that the schema does not have yet.
func (a *artist) name(t *Table) {
	t.Schema = a.d.Schemas[a.IntN(len(a.d.Schemas))]
	t.Name = tableNames[a.IntN(len(tableNames))]
	mistakable := slices.Contains([]string{"tenant_anchor", "td_receipts", "schema_migrations"}, t.Name)
	if a.taken[t.quoted()] || a.chance(2) || t.Schema == Home && mistakable {
		t.Name = fmt.Sprintf("t%d", len(a.d.Model))
	}
	a.taken[t.quoted()] = true
}

func (a *artist) planned(t *Table) string { return a.d.Planned(t) }

// Planned is the table's name as a plan over the family's schemas writes it.
func (d Drawn) Planned(t *Table) string {
	return (&Oracle{schemas: d.Schemas}).planned(t.Schema, t.Name)
}

func (a *artist) drawTable() {
	t := &Table{}
	a.name(t)
	a.drawIdentity(t)
	ways := []Way{WayColumn, WayColumn, WayColumn, WayNamed, WayNullable, WayEither, WayOne, WayWhere, WayShared, WayShared,
		WayKey, WayKey, WayKey, WayKey, WayKey, WayLoose, WayValue, WayPair}
	t.Way = ways[a.IntN(len(ways))]
	switch t.Way {
	case WayKey, WayLoose, WayValue, WayPair:
		if !a.drawParent(t) {
			t.Way = WayColumn
			a.drawTenantColumns(t)
		}
	case WayShared:
	default:
		a.drawTenantColumns(t)
	}
	if t.Name == "schema_migrations" && len(t.By) == 0 { // a plan takes it for what its name says
		t.Name = "schema migrations"
	}
	if !a.size.Calm && a.chance(25) {
		t.Triggers = append(t.Triggers, Trigger{Name: "on " + columnNames[a.IntN(len(columnNames))], Keeps: a.chance(3)})
	}
	t.rewrites = a.trap(80)
	a.d.Model = append(a.d.Model, t)
}

// drawIdentity gives the table a primary key and perhaps another unique column.
func (a *artist) drawIdentity(t *Table) {
	switch a.IntN(8) {
	case 0: // no key: rows may be equal
	case 1:
		t.Key = []Column{{Name: "id", Type: "bigint"}, {Name: "Part No", Type: "text"}}
	case 2:
		t.Key = []Column{{Name: "id", Type: "uuid"}}
	case 3:
		t.Key = []Column{{Name: "id", Type: "text"}}
	default:
		t.Key = []Column{{Name: "id", Type: "bigint"}}
	}
	t.columns = append(slices.Clone(t.Key), Column{Name: "note", Type: "text", Nullable: true})
	t.partitioned = len(t.Key) > 0 && a.chance(8)
	if len(t.Key) > 0 && !t.partitioned && a.chance(6) {
		t.Code = "code"
		t.columns = append(t.columns, Column{Name: t.Code, Type: "text"})
	}
}

func (a *artist) drawTenantColumns(t *Table) {
	root := a.d.Model[0]
	column := func(nullable, key bool) string {
		c := Column{Name: a.free(t, tenantNames), Type: a.tenantColumnType(), Nullable: nullable}
		if !key {
			c.Name = namedTenant
		}
		t.columns = append(t.columns, c)
		if key {
			k := a.key(t, root, []Column{c}, []string{"id"}, true)
			k.Tenant = true
			t.Keys = append(t.Keys, k)
		}
		return c.Name
	}
	switch t.Way {
	case WayNamed:
		t.By = []string{column(false, false)}
	case WayNullable:
		t.By, t.Null = []string{column(true, a.chance(2))}, true
	case WayEither:
		first, second := a.chance(2), a.chance(2)
		t.By, t.Null = []string{column(first, true), column(second, true)}, first && second
	case WayOne:
		t.By, t.Ignored = []string{column(false, true)}, []string{column(a.chance(2), true)}
	case WayWhere:
		t.By = []string{column(false, false)}
		p := predicates[a.IntN(len(predicates))]
		t.Where, t.columns = p.where, append(t.columns, p.columns...)
		last := &t.columns[len(t.columns)-1]
		last.Nullable = last.Nullable || a.trap(4)
	default:
		t.By = []string{column(false, true)}
		a.drawTenantKey(t)
	}
	if len(t.By) == 1 && (t.Way != WayWhere || !a.size.Calm) {
		a.fence(t)
	}
}

// drawTenantKey lets the tenant be a part of the primary key, as it then is of keys to the table; or all of it: one row each.
func (a *artist) drawTenantKey(t *Table) {
	column := t.columns[len(t.columns)-1]
	if len(t.Key) != 1 || t.Code != "" {
		return
	}
	switch a.IntN(6) {
	case 0, 1:
		t.Key = append([]Column{column}, t.Key...)
	case 2:
		t.single, t.Key, t.columns = true, []Column{column}, t.columns[1:]
	}
}

// fence gives the table the key to the anchor that makes PostgreSQL vouch for it.
func (a *artist) fence(t *Table) {
	at := slices.IndexFunc(t.columns, func(c Column) bool { return c.Name == t.By[0] })
	if a.d.AnchorType == a.d.TenantType && t.columns[at].Type == a.d.AnchorType && a.chance(2) {
		t.Fenced = true
		t.columns = append(t.columns, Column{Name: "live", Type: "boolean GENERATED ALWAYS AS (true) STORED"})
	}
}

// tenantColumnType is mostly the root's; sometimes another one that a key may have.
func (a *artist) tenantColumnType() string {
	others := map[string]string{"text": "varchar(80)", "integer": "bigint"}
	if other := others[a.d.TenantType]; other != "" && a.chance(4) {
		return other
	}
	return a.d.TenantType
}

// drawParent looks for tables whose rows are somebody's and have a primary key of one column.
func (a *artist) drawParent(t *Table) bool {
	var parents []*Table
	for i, p := range a.d.Model {
		if i == 0 && p.Code == "" { // a key to the tenant's id would be a tenant column
			continue
		}
		if p.Way != WayShared && len(p.Key) > 0 && (len(p.Key) == 1 || t.Way == WayKey || t.Way == WayLoose) {
			parents = append(parents, p)
		}
	}
	if len(parents) == 0 {
		return false
	}
	t.Parent = parents[a.IntN(len(parents))]
	switch t.Way {
	case WayKey, WayLoose:
		t.Null = t.Way == WayLoose
		k := a.reference(t, t.Parent, t.Null, true)
		t.Column = k.Columns[0].Name
	case WayValue:
		t.Null = a.chance(3)
		t.Column = a.columnName(t)
		t.columns = append(t.columns, Column{Name: t.Column, Type: a.likeType(t.Parent.Key[0].Type), Nullable: t.Null})
	default:
		a.drawPair(t, parents)
	}
	return true
}

// drawPair names one or two parents with ids of one type. Rows of type Note are nobody's.
func (a *artist) drawPair(t *Table, parents []*Table) {
	t.PairParents = map[string]*Table{"First": t.Parent}
	second := parents[a.IntN(len(parents))]
	if second != t.Parent && second.Key[0].Type == t.Parent.Key[0].Type {
		t.PairParents["it's Second"] = second
	}
	t.PairType, t.Column, t.Null = a.columnName(t)+"_type", a.columnName(t)+"_id", a.chance(3)
	t.columns = append(t.columns, Column{Name: t.PairType, Type: "text", Nullable: t.Null},
		Column{Name: t.Column, Type: a.likeType(t.Parent.Key[0].Type), Nullable: t.Null})
}

// likeType is mostly the type of the key; sometimes one that holds the same values and compares them in another way.
func (a *artist) likeType(keyType string) string {
	others := map[string][]string{"bigint": {"integer", "numeric", "text"}, "text": {"varchar(80)", "char(80)"}, "uuid": {"text"}}
	if like := others[keyType]; a.trap(5) && len(like) > 0 {
		return like[a.IntN(len(like))]
	}
	return keyType
}
