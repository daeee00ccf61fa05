package pgstore_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// openAudit opens a trail as a role that may write it.
func openAudit(t testing.TB) (*pgstore.Audit, *bun.DB) {
	t.Helper()
	return openAuditWith(t, "SELECT")
}

// openAuditWith gives the writer a right that he should not have.
func openAuditWith(t testing.TB, right string) (*pgstore.Audit, *bun.DB) {
	t.Helper()
	database := pgtest.New(t)
	require.NoError(t, migrations.Apply(t.Context(), database.AdminDSN(), migrations.Audit()))
	writer := migrations.Owner{Role: "td_test_" + strings.ToLower(rand.Text()), Password: "ink"}
	require.NoError(t, migrations.Provision(t.Context(), database.AdminDSN(), writer))
	t.Cleanup(func() {
		admin, err := pgpool.Open(database.AdminDSN(), pgpool.Config{Name: "pgstore_test"})
		require.NoError(t, err)
		defer admin.Close()
		_, err = admin.Exec("DROP OWNED BY " + writer.Role + " CASCADE; DROP ROLE " + writer.Role)
		require.NoError(t, err)
	})
	require.NoError(t, migrations.GrantAudit(t.Context(), database.AdminDSN(), writer.Role))
	_, db := auditOn(t, database.AdminDSN())
	_, err := db.ExecContext(t.Context(), "GRANT "+right+" ON records TO "+writer.Role)
	require.NoError(t, err)
	dsn, err := url.Parse(database.AdminDSN())
	require.NoError(t, err)
	dsn.User = url.UserPassword(writer.Role, writer.Password)
	return auditOn(t, dsn.String())
}

func auditOn(t testing.TB, dsn string) (*pgstore.Audit, *bun.DB) {
	t.Helper()
	db, err := pgpool.Open(dsn, pgpool.Config{Name: "pgstore_test", Schema: "audit"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return pgstore.NewAudit(db), db
}

func TestAuditKeepsTheContract(t *testing.T) {
	t.Parallel()
	sagatest.RunTrail(t, func(t testing.TB) saga.Trail {
		audit, _ := openAudit(t)
		return audit
	})
}

func TestAuditCheck(t *testing.T) {
	t.Parallel()
	t.Run("a writer that can only append is fine", func(t *testing.T) {
		t.Parallel()
		audit, _ := openAudit(t)
		require.NoError(t, audit.Check(t.Context()))
	})
	for _, right := range []string{"UPDATE", "DELETE", "TRUNCATE", "ALL"} {
		t.Run("a writer that was given "+right+" is not", func(t *testing.T) {
			t.Parallel()
			audit, _ := openAuditWith(t, right)
			require.ErrorIs(t, audit.Check(t.Context()), pgstore.ErrNotProtected)
		})
	}
	t.Run("a writer that owns the trail, or can do everything, is not", func(t *testing.T) {
		t.Parallel()
		database := pgtest.New(t)
		require.NoError(t, migrations.Apply(t.Context(), database.AdminDSN(), migrations.Audit()))
		audit, _ := auditOn(t, database.AdminDSN())
		require.ErrorIs(t, audit.Check(t.Context()), pgstore.ErrNotProtected)
	})
	t.Run("a trail that is not there is not", func(t *testing.T) {
		t.Parallel()
		audit, _ := auditOn(t, pgtest.New(t).AdminDSN())
		require.ErrorContains(t, audit.Check(t.Context()), "42P01")
		require.Error(t, audit.Record(t.Context(), saga.AuditRecord{Operation: "x"}.Intent("a")))
	})
}

// Whoever rewrites the trail past every guard breaks the chain.
func TestAuditChainShowsARewrite(t *testing.T) {
	t.Parallel()
	database := pgtest.New(t)
	require.NoError(t, migrations.Apply(t.Context(), database.AdminDSN(), migrations.Audit()))
	audit, db := auditOn(t, database.AdminDSN())
	for _, actor := range []string{"user-1", "user-2", "user-3"} {
		record := saga.AuditRecord{Operation: "cancelJob", Actor: actor, Action: "a"}
		require.NoError(t, audit.Record(t.Context(), record.Outcome(saga.AuditDone)))
	}
	_, err := db.ExecContext(t.Context(), `ALTER TABLE records DISABLE TRIGGER records_keep;
		UPDATE records SET actor = 'nobody' WHERE number = 2`)
	require.NoError(t, err)
	records, err := audit.Recorded(t.Context(), saga.AuditFilter{})
	require.NoError(t, err)
	require.ErrorContains(t, saga.CheckChain(records[2].Hash, records[1], records[0]), "broken at record 2")
}
