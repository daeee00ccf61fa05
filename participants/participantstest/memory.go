package participantstest

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// Memory is a ledger without a database, for examples and for tests of others: it holds a number of rows per table and
// tenant, and keeps its promises while the process lives. Its zero value is not usable; see NewMemory.
type Memory struct {
	mu          sync.Mutex
	tables      []string
	rows        map[events.TenantID]participants.Counts
	receipts    map[events.JobID]*participants.Receipt
	generations map[events.TenantID]int
}

var _ participants.Ledger = (*Memory)(nil)

// NewMemory makes an empty ledger with these tables.
func NewMemory(tables ...string) *Memory {
	return &Memory{tables: tables, rows: map[events.TenantID]participants.Counts{},
		receipts: map[events.JobID]*participants.Receipt{}, generations: map[events.TenantID]int{}}
}

// Seed adds n rows of the tenant to every table.
func (m *Memory) Seed(tenant events.TenantID, n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rows[tenant] == nil {
		m.rows[tenant] = participants.Counts{}
	}
	for _, table := range m.tables {
		m.rows[tenant][table] += n
	}
}

// Digest covers every tenant's rows but the excepted one's.
func (m *Memory) Digest(except events.TenantID) Digests {
	m.mu.Lock()
	defer m.mu.Unlock()
	digests := Digests{}
	for tenant, rows := range m.rows {
		if tenant != except && rows.Total() > 0 {
			digests[string(tenant)] = fmt.Sprint(rows)
		}
	}
	return digests
}

// Check implements participants.Ledger; there is no catalogue that could differ.
func (m *Memory) Check(context.Context) error { return nil }

// Kept implements participants.Ledger.
func (m *Memory) Kept() map[string]string { return nil }

// Receipt implements participants.Ledger.
func (m *Memory) Receipt(_ context.Context, job events.JobID) (*participants.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.receipts[job], nil
}

// Preview implements participants.Eraser.
func (m *Memory) Preview(_ context.Context, tenant events.TenantID) (participants.Counts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.count(tenant), nil
}

// Erase implements participants.Ledger; the mutex is its transaction.
func (m *Memory) Erase(ctx context.Context, e *participants.Erasure) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	stored := m.receipts[e.Job]
	switch {
	case e.Settled(stored):
		e.Answer(stored)
		if e.Generation != participants.GenerationNone && e.Generation < m.generations[e.Tenant] {
			e.Outlive()
		}
		return nil
	case e.Generation != participants.GenerationNone && e.Generation < m.generations[e.Tenant]:
		return participants.Refuse(participants.CodeStale, "generation %d was erased before", m.generations[e.Tenant])
	}
	for table, n := range m.count(e.Tenant) {
		e.Add(table, n)
	}
	delete(m.rows, e.Tenant)
	m.generations[e.Tenant] = max(m.generations[e.Tenant], e.Generation)
	m.receipts[e.Job] = e.Receipt(participants.ModeTransaction, stored)
	return nil
}

func (m *Memory) count(tenant events.TenantID) participants.Counts {
	counts := participants.Counts{}
	for _, table := range m.tables {
		counts[table] = 0
	}
	maps.Copy(counts, m.rows[tenant])
	return counts
}
