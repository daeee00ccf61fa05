package sagatest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// standing are the guards around a batch that touches these jobs. The lock is held: no decision runs beside it.
func (m *Memory) standing(touched func(saga.Job) bool) saga.Standing {
	s := saga.Standing{Controls: m.controls}
	for _, h := range m.holds {
		if h.Released == nil {
			s.Holds = append(s.Holds, h)
		}
	}
	for _, job := range m.jobs {
		switch {
		case !job.PivotAt.IsZero():
			s.Begun = append(s.Begun, job.PivotAt)
		case hasPlace(job) && !touched(job):
			s.Planned = append(s.Planned, job.WakeAt)
		}
	}
	s.Begun, s.Planned = newest(s.Begun, m.controls.GovernorMax), newest(s.Planned, m.controls.GovernorMax)
	return s
}

// hasPlace reports whether a job has a place at the governor.
func hasPlace(job saga.Job) bool {
	return job.Blocked != nil && (job.Blocked.Code == saga.ReasonGovernor || job.Blocked.Code == saga.ReasonCounting)
}

func newest(times []time.Time, n int) []time.Time {
	slices.SortFunc(times, time.Time.Compare)
	return times[max(len(times)-n, 0):]
}

// Hold implements saga.GuardStore.
func (m *Memory) Hold(_ context.Context, h saga.Hold) (saga.Hold, saga.Outcome, error) {
	if err := h.Check(); err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: hold: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h = h.Stored()
	h.ID, h.Released = int64(len(m.holds)+1), nil
	m.holds = append(m.holds, h)
	outcome := m.tell(h.Tenant, saga.Guarded{By: h.By, Change: saga.GuardHold}, h.At)
	if outcome.Err != nil {
		m.holds = m.holds[:len(m.holds)-1]
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: hold: %w", outcome.Err)
	}
	return h, outcome, nil
}

// Release implements saga.GuardStore.
func (m *Memory) Release(
	_ context.Context, tenant events.TenantID, id int64, r saga.Release,
) (saga.Hold, saga.Outcome, error) {
	if err := r.Check(); err != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: release hold: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.holds, func(h saga.Hold) bool { return h.ID == id && h.Tenant == tenant })
	if i < 0 {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: release hold: %w", saga.ErrNotFound)
	}
	if m.holds[i].Released != nil {
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: release hold: %w: the hold was released before", saga.ErrState)
	}
	r = r.Stored()
	m.holds[i].Released = &r
	outcome := m.tell(tenant, saga.Guarded{By: r.By, Change: saga.GuardRelease}, r.At)
	if outcome.Err != nil {
		m.holds[i].Released = nil
		return saga.Hold{}, saga.Outcome{}, fmt.Errorf("sagatest: release hold: %w", outcome.Err)
	}
	return m.holds[i], outcome, nil
}

// tell lets the tenant's active job decide on a change of its guards.
func (m *Memory) tell(tenant events.TenantID, in saga.Guarded, at time.Time) saga.Outcome {
	for id, job := range m.jobs {
		if job.Tenant != tenant || job.State.Final() {
			continue
		}
		batch := m.batch(func(j saga.Job) bool { return j.ID == id })
		outcome := batch.Change(saga.Change{Job: id, Decide: func(j saga.Job) (saga.Decision, error) {
			return saga.Decide(j, in, at)
		}})
		m.save(batch)
		return outcome
	}
	return saga.Outcome{}
}

// Holds implements saga.GuardStore.
func (m *Memory) Holds(_ context.Context, f saga.HoldFilter) (holds []saga.Hold, _ error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := len(m.holds) - 1; i >= 0 && len(holds) < saga.ListLimit(f.Limit); i-- {
		if h := m.holds[i]; f.Matches(h) && (f.Before <= 0 || h.ID < f.Before) {
			holds = append(holds, h)
		}
	}
	return holds, nil
}

// SetPause implements saga.GuardStore.
func (m *Memory) SetPause(_ context.Context, p *saga.Pause) (saga.Controls, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case p == nil:
		m.controls.Pause = nil
	case p.Check() != nil:
		return saga.Controls{}, fmt.Errorf("sagatest: pause: %w", p.Check())
	case m.controls.Pause == nil:
		pause := p.Stored()
		m.controls.Pause = &pause
	}
	return m.controls, nil
}

// SetGovernor implements saga.GuardStore.
func (m *Memory) SetGovernor(_ context.Context, limit int) (saga.Controls, error) {
	if limit < 0 {
		return saga.Controls{}, fmt.Errorf("sagatest: governor: limit: %w: must not be negative", events.ErrInvalid)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.controls.GovernorMax = limit
	return m.controls, nil
}

// KeepPreview implements saga.PreviewStore.
func (m *Memory) KeepPreview(_ context.Context, p saga.Preview) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	p.Counts = maps.Clone(p.Counts)
	m.previews[p.Fingerprint] = p
	return nil
}

// Preview implements saga.PreviewStore.
func (m *Memory) Preview(_ context.Context, fingerprint string) (saga.Preview, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	p, ok := m.previews[fingerprint]
	if !ok {
		return saga.Preview{}, fmt.Errorf("sagatest: read preview: %w", saga.ErrNotFound)
	}
	p.Counts = maps.Clone(p.Counts)
	return p, nil
}

// Controls implements saga.GuardStore.
func (m *Memory) Controls(context.Context) (saga.Controls, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.controls, nil
}
