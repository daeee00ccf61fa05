package familytest

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/bakery-ia/tenant-deletion/events"
)

// made is a row that is being made: what stands in each column, as SQL, and whose it is.
type made struct {
	table  *Table
	owners []events.TenantID
	values map[string]string
	// entangled rows refer to another owner's, or to one that does, in a way that a plan may take for whose they are.
	entangled bool
}

// keyNo makes the k-th value of a type.
func keyNo(columnType string, k int) string {
	switch columnType {
	case "text": // pairs that differ by case
		return literal([]string{"k'", "K'"}[k%2] + strconv.Itoa((k+1)/2))
	case "uuid":
		return literal(fmt.Sprintf("00000000-0000-4000-8000-%012d", k))
	}
	return strconv.Itoa(k)
}

// drawRows makes rows for every tenant, for pairs of them where a row can be two tenants', and for nobody; then fills in the
// references, and drops the rows that find no reference they need, until all is whole.
func (a *artist) drawRows() {
	for i, tenant := range a.d.Tenants {
		root := a.d.Model[0]
		root.rows = append(root.rows, &made{table: root, owners: a.d.Tenants[i : i+1 : i+1],
			values: map[string]string{"pk": keyNo("bigint", i+1), "id": literal(string(tenant)) + "::" + a.d.TenantType}})
	}
	groups := [][]events.TenantID{nil, {a.d.Tenants[0], a.d.Tenants[1]}, {a.d.Tenants[1], a.d.Tenants[2]}}
	for i := range a.d.Tenants {
		groups = append(groups, a.d.Tenants[i:i+1:i+1])
	}
	for _, t := range a.d.Model[1:] {
		for _, owners := range groups {
			if !t.may(owners) {
				continue
			}
			n := 1 + a.IntN(a.size.Rows)
			if t.single {
				n = 1
			}
			for range n {
				t.rows = append(t.rows, a.row(t, owners))
			}
		}
	}
	for a.refer() {
	}
}

// may reports whether a row of the table can belong to the owners. What depends on a parent's rows turns out later.
func (t *Table) may(owners []events.TenantID) bool {
	reached := t.Way == WayKey || t.Way == WayLoose || t.Way == WayValue || t.Way == WayPair
	switch len(owners) {
	case 0:
		return reached || t.Way == WayShared || t.Way == WayNullable || t.Way == WayWhere
	case 1:
		return t.Way != WayShared
	}
	return reached || t.Way == WayEither
}

// row makes all of a row but its references.
func (a *artist) row(t *Table, owners []events.TenantID) *made {
	r := &made{table: t, owners: owners, values: map[string]string{}}
	r.values["note"] = literal("note of " + string(a.d.Tenants[a.IntN(tenants)])) // the id in a text makes no row anybody's
	n := len(t.rows) + 1
	for _, c := range t.columns { // an heir has its parent's references without the keys
		if t.heirOf != nil && !c.Nullable && c.Name != "live" {
			r.values[c.Name] = keyNo(c.Type, n)
		}
	}
	for _, c := range t.Key {
		r.values[c.Name] = keyNo(c.Type, n)
	}
	if t.Code != "" {
		r.values[t.Code] = literal(fmt.Sprintf("code %d", n))
	}
	for i, column := range t.By {
		switch {
		case t.Way == WayEither && len(owners) == 1:
			a.either(r)
		case len(owners) > 0:
			r.values[column] = literal(string(owners[min(i, len(owners)-1)]))
		case t.Way == WayWhere:
			r.values[column] = literal(string(a.d.Tenants[a.IntN(len(a.d.Tenants))]))
		default:
			r.values[column] = "NULL"
		}
	}
	for _, column := range t.Ignored {
		r.values[column] = literal(string(owners[0]))
	}
	if t.Way == WayWhere {
		a.tell(r)
	}
	return r
}

// tell gives a row the values that its table's predicate reads.
func (a *artist) tell(r *made) {
	at := slices.IndexFunc(predicates, func(p predicate) bool { return p.where == r.table.Where })
	values := predicates[at].owned
	if len(r.owners) > 0 {
		values = predicates[at].theirs
	}
	for i, c := range predicates[at].columns {
		r.values[c.Name] = values[i]
	}
}

// either gives a row's tenant to both columns, or to one of them when the other may be null.
func (a *artist) either(r *made) {
	null := 2 // neither
	if a.chance(2) {
		null = a.IntN(2)
	}
	for i, column := range r.table.By {
		r.values[column] = literal(string(r.owners[0]))
		at := slices.IndexFunc(r.table.columns, func(c Column) bool { return c.Name == column })
		if i == null && r.table.columns[at].Nullable {
			r.values[column] = "NULL"
		}
	}
}

// refer fills in every reference, and reports whether a row had to be dropped: then others may refer to what is no more.
func (a *artist) refer() (dropped bool) {
	for _, t := range a.d.Model {
		t.rows = slices.DeleteFunc(t.rows, func(r *made) bool {
			whole := a.reach(r)
			for _, k := range t.Keys {
				whole = whole && (k.Tenant || a.follow(r, k))
			}
			dropped = dropped || !whole
			return !whole
		})
	}
	return dropped
}

// follow gives the key of a row a parent: of the same owners where the key may decide whose the row is, else of some of them.
func (a *artist) follow(r *made, k *Key) bool {
	nobodys := len(r.owners) == 0 && k.Carries && k.Nullable() && r.table.Way == WayLoose
	p := a.parent(k.Parent, func(p *made) bool {
		if !k.Nullable() && p.table.Way != WayShared || k.Carries {
			return slices.Equal(p.owners, r.owners)
		}
		return within(p.owners, r.owners)
	})
	if k.Nullable() && !k.Carries && a.chance(3) {
		p = nil
	}
	if p == nil || nobodys { // one NULL is enough for a key to say nothing
		for i, c := range k.Columns {
			r.values[c.Name] = "NULL"
			if i > 0 && a.chance(2) {
				r.values[c.Name] = keyNo(c.Type, 1)
			}
		}
		return k.Nullable() && (nobodys || !k.Carries)
	}
	for i, c := range k.Columns {
		r.values[c.Name] = p.values[k.ParentKey[i]]
	}
	return true
}

// reach gives a row its parent by value, where that is its way.
func (a *artist) reach(r *made) bool {
	t := r.table
	if t.Way != WayValue && t.Way != WayPair {
		return true
	}
	if len(r.owners) == 0 && a.reachNobody(r) {
		return true
	}
	parent := t.Parent
	if t.Way == WayPair {
		value := "First"
		if second := t.PairParents["it's Second"]; second != nil && a.chance(2) {
			value, parent = "it's Second", second
		}
		r.values[t.PairType] = literal(value)
	}
	p := a.parent(parent, func(p *made) bool { return slices.Equal(p.owners, r.owners) })
	if p == nil {
		return false
	}
	r.values[t.Column] = p.values[parent.Key[0].Name]
	return true
}

// reachNobody makes a row that leads to no parent: by a null, by an id that is gone, or by a type whose ids are those of
// anybody. It reports whether it did.
func (a *artist) reachNobody(r *made) bool {
	t := r.table
	id := keyNo(t.Parent.Key[0].Type, 1+a.IntN(9))
	gone := keyNo(t.Parent.Key[0].Type, 1001)
	switch way := a.IntN(5); {
	case t.Way == WayPair && way < 2:
		r.values[t.PairType], r.values[t.Column] = literal("Note"), id
	case way == 2:
		r.values[t.PairType], r.values[t.Column] = literal("First"), gone
	case t.Null && way == 3:
		r.values[t.PairType], r.values[t.Column] = literal("First"), "NULL"
	case t.Null:
		r.values[t.PairType], r.values[t.Column] = "NULL", id
		if t.Way == WayValue || way == 4 {
			r.values[t.Column] = "NULL"
		}
	default:
		return false
	}
	return true
}

// parent is one of the table's rows that will do; nil when there is none.
func (a *artist) parent(t *Table, will func(*made) bool) *made {
	var found []*made
	for _, r := range t.rows {
		if will(r) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil
	}
	return found[a.IntN(len(found))]
}

// within reports whether everybody with whom the parent goes is one with whom the child goes.
func within(parent, child []events.TenantID) bool {
	return !slices.ContainsFunc(parent, func(t events.TenantID) bool { return !slices.Contains(child, t) })
}
