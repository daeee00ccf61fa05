package app

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Submit asks for a deletion the way any service does: with an event in TD_INTAKE. It returns when the stream has stored it.
func (p *Platform) Submit(ctx context.Context, s events.Submitted) error {
	m, err := events.Encode(s.Event(time.Now()))
	if err != nil {
		return fmt.Errorf("app: submit: %w", err)
	}
	if err := p.bus.Publish(ctx, m); err != nil {
		return fmt.Errorf("app: submit: %w", err)
	}
	return nil
}

// waitPoll is the safety net of Wait: the events it waits for are not stored for it.
const waitPoll = time.Second

// Wait waits until the tenant's newest job has ended or needs a person (saga.StateFailed), and returns it. With a request
// id it waits for the job of that request, so that an earlier job of the tenant is not taken for it.
func (p *Platform) Wait(ctx context.Context, tenant events.TenantID, requestID string) (saga.Job, error) {
	ended, forget := p.endings.of(tenant)
	defer forget()
	poll := time.NewTicker(waitPoll)
	defer poll.Stop()
	for {
		jobs, err := p.store.Jobs(ctx, saga.Filter{Tenant: tenant, Limit: 1})
		if err != nil && ctx.Err() == nil {
			p.cfg.Logger.Debug().Err(err).Str("tenant", string(tenant)).Msg("cannot read the job, will try again")
		}
		if len(jobs) == 1 && (requestID == "" || jobs[0].RequestID == requestID) &&
			(jobs[0].State.Final() || jobs[0].State == saga.StateFailed) {
			return jobs[0], nil
		}
		select {
		case <-ended:
		case <-poll.C:
		case <-ctx.Done():
			return saga.Job{}, fmt.Errorf("app: wait for tenant %s: %w", tenant, context.Cause(ctx))
		case <-p.base().Done():
			return saga.Job{}, fmt.Errorf("app: wait for tenant %s: the platform ended: %w", tenant, context.Cause(p.base()))
		}
	}
}

// endings wakes those who wait for a tenant's job.
type endings struct {
	mu      sync.Mutex
	waiting map[events.TenantID]map[chan struct{}]bool
}

func watchEndings(ctx context.Context, b bus.Bus) (*endings, error) {
	e := &endings{waiting: map[events.TenantID]map[chan struct{}]bool{}}
	for _, kind := range []events.Type{events.TypeDeleted, events.TypeFailed, events.TypeCancelled} {
		if err := b.Watch(ctx, string(kind)+".*", e.ended); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *endings) ended(m events.Message) {
	event, err := events.Decode(m)
	if err != nil {
		return // a stranger's message; Wait has its poll
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for c := range e.waiting[event.Subject] {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// of is signalled at each ending of the tenant's jobs until forget is called.
func (e *endings) of(tenant events.TenantID) (ended <-chan struct{}, forget func()) {
	c := make(chan struct{}, 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.waiting[tenant] == nil {
		e.waiting[tenant] = map[chan struct{}]bool{}
	}
	e.waiting[tenant][c] = true
	return c, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.waiting[tenant], c)
		if len(e.waiting[tenant]) == 0 {
			delete(e.waiting, tenant)
		}
	}
}
