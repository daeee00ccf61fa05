package sagatest

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/saga"
)

var _ saga.Trail = (*Trail)(nil)

// Trail is a saga.Trail in memory. It is safe for any number of goroutines.
type Trail struct {
	mu      sync.Mutex
	records []saga.AuditRecord
	failure error
}

// NewTrail makes an empty trail.
func NewTrail() *Trail { return &Trail{} }

// Break makes the trail refuse every record with this error; nil mends it.
func (t *Trail) Break(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure = err
}

// Forge changes who acted in a record, and leaves its hash.
func (t *Trail) Forge(number int64, actor string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.records {
		if t.records[i].Number == number {
			t.records[i].Actor = actor
		}
	}
}

// Forget drops the n oldest records.
func (t *Trail) Forget(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.records = t.records[n:]
}

// Record implements saga.Auditor.
func (t *Trail) Record(_ context.Context, records ...saga.AuditRecord) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failure != nil {
		return t.failure
	}
	for _, r := range records {
		previous, number := saga.AuditStart, int64(1)
		if last := len(t.records) - 1; last >= 0 {
			previous, number = t.records[last].Hash, t.records[last].Number+1
		}
		r = r.Bounded()
		r.Number, r.At = number, time.Now().UTC().Truncate(time.Microsecond)
		r.Hash = r.Sum(previous)
		t.records = append(t.records, r)
	}
	return nil
}

// Recorded implements saga.Trail.
func (t *Trail) Recorded(_ context.Context, f saga.AuditFilter) (records []saga.AuditRecord, _ error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range slices.Backward(t.records) {
		if f.Matches(r) && (f.Before == 0 || r.Number < f.Before) && len(records) < saga.ListLimit(f.Limit) {
			records = append(records, r)
		}
	}
	return records, nil
}
