package sqlplan

import (
	"slices"
	"strings"
)

// columnOf is a column of one table.
type columnOf struct {
	table  uint32
	column string
}

// tenantColumns are the columns that mean the tenant. Those that are sure refer to the root by keys, or are named; the others
// only share a name with one that is, or their key binds a single partition.
type tenantColumns struct {
	root *columnOf
	sure map[columnOf]bool
	all  map[columnOf]bool
}

// of lists a table's columns that mean the tenant, in its own order.
func (c *tenantColumns) of(t *table) (names []string) {
	for _, col := range t.Columns {
		if c.all[columnOf{t.OID, col.Name}] {
			names = append(names, col.Name)
		}
	}
	return names
}

// findTenantColumns begins with the root, the anchor and the names, and follows the keys that refer to them.
func (j *judge) findTenantColumns() *tenantColumns {
	c := &tenantColumns{sure: map[columnOf]bool{}, all: map[columnOf]bool{}}
	named := append([]string{}, j.cfg.TenantColumns...)
	if j.cfg.TenantColumn != "" {
		named = append(named, j.cfg.TenantColumn)
	}
	var seeds []columnOf
	for _, t := range j.tables {
		for _, col := range t.Columns {
			if slices.Contains(named, col.Name) {
				seeds = append(seeds, columnOf{t.OID, col.Name})
			}
		}
	}
	if root := j.findRoot(); root != nil {
		c.root = root
		seeds = append(seeds, *root)
	}
	if j.anchor != nil {
		seeds = append(seeds, columnOf{j.anchor.OID, "tenant_id"})
	}
	j.follow(c.sure, slices.Clone(seeds), true)
	j.follow(c.all, seeds, false)
	if c.root != nil {
		j.addNamesakes(c)
	}
	return c
}

func (j *judge) findRoot() *columnOf {
	name, column, ok := splitColumn(j.cfg.Root)
	if !ok {
		return nil
	}
	schema, bare, ok := ParseTable(j.cat.Schemas[0], name)
	if !ok {
		return nil
	}
	t := j.tables[TableName(j.cat.Schemas[0], schema, bare)]
	if t == nil {
		return nil
	}
	if _, has := t.column(column); !has {
		return nil
	}
	return &columnOf{t.OID, column}
}

// follow adds every column that a key pairs with one that is in already.
func (j *judge) follow(in map[columnOf]bool, seeds []columnOf, whole bool) {
	for len(seeds) > 0 {
		at := seeds[len(seeds)-1]
		seeds = seeds[:len(seeds)-1]
		if in[at] {
			continue
		}
		in[at] = true
		for _, key := range j.incoming[at.table] {
			if whole && !key.Whole {
				continue
			}
			for i, parent := range key.ParentColumns {
				if parent == at.column {
					seeds = append(seeds, columnOf{key.Child, key.Columns[i]})
				}
			}
		}
	}
}

// addNamesakes adds columns without a key of their own whose name means the tenant in another table. The root's own columns
// and primary keys are no example: "id" means something else in every table.
func (j *judge) addNamesakes(c *tenantColumns) {
	names := map[string]bool{}
	for at := range c.sure {
		t := j.byOID[at.table] // nil for a table outside the schemas
		if at.table != c.root.table && (j.anchor == nil || at.table != j.anchor.OID) && (t == nil || !t.keyedBy(at.column)) {
			names[strings.ToLower(at.column)] = true
		}
	}
	for _, t := range j.tables {
		if t.OID == c.root.table {
			continue
		}
		for _, col := range t.Columns {
			keyed := slices.ContainsFunc(j.outgoing[t.OID], func(k *foreignKey) bool { return slices.Contains(k.Columns, col.Name) })
			if names[strings.ToLower(col.Name)] && !keyed {
				c.all[columnOf{t.OID, col.Name}] = true
			}
		}
	}
}

// judgeTenantTypes looks at the root and the anchor, which every tenant id is compared with.
func (j *judge) judgeTenantTypes() {
	root := j.rootColumn()
	if root != nil && !root.identifies() {
		j.find(FindingTenantType, SeverityRefuse, j.names[j.tenants.root.table], "make it text, uuid, an integer or numeric",
			"the tenant root %s is of type %s, whose values cannot be told apart by their texts", j.cfg.Root, typeWord(root.Type))
	}
	if j.anchor == nil {
		return
	}
	anchor, _ := j.anchor.column("tenant_id")
	switch {
	case !anchor.identifies():
		j.find(FindingTenantType, SeverityRefuse, "", "make it text, uuid, an integer or numeric",
			"column tenant_anchor.tenant_id is of type %s, whose values cannot be told apart by their texts", typeWord(anchor.Type))
	case root != nil && familyOf(anchor.Type) != familyText && !anchor.equates(*root):
		j.find(FindingTenantType, SeverityRefuse, "", "ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text",
			"column tenant_anchor.tenant_id is of type %s and cannot hold the ids of %s (%s)", typeWord(anchor.Type), j.cfg.Root,
			typeWord(root.Type))
	}
}

func (j *judge) rootColumn() *column {
	if j.tenants.root == nil {
		return nil
	}
	c, _ := j.byOID[j.tenants.root.table].column(j.tenants.root.column)
	return &c
}

// judgeTenantType asks whether a tenant column holds the tenant's id as the id is written.
func (j *judge) judgeTenantType(name string, c column) {
	root := j.rootColumn()
	switch {
	case !c.identifies():
		j.find(FindingTenantType, SeverityRefuse, name, "make it text, uuid, an integer or numeric, with a deterministic collation",
			"column %s.%s is of type %s, whose values cannot be told apart by their texts", name, c.Name, typeWord(c.Type))
	case root != nil && !c.equates(*root):
		j.find(FindingTenantType, SeverityRefuse, name, "give it the root's type",
			"column %s.%s is of type %s and the tenant root %s of type %s: the same tenant may be written in another way there",
			name, c.Name, typeWord(c.Type), j.cfg.Root, typeWord(root.Type))
	}
}
