package sagatest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

var _ saga.Store = (*Memory)(nil)

// Memory is a saga.Store that keeps everything in memory. It is safe for any number of goroutines.
type Memory struct {
	mu      sync.Mutex
	jobs    map[events.JobID]saga.Job
	history map[events.JobID][]saga.Entry
	inbox   map[events.EventID]bool
	outbox  []*unsent
	dead    []saga.DeadLetter
	roster  []saga.RosterEntry
	wake    chan struct{}

	controls saga.Controls
	holds    []saga.Hold
	previews map[string]saga.Preview
}

// unsent is a message that waits for a relay; locked while one has it in hand.
type unsent struct {
	message events.Message
	locked  bool
	sent    bool
}

// NewMemory makes an empty store. Its roster is empty, so jobs are refused until SetRoster.
func NewMemory() *Memory {
	return &Memory{jobs: map[events.JobID]saga.Job{}, history: map[events.JobID][]saga.Entry{}, inbox: map[events.EventID]bool{},
		previews: map[string]saga.Preview{},
		wake:     make(chan struct{}, 1)}
}

// Submit implements saga.JobStore.
func (m *Memory) Submit(_ context.Context, now time.Time, submissions ...saga.Submission) ([]saga.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	batch := m.batch(func(job saga.Job) bool {
		return slices.ContainsFunc(submissions, func(s saga.Submission) bool {
			return s.Submitted.TenantID == job.Tenant || s.Submitted.RequestID == job.RequestID
		})
	})
	outcomes := make([]saga.Outcome, len(submissions))
	for i, s := range submissions {
		outcomes[i] = batch.Submit(s, events.NewJobID(), m.roster, now)
	}
	m.save(batch)
	return outcomes, nil
}

// Update implements saga.JobStore.
func (m *Memory) Update(_ context.Context, changes ...saga.Change) ([]saga.Outcome, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	outcomes := make([]saga.Outcome, len(changes))
	for i, c := range changes {
		batch := m.batch(func(job saga.Job) bool { return job.ID == c.Job })
		if outcomes[i] = batch.Change(c); slices.ContainsFunc(batch.Writes(), m.isSecond) {
			outcomes[i] = saga.Outcome{Err: fmt.Errorf("sagatest: update: %w: another job of the tenant is active", saga.ErrState)}
			continue
		}
		m.save(batch)
	}
	return outcomes, nil
}

// isSecond reports whether a job would be the second active one of its tenant.
func (m *Memory) isSecond(w saga.Write) bool {
	for id, job := range m.jobs {
		if id != w.Job.ID && job.Tenant == w.Job.Tenant && !job.State.Final() && !w.Job.State.Final() {
			return true
		}
	}
	return false
}

// batch starts a batch on copies of the jobs that it may touch.
func (m *Memory) batch(touched func(saga.Job) bool) *saga.Batch {
	var loaded []saga.Job
	for _, job := range m.jobs {
		if touched(job) {
			loaded = append(loaded, job.Clone())
		}
	}
	batch := saga.NewBatch(func(id events.EventID) bool { return m.inbox[id] }, loaded...)
	batch.Guard(m.standing(touched))
	return batch
}

func (m *Memory) save(batch *saga.Batch) {
	for _, w := range batch.Writes() {
		m.jobs[w.Job.ID] = w.Job.Clone()
	}
	for _, e := range batch.History() {
		m.history[e.Job] = append(m.history[e.Job], e)
	}
	for _, id := range batch.Accepted() {
		m.inbox[id] = true
	}
	for _, message := range batch.Messages() {
		m.outbox = append(m.outbox, &unsent{message: message})
	}
	if len(batch.Messages()) > 0 {
		m.signal()
	}
}

func (m *Memory) signal() {
	select {
	case m.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

// Due implements saga.JobStore.
func (m *Memory) Due(
	_ context.Context, now time.Time, lease time.Duration, limit int,
) (due []events.JobID, next time.Time, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, job := range m.byWake() {
		if !job.WakeAt.After(now) && len(due) < limit {
			due = append(due, job.ID)
			job.WakeAt = now.Add(lease).UTC().Truncate(time.Microsecond)
			m.jobs[job.ID] = job
		}
		if next.IsZero() || job.WakeAt.Before(next) {
			next = job.WakeAt
		}
	}
	return due, next, nil
}

func (m *Memory) byWake() []saga.Job {
	var waking []saga.Job
	for _, job := range m.jobs {
		if !job.WakeAt.IsZero() {
			waking = append(waking, job)
		}
	}
	slices.SortFunc(waking, func(a, b saga.Job) int {
		return cmp.Or(a.WakeAt.Compare(b.WakeAt), cmp.Compare(a.ID, b.ID))
	})
	return waking
}

// Job implements saga.JobStore.
func (m *Memory) Job(_ context.Context, id events.JobID) (saga.Job, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	job, ok := m.jobs[id]
	if !ok {
		return saga.Job{}, fmt.Errorf("sagatest: read job: %w: %s", saga.ErrNotFound, id)
	}
	return job.Clone(), nil
}

// Jobs implements saga.JobStore.
func (m *Memory) Jobs(_ context.Context, f saga.Filter) ([]saga.Job, error) {
	if f.Before != "" {
		if _, err := events.ParseJobID(string(f.Before)); err != nil {
			return nil, fmt.Errorf("sagatest: list jobs: before: %w", err)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var jobs []saga.Job
	for _, job := range m.jobs {
		if f.Matches(job) && (f.Before == "" || job.ID < f.Before) {
			jobs = append(jobs, job.Clone())
		}
	}
	slices.SortFunc(jobs, func(a, b saga.Job) int { return strings.Compare(string(b.ID), string(a.ID)) })
	return jobs[:min(len(jobs), saga.ListLimit(f.Limit))], nil
}

// History implements saga.JobStore.
func (m *Memory) History(_ context.Context, id events.JobID, after int64, limit int) ([]saga.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := m.history[id]
	from := int(min(max(after, 0), int64(len(all)))) // entry n is at n-1
	return slices.Clone(all[from:min(len(all), from+saga.ListLimit(limit))]), nil
}
