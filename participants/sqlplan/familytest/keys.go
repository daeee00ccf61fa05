package familytest

import (
	"slices"
	"strconv"
	"strings"
)

// keys is how many foreign keys there are.
func (a *artist) keys() (n int) {
	for _, t := range a.d.Model {
		n += len(t.Keys)
	}
	return n
}

// drawHeirs adds tables that inherit from one with a tenant column, and with it the column, but neither keys nor indexes.
func (a *artist) drawHeirs() {
	for _, t := range slices.Clone(a.d.Model) {
		if t.Way != WayNamed || t.partitioned || !a.chance(4) {
			continue
		}
		heir := &Table{Way: WayNamed, By: t.By, columns: slices.Clone(t.columns), heirOf: t}
		a.name(heir)
		a.d.Model = append(a.d.Model, heir)
	}
}

// drawKey adds a foreign key between any two tables: cycles and references to itself are welcome.
func (a *artist) drawKey() {
	child, parent := a.d.Model[a.IntN(len(a.d.Model))], a.d.Model[a.IntN(len(a.d.Model))]
	if a.chance(10) {
		parent = child
	}
	if parent.Way == WayRoot && parent.Code == "" || len(parent.Key) == 0 { // a key to the tenant's id would be a tenant column
		return
	}
	if child.Way == WayShared && parent.Way != WayShared && !a.trap(4) { // it could not be kept
		return
	}
	if a.size.Calm && ensnares(child, parent) {
		return
	}
	a.reference(child, parent, a.chance(2) || child == parent || child.Way == WayRoot, false)
}

// ensnares reports whether a key would close a cycle through a table that is reached by value: nothing could prove its rows gone.
func ensnares(child, parent *Table) bool {
	after := map[*Table]bool{}
	parent.leads(after)
	if !after[child] {
		return false
	}
	for t := range after {
		if t.Way == WayValue || t.Way == WayPair {
			back := map[*Table]bool{}
			if t.leads(back); back[child] {
				return true
			}
		}
	}
	return false
}

// leads adds the table, and every table that its rows lead to.
func (t *Table) leads(to map[*Table]bool) {
	if t == nil || to[t] {
		return
	}
	to[t] = true
	for _, k := range t.Keys {
		k.Parent.leads(to)
	}
	t.Parent.leads(to)
	for _, p := range t.PairParents {
		p.leads(to)
	}
}

// reference adds columns and a key to a parent's primary key, or to its other unique column.
func (a *artist) reference(child, parent *Table, nullable, carries bool) *Key {
	to := slices.Clone(parent.Key)
	if parent.Code != "" && parent.Way != WayRoot && a.chance(3) {
		to = []Column{{Name: parent.Code, Type: "text"}}
	}
	var names []string
	for i, c := range to {
		names = append(names, c.Name)
		to[i] = Column{Name: a.columnName(child), Type: c.Type, Nullable: nullable}
		child.columns = append(child.columns, to[i])
	}
	k := a.key(child, parent, to, names, carries)
	child.Keys = append(child.Keys, k)
	return k
}

func (a *artist) key(child, parent *Table, columns []Column, to []string, carries bool) *Key {
	k := &Key{Child: child, Parent: parent, Columns: columns, ParentKey: to, Carries: carries,
		Name: "key " + strconv.Itoa(len(a.d.Model)) + " " + strconv.Itoa(len(child.Keys))}
	if a.chance(5) {
		k.OnDelete = []string{"CASCADE", "RESTRICT", "SET NULL", "CASCADE"}[a.IntN(4)]
		if k.OnDelete == "SET NULL" && !k.Nullable() {
			k.OnDelete = "CASCADE"
		}
	}
	k.Unindexed, k.NotValid = a.trap(30), a.trap(80) && !child.partitioned
	k.Deferred = k.OnDelete == "" && a.chance(6)
	return k
}

// columnName is one that the table does not have.
func (a *artist) columnName(t *Table) string { return a.free(t, columnNames) }

func (a *artist) free(t *Table, names []string) string {
	name := names[a.IntN(len(names))]
	if slices.ContainsFunc(t.columns, func(c Column) bool { return strings.HasPrefix(c.Name, name) }) {
		name += strconv.Itoa(len(t.columns))
	}
	return name
}
