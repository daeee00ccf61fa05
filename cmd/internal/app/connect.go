package app

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
)

// connectTimeout bounds the wait for a server at the start; afterwards processes wait for as long as it takes.
const connectTimeout = 15 * time.Second

// openDatabase opens a pool and makes sure that the server answers. The error names the way out, never the DSN.
func openDatabase(ctx context.Context, dsn string, cfg pgpool.Config) (*bun.DB, error) {
	if dsn == "" {
		return nil, Usage("no database: set --database-url or DATABASE_URL, for example postgres://user@host:5432/db")
	}
	return openDatabaseOf(ctx, "--database-url", dsn, cfg)
}

// openDatabaseOf opens the database that a flag names.
func openDatabaseOf(ctx context.Context, flag, dsn string, cfg pgpool.Config) (*bun.DB, error) {
	db, err := pgpool.Open(dsn, cfg)
	if err != nil {
		return nil, Usage("%s: %w", flag, err)
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, unreachable("%s: PostgreSQL does not answer (%w); start it, or correct the address", flag, oneLine{err})
	}
	return db, nil
}

// oneLine is an error whose text is one line: the driver lists every address it tried on its own.
type oneLine struct{ err error }

func (e oneLine) Error() string { return strings.Join(strings.Fields(e.err.Error()), " ") }
func (e oneLine) Unwrap() error { return e.err }

// openBus connects to NATS, waiting for it for a moment.
func openBus(ctx context.Context, url string, access NATSAccess, name string, log zerolog.Logger) (*bus.JetStream, error) {
	options, err := access.Options()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	b, err := bus.Open(ctx, bus.Config{APIPrefix: access.APIPrefix, URL: url, Name: name, Logger: log,
		Options: options})
	if err != nil {
		return nil, unreachable("--nats-url: NATS does not answer (%w); start it, or correct the address", err)
	}
	return b, nil
}

// closing runs what has to end, last opened first.
type closing []func() error

func (c *closing) add(fn func() error) { *c = append(*c, fn) }

func (c *closing) run() (errs []error) {
	for i := len(*c) - 1; i >= 0; i-- {
		if err := (*c)[i](); err != nil {
			errs = append(errs, fmt.Errorf("app: stop: %w", err))
		}
	}
	*c = nil
	return errs
}
