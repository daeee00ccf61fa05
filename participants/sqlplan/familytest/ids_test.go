package familytest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// longestID is as long as the wire allows.
var longestID = events.TenantID(strings.Repeat("a", 64))

// texts are ids that are easily mistaken for each other, for numbers, or for SQL.
var texts = []events.TenantID{"7", "007", "07", "7_", "_", "-", "--", "1--", "acme", "Acme", "ACME", "acm", "acme-", "null",
	"NULL", "1e5", "100000", "0x1F", "31", "1_000", "1000", "true", "DROP", "current_user", longestID, longestID[:63],
	"tenant_id", "-7"}

// TestTenantIDs erases every tenant of a type, and asks for every other spelling.
func TestTenantIDs(t *testing.T) {
	t.Parallel()
	numbers := []events.TenantID{"7", "70", "-7", "0", "31", "1000"}
	uuids := []events.TenantID{"aaaaaaaa-0000-4000-8000-000000000001", "aaaaaaaa-0000-4000-8000-00000000000b",
		"00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"}
	for columnType, c := range map[string]struct {
		before string
		ids    []events.TenantID
		others []events.TenantID // spellings that are nobody's id, although some type reads them as one
	}{
		"text":             {ids: texts, others: []events.TenantID{"aCME", "7-", "00007", "Null", "nULL"}},
		"varchar(64)":      {ids: texts, others: []events.TenantID{"aCME"}},
		`text COLLATE "C"`: {ids: texts, others: []events.TenantID{"aCME"}},
		"bigint":           {ids: append(numbers, "9223372036854775807", "-9223372036854775808"), others: numerals},
		"integer":          {ids: append(numbers, "2147483647"), others: append(numerals, "2147483648", "4294967303")},
		"smallint":         {ids: append(numbers, "-32768"), others: append(numerals, "65543", "32768")},
		"numeric": {ids: append(numbers, "99999999999999999999999999999999"),
			others: append(numerals, "NaN", "Infinity", "-Infinity")},
		"numeric(20,0)": {ids: numbers, others: append(numerals, "NaN")},
		"uuid": {ids: uuids, others: []events.TenantID{"AAAAAAAA-0000-4000-8000-000000000001", "aaaaaaaa000040008000000000000001",
			"aaaa-aaaa-0000-4000-8000-0000-0000-0001", "aaaaaaaa-0000-4000-8000-00000000000B", "0", "null"}},
		"app.org_id": {before: "CREATE DOMAIN app.org_id AS uuid;", ids: uuids,
			others: []events.TenantID{"AAAAAAAA-0000-4000-8000-000000000001"}},
		"app.org_no": {before: "CREATE DOMAIN app.org_no AS bigint CHECK (VALUE <> 13);", ids: numbers,
			others: append(numerals, "13")},
		"app.org_key": {before: "CREATE DOMAIN app.org_key AS text;", ids: texts, others: []events.TenantID{"aCME"}},
	} {
		t.Run(columnType+" ids go exactly, and no other spelling touches a row", func(t *testing.T) {
			t.Parallel()
			w := organizations(c.before, columnType, c.ids).Open(t)
			proposal, err := propose(t.Context(), w)
			require.NoError(t, err)
			require.Empty(t, proposal.Undecided)
			plan := sqlplan.New(w.DB, config(w), proposal.Rules...)
			require.NoError(t, plan.Check(t.Context()))
			for _, id := range append(c.others, longestID[:62], "nobody") {
				requireUntouched(t, w, plan, id)
			}
			for _, id := range injections {
				requireUntouched(t, w, plan, id)
			}
			for _, id := range c.ids {
				requireExact(t, w, plan, id)
			}
		})
	}
}

// injections are no ids at all.
var injections = []events.TenantID{"", "7 ", " 7", "7;--", "7' OR '1'='1", `7"`, "7\x00", "7\n", "%", "é", longestID + "a",
	"7 OR true"}

// numerals are spellings that PostgreSQL reads as a number of another spelling, or not at all.
var numerals = []events.TenantID{"007", "07", "-07", "-0", "00", "0x7", "0x1F", "0b111", "0o7", "1e1", "7e1", "1_000", "7_0",
	"null", "1--", "--7"}

// TestTenantTypes refuses types of which different values are equal, or one value has several spellings.
func TestTenantTypes(t *testing.T) {
	t.Parallel()
	for columnType, c := range map[string]struct {
		before string
		ids    []events.TenantID
	}{
		"char(8)":          {ids: []events.TenantID{"acme", "acm", "a", "b"}},
		"double precision": {ids: []events.TenantID{"7", "70", "1000", "31"}},
		"date":             {ids: []events.TenantID{"2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"}},
		"name":             {ids: []events.TenantID{"acme", "acm", "a", "b"}},
		"app.fold": {before: "CREATE COLLATION app.nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);" +
			"CREATE DOMAIN app.fold AS text COLLATE app.nocase;", ids: []events.TenantID{"acme", "acm", "a", "b"}},
		"app.word": {before: "CREATE TYPE app.word AS ENUM ('acme', 'acm', 'a', 'b');",
			ids: []events.TenantID{"acme", "acm", "a", "b"}},
	} {
		t.Run(columnType+" is refused by name, and nothing is deleted", func(t *testing.T) {
			t.Parallel()
			w := organizations(c.before, columnType, c.ids).Open(t)
			_, err := propose(t.Context(), w)
			require.ErrorIs(t, err, events.ErrInvalid)
			plan := sqlplan.New(w.DB, config(w), sqlplan.Delete("organizations").By("id"), sqlplan.Delete("members").By("org_id"),
				sqlplan.Delete("notes").Via("member_id", "members"))
			findings, err := plan.Findings(t.Context())
			require.NoError(t, err)
			require.Contains(t, codes(findings), sqlplan.FindingTenantType)
			require.ErrorIs(t, plan.Check(t.Context()), participants.ErrRefused)
			requireRefused(t, w, plan, c.ids[0])
		})
	}

	t.Run("a tenant column that compares otherwise than the root is refused, or exact", func(t *testing.T) {
		t.Parallel()
		for _, columnType := range []string{"bigint", "numeric", "char(8)", "varchar(4)", "uuid"} {
			f := organizations("", "text", []events.TenantID{"7", "007", "07", "70"})
			f.Tables += fmt.Sprintf("CREATE TABLE app.loose (id bigint PRIMARY KEY, org_id %s NOT NULL);", columnType)
			if columnType != "uuid" {
				f.Turns = append(f.Turns, familytest.Turn{Owners: []events.TenantID{"7"}, SQL: "INSERT INTO app.loose VALUES (1, 7)"})
			}
			w := f.Open(t)
			plan := sqlplan.New(w.DB, config(w), sqlplan.Delete("organizations").By("id"), sqlplan.Delete("members").By("org_id"),
				sqlplan.Delete("notes").Via("member_id", "members"), sqlplan.Delete("loose").By("org_id"))
			for _, tenant := range []events.TenantID{"007", "07", "7"} {
				requireRefusedOrExact(t, w, plan, tenant)
			}
		}
	})
}

// organizations is a small family with a tenant column of the type, and an owned table behind it.
func organizations(before, columnType string, ids []events.TenantID) familytest.Family {
	f := familytest.Family{Name: "organizations", Root: "organizations.id", Schemas: []string{"app"},
		TenantColumns: []string{"org_id"}, TenantType: columnType, Tenants: ids}
	f.Tables = before + strings.ReplaceAll(`
CREATE TABLE app.organizations (id {type} PRIMARY KEY, name text);
CREATE TABLE app.members (id bigint PRIMARY KEY, org_id {type} NOT NULL REFERENCES app.organizations, name text);
CREATE INDEX ON app.members (org_id);
CREATE TABLE app.notes (id bigint PRIMARY KEY, member_id bigint NOT NULL REFERENCES app.members, body text);
CREATE INDEX ON app.notes (member_id);
`, "{type}", columnType)
	for i, id := range ids {
		f.Turns = append(f.Turns, familytest.Turn{Owners: []events.TenantID{id}, SQL: fmt.Sprintf(`
INSERT INTO app.organizations VALUES ('%[1]s', 'organization %[2]d');
INSERT INTO app.members SELECT 10 * %[2]d + g, '%[1]s', 'name' FROM generate_series(1, 3) g;
INSERT INTO app.notes SELECT 100 * %[2]d + g, 10 * %[2]d + 1 + g %% 3, 'body' FROM generate_series(1, 5) g;`, id, i)})
	}
	return f
}

func codes(findings []sqlplan.Finding) (all []string) {
	for _, f := range findings {
		all = append(all, f.Code)
	}
	return all
}

// requireUntouched asks for a tenant that has no row: the answer is a refusal or all zeros.
func requireUntouched(t tb, w *familytest.World, plan *sqlplan.Plan, id events.TenantID) {
	t.Helper()
	receipt, _, err := erase(t.Context(), plan, command(id))
	if err == nil {
		require.Empty(t, nonzero(receipt.Counts), "%q", id)
	}
	counts, err := plan.Preview(t.Context(), id)
	if err == nil {
		require.Empty(t, nonzero(counts), "%q", id)
	}
	w.Oracle.Unchanged(t)
}
