package familytest_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// TestOracle deletes wrongly on purpose.
func TestOracle(t *testing.T) {
	t.Parallel()
	const acme = "org_Acme"
	for claim, c := range map[string]struct {
		before, after string
		exact         bool
	}{
		"an exact deletion passes":     {before: deleteAcme, exact: true},
		"nothing deleted is seen":      {},
		"one table alone is seen":      {after: `DELETE FROM "AuditLog" WHERE "organizationId" = 'org_Acme'`},
		"a row that is left is seen":   {before: deleteAcme, after: `INSERT INTO "Organization" VALUES ('org_Acme', '', '')`},
		"a neighbour's loss is seen":   {before: deleteAcme, after: `DELETE FROM "Account" WHERE id = 'a2001000-1'`},
		"a shared row changed is seen": {before: deleteAcme, after: `UPDATE "Country" SET name = 'x' WHERE code = 'AT'`},
		"a set null is seen":           {before: deleteAcme, after: `UPDATE "Category" SET "parentId" = NULL WHERE id = 'cat2'`},
		"a new row is seen":            {before: deleteAcme, after: `INSERT INTO "Country" VALUES ('BE', 'Belgium')`},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			world := familytest.Prisma().Open(t)
			_, err := world.DB.DB.ExecContext(t.Context(), "SET search_path = public;"+c.before+c.after)
			require.NoError(t, err)
			require.Equal(t, !c.exact, fails(t, func(t familytest.TB) { world.Oracle.Erased(t, acme) }))
		})
	}

	t.Run("counts what was made for the tenant, by the names of a plan", func(t *testing.T) {
		t.Parallel()
		world := familytest.Events().Open(t)
		counts := world.Oracle.Counts(t, world.Family.Tenants[1])
		require.EqualValues(t, 480, counts["events"], "partitions count as their root")
		require.EqualValues(t, 20, counts["archive.events_2024"])
		require.NotContains(t, counts, "kinds")
	})
	t.Run("all families fill, and equal seeds make equal rows", func(t *testing.T) {
		t.Parallel()
		for _, f := range []familytest.Family{familytest.Rails(), familytest.Prisma(), familytest.Events()} {
			one, two := f.Open(t), f.Open(t)
			require.Equal(t, one.Oracle.Total(), two.Oracle.Total())
			one.Oracle.Unchanged(t)
			for _, tenant := range f.Tenants {
				require.NotEmpty(t, one.Oracle.Counts(t, tenant))
				require.Equal(t, one.Oracle.Counts(t, tenant), two.Oracle.Counts(t, tenant))
			}
		}
	})
}

// deleteAcme is an exact deletion by hand.
const deleteAcme = `BEGIN;
DELETE FROM "Transfer" WHERE "fromId" = 'org_Acme' OR "toId" = 'org_Acme';
DELETE FROM "AuditLog" WHERE "organizationId" = 'org_Acme';
DELETE FROM "Product" WHERE "organizationId" = 'org_Acme';
DELETE FROM "OrderLine" WHERE "orderId" IN (SELECT id FROM "Order" WHERE "customerId" IN
    (SELECT id FROM "Customer" WHERE "organizationId" = 'org_Acme'));
DELETE FROM "Order" WHERE "customerId" IN (SELECT id FROM "Customer" WHERE "organizationId" = 'org_Acme');
DELETE FROM "Customer" WHERE "organizationId" = 'org_Acme';
DELETE FROM "Category" WHERE "organizationId" = 'org_Acme';
DELETE FROM "File" WHERE "uploaderId" IN (SELECT id FROM "User" WHERE "organizationId" = 'org_Acme');
DELETE FROM "Profile" WHERE "userId" IN (SELECT id FROM "User" WHERE "organizationId" = 'org_Acme');
DELETE FROM "Post" WHERE "organizationId" = 'org_Acme';
DELETE FROM "Tag" WHERE "organizationId" = 'org_Acme';
DELETE FROM "_UserTogroup" WHERE "B" IN (SELECT id FROM "group" WHERE "organizationId" = 'org_Acme');
DELETE FROM "group" WHERE "organizationId" = 'org_Acme';
DELETE FROM "User" WHERE "organizationId" = 'org_Acme';
DELETE FROM "Organization" WHERE id = 'org_Acme';
COMMIT;
`

// fails reports whether fn fails its test.
func fails(t *testing.T, fn func(familytest.TB)) bool {
	t.Helper()
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { // Fatalf ends the goroutine that calls it
		defer close(done)
		fn(r)
	}()
	<-done
	return r.failed
}

// recorder is a test that may fail without failing this one.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Fatalf(string, ...any) {
	r.failed = true
	runtime.Goexit()
}
