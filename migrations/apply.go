package migrations

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
)

// Limits of an Apply.
const (
	lockPoll = 50 * time.Millisecond // how often a waiting replica asks again; the lock is held for well under a second
	connsMax = 4                     // the lock, goose's own connection, and room for files without a transaction
)

// Apply lays the lines into the database, in the order given; what is there already is left alone. It is safe to call
// again and from many processes at once. Creating a missing schema needs CREATE on the database; a schema made by Provision
// needs no right beyond the role's own.
func Apply(ctx context.Context, dsn string, lines ...Line) error {
	for _, line := range lines {
		if err := line.validate(); err != nil {
			return err
		}
	}
	for _, line := range lines {
		if err := applyLine(ctx, dsn, line); err != nil {
			return fmt.Errorf("migrations: apply %s: %w", line, err)
		}
	}
	return nil
}

func applyLine(ctx context.Context, dsn string, line Line) error {
	if err := makeOwner(ctx, dsn, line); err != nil {
		return err
	}
	db, err := openAs(dsn, line.schema, line.owner)
	if err != nil {
		return err
	}
	defer db.Close() // ends every session, and with it the lock
	lock, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer lock.Close() // before the pool: it does not end connections that are in use
	if err := lockSchema(ctx, lock, line.schema); err != nil {
		return err
	}
	if err := createSchema(ctx, db, line.schema); err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, line.files,
		goose.WithTableName(line.versionTable()), goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// open gives the line a pool of its own, so that nothing it sets can leak into the caller's connections.
func open(dsn, schema string) (*sql.DB, error) { return openAs(dsn, schema, "") }

// openAs has what it makes belong to another role, of which the DSN's is a member; empty means the DSN's own.
func openAs(dsn, schema, role string) (*sql.DB, error) {
	cfg, err := parse(dsn)
	if err != nil {
		return nil, err
	}
	if role != "" {
		cfg.RuntimeParams["role"] = role
	}
	if schema != "" {
		cfg.RuntimeParams["search_path"] = schema
	}
	cfg.RuntimeParams["application_name"] = "migrations"
	cfg.RuntimeParams["client_min_messages"] = "warning"
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(connsMax)
	return db, nil
}

// parse hides the DSN from the error: it may hold a password.
func parse(dsn string) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("invalid DSN (not shown, it may hold a password)")
	}
	return cfg, nil
}

// lockSchema takes the schema's lock for as long as the session lives. It asks again and again instead of blocking in
// the server, as goose's own locker does: a session that blocks holds a snapshot, for which CREATE INDEX CONCURRENTLY in the
// lock holder's file would wait for ever. It is taken before goose, because goose creates its version table unlocked.
func lockSchema(ctx context.Context, conn *sql.Conn, schema string) error {
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", lockID(schema)).Scan(&locked); err != nil {
			return fmt.Errorf("take migration lock: %w", err)
		}
		if locked {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("take migration lock: %w", context.Cause(ctx))
		case <-tick.C:
		}
	}
}

func lockID(schema string) int64 {
	h := fnv.New64a()
	h.Write([]byte("tenant-deletion/migrations/" + schema))
	return int64(h.Sum64())
}

// createSchema looks first: CREATE SCHEMA IF NOT EXISTS is refused to a role that may not create schemas even when the
// schema is there.
func createSchema(ctx context.Context, db *sql.DB, schema string) error {
	var exists bool
	err := db.QueryRowContext(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", schema).Scan(&exists)
	if err != nil || exists {
		return err
	}
	_, err = db.ExecContext(ctx, "CREATE SCHEMA IF NOT EXISTS "+schema)
	return err
}
