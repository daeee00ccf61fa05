package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

const (
	// bystanderEvery is the pace of the writer of another tenant: open loop, so a slow write does not hide the next ones.
	bystanderEvery = 10 * time.Millisecond
	// bystanderIdle is how long it writes with nobody else at work.
	bystanderIdle = 8 * time.Second
	// bystanderConns bounds the writer's connections; beyond them writes wait, and that wait counts.
	bystanderConns = 8
)

// benchBystander measures (c): what a writer of another tenant feels while the high tenant is deleted.
func benchBystander(ctx context.Context, o options, f *figures) error {
	p, err := startProcesses(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = p.stop() }()
	tenants, err := p.generate(ctx, 1, o.pairs+1, seed.ProfileHigh)
	if err != nil {
		return err
	}
	other := tenants[o.pairs]
	p.db.SetMaxOpenConns(bystanderConns)
	if err := p.settle(ctx); err != nil {
		return err
	}
	idle, err := p.writing(ctx, other, func(ctx context.Context) error {
		select {
		case <-time.After(bystanderIdle):
		case <-ctx.Done():
		}
		return nil
	})
	if err != nil {
		return err
	}
	var during []time.Duration
	for _, tenant := range tenants[:o.pairs] {
		if err := p.settle(ctx); err != nil {
			return err
		}
		sample, err := p.writing(ctx, other, func(ctx context.Context) error { return p.throughSaga(ctx, tenant) })
		if err != nil {
			return err
		}
		during = append(during, sample...)
	}
	settings := map[string]any{"writes_per_s": int(time.Second / bystanderEvery), "deletions": o.pairs}
	for _, q := range []float64{0.5, 0.95, 0.99} {
		name := fmt.Sprintf("p%.0f", q*100)
		settings["idle_"+name+"_ms"], settings["during_"+name+"_ms"] = ms(quantile(idle, q)), ms(quantile(during, q))
	}
	f.add("bystander_p99_ratio", ms(quantile(during, 0.99))/ms(quantile(idle, 0.99)), "during / idle", settings)
	return nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// writing inserts orders of a tenant at a fixed pace while work runs, and returns what each insert took from the moment
// it was due.
func (p *processes) writing(ctx context.Context, tenant events.TenantID,
	work func(context.Context) error) ([]time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var mu sync.Mutex
	var sample []time.Duration
	var failed error
	var writers sync.WaitGroup
	var pacer sync.WaitGroup
	pacer.Go(func() {
		tick := time.NewTicker(bystanderEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case due := <-tick.C:
				writers.Go(func() {
					err := p.write(context.WithoutCancel(ctx), tenant)
					mu.Lock()
					defer mu.Unlock()
					if sample = append(sample, time.Since(due)); err != nil {
						failed = err
					}
				})
			}
		}
	})
	err := work(ctx)
	cancel()
	pacer.Wait()
	writers.Wait()
	if err == nil {
		err = failed
	}
	return sample, err
}

// write is one small transaction of another tenant: a customer and an address, as an application would write them.
func (p *processes) write(ctx context.Context, tenant events.TenantID) error {
	const insert = `WITH c AS (INSERT INTO orders.customers (tenant_id, name, email, segment, marketing_consent, created_at)
		VALUES ($1, 'Bystander', 'bystander@example.test', 'retail', false, now()) RETURNING id)
		INSERT INTO orders.customer_addresses (customer_id, kind, street, city, postal_code, country)
		SELECT id, 'billing', 'Street 1', 'Madrid', '28001', 'ES' FROM c`
	_, err := p.db.ExecContext(ctx, insert, string(tenant))
	return err
}
