package sqlplan_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		claim string
		ddl   string // applied after shop
		rules func([]sqlplan.Rule) []sqlplan.Rule
		code  string
		words []string
	}{
		{claim: "a table with a tenant column", ddl: "CREATE TABLE extra (id int, tenant_id uuid)",
			code: participants.CodeUnplannedTable, words: []string{"extra", "tenant_id"}},
		{claim: "a table that refers to a planned one", ddl: "CREATE TABLE extra (id int, order_id int REFERENCES orders)",
			code: participants.CodeUnplannedTable, words: []string{"extra", "orders"}},
		{claim: "a table that refers to a planned one from another schema",
			ddl:  "CREATE SCHEMA elsewhere; CREATE TABLE elsewhere.extra (id int, order_id int REFERENCES shop.orders)",
			code: participants.CodeUnplannedTable, words: []string{"elsewhere.extra", "orders"}},
		{claim: "a table nobody knows", ddl: "CREATE TABLE extra (id int)",
			code: participants.CodeUnplannedTable, words: []string{"extra"}},
		{claim: "a materialized view", ddl: "CREATE MATERIALIZED VIEW extra AS SELECT * FROM customers",
			code: participants.CodeUnplannedTable, words: []string{"extra"}},
		{claim: "a table that inherits from a planned one", ddl: "CREATE TABLE extra () INHERITS (customers)",
			code: participants.CodeUnplannedTable, words: []string{"extra"}},
		{claim: "a rule on delete", ddl: "CREATE RULE keep AS ON DELETE TO orders DO INSTEAD NOTHING",
			code: participants.CodeHiddenRows, words: []string{"keep", "orders"}},
		{claim: "a delete trigger", ddl: "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';" +
			"CREATE TRIGGER archive BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION f()",
			code: participants.CodeHiddenRows, words: []string{"archive", "orders"}},
		{claim: "a delete trigger on one partition", ddl: "" +
			"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';" +
			"CREATE TRIGGER archive AFTER DELETE ON alerts_2025 FOR EACH ROW EXECUTE FUNCTION f()",
			code: participants.CodeHiddenRows, words: []string{"archive", "alerts"}},
		{claim: "a foreign key without an index", ddl: "DROP INDEX items_order_id_idx",
			code: participants.CodePlanInvalid, words: []string{"items", "orders", `CREATE INDEX CONCURRENTLY ON "items" ("order_id")`}},
		{claim: "a fence without an index", ddl: "DROP INDEX customers_tenant_id_idx",
			code: participants.CodePlanInvalid, words: []string{"customers", "tenant_anchor", `("tenant_id")`}},
		{claim: "a foreign key that a partial index does not serve",
			ddl:  "DROP INDEX items_order_id_idx; CREATE INDEX ON items (order_id) WHERE id > 5",
			code: participants.CodePlanInvalid, words: []string{"items"}},
		{claim: "a cascade", ddl: "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey;" +
			"ALTER TABLE items ADD CONSTRAINT casc FOREIGN KEY (order_id) REFERENCES orders ON DELETE CASCADE",
			code: participants.CodePlanInvalid, words: []string{"casc", "CASCADE", "items"}},
		{claim: "a tenant column that may be null", ddl: "ALTER TABLE orders ALTER tenant_id DROP NOT NULL",
			code: participants.CodePlanInvalid, words: []string{"orders.tenant_id"}},
		{claim: "a path that may be null", ddl: "ALTER TABLE items ALTER order_id DROP NOT NULL",
			code: participants.CodePlanInvalid, words: []string{"items"}},
		{claim: "a path without a foreign key", ddl: "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey",
			code: participants.CodePlanInvalid, words: []string{"items", "order_id", "orders"}},
		{claim: "a path that is not validated", ddl: "ALTER TABLE items DROP CONSTRAINT items_order_id_fkey;" +
			"ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders NOT VALID",
			code: participants.CodePlanInvalid, words: []string{"items", "VALIDATE"}},
		{claim: "a kept table that refers to a deleted one", ddl: "ALTER TABLE countries ADD capital_order int REFERENCES orders",
			code: participants.CodePlanInvalid, words: []string{"countries", "orders"}},
		{claim: "a rule for a missing table", rules: with(sqlplan.Delete("ghosts")),
			code: participants.CodePlanInvalid, words: []string{"ghosts"}},
		{claim: "a rule for a missing column", ddl: "ALTER TABLE orders DROP COLUMN tenant_id",
			code: participants.CodePlanInvalid, words: []string{"orders", "tenant_id"}},
		{claim: "a rule for a table of the library", rules: with(sqlplan.Keep("td_receipts", "mine")),
			code: participants.CodePlanInvalid, words: []string{"td_receipts"}},
		{claim: "keeping without a reason", rules: with(sqlplan.Keep("countries", "")),
			code: participants.CodePlanInvalid, words: []string{"countries", "reason"}},
		{claim: "two rules for one table", rules: with(sqlplan.Delete("orders")),
			code: participants.CodePlanInvalid, words: []string{"orders", "two rules"}},
		{claim: "a missing anchor", ddl: "DROP TABLE tenant_anchor CASCADE",
			code: participants.CodePlanInvalid, words: []string{"tenant_anchor", "migrations/participant"}},
	} {
		t.Run(c.claim+" refuses", func(t *testing.T) {
			t.Parallel()
			db := database(t, shop, "")
			if c.ddl != "" {
				execute(t, db, c.ddl)
			}
			rules := shopRules()
			if c.rules != nil {
				rules = c.rules(rules)
			}
			plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, rules...)
			requireRefused(t, plan.Check(t.Context()), c.code, c.words...)
		})
	}

	t.Run("tells everything at once, what endangers data first", func(t *testing.T) {
		t.Parallel()
		db := database(t, shop, "")
		execute(t, db, "CREATE TABLE extra (id int, tenant_id uuid); DROP INDEX items_order_id_idx;"+
			"CREATE RULE keep AS ON DELETE TO orders DO INSTEAD NOTHING")
		plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, with(sqlplan.Delete("ghosts"))(shopRules())...)
		requireRefused(t, plan.Check(t.Context()), participants.CodeUnplannedTable, "extra", "items", "keep", "ghosts")
	})

	t.Run("each missing rule refuses by the table's name", func(t *testing.T) {
		t.Parallel()
		db := database(t, shop, "")
		names := []string{"customers", "orders", "items", "item_notes", "recipes", "runs", "steps",
			"alerts", "escalations", "templates", "countries"}
		for i, name := range names {
			rules := slices.Delete(shopRules(), i, i+1)
			plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, rules...)
			requireRefused(t, plan.Check(t.Context()), participants.CodeUnplannedTable, "table "+name+" ")
		}
	})
}

func with(r sqlplan.Rule) func([]sqlplan.Rule) []sqlplan.Rule {
	return func(rules []sqlplan.Rule) []sqlplan.Rule { return append(rules, r) }
}

func TestCheckRowSecurity(t *testing.T) {
	t.Parallel()
	t.Run("policies that would hide rows from the role refuse", func(t *testing.T) {
		t.Parallel()
		db := database(t, shop, "")
		execute(t, db, `ALTER TABLE orders ENABLE ROW LEVEL SECURITY; GRANT ALL ON SCHEMA shop TO pg_monitor;
			GRANT ALL ON ALL TABLES IN SCHEMA shop TO pg_monitor`)
		db.SetMaxOpenConns(1) // the role holds for the connection
		execute(t, db, "SET ROLE pg_monitor")
		plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, shopRules()...)
		requireRefused(t, plan.Check(t.Context()), participants.CodeHiddenRows, "orders", "row-level security")
	})
}

// TestCatalogueChanges changes the schema behind the back of a plan that was checked.
func TestCatalogueChanges(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ claim, ddl, code, word string }{
		{"a new table with a tenant column", "CREATE TABLE extra (id int, tenant_id uuid)", participants.CodeUnplannedTable, "extra"},
		{"a new table that refers to a planned one", "CREATE TABLE extra (order_id int REFERENCES orders)",
			participants.CodeUnplannedTable, "extra"},
		{"a reference from another schema", "CREATE SCHEMA elsewhere;" +
			"CREATE TABLE elsewhere.extra (order_id int REFERENCES shop.orders)",
			participants.CodeUnplannedTable, "elsewhere.extra"},
		{"a new foreign key of a kept table", "ALTER TABLE countries ADD order_id int REFERENCES orders",
			participants.CodePlanInvalid, "countries"},
		{"a new delete trigger", "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';" +
			"CREATE TRIGGER archive BEFORE DELETE ON orders FOR EACH ROW EXECUTE FUNCTION f()", participants.CodeHiddenRows, "archive"},
		{"a new delete rule", "CREATE RULE keep AS ON DELETE TO orders DO INSTEAD NOTHING", participants.CodeHiddenRows, "keep"},
		{"a path that may now be null", "ALTER TABLE items ALTER order_id DROP NOT NULL", participants.CodePlanInvalid, "items"},
		{"a dropped index", "DROP INDEX items_order_id_idx", participants.CodePlanInvalid, "items"},
	} {
		t.Run(c.claim+" refuses the next erasure and the next preview", func(t *testing.T) {
			t.Parallel()
			plan, db := shopPlan(t, 2, sqlplan.Config{})
			requireCounts(t, plan, acme, shopCounts(2))
			execute(t, db, c.ddl)
			_, _, err := erase(t.Context(), plan, command(acme))
			requireRefused(t, err, c.code, c.word)
			_, err = plan.Preview(t.Context(), acme)
			requireRefused(t, err, c.code, c.word)
			require.EqualValues(t, 4, number(t, db, "SELECT count(*) FROM customers"))
		})
	}

	t.Run("what the plan covers is deleted as the schema is now", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 2, sqlplan.Config{})
		execute(t, db, "CREATE TABLE alerts_2027 PARTITION OF alerts FOR VALUES FROM ('2027-01-01') TO ('2028-01-01');"+
			"INSERT INTO alerts (id, at, tenant_id) VALUES (50, '2027-05-05', '"+string(acme)+"');"+
			"ALTER TABLE customers ADD COLUMN phone text; ALTER TABLE orders ADD COLUMN country int REFERENCES countries")
		receipt, _, err := erase(t.Context(), plan, command(acme))
		require.NoError(t, err)
		require.EqualValues(t, 3, receipt.Counts["alerts"])
	})

	t.Run("a renamed tenant column is refused, its type may change", func(t *testing.T) {
		t.Parallel()
		plan, db := shopPlan(t, 2, sqlplan.Config{})
		requireCounts(t, plan, acme, shopCounts(2))
		execute(t, db, "ALTER TABLE customers RENAME COLUMN tenant_id TO org_id")
		_, err := plan.Preview(t.Context(), acme)
		requireRefused(t, err, participants.CodePlanInvalid, "customers")
		_, _, err = erase(t.Context(), plan, command(acme))
		require.ErrorIs(t, err, participants.ErrRefused)
	})
}
