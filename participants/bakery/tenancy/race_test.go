package tenancy_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
)

const (
	rounds = 40
	crowd  = 6
)

// together starts all of them at once and waits.
func together(n int, fn func(i int)) {
	start := make(chan struct{})
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { <-start; fn(i) })
	}
	close(start)
	group.Wait()
}

// TestTransfersRace lets the owner give the tenant to six admins at once, again and again.
func TestTransfersRace(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.tenant(bread)
	for i := range crowd + 1 {
		p.member(bread, user(i), map[bool]string{true: "owner", false: "admin"}[i == 0], true)
	}
	owner := user(0)
	for range rounds {
		var others []string
		for i := range crowd + 1 {
			if user(i) != owner {
				others = append(others, user(i))
			}
		}
		errs := make([]error, crowd)
		together(crowd, func(i int) { _, errs[i] = p.Transfer(background(), bread, others[i], owner) })
		won := -1
		for i, err := range errs {
			if err == nil {
				require.Equal(t, -1, won, "one wins")
				won = i
				continue
			}
			require.ErrorIs(t, err, tenancy.ErrNotOwner)
		}
		require.NotEqual(t, -1, won, "%v", errs)
		owner = others[won]
		require.Equal(t, []string{owner}, p.owners(bread))
	}
	require.EqualValues(t, 2*rounds, p.number("SELECT count(*) FROM tenant_audit_logs"))
}

// TestOperatorsRace has no owner asking: every transfer is allowed, one after the other.
func TestOperatorsRace(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.tenant(bread)
	for i := range crowd {
		p.member(bread, user(i), map[bool]string{true: "owner", false: "admin"}[i == 0], true)
	}
	for range rounds {
		errs := make([]error, crowd)
		together(crowd, func(i int) { _, errs[i] = p.Transfer(background(), bread, user(i), operator) })
		for _, err := range errs {
			if err != nil {
				require.ErrorIs(t, err, tenancy.ErrOwnsItself)
			}
		}
		require.Len(t, p.owners(bread), 1)
	}
}

// TestRemovalRacesTransfers lets both owners of two tenants leave while each tenant is given to the other one.
func TestRemovalRacesTransfers(t *testing.T) {
	t.Parallel()
	p := open(t)
	p.tenant(bread)
	p.tenant(cake)
	removed, refused := 0, 0
	for range rounds {
		p.execute("DELETE FROM tenant_members")
		p.member(bread, ann, "owner", true)
		p.member(bread, bob, "admin", true)
		p.member(cake, bob, "owner", true)
		p.member(cake, ann, "admin", true)
		errs := make([]error, 4)
		together(4, func(i int) {
			switch i {
			case 0:
				_, errs[i] = p.Transfer(background(), bread, bob, operator)
			case 1:
				_, errs[i] = p.Transfer(background(), cake, ann, operator)
			case 2:
				_, errs[i] = p.RemoveMemberships(background(), ann, operator)
			case 3:
				_, errs[i] = p.RemoveMemberships(background(), bob, operator)
			}
		})
		for i, err := range errs {
			var sole *tenancy.SoleOwnerError
			switch {
			case i >= 2 && err == nil:
				removed++
			case i >= 2:
				require.ErrorAs(t, err, &sole)
				refused++
			case err != nil:
				require.ErrorIs(t, err, tenancy.ErrNotAdmin, "whoever was to own it had left")
			}
		}
		for _, tenant := range []events.TenantID{bread, cake} {
			require.Len(t, p.owners(tenant), 1, "%v", errs)
		}
	}
	require.NotZero(t, refused, "%d removed", removed)
}

// TestDeletionRaces deletes the tenant while it is given away and a member leaves: nobody waits for a deadlock to be broken,
// and nothing of the tenant is left.
func TestDeletionRaces(t *testing.T) {
	t.Parallel()
	for range rounds / 4 {
		p := bakeries(t)
		deletion := p.deletion()
		var deleted error
		var waits []string
		errs := make([]error, 2)
		together(3, func(i int) {
			switch i {
			case 0:
				for range 100 { // taken is tried again, as a delivery is
					if _, deleted = deletion.EraseTenant(background(), bread, "one"); deleted == nil {
						return
					}
					waits = append(waits, deleted.Error())
				}
			case 1:
				_, errs[0] = p.Transfer(background(), bread, bob, ann)
			case 2:
				_, errs[1] = p.RemoveMemberships(background(), dan, operator)
			}
		})
		require.NoError(t, deleted)
		for i, gone := range []error{tenancy.ErrNoTenant, tenancy.ErrNoUser} {
			require.True(t, errs[i] == nil || errors.Is(errs[i], gone), "%v", errs[i])
		}
		require.Zero(t, p.number("SELECT count(*) FROM tenant_members WHERE tenant_id = ?", string(bread)))
		require.Zero(t, p.number("SELECT count(*) FROM tenant_audit_logs"))
		require.Equal(t, []string{bob}, p.owners(cake))
		require.NotContains(t, strings.Join(waits, "\n"), "40P01")
	}
}

// TestDeletionInFlight holds the anchor as a deletion does: a transfer waits, and finds the tenant gone.
func TestDeletionInFlight(t *testing.T) {
	t.Parallel()
	p := bakeries(t)
	tx, err := p.db.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer tx.Rollback() //nolint:errcheck // it was committed when the test passes
	_, err = tx.ExecContext(t.Context(), "SELECT FROM tenant_anchor WHERE tenant_id = ? FOR UPDATE", string(bread))
	require.NoError(t, err)
	done := make(chan error, 1)
	go func() { _, err := p.Transfer(background(), bread, bob, ann); done <- err }()
	require.Eventually(t, func() bool {
		return p.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()") == 1
	}, 30*time.Second, time.Millisecond)
	_, err = tx.ExecContext(t.Context(), "DELETE FROM tenant_members WHERE tenant_id = ?0; DELETE FROM tenants WHERE id = ?0;"+
		" UPDATE tenant_anchor SET live = false, closed_at = now() WHERE tenant_id = ?0", string(bread))
	require.NoError(t, err)
	require.NoError(t, tx.Commit())
	require.ErrorIs(t, <-done, tenancy.ErrNoTenant)
}
