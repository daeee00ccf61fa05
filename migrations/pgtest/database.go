package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/migrations"
)

// setupTimeout bounds everything that happens before a test has its database; an installation may be part of it.
const setupTimeout = 10 * time.Minute

// Database is one test's database.
type Database struct {
	server *server
	name   string
}

// New makes a database with these lines applied, in this order. It is dropped when the test ends.
func New(t testing.TB, lines ...migrations.Line) *Database {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	s, err := sharedServer()
	if err != nil {
		t.Fatalf("pgtest: start server: %v", err)
	}
	template, err := s.template(ctx, lines)
	if err != nil {
		t.Fatalf("pgtest: make template: %v", err)
	}
	d := &Database{server: s, name: "td_test_" + strings.ToLower(rand.Text())}
	if err := s.clone(ctx, template, d.name); err != nil {
		t.Fatalf("pgtest: clone template: %v", err)
	}
	t.Cleanup(func() { d.drop(t) })
	return d
}

// DSN connects as the superuser with the schema as search_path; empty leaves the server's own.
func (d *Database) DSN(schema string) string { return d.server.dsn(d.name, schema) }

// AdminDSN connects as the superuser, for making roles and schemas.
func (d *Database) AdminDSN() string { return d.DSN("") }

// Name is the database's name on its server.
func (d *Database) Name() string { return d.name }

func (d *Database) drop(t testing.TB) {
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	err := d.server.admin(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, fmt.Sprintf("DROP DATABASE IF EXISTS %s WITH (FORCE)", d.name))
		return err
	})
	if err != nil {
		t.Errorf("pgtest: drop database: %v", err)
	}
}
