package sqlplan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

const textAnchor = "ALTER TABLE tenant_anchor ALTER COLUMN tenant_id TYPE text; CREATE SCHEMA crm; CREATE SCHEMA parts;"

// TestShapes deletes tenant 1 of small schemas, each with one shape that a deletion could trip over.
func TestShapes(t *testing.T) {
	t.Parallel()
	orgs := "CREATE TABLE crm.orgs (id int PRIMARY KEY, whose text); INSERT INTO crm.orgs VALUES (1, '1'), (2, '2'), (3, '3');"
	org := sqlplan.Delete("orgs").By("id")
	for _, c := range []struct {
		claim, ddl string
		rules      []sqlplan.Rule
		code       string // of the refusal; empty when exactly the tenant is gone
	}{
		{claim: "a self reference that restricts",
			ddl: `CREATE TABLE crm.nodes (id int PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs,
			parent int REFERENCES crm.nodes ON DELETE RESTRICT, whose text); CREATE INDEX ON crm.nodes (org);
				CREATE INDEX ON crm.nodes (parent);
			INSERT INTO crm.nodes VALUES (1, 1, NULL, '1'), (2, 1, 1, '1'), (3, 1, 2, '1'), (4, 2, NULL, '2'), (5, 2, 4, '2')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("nodes").By("org")}},
		{claim: "a cycle of deferred keys",
			ddl: `CREATE TABLE crm.a (id int PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs, b int NOT NULL, whose text);
			CREATE TABLE crm.b (id int PRIMARY KEY, a int NOT NULL REFERENCES crm.a DEFERRABLE INITIALLY DEFERRED, whose text);
			ALTER TABLE crm.a ADD FOREIGN KEY (b) REFERENCES crm.b DEFERRABLE INITIALLY DEFERRED;
			CREATE INDEX ON crm.a (org); CREATE INDEX ON crm.a (b); CREATE INDEX ON crm.b (a);
			BEGIN; INSERT INTO crm.a VALUES (1, 1, 1, '1'), (2, 2, 2, '2');
				INSERT INTO crm.b VALUES (1, 1, '1'), (2, 2, '2'); COMMIT`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("a").By("org"), sqlplan.Delete("b").Via("a", "a")}},
		{claim: "another tenant's row behind a deferred key",
			ddl: `CREATE TABLE crm.a (id int PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs,
			other int REFERENCES crm.orgs (id) DEFERRABLE INITIALLY DEFERRED, whose text);
			CREATE INDEX ON crm.a (org); CREATE INDEX ON crm.a (other); INSERT INTO crm.a VALUES (1, 2, 1, '2')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("a").By("org").Ignoring("other", "only seen")},
			code:  participants.CodeResidue},
		{claim: "an ignored column that refers to the tenant",
			ddl: `CREATE TABLE crm.a (id int PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs,
			other int REFERENCES crm.orgs, whose text); CREATE INDEX ON crm.a (org); CREATE INDEX ON crm.a (other);
			INSERT INTO crm.a VALUES (1, 2, 1, '2')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("a").By("org").Ignoring("other", "only seen")},
			code:  participants.CodeDatabase},
		{claim: "a root that refers to itself",
			ddl: `ALTER TABLE crm.orgs ADD parent int REFERENCES crm.orgs; CREATE INDEX ON crm.orgs (parent);
			UPDATE crm.orgs SET parent = 2 WHERE id = 1`,
			rules: []sqlplan.Rule{sqlplan.Delete("orgs").By("id").Ignoring("parent", "a child is a tenant of its own")}},
		{claim: "a primary key that is the tenant's",
			ddl: `CREATE TABLE crm.settings (id int PRIMARY KEY REFERENCES crm.orgs, whose text);
				INSERT INTO crm.settings SELECT id, whose FROM crm.orgs;
				CREATE TABLE crm.a (id int PRIMARY KEY, setting int NOT NULL REFERENCES crm.settings, whose text);
				CREATE INDEX ON crm.a (setting);
				INSERT INTO crm.a SELECT 4 - id, id, whose FROM crm.orgs;
				CREATE TABLE crm.b (id int PRIMARY KEY, a int NOT NULL REFERENCES crm.a, whose text); CREATE INDEX ON crm.b (a);
				INSERT INTO crm.b SELECT id, id, whose FROM crm.a`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("settings").By("id"), sqlplan.Delete("a").By("setting"),
				sqlplan.Delete("b").Via("a", "a")}},
		{claim: "a parent tenant of others",
			ddl: `ALTER TABLE crm.orgs ADD parent int REFERENCES crm.orgs; CREATE INDEX ON crm.orgs (parent);
			UPDATE crm.orgs SET parent = 1 WHERE id = 2`,
			rules: []sqlplan.Rule{sqlplan.Delete("orgs").By("id").Ignoring("parent", "a child is a tenant of its own")},
			code:  participants.CodeDatabase},
		{claim: "partitions in another schema, two levels deep",
			ddl: `CREATE TABLE crm.events (org int NOT NULL REFERENCES crm.orgs, at date NOT NULL,
			n int, whose text, PRIMARY KEY (org, at, n)) PARTITION BY RANGE (at);
			CREATE TABLE parts.e1 PARTITION OF crm.events FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (n);
			CREATE TABLE parts.e1_1 PARTITION OF parts.e1 FOR VALUES IN (1);
				CREATE TABLE parts.e1_2 PARTITION OF parts.e1 DEFAULT;
			CREATE TABLE crm.e2 PARTITION OF crm.events DEFAULT;
			CREATE TABLE crm.marks (id int PRIMARY KEY, org int NOT NULL, at date NOT NULL, n int NOT NULL, whose text,
			 FOREIGN KEY (org, at, n) REFERENCES crm.events); CREATE INDEX ON crm.marks (org, at, n);
			INSERT INTO crm.events SELECT 1 + g % 3, date '2026-01-15' + g, g % 4,
				(1 + g % 3)::text FROM generate_series(1, 60) g;
			INSERT INTO crm.marks SELECT row_number() OVER (), org, at, n, whose FROM crm.events`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("events").By("org"), sqlplan.Delete("marks").Via("org", "events")}},
		{claim: "a pair with numbers for types, as Django has",
			ddl: `CREATE TABLE crm.a (id int PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs, whose text);
			CREATE INDEX ON crm.a (org); INSERT INTO crm.a VALUES (1, 1, '1'), (2, 2, '2');
			CREATE TABLE crm.b (id bigint PRIMARY KEY, org int NOT NULL REFERENCES crm.orgs, whose text);
			CREATE INDEX ON crm.b (org); INSERT INTO crm.b VALUES (1, 2, '2'), (2, 1, '1');
			CREATE TABLE crm.tags (id int PRIMARY KEY, content_type_id int NOT NULL, object_id bigint NOT NULL, whose text);
			INSERT INTO crm.tags VALUES (1, 7, 1, '1'), (2, 7, 2, '2'), (3, 70, 1, '2'), (4, 70, 2, '1'), (5, 8, 1, '-')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("a").By("org"), sqlplan.Delete("b").By("org"), sqlplan.Delete("tags").
				ViaPair("content_type_id", "object_id", map[string]string{"7": "a", "70": "b"}).KeepingType("8", "of nobody")}},
		{claim: "a pair whose type cannot be in its column",
			ddl:   `CREATE TABLE crm.tags (id int PRIMARY KEY, t int NOT NULL, o int NOT NULL, whose text)`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("tags").ViaPair("t", "o", map[string]string{"07": "orgs"})},
			code:  participants.CodePlanInvalid},
		{claim: "a pair to a pair, with an enum",
			ddl: `CREATE TYPE crm.kind AS ENUM ('org', 'post');
			CREATE TABLE crm.posts (id int PRIMARY KEY, kind crm.kind, of int, whose text);
			CREATE INDEX ON crm.posts (kind, of);
			CREATE TABLE crm.likes (id int PRIMARY KEY, kind crm.kind NOT NULL, of int NOT NULL, whose text);
			INSERT INTO crm.posts VALUES (1, 'org', 1, '1'), (2, 'org', 2, '2'), (3, 'org', 1, '1'),
				(4, NULL, 1, '-'), (5, 'org', NULL, '-');
			INSERT INTO crm.likes VALUES (1, 'org', 1, '1'), (2, 'org', 2, '2'), (3, 'post', 3, '1'),
				(4, 'post', 2, '2'), (5, 'post', 9, '-')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("posts").ViaPair("kind", "of",
				map[string]string{"org": "orgs"}).AcceptingNull("drafts"),
				sqlplan.Delete("likes").ViaPair("kind", "of", map[string]string{"org": "orgs", "post": "posts"})}},
		{claim: "rows that stay and refer to rows that go",
			ddl: `CREATE TABLE crm.a (id int PRIMARY KEY, org int NOT NULL, system boolean NOT NULL, whose text);
			CREATE TABLE crm.b (id int PRIMARY KEY, a int NOT NULL REFERENCES crm.a, system boolean NOT NULL,
				whose text); CREATE INDEX ON crm.b (a);
			INSERT INTO crm.a VALUES (1, 1, false, '1'); INSERT INTO crm.b VALUES (1, 1, true, '-')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete("a").By("org"), sqlplan.Delete("b").Via("a",
				"a").Where("system = false", "shared")},
			code: participants.CodeDatabase},
		{claim: "a name that a text on its way could end",
			ddl: `CREATE TABLE crm."a'); DROP TABLE crm.orgs; --" (id int PRIMARY KEY,
			"$1" int NOT NULL REFERENCES crm.orgs, whose text); CREATE INDEX ON crm."a'); DROP TABLE crm.orgs; --" ("$1");
			INSERT INTO crm."a'); DROP TABLE crm.orgs; --" VALUES (1, 1, '1'), (2, 2, '2')`,
			rules: []sqlplan.Rule{org, sqlplan.Delete(`crm."a'); DROP TABLE crm.orgs; --"`).By("$1")}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			t.Parallel()
			db := database(t, textAnchor, orgs+c.ddl)
			plan := sqlplan.New(db, sqlplan.Config{Service: "crm", Root: "orgs.id", Schemas: []string{"crm"}}, c.rules...)
			before := contents(t, db, "crm")
			receipt, _, err := erase(t.Context(), plan, command("1"))
			if c.code != "" {
				requireRefused(t, err, c.code)
				requireUntouched(t, db, before, "crm")
				return
			}
			require.NoError(t, err)
			require.Equal(t, receipt.Counts.Total(), requireGone(t, before, contents(t, db, "crm"), "1"))
			rest, err := plan.Preview(t.Context(), "1")
			require.NoError(t, err)
			require.Zero(t, rest.Total())
		})
	}

	t.Run("rows by value that a trigger keeps are found before their parents go", func(t *testing.T) {
		t.Parallel()
		plan, db := strangerPlan(t, 2, strangerConfig(), "DELETE FROM crm.label_uses;"+trigger("crm.labels",
			"hold", "RETURN NULL"),
			sqlplan.Delete("labels").Via("project_id", "projects").WithoutKey("x").AcceptingTrigger("hold", "y"))
		before := contents(t, db, "crm", "billing")
		_, _, err := erase(t.Context(), plan, command("2"))
		requireRefused(t, err, participants.CodeResidue, "labels")
		requireUntouched(t, db, before, "crm", "billing")
	})

	t.Run("a type that comes after the check refuses the deletion", func(t *testing.T) {
		t.Parallel()
		plan, db := strangerPlan(t, 2, strangerConfig(), "")
		require.NoError(t, plan.Check(t.Context()))
		execute(t, db, "INSERT INTO crm.comments VALUES (0, 'Photo', 1, '-')")
		before := contents(t, db, "crm", "billing")
		_, _, err := erase(t.Context(), plan, command("2"))
		requireRefused(t, err, participants.CodeUnplannedTable, "comments")
		require.NotContains(t, err.Error(), "Photo")
		requireUntouched(t, db, before, "crm", "billing")
	})
}
