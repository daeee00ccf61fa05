package familytest_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// nocase is a collation in which "a" is "A".
const nocase = "CREATE COLLATION app.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);"

// TestPathTypes follows paths by value whose two ends compare in different ways: two tenants have labels that differ by case
// or by blanks, and numbers that differ by what is cut off.
func TestPathTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		label, ref    string
		first, second string // the labels of two tenants
		exact         bool
	}{
		{label: "text", ref: "text", first: "a", second: "A", exact: true},
		{label: "text", ref: "varchar(20)", first: "a", second: "A", exact: true},
		{label: "bigint", ref: "bigint", first: "7", second: "70", exact: true},
		{label: "bigint", ref: "integer", first: "7", second: "70", exact: true},
		{label: "text", ref: "text COLLATE app.nocase", first: "a", second: "A"},
		{label: "varchar(20)", ref: "char(20)", first: "a", second: "a "},
		{label: "bigint", ref: "text", first: "7", second: "70"},
		{label: "bigint", ref: "double precision", first: "9007199254740993", second: "9007199254740992"},
		{label: "numeric", ref: "double precision", first: "0.1", second: "0.10000000000000001"},
	} {
		for _, pair := range []bool{false, true} {
			claim := c.ref + " leads to " + c.label
			if pair {
				claim += " as a pair"
			}
			t.Run(claim+" exactly, or is refused", func(t *testing.T) {
				t.Parallel()
				f := organizations(nocase, "text", []events.TenantID{"acme", "zeta", "omega", "delta"})
				f.Tables += strings.NewReplacer("{label}", c.label, "{ref}", c.ref).Replace(`
CREATE TABLE app.labels (label {label} PRIMARY KEY, org_id text NOT NULL REFERENCES app.organizations);
CREATE INDEX ON app.labels (org_id);
CREATE TABLE app.uses (label_type text NOT NULL, label_id {ref} NOT NULL);`)
				for tenant, label := range map[events.TenantID]string{"acme": c.first, "zeta": c.second} {
					sql := strings.NewReplacer("{org}", string(tenant), "{label}", label).Replace(`
INSERT INTO app.labels VALUES ('{label}', '{org}');
INSERT INTO app.uses VALUES ('Label', '{label}');`)
					f.Turns = append(f.Turns, familytest.Turn{Owners: []events.TenantID{tenant}, SQL: sql})
				}
				w := f.Open(t)
				uses := sqlplan.Delete("uses").Via("label_id", "labels").WithoutKey("by convention")
				if pair {
					uses = sqlplan.Delete("uses").ViaPair("label_type", "label_id", map[string]string{"Label": "labels"})
				}
				plan := sqlplan.New(w.DB, config(w), sqlplan.Delete("organizations").By("id"), sqlplan.Delete("members").By("org_id"),
					sqlplan.Delete("notes").Via("member_id", "members"), sqlplan.Delete("labels").By("org_id"), uses)
				err := plan.Check(t.Context())
				if c.exact {
					require.NoError(t, err)
					requireExact(t, w, plan, "acme")
					requireExact(t, w, plan, "zeta")
					return
				}
				require.ErrorIs(t, err, participants.ErrRefused)
				requireRefused(t, w, plan, "acme")
			})
		}
	}
}

// TestPairTypes names one type of a polymorphic reference where the data has another that looks like it.
func TestPairTypes(t *testing.T) {
	t.Parallel()
	for columnType, values := range map[string][]string{
		"text":                    {"'Member'", "'member'"},
		"varchar(20)":             {"'Member'", "'Member '"},
		"char(20)":                {"'Member'", "'member'"},
		"text COLLATE app.nocase": {"'Member'", "'member'"},
		"integer":                 {"7", "70"},
		"app.kind":                {"'Member'", "'member'"},
		"app.word":                {"'Member'", "'member'"},
		`text COLLATE "C"`:        {"'Member'", "'Member''s'"},
		`text COLLATE "POSIX"`:    {"'Member'", "NULL"},
	} {
		t.Run(columnType+": a type that no rule names is refused, and kept when one says so", func(t *testing.T) {
			t.Parallel()
			f := organizations(nocase, "bigint", []events.TenantID{"1", "2", "3", "4"})
			f.Tables += strings.ReplaceAll(`
CREATE DOMAIN app.kind AS text COLLATE app.nocase;
CREATE TYPE app.word AS ENUM ('Member', 'member');
CREATE TABLE app.logs (id bigint PRIMARY KEY, about_type {type}, about_id bigint NOT NULL);
CREATE INDEX ON app.logs (about_type, about_id);`, "{type}", columnType)
			f.Turns = append(f.Turns, familytest.Turn{Owners: []events.TenantID{"1"},
				SQL: "INSERT INTO app.logs SELECT id, " + values[0] + ", id FROM app.members WHERE org_id = 1"},
				familytest.Turn{SQL: "INSERT INTO app.logs SELECT 1000 + id, " + values[1] + ", id FROM app.members WHERE org_id = 1"})
			w := f.Open(t)
			named := strings.Trim(values[0], "'")
			logs := sqlplan.Delete("logs").ViaPair("about_type", "about_id", map[string]string{named: "members"})
			plan := func(r sqlplan.Rule) *sqlplan.Plan {
				return sqlplan.New(w.DB, config(w), sqlplan.Delete("organizations").By("id"), sqlplan.Delete("members").By("org_id"),
					sqlplan.Delete("notes").Via("member_id", "members"), r)
			}
			require.ErrorIs(t, plan(logs).Check(t.Context()), participants.ErrRefused)
			requireRefused(t, w, plan(logs), "1")
			other := strings.ReplaceAll(strings.Trim(values[1], "'"), "''", "'")
			if values[1] == "NULL" {
				logs = logs.AcceptingNull("nobody's")
			} else {
				logs = logs.KeepingType(other, "somebody else's").AcceptingNull("nobody's")
			}
			decided := plan(logs)
			if decided.Check(t.Context()) != nil {
				requireRefused(t, w, decided, "1")
				return
			}
			if strings.HasPrefix(columnType, "text") { // a program writes a type that came with its last release
				require.NoError(t, w.Take(t.Context(), familytest.Turn{SQL: "INSERT INTO app.logs VALUES (5000, 'Later', 11)"}))
				require.Contains(t, requireRefused(t, w, decided, "1"), "logs")
				require.NoError(t, w.Take(t.Context(), familytest.Turn{SQL: "DELETE FROM app.logs WHERE id = 5000"}))
			}
			requireExact(t, w, decided, "1")
		})
	}
}
