package sqlplan

import "slices"

// deletionOrder groups tables so that every group can be deleted before the next: children first. A group of more than one
// table is a cycle of foreign keys and is deleted by one statement. edges leads from a table to those it refers to; an
// edge to itself means nothing, because one DELETE removes all rows before its check runs. The order depends only on the names.
func deletionOrder(tables []string, edges map[string][]string) [][]string {
	o := &tarjan{edges: edges, index: map[string]int{}, low: map[string]int{}}
	for _, t := range slices.Sorted(slices.Values(tables)) {
		if _, seen := o.index[t]; !seen {
			o.visit(t)
		}
	}
	return o.topological()
}

// tarjan finds the strongly connected components.
type tarjan struct {
	edges      map[string][]string
	index, low map[string]int
	stack      []string
	groups     [][]string
}

func (o *tarjan) visit(t string) {
	o.index[t] = len(o.index)
	o.low[t] = o.index[t]
	o.stack = append(o.stack, t)
	for _, parent := range slices.Sorted(slices.Values(o.edges[t])) {
		if _, seen := o.index[parent]; !seen {
			o.visit(parent)
			o.low[t] = min(o.low[t], o.low[parent])
		} else if slices.Contains(o.stack, parent) {
			o.low[t] = min(o.low[t], o.index[parent])
		}
	}
	if o.low[t] != o.index[t] {
		return
	}
	from := slices.Index(o.stack, t)
	o.groups = append(o.groups, slices.Sorted(slices.Values(o.stack[from:])))
	o.stack = o.stack[:from]
}

// topological is Kahn's algorithm over the groups: among those that no remaining group refers to, the first by name.
func (o *tarjan) topological() [][]string {
	groupOf := map[string]int{}
	for i, group := range o.groups {
		for _, t := range group {
			groupOf[t] = i
		}
	}
	referrers := make([]map[int]bool, len(o.groups))
	for i := range referrers {
		referrers[i] = map[int]bool{}
	}
	for child, parents := range o.edges {
		for _, parent := range parents {
			if groupOf[child] != groupOf[parent] {
				referrers[groupOf[parent]][groupOf[child]] = true
			}
		}
	}
	remaining := slices.SortedFunc(slices.Values(groupIndexes(len(o.groups))), func(a, b int) int {
		return slices.Compare(o.groups[a], o.groups[b])
	})
	var order [][]string
	for len(remaining) > 0 {
		at := slices.IndexFunc(remaining, func(i int) bool { return len(referrers[i]) == 0 })
		next := remaining[at]
		order = append(order, o.groups[next])
		remaining = slices.Delete(remaining, at, at+1)
		for _, left := range referrers {
			delete(left, next)
		}
	}
	return order
}

func groupIndexes(n int) []int {
	indexes := make([]int, n)
	for i := range indexes {
		indexes[i] = i
	}
	return indexes
}
