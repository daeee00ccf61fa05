package familytest

import "fmt"

// Large is a product of more than two hundred tables in four schemas, with keys across them: cycles, references to itself,
// several tenant columns, system rows, heirs, materialized views, and policies on a table.
func Large(seed uint64) Drawn {
	d := Random(Seeded(seed), Size{Calm: true, Keys: 420, Rows: 3, Schemas: 4, Tables: 210})
	d.Name = fmt.Sprintf("large, seed %d", seed)
	root, secured := d.Model[0], d.Model[1]
	d.After += fmt.Sprintf(`CREATE MATERIALIZED VIEW %[1]s.tenant_names AS SELECT * FROM %[3]s;
CREATE MATERIALIZED VIEW %[2]s."a day's" AS SELECT count(*) AS n FROM %[4]s;
ALTER TABLE %[4]s ENABLE ROW LEVEL SECURITY; CREATE POLICY nobody ON %[4]s USING (false);
`, quoted(d.Schemas[0]), quoted(d.Schemas[3]), root.quoted(), secured.quoted())
	d.Model = append(d.Model, &Table{Schema: d.Schemas[0], Name: "tenant_names", Way: WayShared},
		&Table{Schema: d.Schemas[3], Name: "a day's", Way: WayShared})
	return d
}

// Huge is a product of a thousand tables and two thousand foreign keys, for measuring.
func Huge(seed uint64) Drawn {
	d := Random(Seeded(seed), Size{Calm: true, Keys: 2000, Rows: 1, Schemas: 4, Tables: 1000})
	d.Name = fmt.Sprintf("huge, seed %d", seed)
	return d
}
