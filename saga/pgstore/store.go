package pgstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/saga"
)

var _ saga.Store = (*Store)(nil)

// Config tunes a store. The zero value works.
type Config struct {
	// TriesMax is how often a transaction is tried that others made impossible. Zero means 8: two coordinators that
	// submit the same tenants need two.
	TriesMax int
}

// Store is a saga.Store on PostgreSQL. It is safe for any number of goroutines; any number of stores share a database.
type Store struct {
	db  *bun.DB
	cfg Config
	// name marks our own notifications, which wake says sooner.
	name string
	// wake holds at most one wake-up of our own commits.
	wake chan struct{}
	// waiting is held by the one Wait that listens, and guards listener.
	waiting  chan struct{}
	listener *pgx.Conn
}

// New makes a store on a pool in simple protocol (package pgpool) with the coordinator's schema as its search_path.
func New(db *bun.DB, cfg Config) *Store {
	cfg.TriesMax = cmp.Or(cfg.TriesMax, 8)
	return &Store{db: db, cfg: cfg, name: rand.Text(), wake: make(chan struct{}, 1), waiting: make(chan struct{}, 1)}
}

// Close ends the connection that listens. It waits for a running Wait, so cancel that first. The pool stays open. It is
// safe to call again.
func (s *Store) Close() error {
	s.waiting <- struct{}{}
	defer func() { <-s.waiting }()
	if s.listener == nil {
		return nil
	}
	err := s.listener.Close(context.Background())
	s.listener = nil
	if err != nil {
		return fmt.Errorf("pgstore: close: %w", err)
	}
	return nil
}
