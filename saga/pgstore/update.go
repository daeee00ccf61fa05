package pgstore

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Update implements saga.JobStore.
func (s *Store) Update(ctx context.Context, changes ...saga.Change) ([]saga.Outcome, error) {
	outcomes, err := each(changes, func(part []saga.Change) ([]saga.Outcome, error) { return s.update(ctx, part) })
	if err != nil {
		return nil, fmt.Errorf("pgstore: update: %w", err)
	}
	return outcomes, nil
}

func (s *Store) update(ctx context.Context, changes []saga.Change) ([]saga.Outcome, error) {
	ids, inbox := make([]events.JobID, len(changes)), make([]events.EventID, len(changes))
	for i := range changes {
		ids[i], inbox[i] = changes[i].Job, changes[i].Inbox
	}
	outcomes := make([]saga.Outcome, len(changes))
	of := "SELECT tenant FROM jobs WHERE id = ANY(?::uuid[])" // a job's tenant never changes
	err := s.transact(ctx, inbox, guardsOf{of, uuids(ids)}, func(ctx context.Context, tx bun.Tx, in deciding) (*saga.Batch, error) {
		// Locked in the order of ids, so that two batches never wait for each other in a circle.
		jobs, err := readJobs(ctx, tx, "WHERE id = ANY(?::uuid[]) ORDER BY id FOR UPDATE", uuids(ids))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(jobs, func(j saga.Job) bool { return j.PivotAt.IsZero() && !j.State.Final() }) {
			if err := readGovernor(ctx, tx, &in.standing, ids); err != nil {
				return nil, err
			}
		}
		batch := saga.NewBatch(in.counted, jobs...)
		batch.Guard(in.standing)
		for i := range changes {
			outcomes[i] = batch.Change(changes[i])
		}
		return batch, nil
	})
	return outcomes, err
}

// each runs a batch. When PostgreSQL does not accept its data, every item is run alone, so that one of them cannot hold up
// the others; the one that is not accepted alone either is rejected.
func each[T any](items []T, run func([]T) ([]saga.Outcome, error)) ([]saga.Outcome, error) {
	if len(items) == 0 {
		return nil, nil
	}
	outcomes, err := run(items)
	if err == nil || !refused(err) {
		return outcomes, err
	}
	if len(items) == 1 {
		return []saga.Outcome{{Err: err}}, nil
	}
	for i := range items {
		alone, err := each(items[i:i+1], run)
		if err != nil {
			return nil, err
		}
		outcomes[i] = alone[0]
	}
	return outcomes, nil
}

// decideFunc loads jobs and decides on them inside a transaction.
type decideFunc func(ctx context.Context, tx bun.Tx, in deciding) (*saga.Batch, error)

// deciding is what a transaction has read before jobs.
type deciding struct {
	counted  func(events.EventID) bool
	standing saga.Standing
}

// transact reads the guards, counts the inbox ids, lets decide work, and saves what was decided, all in one transaction.
func (s *Store) transact(ctx context.Context, inbox []events.EventID, of guardsOf, decide decideFunc) error {
	var sent int
	err := s.inTx(ctx, func(ctx context.Context, tx bun.Tx) error {
		standing, err := readStanding(ctx, tx, of)
		if err != nil {
			return err
		}
		fresh, err := count(ctx, tx, inbox)
		if err != nil {
			return err
		}
		batch, err := decide(ctx, tx, deciding{func(id events.EventID) bool { return !fresh[inboxKey(id)] }, standing})
		if err != nil {
			return err
		}
		sent = len(batch.Messages())
		return s.save(ctx, tx, batch)
	})
	if err == nil && sent > 0 {
		s.signal()
	}
	return err
}

// count puts the ids into the inbox and says which were not there before. They are put there before the jobs are locked,
// in the order of their text, by everyone; so of two batches with the same events one waits for the other here.
func count(ctx context.Context, tx bun.Tx, ids []events.EventID) (fresh map[string]bool, err error) {
	keys := make([]string, 0, len(ids))
	for _, id := range ids {
		if id != "" {
			keys = append(keys, inboxKey(id))
		}
	}
	fresh = make(map[string]bool, len(keys))
	if len(keys) == 0 {
		return fresh, nil
	}
	rows, err := document(keys)
	if err != nil {
		return nil, err
	}
	var inserted []string
	err = tx.NewRaw(`INSERT INTO inbox (event_id) SELECT id FROM jsonb_array_elements_text(?::jsonb) AS e(id) ORDER BY id
		ON CONFLICT DO NOTHING RETURNING event_id`, rows).Scan(ctx, &inserted)
	if err != nil {
		return nil, fmt.Errorf("count inbox: %w", err)
	}
	for _, key := range inserted {
		fresh[key] = true
	}
	return fresh, nil
}

// inboxKey is the id as it is stored. A stranger's id may hold what PostgreSQL cannot store as text.
func inboxKey(id events.EventID) string {
	if storable(string(id)) {
		return string(id)
	}
	sum := sha256.Sum256([]byte(id))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// storable reports whether PostgreSQL can store, and so could have stored, such texts.
func storable(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(s string) bool { return !utf8.ValidString(s) || strings.ContainsRune(s, 0) })
}
