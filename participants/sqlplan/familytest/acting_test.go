package familytest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// TestActingKeys lets a key act on rows that nobody deletes: a person has accepted it, and the data is not as the person thought.
func TestActingKeys(t *testing.T) {
	t.Parallel()
	tenants := []events.TenantID{"acme", "zeta", "omega", "delta"}
	for claim, c := range map[string]struct {
		tables string
		turns  []familytest.Turn
		rules  []sqlplan.Rule // of the tables beside organizations and notes
		word   string
	}{
		"a cascade into a kept row": {
			tables: `CREATE TABLE app.templates (id int PRIMARY KEY, is_system boolean NOT NULL,
 org_id text NOT NULL CONSTRAINT acts REFERENCES app.organizations ON DELETE CASCADE); CREATE INDEX ON app.templates (org_id);`,
			turns: []familytest.Turn{{SQL: "INSERT INTO app.templates VALUES (1, true, 'acme')"},
				{Owners: tenants[:1], SQL: "INSERT INTO app.templates VALUES (2, false, 'acme')"}},
			rules: []sqlplan.Rule{sqlplan.Delete("members").By("org_id"),
				sqlplan.Delete("templates").By("org_id").Where("is_system = false", "the product's own")},
			word: "templates",
		},
		"a cascade into a neighbour's row": {
			tables: `CREATE TABLE app.reviews (id int PRIMARY KEY, org_id text NOT NULL,
 member_id bigint NOT NULL CONSTRAINT acts REFERENCES app.members ON DELETE CASCADE); CREATE INDEX ON app.reviews (member_id);`,
			turns: []familytest.Turn{{Owners: tenants[1:2],
				SQL: "INSERT INTO app.reviews SELECT 1, 'zeta', min(id) FROM app.members WHERE org_id = 'acme'"}},
			rules: []sqlplan.Rule{sqlplan.Delete("members").By("org_id").AcceptingAction("acts", "reviews are within a tenant"),
				sqlplan.Delete("reviews").By("org_id")},
			word: "reviews",
		},
		"a set null in a neighbour's row, by a second key of the accepted name": {
			tables: `CREATE TABLE app.drafts (member_id bigint NOT NULL CONSTRAINT acts REFERENCES app.members ON DELETE CASCADE);
CREATE INDEX ON app.drafts (member_id);
CREATE TABLE app.reviews (org_id text NOT NULL, member_id bigint CONSTRAINT acts REFERENCES app.members ON DELETE SET NULL);
CREATE INDEX ON app.reviews (member_id);`,
			turns: []familytest.Turn{{Owners: tenants[1:2],
				SQL: "INSERT INTO app.reviews SELECT 'zeta', min(id) FROM app.members WHERE org_id = 'acme'"}},
			rules: []sqlplan.Rule{sqlplan.Delete("members").By("org_id").AcceptingAction("acts", "drafts go first"),
				sqlplan.Delete("drafts").Via("member_id", "members"), sqlplan.Delete("reviews").By("org_id")},
			word: "reviews",
		},
	} {
		t.Run(claim+" is refused by the deletion, and the neighbour's own deletion is exact", func(t *testing.T) {
			t.Parallel()
			f := organizations("", "text", tenants)
			f.Tables += c.tables
			f.Turns = append(f.Turns, c.turns...)
			w := f.Open(t)
			c.rules = append(c.rules, sqlplan.Delete("organizations").By("id").AcceptingAction("acts", "its rows go first"),
				sqlplan.Delete("notes").Via("member_id", "members"))
			plan := sqlplan.New(w.DB, config(w), c.rules...)
			require.NoError(t, plan.Check(t.Context()))
			require.Contains(t, requireRefused(t, w, plan, "acme"), c.word)
			requireExact(t, w, plan, "zeta")
		})
	}
}
