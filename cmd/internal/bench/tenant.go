package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
)

// benchTenant measures (a) and (d): the high tenant through the saga, with verification, against the same deletes as plain
// SQL, one transaction per service, all services at once.
func benchTenant(ctx context.Context, o options, f *figures) error {
	p, err := startProcesses(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.stop() }()
	tenants, err := p.generate(ctx, 1, 2*o.pairs+1, seed.ProfileHigh)
	if err != nil {
		return err
	}
	var plain, saga, ratios []float64
	for pair := range o.pairs {
		a, b, err := p.pair(ctx, tenants[2*pair], tenants[2*pair+1], pair%2 == 1)
		if err != nil {
			return err
		}
		note("pair %d: plain SQL %.2f s, saga %.2f s, ratio %.3f", pair+1, a, b, b/a)
		plain, saga, ratios = append(plain, a), append(saga, b), append(ratios, b/a)
	}
	settings := map[string]any{"pairs": o.pairs, "tenants": len(tenants), "plain_sql_seconds": median(plain)}
	f.add("tenant_high_ratio", median(ratios), "saga wall / plain SQL wall", settings)
	f.add("tenant_high_seconds", median(saga), "s", settings)
	return p.memory(f)
}

// pair measures both ways. Which one is first changes from pair to pair: the later one finds a database that is less full.
func (p *processes) pair(ctx context.Context, one, other events.TenantID, sagaFirst bool) (plain, saga float64, err error) {
	if sagaFirst {
		if saga, err = p.timed(ctx, one, p.throughSaga); err == nil {
			plain, err = p.timed(ctx, other, p.plainSQL)
		}
		return plain, saga, err
	}
	if plain, err = p.timed(ctx, one, p.plainSQL); err == nil {
		saga, err = p.timed(ctx, other, p.throughSaga)
	}
	return plain, saga, err
}

// memory reports (d): the coordinator's peak, and the largest participant's.
func (p *processes) memory(f *figures) error {
	coordinator, err := p.peakMB("coordinator")
	if err != nil {
		return err
	}
	largest, of := 0.0, ""
	for _, entry := range app.ReferenceRoster() {
		mb, err := p.peakMB(string(entry.Participant))
		if err != nil {
			return err
		}
		if mb > largest {
			largest, of = mb, string(entry.Participant)
		}
	}
	f.add("coordinator_rss_mb", coordinator, "MB, peak", nil)
	f.add("participant_rss_mb", largest, "MB, peak", map[string]any{"largest": of})
	return nil
}

func (p *processes) timed(ctx context.Context, tenant events.TenantID,
	fn func(context.Context, events.TenantID) error) (float64, error) {
	if err := p.settle(ctx); err != nil {
		return 0, err
	}
	started := time.Now()
	err := fn(ctx, tenant)
	return time.Since(started).Seconds(), err
}

// plainSQL issues the twelve services' deletes with nothing around them: no receipt, no fence, no proof.
func (p *processes) plainSQL(ctx context.Context, tenant events.TenantID) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, declared := range bakery.All() {
		if declared.Wave != bakery.WaveServices {
			continue
		}
		group.Go(func() error {
			db, err := pgpool.Open(p.cluster.DSN("postgres"), pgpool.Config{Name: "plain", Schema: string(declared.Name), ConnsMax: 1})
			if err != nil {
				return err
			}
			defer db.Close() // nothing is lost
			deletes, err := sqlplan.New(db, sqlplan.Config{Service: declared.Name}, declared.Rules...).Deletes(ctx, tenant)
			if err != nil {
				return err
			}
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				return err
			}
			for _, statement := range deletes {
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", declared.Name, err)
				}
			}
			return tx.Commit()
		})
	}
	return group.Wait()
}

// throughSaga submits a request and waits for tenant.deleted, as any other team would.
func (p *processes) throughSaga(ctx context.Context, tenant events.TenantID) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	deleted := make(chan struct{}, 1)
	err := p.bus.Watch(ctx, string(events.TypeDeleted)+"."+string(tenant), func(events.Message) {
		select {
		case deleted <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return err
	}
	m, err := request(tenant)
	if err != nil {
		return err
	}
	if err := p.bus.Publish(ctx, m); err != nil {
		return err
	}
	select {
	case <-deleted:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("tenant.deleted did not come: %w", ctx.Err())
	}
}

func request(tenant events.TenantID) (events.Message, error) {
	s := events.Submitted{RequestID: "bench-" + string(tenant), TenantID: tenant, Source: "bench", Reason: "contract_ended",
		RequestedBy: "bench"}
	return events.Encode(s.Event(time.Now()))
}
