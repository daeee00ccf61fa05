package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
)

// ServerVariable names a running server for the tests: a superuser's URL. It is never stopped, and only databases whose
// names begin with td_ are made and dropped there.
const ServerVariable = "TD_TEST_DATABASE_URL"

// server is where the databases of one test binary are.
type server struct {
	url       *url.URL
	mu        sync.Mutex
	templates map[string]*template // by content
}

// sharedServer starts the server of this test binary once. It ends with the binary.
var sharedServer = sync.OnceValues(func() (*server, error) {
	dsn := os.Getenv(ServerVariable)
	if dsn == "" {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		cluster, err := pglocal.Start(ctx, pglocal.Config{AllowInstall: true, Out: os.Stderr})
		if err != nil {
			return nil, err
		}
		dsn = cluster.DSN("postgres")
	}
	u, err := url.Parse(dsn)
	if err != nil || u.Host == "" {
		return nil, errors.New(ServerVariable + " is not a postgres:// URL")
	}
	return &server{url: u, templates: map[string]*template{}}, nil
})

// NewCluster starts a server for this test alone, for tests that kill or restart it. A durable one keeps what was
// committed before Kill. It is stopped when the test ends.
func NewCluster(t testing.TB, durable bool) *pglocal.Cluster {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	cluster, err := pglocal.Start(ctx, pglocal.Config{AllowInstall: true, Durable: durable, Out: os.Stderr})
	if err != nil {
		t.Fatalf("pgtest: start cluster: %v", err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Errorf("pgtest: stop cluster: %v", err)
		}
	})
	return cluster
}

func (s *server) dsn(database, schema string) string {
	u := *s.url
	u.Path = "/" + database
	if schema != "" {
		query := u.Query()
		query.Set("search_path", schema)
		u.RawQuery = query.Encode()
	}
	return u.String()
}

// admin lends a connection to the maintenance database. None is kept, so that no goroutine of ours outlives a test.
func (s *server) admin(ctx context.Context, fn func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return fn(conn)
}
