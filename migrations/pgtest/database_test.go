package pgtest_test

import (
	"context"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

func TestDatabase(t *testing.T) {
	t.Parallel()
	line := migrations.Files("pantry", "pantry", fstest.MapFS{"00001_jars.sql": {Data: []byte(
		"-- +goose Up\nCREATE TABLE jars (id int PRIMARY KEY);\n-- +goose Down\nDROP TABLE jars;\n")}})

	t.Run("each test has the tables and none of its neighbours' rows", func(t *testing.T) {
		t.Parallel()
		for range 3 {
			conn := connect(t, pgtest.New(t, line).DSN("pantry"))
			var rows int
			require.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM jars").Scan(&rows))
			require.Zero(t, rows)
			_, err := conn.Exec(t.Context(), "INSERT INTO jars VALUES (1)")
			require.NoError(t, err)
		}
	})
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close(context.Background()) }) //nolint:errcheck // the test is over
	return conn
}
