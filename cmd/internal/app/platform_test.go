package app

import (
	"context"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// waitMax is far beyond what any test needs on a loaded machine.
const waitMax = 2 * time.Minute

func startPlatform(t testing.TB, cfg PlatformConfig) *Platform {
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	cfg.InstallPostgres = true
	p, err := StartPlatform(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Stop()) })
	return p
}

// tenantsOf loads n tenants at the tiny profile.
func tenantsOf(t testing.TB, p *Platform, from, n int) ([]events.TenantID, *seed.Report) {
	tenants := make([]events.TenantID, n)
	for i := range tenants {
		tenants[i] = seed.TenantIDFor(1, from+i+1)
	}
	report, err := seed.Generate(t.Context(), seed.Target{DSN: p.DSN},
		seed.Options{Tenants: tenants, Profile: seed.ProfileTiny, FilesRoot: p.FilesRoot()})
	require.NoError(t, err)
	return tenants, report
}

func request(tenant events.TenantID) events.Submitted {
	return events.Submitted{RequestID: "request-" + string(tenant), TenantID: tenant, Source: "crm", Reason: "contract_ended",
		RequestedBy: "actor-1"}
}

// remove submits the tenants and waits for their jobs.
func remove(t testing.TB, p *Platform, tenants ...events.TenantID) (jobs []saga.Job) {
	ctx, cancel := context.WithTimeout(t.Context(), waitMax)
	defer cancel()
	for _, tenant := range tenants {
		require.NoError(t, p.Submit(ctx, request(tenant)))
	}
	for _, tenant := range tenants {
		job, err := p.Wait(ctx, tenant, request(tenant).RequestID)
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, job.State, "%+v", job)
		jobs = append(jobs, job)
	}
	return jobs
}

func TestPlatform(t *testing.T) {
	t.Parallel()
	p := startPlatform(t, PlatformConfig{})
	tenants, report := tenantsOf(t, p, 0, 3)
	jobs := remove(t, p, tenants[0])
	for name, counts := range report.Rows {
		step, ok := jobs[0].Step(name)
		require.True(t, ok, name)
		for table, n := range counts {
			require.Equal(t, n, step.Counts[table], "%s.%s", name, table)
		}
	}
	for _, neighbour := range tenants[1:] {
		for name, counts := range report.Rows {
			preview := p.Participant(name).Preview(t.Context(), neighbour)
			for table, n := range counts {
				require.Equal(t, n, preview.Counts[table], "%s.%s of a neighbour", name, table)
			}
		}
	}
	require.NoError(t, p.Failed())
}

func TestPlatformKeepsItsData(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "tenant-deletion-test-") // not t.TempDir: PostgreSQL's own account has to reach it
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // the same
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	first := startPlatform(t, PlatformConfig{DataDir: dir})
	tenants, _ := tenantsOf(t, first, 0, 1)
	first.StopParticipant("orders")
	require.NoError(t, first.Submit(t.Context(), request(tenants[0])))
	key, dsn := first.TrustedKey(), first.DSN("orders")

	t.Run("a second platform on the same folder is told so", func(t *testing.T) {
		_, err := StartPlatform(t.Context(), PlatformConfig{DataDir: dir})
		require.ErrorContains(t, err, "in use")
	})
	t.Run("a taken port is named", func(t *testing.T) {
		_, port, err := net.SplitHostPort(strings.TrimPrefix(first.NATSURL(), "nats://"))
		require.NoError(t, err)
		taken, err := strconv.Atoi(port)
		require.NoError(t, err)
		_, err = StartPlatform(t.Context(), PlatformConfig{DatabaseURL: first.AdminDSN(), NATSPort: taken})
		require.ErrorContains(t, err, port)
	})
	t.Run("what was submitted goes on at the next start, with the same keys", func(t *testing.T) {
		require.NoError(t, first.Stop())
		require.NoError(t, first.Failed())
		again := startPlatform(t, PlatformConfig{DataDir: dir})
		require.Equal(t, key, again.TrustedKey())
		require.Equal(t, password(t, dsn), password(t, again.DSN("orders")))
		ctx, cancel := context.WithTimeout(t.Context(), waitMax)
		defer cancel()
		job, err := again.Wait(ctx, tenants[0], "")
		require.NoError(t, err)
		require.Equal(t, saga.StateCompleted, job.State)
	})
}

func password(t testing.TB, dsn string) string {
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	secret, _ := u.User.Password()
	return secret
}
