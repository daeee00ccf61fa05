package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
)

// Limits and names of a Platform's database.
const (
	databaseName   = "bakery"
	rolePrefix     = "td_" // roles belong to the whole server, which may be somebody else's
	migrateAtOnce  = 4     // schemas; each takes a few connections
	connectionsMax = "200" // thirteen services, the coordinator, and whoever looks on
)

// database is a server with a schema and a role per service.
type database struct {
	admin  string
	secret []byte // role passwords are derived from it, so that they are the same at the next start
	stop   func() error
}

// openServer uses the given database, or starts a private server.
func openServer(ctx context.Context, cfg PlatformConfig, f folders) (database, error) {
	if cfg.DatabaseURL != "" {
		db, err := openDatabase(ctx, cfg.DatabaseURL, pgpool.Config{Name: "platform"})
		if err != nil {
			return database{}, err
		}
		_ = db.Close()
		return database{admin: cfg.DatabaseURL, stop: func() error { return nil }}, nil
	}
	settings := map[string]string{"max_connections": connectionsMax}
	for name, value := range cfg.PostgresSettings {
		settings[name] = value
	}
	cluster, err := pglocal.Start(ctx, pglocal.Config{DataDir: f.postgres, Durable: true, ExtraSettings: settings,
		AllowInstall: cfg.InstallPostgres, Out: cfg.InstallOut})
	if err != nil {
		return database{}, err
	}
	d := database{admin: cluster.DSN(databaseName), stop: cluster.Stop}
	if err := createDatabase(ctx, cluster.DSN("postgres")); err != nil {
		_ = cluster.Stop()
		return database{}, err
	}
	return d, nil
}

func createDatabase(ctx context.Context, dsn string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", databaseName).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+databaseName)
	}
	if err != nil {
		return fmt.Errorf("create database: %w", err)
	}
	return nil
}

// migrate makes roles and schemas, and lays each schema's tables as its own role.
func (d database) migrate(ctx context.Context) error {
	lines := map[string][]migrations.Line{coordinatorSchema: {migrations.Coordinator()}}
	for _, entry := range ReferenceRoster() {
		lines[string(entry.Participant)] = serviceLines(entry.Participant)
	}
	var owners []migrations.Owner
	for schema := range lines {
		owners = append(owners, migrations.Owner{Role: rolePrefix + schema, Password: d.password(schema), Schema: schema})
	}
	if err := migrations.Provision(ctx, d.admin, owners...); err != nil {
		return err
	}
	if err := layAudit(ctx, d.dsn(coordinatorSchema), d.admin); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(migrateAtOnce)
	for schema, laid := range lines {
		group.Go(func() error { return migrations.Apply(ctx, d.dsn(schema), laid...) })
	}
	return group.Wait()
}

func (d database) password(schema string) string {
	mac := hmac.New(sha256.New, d.secret)
	mac.Write([]byte("role/" + schema))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// dsn is the administrator's with the role of the schema instead.
func (d database) dsn(schema string) string {
	if u, err := url.Parse(d.admin); err == nil && strings.HasPrefix(u.Scheme, "postgres") {
		u.User = url.UserPassword(rolePrefix+schema, d.password(schema))
		return u.String()
	}
	return d.admin + " user=" + rolePrefix + schema + " password=" + d.password(schema)
}

func readSeed(path string) ([]byte, error) {
	seed, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("signing seed: %w", err)
	}
	return seed, nil
}
