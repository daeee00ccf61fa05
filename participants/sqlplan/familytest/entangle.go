package familytest

import (
	"slices"

	"github.com/bakery-ia/tenant-deletion/events"
)

// entangle lets one row refer to another tenant's. Where the row's own columns say whose it is, it stays whose it was, and its
// neighbour cannot be deleted before it. Where a parent says so, a plan may have chosen the other parent: the row, and what
// depends on it, may go with either.
func (a *artist) entangle() {
	type pair struct {
		key           *Key
		child, parent *made
	}
	var pairs []pair
	for _, t := range a.d.Model {
		for _, k := range t.Keys {
			if k.Carries || k.Parent.Way == WayRoot {
				continue
			}
			for _, child := range t.rows {
				for _, parent := range k.Parent.rows {
					if len(child.owners) == 1 && len(parent.owners) == 1 && !slices.Equal(child.owners, parent.owners) {
						pairs = append(pairs, pair{k, child, parent})
					}
				}
			}
		}
	}
	if len(pairs) == 0 {
		return
	}
	p := pairs[a.IntN(len(pairs))]
	for i, c := range p.key.Columns {
		p.child.values[c.Name] = p.parent.values[p.key.ParentKey[i]]
	}
	a.d.Entangled = true
	if len(p.key.Child.By) == 0 && !p.key.Nullable() {
		a.spread(p.child, slices.Concat(p.child.owners, p.parent.owners))
	}
}

// spread makes the row both owners', and every row that reaches it.
func (a *artist) spread(r *made, owners []events.TenantID) {
	if r.entangled {
		return
	}
	r.entangled, r.owners = true, owners
	for _, t := range a.d.Model {
		for _, child := range t.rows {
			if len(t.By) == 0 && child.refersTo(r) {
				a.spread(child, owners)
			}
		}
	}
}

func (r *made) refersTo(parent *made) bool {
	t := r.table
	for _, k := range t.Keys {
		if k.Parent != parent.table {
			continue
		}
		same := true
		for i, c := range k.Columns {
			same = same && r.values[c.Name] == parent.values[k.ParentKey[i]]
		}
		if same {
			return true
		}
	}
	if t.Way != WayValue && t.Way != WayPair {
		return false
	}
	reached := t.Parent
	for value, p := range t.PairParents {
		if r.values[t.PairType] == literal(value) {
			reached = p
		}
	}
	return reached == parent.table && r.values[t.Column] == parent.values[reached.Key[0].Name]
}
