package familytest_test

import (
	"context"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan/familytest"
)

// scissors end the context of a deletion when it has reached a point for the n-th time.
type scissors struct {
	left int
	cut  context.CancelFunc
}

// reached is a plan's Reached.
func (s *scissors) reached() {
	if s.left--; s.left == 0 {
		s.cut()
	}
}

// requireExactThough cuts a deletion short and repeats it: the receipt has the rows of both.
func requireExactThough(t tb, w *familytest.World, plan *sqlplan.Plan, tenant events.TenantID, s *scissors, after int) {
	t.Helper()
	want := w.Oracle.Counts(t, tenant)
	c := command(tenant)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s.left, s.cut = after, cancel
	_, _, err := erase(ctx, plan, c)
	s.left = 0
	switch {
	case err == nil: // it ends before it is reached so often
	case chunked(t, w):
		w.Oracle.Spared(t, tenant)
	default:
		w.Oracle.Unchanged(t)
	}
	receipt, replayed, err := erase(t.Context(), plan, c)
	require.NoError(t, err)
	require.Equal(t, want, nonzero(receipt.Counts), "receipt of %s, replayed: %v", tenant, replayed)
	w.Oracle.Erased(t, tenant)
}
