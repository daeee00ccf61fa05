package pgpool

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
)

// Config tunes a pool. The zero value works.
type Config struct {
	// ConnsMax is the largest number of connections. Zero means 4: twelve services then stay under the server's usual 100.
	ConnsMax int
	// IdleTxTimeout ends a transaction that waits for its client. Zero means 30 s.
	IdleTxTimeout time.Duration
	// LockTimeout bounds the wait for any lock. Zero means 3 s.
	LockTimeout time.Duration
	// Name is shown as application_name in pg_stat_activity. Empty means tenant-deletion.
	Name string
	// Schema is the search_path. Empty leaves the role's own.
	Schema string
	// StatementTimeout bounds each statement. Zero means 60 s.
	StatementTimeout time.Duration
}

// connIdleTimeMax closes idle connections, so that a quiet service holds none.
const connIdleTimeMax = 5 * time.Minute

// schemaName is what we accept as search_path: one plain identifier, which never needs quotes.
var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// Open makes a pool. It does not connect. Close of the returned database closes it.
func Open(dsn string, cfg Config) (*bun.DB, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	conn, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("pgpool: open: invalid DSN (not shown, it may hold a password)")
	}
	conn.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	for name, value := range cfg.settings() {
		conn.RuntimeParams[name] = value
	}
	pool := stdlib.OpenDB(*conn)
	pool.SetMaxOpenConns(cfg.ConnsMax)
	pool.SetMaxIdleConns(cfg.ConnsMax)
	pool.SetConnMaxIdleTime(connIdleTimeMax)
	return bun.NewDB(pool, pgdialect.New()), nil
}

func (c Config) withDefaults() Config {
	c.ConnsMax = cmp.Or(c.ConnsMax, 4)
	c.IdleTxTimeout = cmp.Or(c.IdleTxTimeout, 30*time.Second)
	c.LockTimeout = cmp.Or(c.LockTimeout, 3*time.Second)
	c.Name = cmp.Or(c.Name, "tenant-deletion")
	c.StatementTimeout = cmp.Or(c.StatementTimeout, time.Minute)
	return c
}

func (c Config) validate() error {
	if c.ConnsMax < 1 {
		return fmt.Errorf("pgpool: ConnsMax: %d is not positive", c.ConnsMax)
	}
	if c.Schema != "" && !schemaName.MatchString(c.Schema) {
		return fmt.Errorf("pgpool: Schema: %q is not a plain identifier", c.Schema)
	}
	for name, d := range map[string]time.Duration{"IdleTxTimeout": c.IdleTxTimeout, "LockTimeout": c.LockTimeout,
		"StatementTimeout": c.StatementTimeout} {
		if d < time.Millisecond { // the server's unit, and its zero means no timeout at all
			return fmt.Errorf("pgpool: %s: %s is less than 1ms", name, d)
		}
	}
	return nil
}

// settings are sent when a connection starts, so that no statement runs without them.
func (c Config) settings() map[string]string {
	ms := func(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
	s := map[string]string{
		"application_name":                    c.Name,
		"idle_in_transaction_session_timeout": ms(c.IdleTxTimeout),
		"lock_timeout":                        ms(c.LockTimeout),
		"statement_timeout":                   ms(c.StatementTimeout),
	}
	if c.Schema != "" {
		s["search_path"] = c.Schema
	}
	return s
}
