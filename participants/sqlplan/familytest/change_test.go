package familytest_test

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// requireNoticed changes the schema behind the back of a plan that was checked: the deletion is refused, or exact for the
// schema as it is now.
func requireNoticed(t *rapid.T, w *familytest.World, plan *sqlplan.Plan, tenant events.TenantID, d familytest.Drawn) string {
	_, err := plan.Preview(t.Context(), tenant)
	require.NoError(t, err)
	change := rapid.SampledFrom(changes(d, tenant)).Draw(t, "change")
	err = w.Take(t.Context(), change)
	if refused := new(pgconn.PgError); errors.As(err, &refused) {
		return "a change that PostgreSQL refuses"
	}
	require.NoError(t, err)
	if requireRefusedOrExact(t, w, plan, tenant) {
		return "a change covered"
	}
	return "a change refused"
}

// changes are migrations that somebody runs while the participant does.
func changes(d familytest.Drawn, tenant events.TenantID) (all []familytest.Turn) {
	schema := pgx.Identifier{d.Schemas[len(d.Schemas)-1]}.Sanitize()
	add := func(owners []events.TenantID, format string, args ...any) {
		all = append(all, familytest.Turn{Owners: owners, SQL: fmt.Sprintf(format, args...)})
	}
	add([]events.TenantID{tenant}, `CREATE TABLE %s.later ("Tenant Of" %s NOT NULL); INSERT INTO %[1]s.later VALUES ('%[3]s')`,
		schema, d.TenantType, tenant)
	add([]events.TenantID{tenant}, `CREATE TABLE %s.later (note text); INSERT INTO %[1]s.later VALUES ('of %[2]s')`, schema, tenant)
	for i, table := range d.Model {
		name := pgx.Identifier{table.Schema, table.Name}.Sanitize()
		add(nil, "CREATE RULE later AS ON DELETE TO %s DO INSTEAD NOTHING", name)
		add(nil, "CREATE FUNCTION %[2]s.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"+
			"CREATE TRIGGER later BEFORE DELETE ON %[1]s FOR EACH ROW EXECUTE FUNCTION %[2]s.later()", name, schema)
		add(nil, "ALTER TABLE %s DISABLE TRIGGER ALL", name)
		add([]events.TenantID{tenant}, "CREATE TABLE %s.later () INHERITS (%s)", schema, name)
		for _, c := range table.By {
			add(nil, "ALTER TABLE %s RENAME COLUMN %s TO later", name, pgx.Identifier{c}.Sanitize())
		}
		for _, k := range table.Keys {
			all = append(all, keyChanges(d, i, name, k)...)
		}
	}
	return all
}

// keyChanges drop a foreign key, or make it act on deletes.
func keyChanges(d familytest.Drawn, number int, name string, k *familytest.Key) (all []familytest.Turn) {
	drop := fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s;", name, pgx.Identifier{k.Name}.Sanitize())
	columns, to := "", ""
	for i, c := range k.Columns {
		if i > 0 {
			columns, to = columns+", ", to+", "
		}
		columns, to = columns+pgx.Identifier{c.Name}.Sanitize(), to+pgx.Identifier{k.ParentKey[i]}.Sanitize()
	}
	parent := pgx.Identifier{k.Parent.Schema, k.Parent.Name}.Sanitize()
	again := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT later_%d FOREIGN KEY (%s) REFERENCES %s (%s) ON DELETE CASCADE",
		name, number, columns, parent, to)
	all = append(all, familytest.Turn{SQL: drop}, familytest.Turn{SQL: drop + again})
	for _, c := range k.Columns {
		if !c.Nullable && !inKey(k.Child, c) {
			all = append(all, familytest.Turn{SQL: fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", name,
				pgx.Identifier{c.Name}.Sanitize())})
		}
	}
	return all
}

func inKey(table *familytest.Table, column familytest.Column) bool {
	for _, c := range table.Key {
		if c.Name == column.Name {
			return true
		}
	}
	return false
}
