package participantstest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// broken is a Memory with one promise broken.
type broken struct {
	*Memory
	check   func() error
	erase   func(ctx context.Context, m *Memory, e *participants.Erasure) error
	preview func(m *Memory, tenant events.TenantID) participants.Counts
}

func (b *broken) Check(ctx context.Context) error {
	if b.check != nil {
		return b.check()
	}
	return b.Memory.Check(ctx)
}

func (b *broken) Erase(ctx context.Context, e *participants.Erasure) error {
	if b.erase != nil {
		return b.erase(ctx, b.Memory, e)
	}
	return b.Memory.Erase(ctx, e)
}

func (b *broken) Preview(ctx context.Context, tenant events.TenantID) (participants.Counts, error) {
	if b.preview != nil {
		return b.preview(b.Memory, tenant), nil
	}
	return b.Memory.Preview(ctx, tenant)
}

func (m *Memory) locked(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

func TestBrokenServicesFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		broken broken
		fails  []string // claims
	}{
		"a plan that does not agree": {
			broken{check: func() error { return errors.New("unplanned_table: invoices") }},
			[]string{"the plan agrees with the catalogue"}},
		"a preview that deletes": {
			broken{preview: func(m *Memory, tenant events.TenantID) participants.Counts {
				counts, _ := m.Preview(context.Background(), tenant)
				m.locked(func() { delete(m.rows, tenant) })
				return counts
			}},
			[]string{"a preview counts every table and changes nothing"}},
		"a preview that misses a table": {
			broken{preview: func(m *Memory, tenant events.TenantID) participants.Counts {
				counts, _ := m.Preview(context.Background(), tenant)
				delete(counts, "orders")
				return counts
			}},
			[]string{"an erasure deletes what the preview counted and nothing else"}},
		"an erasure that takes a neighbour along": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				err := m.Erase(ctx, e)
				m.locked(func() { clear(m.rows) })
				return err
			}},
			[]string{"an erasure deletes what the preview counted and nothing else",
				"a crash between commit and answer changes no number"}},
		"an erasure that leaves rows": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				err := m.Erase(ctx, e)
				m.Seed(e.Tenant, 1)
				return err
			}},
			[]string{"an erasure deletes what the preview counted and nothing else"}},
		"a count that is not exact": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				e.Add("orders", 1)
				return m.Erase(ctx, e)
			}},
			[]string{"an erasure deletes what the preview counted and nothing else"}},
		"a receipt that is not kept": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				err := m.Erase(ctx, e)
				m.locked(func() { delete(m.receipts, e.Job) })
				return err
			}},
			[]string{"a command delivered three times has one answer", "a crash between commit and answer changes no number",
				"two replicas with one command have one answer", "residue is erased again and the counts add up"}},
		"an erasure that goes on after its end": {
			broken{erase: func(_ context.Context, m *Memory, e *participants.Erasure) error {
				return m.Erase(context.Background(), e)
			}},
			[]string{"an interrupted erasure leaves everything in its place"}},
		"a memory without generations": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				err := m.Erase(ctx, e)
				m.locked(func() { m.generations[e.Tenant] = 0 })
				return err
			}},
			[]string{"an older generation is refused"}},
		"a direct erasure that is refused after a job": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				if m.generations[e.Tenant] > e.Generation {
					return participants.Refuse(participants.CodeStale, "older")
				}
				return m.Erase(ctx, e)
			}},
			[]string{"an erasure outside of any job has one answer per key and stands in no job's way"}},
		"a direct erasure that forgets which jobs there were": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				err := m.Erase(ctx, e)
				m.locked(func() { m.generations[e.Tenant] = e.Generation })
				return err
			}},
			[]string{"an erasure outside of any job has one answer per key and stands in no job's way"}},
		"a second pass that forgets the first": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				m.locked(func() {
					if !e.Settled(m.receipts[e.Job]) {
						delete(m.receipts, e.Job)
					}
				})
				return m.Erase(ctx, e)
			}},
			[]string{"residue is erased again and the counts add up"}},
		"a service that does not erase again": {
			broken{erase: func(ctx context.Context, m *Memory, e *participants.Erasure) error {
				e.EraseAgain = false
				return m.Erase(ctx, e)
			}},
			[]string{"residue is erased again and the counts add up"}},
	} {
		for _, claim := range c.fails {
			t.Run(name+" fails: "+claim, func(t *testing.T) {
				t.Parallel()
				failures := failuresOf(t, claim, c.broken)
				require.NotEmpty(t, failures)
				t.Log(failures[0])
			})
		}
	}
}

// failuresOf runs one claim against a broken service and is what it says.
func failuresOf(t *testing.T, claim string, b broken) []string {
	t.Helper()
	spy := &spyTB{TB: t}
	var running sync.WaitGroup
	running.Go(func() {
		for _, c := range checks {
			if c.claim == claim {
				c.run(open(spy, Harness{Open: func(testing.TB) Fixture { return fixtureOf(b) }, Bus: memoryBus}))
				return
			}
		}
		t.Errorf("no check claims %q", claim)
	})
	running.Wait()
	spy.mu.Lock()
	defer spy.mu.Unlock()
	return spy.failures
}

func fixtureOf(b broken) Fixture {
	b.Memory = NewMemory("orders", "customers")
	return Fixture{
		Service: participants.Service{Name: "orders", Ledger: &b},
		Seed:    func(_ context.Context, tenant events.TenantID) error { b.Seed(tenant, 3); return nil },
		Digest:  func(_ context.Context, except events.TenantID) (Digests, error) { return b.Digest(except), nil },
	}
}

// spyTB keeps failures to itself; everything else is the real test's.
type spyTB struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (s *spyTB) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

func (s *spyTB) Fatalf(format string, args ...any) {
	s.Errorf(format, args...)
	runtime.Goexit()
}
