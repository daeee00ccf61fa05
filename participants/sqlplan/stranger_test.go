package sqlplan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// stranger is a schema that nobody wrote for this library: two PostgreSQL schemas beside the engine's own, bigint tenant ids,
// names that need quoting, references without keys. Column whose says whose a row is, for the tests alone: no key and no rule
// knows it. "-" is nobody's.
const stranger = `
ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text;
CREATE SCHEMA crm; CREATE SCHEMA billing;
CREATE TABLE crm.countries (id int PRIMARY KEY, whose text);
CREATE TABLE crm.organizations (id bigint PRIMARY KEY, country_id int REFERENCES crm.countries, whose text);
CREATE INDEX ON crm.organizations (country_id);
CREATE TABLE crm.projects (id bigint PRIMARY KEY, organization_id bigint NOT NULL REFERENCES crm.organizations, whose text);
CREATE INDEX ON crm.projects (organization_id);
CREATE TABLE crm.tasks (id bigint PRIMARY KEY, project_id bigint NOT NULL REFERENCES crm.projects, whose text);
CREATE INDEX ON crm.tasks (project_id);
CREATE TABLE crm.notes (id bigint PRIMARY KEY, task_id bigint REFERENCES crm.tasks, whose text);
CREATE INDEX ON crm.notes (task_id);
CREATE TABLE crm.labels (id bigint PRIMARY KEY, project_id int NOT NULL, whose text);
CREATE TABLE crm.label_uses (id bigint PRIMARY KEY, label_id bigint NOT NULL REFERENCES crm.labels, whose text);
CREATE INDEX ON crm.label_uses (label_id);
CREATE TABLE crm.comments (id bigint PRIMARY KEY, commentable_type text NOT NULL, commentable_id bigint NOT NULL, whose text);
CREATE INDEX ON crm.comments (commentable_type, commentable_id);
CREATE TABLE crm.reactions (id bigint PRIMARY KEY, comment_id bigint NOT NULL REFERENCES crm.comments, whose text);
CREATE INDEX ON crm.reactions (comment_id);
CREATE TABLE crm.templates (id bigint PRIMARY KEY, organization_id bigint NOT NULL, is_system boolean NOT NULL, whose text);
CREATE TABLE crm.template_parts (id bigint PRIMARY KEY, template_id bigint NOT NULL REFERENCES crm.templates, whose text);
CREATE INDEX ON crm.template_parts (template_id);
CREATE TABLE billing.transfers (id bigint PRIMARY KEY, from_id bigint NOT NULL REFERENCES crm.organizations,
 to_id bigint REFERENCES crm.organizations, whose text);
CREATE INDEX ON billing.transfers (from_id); CREATE INDEX ON billing.transfers (to_id);
CREATE TABLE billing."Order" (id bigint PRIMARY KEY, "user" bigint NOT NULL REFERENCES crm.organizations, whose text);
CREATE INDEX ON billing."Order" ("user");
CREATE TABLE billing."we""ird.select" (id bigint PRIMARY KEY, "from ""where""" bigint NOT NULL REFERENCES billing."Order",
 whose text);
CREATE INDEX ON billing."we""ird.select" ("from ""where""");
CREATE TABLE billing.schema_migrations (version text);
`

// strangerRules are what Propose derives, and what a person has decided.
func strangerRules() []sqlplan.Rule {
	return []sqlplan.Rule{
		sqlplan.Keep("countries", "catalogue of all tenants"),
		sqlplan.Delete("organizations").By("id"),
		sqlplan.Delete("projects").By("organization_id"),
		sqlplan.Delete("tasks").Via("project_id", "projects"),
		sqlplan.Delete("notes").Via("task_id", "tasks").AcceptingNull("drafts of nobody"),
		sqlplan.Delete("labels").Via("project_id", "projects").WithoutKey("by convention of the framework"),
		sqlplan.Delete("label_uses").Via("label_id", "labels"),
		sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id",
			map[string]string{"Task": "tasks", "Project": "projects", "it's": "labels"}).KeepingType("Page", "pages are public"),
		sqlplan.Delete("reactions").Via("comment_id", "comments"),
		sqlplan.Delete("templates").By("organization_id").Where("is_system = false", "system templates are shared"),
		sqlplan.Delete("template_parts").Via("template_id", "templates"),
		sqlplan.Delete("billing.transfers").By("from_id", "to_id"),
		sqlplan.Delete("billing.Order").By("user"),
		sqlplan.Delete(`billing."we""ird.select"`).Via(`from "where"`, "billing.Order"),
	}
}

// strangerRows fills it for the tenants 1, 2, 3 and the shared rows; n is the number of projects per tenant. Ids of one table
// are ids of others too, so that a path into the wrong table finds rows.
func strangerRows(n int) string {
	return fmt.Sprintf(`
INSERT INTO crm.countries VALUES (1, '-'), (2, '-');
INSERT INTO crm.organizations SELECT g, 1, g FROM generate_series(1, 3) g;
INSERT INTO crm.projects SELECT g, 1 + g %% 3, 1 + g %% 3 FROM generate_series(1, 3 * %[1]d) g;
INSERT INTO crm.tasks SELECT id + 1, id, whose FROM crm.projects;
INSERT INTO crm.notes SELECT id, id, whose FROM crm.tasks UNION ALL SELECT -id, NULL, '-' FROM crm.tasks;
INSERT INTO crm.labels SELECT id, id, whose FROM crm.projects;
INSERT INTO crm.label_uses SELECT id, id, whose FROM crm.labels;
INSERT INTO crm.comments SELECT id, 'Task', id, whose FROM crm.tasks;
INSERT INTO crm.comments SELECT -id, 'Project', id, whose FROM crm.projects;
INSERT INTO crm.comments SELECT id + 1000000, 'it''s', id, whose FROM crm.labels;
INSERT INTO crm.comments SELECT id + 2000000, 'Page', id, '-' FROM crm.labels;
INSERT INTO crm.reactions SELECT id, id, whose FROM crm.comments;
INSERT INTO crm.templates SELECT id, organization_id, id %% 2 = 0, CASE id %% 2 WHEN 0 THEN '-' ELSE whose END FROM crm.projects;
INSERT INTO crm.template_parts SELECT id, id, whose FROM crm.templates;
INSERT INTO billing.transfers SELECT 3 * f + t, f, t, f || ',' || t FROM generate_series(1, 3) f, generate_series(1, 3) t;
INSERT INTO billing.transfers SELECT -f, f, NULL, f FROM generate_series(1, 3) f;
INSERT INTO billing."Order" SELECT id, organization_id, whose FROM crm.projects;
INSERT INTO billing."we""ird.select" SELECT id, id, whose FROM billing."Order";
INSERT INTO billing.schema_migrations VALUES ('1');
ANALYZE;`, n)
}

func strangerConfig() sqlplan.Config {
	return sqlplan.Config{Service: "crm", Root: "organizations.id", Schemas: []string{"crm", "billing"},
		TenantColumns: []string{"organization_id"}}
}

// strangerPlan is a plan over a filled stranger's schema; ddl comes after the rows.
func strangerPlan(t testing.TB, n int, cfg sqlplan.Config, ddl string, rules ...sqlplan.Rule) (*sqlplan.Plan, *bun.DB) {
	t.Helper()
	db := database(t, stranger, strangerRows(n)+ddl)
	known := strangerRules()
	for _, rule := range rules { // in the place of the table's usual one
		at := slices.IndexFunc(known, func(r sqlplan.Rule) bool { return r.Spec().Table == rule.Spec().Table })
		if at < 0 {
			known = append(known, rule)
			continue
		}
		known[at] = rule
	}
	return sqlplan.New(db, cfg, known...), db
}

// contents is every row of the schemas, and whose it is.
func contents(t testing.TB, db *bun.DB, schemas ...string) map[string]string {
	t.Helper()
	var tables []string
	require.NoError(t, db.NewRaw("SELECT c.attrelid::regclass::text FROM pg_attribute c JOIN pg_class r ON r.oid = c.attrelid"+
		" WHERE c.attname = 'whose' AND NOT r.relispartition AND r.relkind IN ('r', 'p')"+
		" AND r.relnamespace::regnamespace::text IN (?)", bun.List(schemas)).Scan(context.Background(), &tables))
	require.NotEmpty(t, tables)
	all := map[string]string{}
	for _, table := range tables {
		var rows []struct{ Line, Whose string }
		require.NoError(t, db.NewRaw("SELECT t::text AS line, coalesce(whose, '-') AS whose FROM "+table+" t").
			Scan(context.Background(), &rows))
		for _, r := range rows {
			all[table+" "+r.Line] = r.Whose
		}
	}
	return all
}

// requireGone holds what is left against what was there: exactly the tenant's rows are missing.
func requireGone(t testing.TB, before, after map[string]string, tenant events.TenantID) (gone int64) {
	t.Helper()
	for row, whose := range before {
		_, left := after[row]
		if slices.Contains(strings.Split(whose, ","), string(tenant)) {
			require.False(t, left, "%s is the tenant's and stays", row)
			gone++
		} else {
			require.True(t, left, "%s is not the tenant's and is gone", row)
		}
	}
	require.Len(t, after, len(before)-int(gone))
	return gone
}

// requireUntouched holds a refusal against the rows: nothing may have happened.
func requireUntouched(t testing.TB, db *bun.DB, before map[string]string, schemas ...string) {
	t.Helper()
	require.Equal(t, before, contents(t, db, schemas...))
	require.Zero(t, number(t, db, "SELECT count(*) FROM td_receipts"))
}

func TestStranger(t *testing.T) {
	t.Parallel()
	for mode, cfg := range map[string]sqlplan.Config{
		participants.ModeTransaction: strangerConfig(),
		participants.ModeBounded: func() sqlplan.Config {
			cfg := strangerConfig()
			cfg.BoundedRows, cfg.ChunkRows, cfg.Pace = 200, 50, time.Microsecond
			return cfg
		}(),
	} {
		t.Run(mode+": every kind of rule takes exactly the tenant's rows, and a repeat answers the same", func(t *testing.T) {
			t.Parallel()
			plan, db := strangerPlan(t, 300, cfg, "")
			require.NoError(t, plan.Check(t.Context()))
			before := contents(t, db, "crm", "billing")
			preview, err := plan.Preview(t.Context(), "2")
			require.NoError(t, err)
			c := command("2")
			receipt, _, err := erase(t.Context(), plan, c)
			require.NoError(t, err)
			require.Equal(t, mode, receipt.Mode)
			require.Equal(t, preview, receipt.Counts)
			require.Equal(t, requireGone(t, before, contents(t, db, "crm", "billing"), "2"), receipt.Counts.Total())
			require.Contains(t, receipt.Counts, `billing."we""ird.select"`)
			again, replayed, err := erase(t.Context(), plan, c)
			require.NoError(t, err)
			require.True(t, replayed)
			require.Equal(t, receipt, again)
			rest, err := plan.Preview(t.Context(), "2")
			require.NoError(t, err)
			require.Zero(t, rest.Total())
		})
	}

	t.Run("every rule is needed: without it the plan refuses and nothing is deleted", func(t *testing.T) {
		t.Parallel()
		_, db := strangerPlan(t, 2, strangerConfig(), "")
		before := contents(t, db, "crm", "billing")
		for i := range strangerRules() {
			rules := slices.Delete(strangerRules(), i, i+1)
			plan := sqlplan.New(db, strangerConfig(), rules...)
			_, _, err := erase(t.Context(), plan, command("2"))
			requireRefused(t, err, participants.CodeUnplannedTable, strangerRules()[i].Spec().Table)
		}
		requireUntouched(t, db, before, "crm", "billing")
	})

	t.Run("what is kept with tenants in it is told, and does not refuse", func(t *testing.T) {
		t.Parallel()
		plan, _ := strangerPlan(t, 1, strangerConfig(), "CREATE TABLE crm.audit (organization_id bigint, whose text)",
			sqlplan.Keep("audit", "kept for ten years by law"))
		findings, err := plan.Findings(t.Context())
		require.NoError(t, err)
		require.Contains(t, seen(findings), "audit kept_tenant table audit is kept, with the tenants of its column organization_id")
		require.NoError(t, plan.Check(t.Context()))
	})

	t.Run("what a deletion would stumble over is told before, and does not refuse", func(t *testing.T) {
		t.Parallel()
		plan, db := strangerPlan(t, 1, strangerConfig(), "GRANT USAGE ON SCHEMA shop, crm, billing TO pg_monitor;"+
			"GRANT SELECT ON ALL TABLES IN SCHEMA crm, billing TO pg_monitor; GRANT DELETE ON crm.tasks TO pg_monitor",
			sqlplan.Delete("tasks").Via("project_id", "projects").Where("id <> 0", "the first one is everybody's"))
		db.SetMaxOpenConns(1) // the role holds for the connection
		execute(t, db, "SET ROLE pg_monitor")
		findings, err := plan.Findings(t.Context())
		require.NoError(t, err)
		told := seen(findings)
		require.Contains(t, told, "projects denied the role of this connection has no right to DELETE on projects")
		require.NotContains(t, strings.Join(told, "\n"), "on tasks")
		require.NotContains(t, strings.Join(told, "\n"), "UPDATE")
		require.Contains(t, told, "tasks staying_referrer rows of tasks that stay refer to projects (tasks_project_id_fkey):"+
			" a deletion is refused while one refers to a row that goes")
		require.NoError(t, plan.Check(t.Context()))
		_, _, err = erase(t.Context(), plan, command("2"))
		requireRefused(t, err, participants.CodeDatabase, "lacks a right")
	})

	t.Run("a plan that deletes nothing refuses", func(t *testing.T) {
		t.Parallel()
		db := database(t, "CREATE TABLE lonely (id int);", "")
		plan := sqlplan.New(db, sqlplan.Config{Service: "crm"}, sqlplan.Keep("lonely", "shared"))
		requireRefused(t, plan.Check(t.Context()), participants.CodePlanInvalid, "deletes nothing")
	})

	t.Run("keeps say why, for whole tables and for rows", func(t *testing.T) {
		t.Parallel()
		kept := sqlplan.New(nil, strangerConfig(), strangerRules()...).Kept()
		require.Equal(t, map[string]string{"countries": "catalogue of all tenants", "notes": "drafts of nobody",
			"comments": "Page: pages are public", "templates": "system templates are shared"}, kept)
	})
}

// TestStrangerRefusals takes one declaration away, or changes the schema: the plan refuses, names what to decide, and nothing
// is deleted.
func TestStrangerRefusals(t *testing.T) {
	t.Parallel()
	pairs := map[string]string{"Task": "tasks", "Project": "projects", "it's": "labels"}
	for _, c := range []struct {
		claim string
		ddl   string
		rule  sqlplan.Rule
		code  string // of the finding
		words []string
	}{
		{claim: "a path that may be null", rule: sqlplan.Delete("notes").Via("task_id", "tasks"),
			code: sqlplan.FindingNullablePath, words: []string{"notes", "AcceptingNull"}},
		{claim: "a path without a key", rule: sqlplan.Delete("labels").Via("project_id", "projects"),
			code: sqlplan.FindingPath, words: []string{"labels", "project_id", "projects", "WithoutKey"}},
		{claim: "a path by value to another type", ddl: "ALTER TABLE crm.labels ALTER project_id TYPE text",
			code: sqlplan.FindingPathType, words: []string{"labels.project_id", "text"}},
		{claim: "a path by value to a table without a key of one column",
			ddl:  "ALTER TABLE crm.tasks DROP CONSTRAINT tasks_project_id_fkey; ALTER TABLE crm.projects DROP CONSTRAINT projects_pkey",
			code: sqlplan.FindingPath, words: []string{"labels", "primary key"}},
		{claim: "a type that no rule names", ddl: "INSERT INTO crm.comments VALUES (0, 'Photo', 1, '-')",
			code: sqlplan.FindingPolymorphicType, words: []string{"comments.commentable_type", "Photo"}},
		{claim: "a kept type without its declaration",
			rule: sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id", pairs),
			code: sqlplan.FindingPolymorphicType, words: []string{"Page"}},
		{claim: "a type without an index to find it by", ddl: "DROP INDEX crm.comments_commentable_type_commentable_id_idx;" +
			"INSERT INTO crm.comments VALUES (0, 'Photo', 1, '-')",
			code: sqlplan.FindingPolymorphicType, words: []string{"Photo"}},
		{claim: "a pair that may be null", ddl: "ALTER TABLE crm.comments ALTER commentable_id DROP NOT NULL",
			code: sqlplan.FindingNullablePath, words: []string{"comments"}},
		{claim: "a pair to a table that is kept", rule: sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id",
			map[string]string{"Task": "countries"}), code: sqlplan.FindingPath, words: []string{"comments", "countries"}},
		{claim: "a pair that leads back", rule: sqlplan.Delete("comments").ViaPair("commentable_type", "commentable_id",
			map[string]string{"Reaction": "reactions"}), code: sqlplan.FindingCycle, words: []string{"comments", "itself"}},
		{claim: "a path by value through a cycle of keys",
			ddl:  "ALTER TABLE crm.projects ADD label_id bigint REFERENCES crm.labels; CREATE INDEX ON crm.projects (label_id)",
			code: sqlplan.FindingCycle, words: []string{"labels", "projects"}},
		{claim: "a second tenant column", rule: sqlplan.Delete("billing.transfers").By("from_id"),
			code: sqlplan.FindingUndecidedColumn, words: []string{"billing.transfers.to_id", "Ignoring"}},
		{claim: "a tenant column beside a path", ddl: "ALTER TABLE crm.tasks ADD organization_id bigint",
			code: sqlplan.FindingUndecidedColumn, words: []string{"tasks.organization_id"}},
		{claim: "a column named like a tenant column", ddl: `ALTER TABLE crm.tasks ADD "user" bigint`,
			code: sqlplan.FindingUndecidedColumn, words: []string{"tasks.user"}},
		{claim: "a tenant column of another type",
			ddl:  "ALTER TABLE crm.templates ALTER organization_id TYPE text",
			code: sqlplan.FindingTenantType, words: []string{"templates.organization_id", "text", "bigint"}},
		{claim: "a predicate over a column that may be null", ddl: "ALTER TABLE crm.templates ALTER is_system DROP NOT NULL",
			code: sqlplan.FindingNullableWhere, words: []string{"templates.is_system", `"is_system" IS NOT NULL AND`}},
		{claim: "a predicate that is SQL",
			rule: sqlplan.Delete("templates").By("organization_id").Where("is_system = false OR true", "x"),
			code: sqlplan.FindingWhere, words: []string{"templates", "AND"}},
		{claim: "a predicate over another type", rule: sqlplan.Delete("templates").By("organization_id").Where("is_system = 0", "x"),
			code: sqlplan.FindingWhere, words: []string{"templates", "is_system", "bool"}},
		{claim: "a predicate over a missing column", rule: sqlplan.Delete("templates").By("organization_id").Where("system = 0", "x"),
			code: sqlplan.FindingWhere, words: []string{"templates", "system"}},
		{claim: "a table that stays in part and has a fence",
			ddl: "ALTER TABLE crm.templates ADD a text REFERENCES tenant_anchor (tenant_id);" +
				"CREATE INDEX ON crm.templates (a)", code: sqlplan.FindingRuleMistake, words: []string{"templates", "tenant_anchor"}},
		{claim: "a cascade", ddl: "ALTER TABLE crm.tasks DROP CONSTRAINT tasks_project_id_fkey; ALTER TABLE crm.tasks" +
			" ADD CONSTRAINT casc FOREIGN KEY (project_id) REFERENCES crm.projects ON DELETE CASCADE",
			code: sqlplan.FindingCascade, words: []string{"casc", "tasks", "AcceptingAction on projects"}},
		{claim: "a trigger", ddl: trigger("crm.tasks", "archive", "RETURN OLD"),
			code: sqlplan.FindingTrigger, words: []string{"archive", "tasks", "AcceptingTrigger"}},
		{claim: "a key from a schema that is not planned",
			ddl:  "CREATE SCHEMA far; CREATE TABLE far.x (id bigint REFERENCES crm.tasks)",
			code: sqlplan.FindingForeignSchema, words: []string{"far.x", "tasks"}},
		{claim: "a key to the root from a schema that is not planned",
			ddl:  "CREATE SCHEMA far; CREATE TABLE far.x (org bigint REFERENCES crm.organizations)",
			code: sqlplan.FindingForeignSchema, words: []string{"far.x", "organizations"}},
		{claim: "an heir in a schema that is not planned", ddl: "CREATE SCHEMA far; CREATE TABLE far.x () INHERITS (crm.tasks)",
			code: sqlplan.FindingForeignSchema, words: []string{"far.x", "tasks"}},
		{claim: "a partition whose table is elsewhere", ddl: "CREATE SCHEMA far;" +
			"CREATE TABLE far.x (project_id bigint NOT NULL) PARTITION BY LIST (project_id);" +
			"CREATE TABLE crm.x_1 PARTITION OF far.x DEFAULT",
			rule: sqlplan.Delete("x_1").Via("project_id", "projects").WithoutKey("x"),
			code: sqlplan.FindingForeignSchema, words: []string{"x_1", "partition"}},
		{claim: "a path whose key is switched off", ddl: "ALTER TABLE crm.tasks DISABLE TRIGGER ALL",
			code: sqlplan.FindingPath, words: []string{"tasks", "disabled"}},
		{claim: "an unplanned table of the second schema", ddl: `CREATE TABLE billing."new one" (id bigint)`,
			code: sqlplan.FindingUnplannedTable, words: []string{"billing.new one"}},
		{claim: "a version table that holds tenant data", ddl: "ALTER TABLE billing.schema_migrations ADD organization_id bigint",
			code: sqlplan.FindingUnplannedTable, words: []string{"billing.schema_migrations"}},
		{claim: "the engine's name in a schema that is not its own", ddl: "CREATE TABLE crm.td_receipts (id bigint)",
			code: sqlplan.FindingUnplannedTable, words: []string{"td_receipts"}},
		{claim: "a key without an index in the second schema", ddl: `DROP INDEX billing."Order_user_idx"`,
			code: sqlplan.FindingUnindexedKey, words: []string{`CREATE INDEX CONCURRENTLY ON "billing"."Order" ("user")`}},
		{claim: "a key of one partition only", ddl: "" +
			"CREATE TABLE crm.logs (id bigint, project_id bigint NOT NULL) PARTITION BY LIST (id);" +
			"CREATE TABLE crm.logs_1 PARTITION OF crm.logs FOR VALUES IN (1);" +
			"ALTER TABLE crm.logs_1 ADD FOREIGN KEY (project_id) REFERENCES crm.projects; CREATE INDEX ON crm.logs (project_id)",
			rule: sqlplan.Delete("logs").Via("project_id", "projects"), code: sqlplan.FindingPath, words: []string{"logs"}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			rules := []sqlplan.Rule{}
			if c.rule.Spec().Table != "" {
				rules = append(rules, c.rule)
			}
			plan, db := strangerPlan(t, 2, strangerConfig(), c.ddl, rules...)
			before := contents(t, db, "crm", "billing")
			findings, err := plan.Findings(t.Context())
			require.NoError(t, err)
			requireFinding(t, findings, c.code, c.words...)
			require.ErrorIs(t, plan.Check(t.Context()), participants.ErrRefused)
			_, err = plan.Preview(t.Context(), "2")
			require.ErrorIs(t, err, participants.ErrRefused)
			_, _, err = erase(t.Context(), plan, command("2"))
			require.ErrorIs(t, err, participants.ErrRefused)
			requireUntouched(t, db, before, "crm", "billing")
		})
	}
}

func trigger(table, name, body string) string {
	return fmt.Sprintf("CREATE FUNCTION crm.%[2]s() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN %[3]s; END';"+
		"CREATE TRIGGER %[2]s BEFORE DELETE ON %[1]s FOR EACH ROW EXECUTE FUNCTION crm.%[2]s()", table, name, body)
}

// requireFinding looks for one finding that refuses, with its code and all the words.
func requireFinding(t testing.TB, findings []sqlplan.Finding, code string, words ...string) {
	t.Helper()
	for _, f := range findings {
		missing := slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Text+": "+f.WayOut, w) })
		if f.Code == code && !missing {
			require.Contains(t, []sqlplan.Severity{sqlplan.SeverityRefuse, sqlplan.SeverityDecide}, f.Severity)
			return
		}
	}
	require.Fail(t, "no such finding", "%s %q in %+v", code, words, findings)
}
