package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"sync"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the administrator's connection
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

// previewConns are a service's connections beside its workers', in the saga and in the bare loop alike.
const previewConns = 2

// sagaBench is the whole platform in one process, and the bare loop over the same database.
type sagaBench struct {
	platform *app.Platform
	admin    *sql.DB
	jobs     *bun.DB
	services []*participants.Runner
	next     int // of the tenant ids
}

// benchSagas measures (b): sagas per second with tiny tenants, verified, against a loop that runs the same twelve
// transactions (the same code: deletes, receipt, fence) and one job update per tenant, without broker and saga.
func benchSagas(ctx context.Context, o options, f *figures) error {
	note("starting the platform in one process (fsync on)")
	platform, err := app.StartPlatform(ctx, app.PlatformConfig{InstallPostgres: true, InstallOut: os.Stderr, Workers: o.worker,
		ConnsMax: o.worker + previewConns})
	if err != nil {
		return err
	}
	defer func() { _ = platform.Stop() }()
	b := &sagaBench{platform: platform, next: 1}
	if err := b.open(o.worker); err != nil {
		return err
	}
	defer func() { _, _ = b.admin.Close(), b.jobs.Close() }()
	// Once without a figure: the planner knows nothing of tables that were always empty.
	if _, err := b.measure(ctx, 64, o.sagas/2, b.throughSaga); err != nil {
		return err
	}
	for _, level := range []struct{ flight, sagas int }{{1, o.sagas / 6}, {16, o.sagas / 2}, {64, o.sagas}} {
		if err := b.level(ctx, o, f, level.flight, level.sagas); err != nil {
			return err
		}
	}
	return nil
}

// level measures both ways o.rounds times, each time on fresh tenants, and reports the median.
func (b *sagaBench) level(ctx context.Context, o options, f *figures, flight, n int) error {
	var bares, sagas, ratios []float64
	for range o.rounds {
		bare, err := b.measure(ctx, flight, n, b.bareLoop)
		if err != nil {
			return err
		}
		saga, err := b.measure(ctx, flight, n, b.throughSaga)
		if err != nil {
			return err
		}
		note("%d in flight: bare %.1f/s, saga %.1f/s, ratio %.3f", flight, bare, saga, saga/bare)
		bares, sagas, ratios = append(bares, bare), append(sagas, saga), append(ratios, saga/bare)
	}
	f.add(fmt.Sprintf("sagas_ratio_%d", flight), median(ratios), "sagas per second / bare loop", map[string]any{
		"rounds": o.rounds, "tenants": n, "sagas_per_s": median(sagas), "bare_per_s": median(bares), "workers": o.worker,
		"verification": true})
	return nil
}

func (b *sagaBench) open(workers int) (err error) {
	if b.admin, err = sql.Open("pgx", b.platform.AdminDSN()); err != nil {
		return err
	}
	if b.jobs, err = pgpool.Open(b.platform.DSN("coordinator"), pgpool.Config{Name: "bare", Schema: "coordinator"}); err != nil {
		return err
	}
	for _, declared := range bakery.All() {
		if declared.Wave != bakery.WaveServices {
			continue
		}
		db, err := pgpool.Open(b.platform.DSN(declared.Name), pgpool.Config{Name: "bare", Schema: string(declared.Name),
			ConnsMax: workers + previewConns})
		if err != nil {
			return err
		}
		service, err := declared.Service(db, bakery.Config{FilesRoot: b.platform.FilesRoot()})
		if err != nil {
			return err
		}
		runner, err := participants.New(service, nil, participants.Config{})
		if err != nil {
			return err
		}
		b.services = append(b.services, runner)
	}
	_, err = b.jobs.Exec("CREATE TABLE bare_jobs (id uuid PRIMARY KEY, state text NOT NULL, version int NOT NULL DEFAULT 1)")
	return err
}

// measure generates fresh tenants, settles the database, and returns how many a second the function gets through.
func (b *sagaBench) measure(ctx context.Context, flight, n int,
	fn func(context.Context, int, []events.TenantID) error) (float64, error) {
	tenants := make([]events.TenantID, n)
	for i := range tenants {
		tenants[i] = seed.TenantIDFor(11, b.next)
		b.next++
	}
	_, err := seed.Generate(ctx, seed.Target{DSN: func(name events.Participant) string { return b.platform.DSN(name) }},
		seed.Options{Tenants: tenants, Profile: seed.ProfileTiny, Seed: int64(b.next), FilesRoot: b.platform.FilesRoot()})
	if err != nil {
		return 0, err
	}
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := b.admin.ExecContext(ctx, statement); err != nil {
			return 0, err
		}
	}
	started := time.Now()
	if err := fn(ctx, flight, tenants); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(started).Seconds(), nil
}

// bareLoop deletes each tenant with twelve transactions, one after the other, and one update of its job.
func (b *sagaBench) bareLoop(ctx context.Context, flight int, tenants []events.TenantID) error {
	jobs := make([]events.JobID, len(tenants))
	for i := range jobs {
		jobs[i] = events.NewJobID()
		if _, err := b.jobs.ExecContext(ctx, "INSERT INTO bare_jobs (id, state) VALUES (?, 'deleting')", string(jobs[i])); err != nil {
			return err
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(flight)
	for i, tenant := range tenants {
		group.Go(func() error {
			for k := range b.services {
				service := b.services[(i+k)%len(b.services)] // not all of them at the same service at once
				result, err := service.Erase(ctx, command(jobs[i], tenant, service.Name()), "bare")
				if err != nil {
					return err
				}
				if !result.Success {
					return fmt.Errorf("%s: %s", service.Name(), result.Errors[0].Code)
				}
			}
			_, err := b.jobs.ExecContext(ctx, "UPDATE bare_jobs SET state = 'completed', version = version + 1 WHERE id = ?",
				string(jobs[i]))
			return err
		})
	}
	return group.Wait()
}

func command(job events.JobID, tenant events.TenantID, name events.Participant) *events.Command {
	now := time.Now()
	return &events.Command{JobID: job, TenantID: tenant, Generation: 1, Wave: 1, Attempt: 1, Reason: "contract_ended",
		Participants: []events.Participant{name}, RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
}

// throughSaga keeps so many requests in flight and counts tenant.deleted.
func (b *sagaBench) throughSaga(ctx context.Context, flight int, tenants []events.TenantID) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	var mu sync.Mutex
	waiting := map[events.TenantID]chan struct{}{}
	for _, tenant := range tenants {
		waiting[tenant] = make(chan struct{})
	}
	err := b.platform.Bus().Watch(ctx, string(events.TypeDeleted)+".*", func(m events.Message) {
		mu.Lock()
		defer mu.Unlock()
		tenant := events.TenantID(m.Subject[len(events.TypeDeleted)+1:])
		if done := waiting[tenant]; done != nil {
			close(done)
			delete(waiting, tenant)
		}
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(flight)
	for _, tenant := range tenants {
		mu.Lock()
		done := waiting[tenant]
		mu.Unlock()
		group.Go(func() error {
			m, err := request(tenant)
			if err != nil {
				return err
			}
			if err := b.platform.Bus().Publish(ctx, m); err != nil {
				return err
			}
			select {
			case <-done:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}
	return group.Wait()
}
