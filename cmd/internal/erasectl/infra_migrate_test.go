package erasectl

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

func TestParseLine(t *testing.T) {
	t.Parallel()

	t.Run("reads what lineName writes", func(t *testing.T) {
		t.Parallel()
		for _, line := range []migrations.Line{migrations.Coordinator(), migrations.Participant("orders"), migrations.Bakery("orders"),
			migrations.Participant("participant"), migrations.Subscriber("billing"), migrations.Audit()} {
			read, err := parseLine(lineName(line), "")
			require.NoError(t, err)
			require.Equal(t, line.String(), read.String())
		}
	})
	t.Run("takes the schema from the flag, and not from two places", func(t *testing.T) {
		t.Parallel()
		line, err := parseLine("participant", "shop")
		require.NoError(t, err)
		require.Equal(t, "participant@shop", line.String())
		_, err = parseLine("participant:orders", "shop")
		require.ErrorContains(t, err, "--schema")
	})
	t.Run("refuses other lines without repeating them", func(t *testing.T) {
		t.Parallel()
		for _, text := range []string{"", "participant", "bakery:cheese", "cheese:orders", "coordinator:other", "audit:other",
			"participant:Or ders"} {
			_, err := parseLine(text, "")
			require.ErrorContains(t, err, "--line: want coordinator", text)
			require.NotContains(t, err.Error(), "cheese")
		}
	})
}

func TestLay(t *testing.T) {
	t.Parallel()

	t.Run("lays what is pending, what it stands on first, and tells only that", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t, migrations.Participant("orders")).AdminDSN()
		lines := withBelow([]migrations.Line{migrations.Bakery("orders")})
		laid, err := lay(t.Context(), dsn, lines)
		require.NoError(t, err)
		require.NotEmpty(t, laid)
		for _, m := range laid {
			require.Equal(t, "bakery", m.Line)
			require.Equal(t, "applied", m.Is)
			require.NotNil(t, m.AppliedAt)
		}
		laid, err = lay(t.Context(), dsn, lines)
		require.NoError(t, err)
		require.NotNil(t, laid)
		require.Empty(t, laid, "it is safe to call again")
	})
	t.Run("the coordinator's files are listed in an empty database", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t).AdminDSN()
		lines, err := laidAndNeeded(t.Context(), dsn)
		require.NoError(t, err)
		all, err := migrationsOf(t.Context(), dsn, lines)
		require.NoError(t, err)
		require.NotEmpty(t, all)
		for _, m := range all {
			require.Equal(t, [2]string{"coordinator", "pending"}, [2]string{m.Line, m.Is})
			require.Nil(t, m.AppliedAt)
		}
	})
	t.Run("the audit trail is laid, and opened to its writer", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t).AdminDSN()
		up := []string{"migrate", "up", "--database-url", dsn, "--line", "audit", "--audit-writer"}
		got := typist{}.run(t.Context(), t, append(up, "postgres")...)
		require.Equal(t, app.ExitDone, got.code, got.err)
		require.Contains(t, got.out, "00001_audit.sql")
		require.Contains(t, typist{}.run(t.Context(), t, append(up, "postgres")...).err, "up to date")
		inOneLine(t, typist{}.run(t.Context(), t, append(up, "no such role")...), app.ExitFailed, "plain identifier")
		inOneLine(t, typist{}.run(t.Context(), t, "migrate", "up", "--audit-writer", "postgres"), app.ExitUsage, "--line audit")
	})
	t.Run("versions of a newer program are unknown", func(t *testing.T) {
		t.Parallel()
		dsn := pgtest.New(t, migrations.Coordinator()).AdminDSN()
		db, err := dialPostgres(t.Context(), dsn)
		require.NoError(t, err)
		defer db.Close()
		_, err = db.ExecContext(t.Context(), "INSERT INTO td_version_coordinator (version_id, is_applied) VALUES (9999, true)")
		require.NoError(t, err)
		all, err := migrationsOf(t.Context(), dsn, []migrations.Line{migrations.Coordinator()})
		require.NoError(t, err)
		last := all[len(all)-1]
		require.NotNil(t, last.AppliedAt)
		last.AppliedAt = nil
		require.Equal(t, migration{Line: "coordinator", Schema: "coordinator", Version: 9999, Is: "unknown"}, last)
	})
}
