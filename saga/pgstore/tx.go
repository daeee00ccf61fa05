package pgstore

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// SQLSTATEs after which the same transaction may succeed.
const (
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
	uniqueViolation      = "23505" // another store inserted the same job first; the next try finds it
)

// retryDelayMax is the longest pause before a try, long enough for the other side of a deadlock to commit.
const retryDelayMax = 20 * time.Millisecond

// inTx runs fn in a transaction, and again when others made it impossible.
func (s *Store) inTx(ctx context.Context, fn func(ctx context.Context, tx bun.Tx) error) error {
	for try := 1; ; try++ {
		err := s.db.RunInTx(ctx, nil, fn)
		if err == nil || try >= s.cfg.TriesMax || !retryable(err) {
			return err
		}
		pause := time.NewTimer(rand.N(retryDelayMax))
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return errors.Join(ctx.Err(), err)
		}
	}
}

func retryable(err error) bool {
	switch sqlState(err) {
	case serializationFailure, deadlockDetected, uniqueViolation:
		return true
	}
	return false
}

// errReopened says that a completed job would be the second active one of its tenant. Trying again does not help.
var errReopened = fmt.Errorf("%w: another job of the tenant is active", saga.ErrState)

// refused reports whether PostgreSQL did not accept the data (classes 22 and 23): trying again does not help.
func refused(err error) bool {
	if errors.Is(err, errReopened) {
		return true
	}
	code := sqlState(err)
	return strings.HasPrefix(code, "22") || strings.HasPrefix(code, "23")
}

func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}

func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}
