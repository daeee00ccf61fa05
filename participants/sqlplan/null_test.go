package sqlplan_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// TestColumnsThatAreNotNullOnPaper has rows without a tenant in a column that is called NOT NULL: PostgreSQL 18 can do that
// (NOT VALID), and a plan that believed it would leave them behind. Earlier servers do not know the words.
func TestColumnsThatAreNotNullOnPaper(t *testing.T) {
	t.Parallel()
	const servers = 180000
	db := database(t, shop, "")
	plan := sqlplan.New(db, sqlplan.Config{Service: "shop"}, shopRules()...)
	require.NoError(t, plan.Check(t.Context()))
	execute(t, db, "ALTER TABLE orders ALTER COLUMN tenant_id DROP NOT NULL")
	_, err := db.ExecContext(t.Context(), "ALTER TABLE orders ADD CONSTRAINT paper NOT NULL tenant_id NOT VALID")
	if number(t, db, "SELECT current_setting('server_version_num')::int") < servers {
		require.ErrorContains(t, err, "42601")
	} else {
		require.NoError(t, err)
	}
	requireRefused(t, plan.Check(t.Context()), participants.CodePlanInvalid, "orders.tenant_id may be null")
}
