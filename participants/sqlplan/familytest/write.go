package familytest

import (
	"fmt"
	"slices"
	"strings"
)

// rowsPerTurn is how many rows of a table one turn makes, so that owners alternate in the heap.
const rowsPerTurn = 4

// write makes SQL of what was drawn.
func (a *artist) write() {
	var tables, after strings.Builder
	for _, t := range a.d.Model {
		t.create(&tables, a.d.Schemas)
	}
	for _, t := range a.d.Model {
		for _, k := range t.Keys {
			k.create(&after)
		}
	}
	for i, t := range a.d.Model {
		t.createTriggers(&after, a.d.Schemas[0], i)
		t.createFence(&after)
	}
	a.outside(&tables, &after)
	a.d.Tables, a.d.After = tables.String(), after.String()
	a.d.Turns = append(a.anchors(), turns(a.d.Model)...)
}

// anchors opens the tenants that fenced tables refer to.
func (a *artist) anchors() []Turn {
	var sql strings.Builder
	for _, tenant := range a.d.Tenants {
		fmt.Fprintf(&sql, "INSERT INTO %s.tenant_anchor (tenant_id) VALUES (%s);\n", Home, literal(string(tenant)))
	}
	return []Turn{{SQL: sql.String()}}
}

// outside writes a table of another schema that refers to one of ours.
func (a *artist) outside(tables, after *strings.Builder) {
	at := slices.IndexFunc(a.d.Model, func(t *Table) bool { return t.Way != WayShared && len(t.Key) == 1 })
	if !a.d.Outside || at < 0 {
		a.d.Outside = false
		return
	}
	t := a.d.Model[at]
	fmt.Fprintf(tables, "CREATE SCHEMA outside; CREATE TABLE outside.stranger (ref %s);\n", t.Key[0].Type)
	fmt.Fprintf(after, `ALTER TABLE outside.stranger ADD FOREIGN KEY (ref) REFERENCES %s (%s);
CREATE INDEX ON outside.stranger (ref);
`, t.quoted(), quoted(t.Key[0].Name))
}

// create writes CREATE TABLE. Partitions lie in any schema.
func (t *Table) create(b *strings.Builder, schemas []string) {
	if t.heirOf != nil {
		fmt.Fprintf(b, "CREATE TABLE %s () INHERITS (%s);\n", t.quoted(), t.heirOf.quoted())
		return
	}
	var parts, key []string
	for _, c := range t.columns {
		null := " NOT NULL"
		if c.Nullable {
			null = ""
		}
		parts = append(parts, quoted(c.Name)+" "+c.Type+null)
	}
	for _, c := range t.Key {
		key = append(key, quoted(c.Name))
	}
	if len(key) > 0 {
		parts = append(parts, "PRIMARY KEY ("+strings.Join(key, ", ")+")")
	}
	if t.Code != "" {
		parts = append(parts, "UNIQUE ("+quoted(t.Code)+")")
	}
	fmt.Fprintf(b, "CREATE TABLE %s (%s)", t.quoted(), strings.Join(parts, ", "))
	if !t.partitioned {
		b.WriteString(";\n")
		return
	}
	fmt.Fprintf(b, " PARTITION BY HASH (%s);\n", key[0])
	for i := range 2 {
		schema := schemas[i%len(schemas)]
		fmt.Fprintf(b, "CREATE TABLE %s.%s PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER %d);\n",
			quoted(schema), quoted(fmt.Sprintf("%.40s of %.10s %d", t.Name, t.Schema, i)), t.quoted(), i)
	}
}

// create writes the key and its index.
func (k *Key) create(b *strings.Builder) {
	var columns, to []string
	for _, c := range k.Columns {
		columns = append(columns, quoted(c.Name))
	}
	for _, name := range k.ParentKey {
		to = append(to, quoted(name))
	}
	fmt.Fprintf(b, "ALTER TABLE %s ADD CONSTRAINT %s FOREIGN KEY (%s) REFERENCES %s (%s)", k.Child.quoted(), quoted(k.Name),
		strings.Join(columns, ", "), k.Parent.quoted(), strings.Join(to, ", "))
	if k.OnDelete != "" {
		b.WriteString(" ON DELETE " + k.OnDelete)
	}
	if k.Deferred {
		b.WriteString(" DEFERRABLE INITIALLY DEFERRED")
	}
	if k.NotValid {
		b.WriteString(" NOT VALID")
	}
	b.WriteString(";\n")
	if !k.Unindexed {
		fmt.Fprintf(b, "CREATE INDEX ON %s (%s);\n", k.Child.quoted(), strings.Join(columns, ", "))
	}
}

// createFence writes the key to the anchor and its index.
func (t *Table) createFence(b *strings.Builder) {
	if t.Fenced {
		fmt.Fprintf(b, `ALTER TABLE %[1]s ADD CONSTRAINT fence FOREIGN KEY (%[2]s, live)
 REFERENCES %[3]s.tenant_anchor (tenant_id, live);
CREATE INDEX ON %[1]s (%[2]s);
`, t.quoted(), quoted(t.By[0]), Home)
	}
}

// createTriggers writes the triggers with their functions, and the rule.
func (t *Table) createTriggers(b *strings.Builder, schema string, number int) {
	for i, trigger := range t.Triggers {
		function, answer := fmt.Sprintf("%s.f_%d_%d", quoted(schema), number, i), "OLD"
		if trigger.Keeps {
			answer = "NULL"
		}
		fmt.Fprintf(b, "CREATE OR REPLACE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN %s; END';\n"+
			"CREATE TRIGGER %s BEFORE DELETE ON %s FOR EACH ROW EXECUTE FUNCTION %s();\n",
			function, answer, quoted(trigger.Name), t.quoted(), function)
	}
	if t.rewrites {
		fmt.Fprintf(b, "CREATE RULE keep AS ON DELETE TO %s DO INSTEAD NOTHING;\n", t.quoted())
	}
}

// turns are the rows by owner, a few of each table at a time.
func turns(model []*Table) (all []Turn) {
	left := map[string][]*made{}
	whose := map[string]Turn{}
	var order []string
	for _, t := range model {
		for _, r := range t.rows {
			group := fmt.Sprint(r.owners, r.entangled)
			if _, known := whose[group]; !known {
				order = append(order, group)
			}
			whose[group] = Turn{Owners: r.owners, Entangled: r.entangled}
			left[group] = append(left[group], r)
		}
	}
	for len(order) > 0 {
		for _, group := range order {
			var sql strings.Builder
			taken := map[*Table]int{}
			left[group] = slices.DeleteFunc(left[group], func(r *made) bool {
				taken[r.table]++
				if taken[r.table] > rowsPerTurn {
					return false
				}
				r.insert(&sql)
				return true
			})
			turn := whose[group]
			turn.SQL = sql.String()
			all = append(all, turn)
		}
		order = slices.DeleteFunc(order, func(group string) bool { return len(left[group]) == 0 })
	}
	return all
}

func (r *made) insert(b *strings.Builder) {
	var columns, values []string
	for _, c := range r.table.columns {
		if value := r.values[c.Name]; value != "" {
			columns, values = append(columns, quoted(c.Name)), append(values, value)
		}
	}
	fmt.Fprintf(b, "INSERT INTO %s (%s) VALUES (%s);\n", r.table.quoted(), strings.Join(columns, ", "), strings.Join(values, ", "))
}
