package runner

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

func TestRunner(t *testing.T) {
	t.Parallel()
	t.Run("deletes tenants with exact counts, the tenant service last", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		tenants := tenantsNamed("acme", 20)
		w.give(3, tenants...)
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{}).Run)
		w.submit(tenants...)
		for _, tenant := range tenants {
			job := w.job(tenant, saga.StateCompleted)
			require.EqualValues(t, 9, job.Total())
			last, _ := job.Step("tenants")
			for _, step := range job.Steps[:2] {
				require.False(t, last.RequestedAt.Before(step.FinishedAt), "wave 2 began before wave 1 ended")
			}
			want := map[events.Participant]map[string]int64{"orders": {"things": 3}, "pos": {"things": 3}, "tenants": {"things": 3}}
			require.True(t, equalCounts(want, w.deleted(tenant).DeletedCounts))
		}
	})
	t.Run("lets two replicas share the work without doing any of it twice", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		tenants := tenantsNamed("twin", 40)
		w.give(1, tenants...)
		w.runParts("orders", "pos", "tenants")
		w.run(w.runner(Config{BatchMax: 4}).Run)
		w.run(w.runner(Config{BatchMax: 4}).Run)
		w.submit(tenants...)
		for _, tenant := range tenants {
			require.EqualValues(t, 3, w.job(tenant, saga.StateCompleted).Total())
			require.EqualValues(t, 3, w.deleted(tenant).Total)
		}
		for name, p := range w.parts {
			require.Equal(t, len(tenants), p.passes(), "%s deleted more than once for a job", name)
		}
	})
	t.Run("ends without an error when its context ends", func(t *testing.T) {
		t.Parallel()
		w := memoryWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, w.runner(Config{}).Run(ctx))
	})
	t.Run("needs a signer and sane limits, and names all that is wrong at once", func(t *testing.T) {
		t.Parallel()
		_, err := New(nil, nil, Config{BatchMax: -1, VerifyWorkers: -1, PreviewTimeout: -1})
		for _, field := range []string{"Signer", "BatchMax", "VerifyWorkers", "PreviewTimeout"} {
			require.ErrorContains(t, err, field)
		}
	})
}

func tenantsNamed(prefix string, n int) []events.TenantID {
	tenants := make([]events.TenantID, n)
	for i := range tenants {
		tenants[i] = events.TenantID(fmt.Sprintf("%s-%d", prefix, i))
	}
	return tenants
}
