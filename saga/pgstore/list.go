package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// Jobs implements saga.JobStore.
func (s *Store) Jobs(ctx context.Context, f saga.Filter) ([]saga.Job, error) {
	if f.Before != "" {
		if _, err := events.ParseJobID(string(f.Before)); err != nil {
			return nil, fmt.Errorf("pgstore: list jobs: before: %w", err)
		}
	}
	states, possible := statesOf(f)
	if !possible || !storable(string(f.Tenant), string(f.Source), f.RequestID, f.Blocked, string(f.ErasedBy), string(f.FailedAt)) {
		return nil, nil // no job can be like that
	}
	pick, args := picked(f, states)
	// The ids first: whatever picks them, at most a page of jobs is read by their key.
	found, err := s.snapshot(ctx, "WHERE id = ANY(ARRAY("+pick+")) ORDER BY id DESC", args...)
	if err != nil {
		return nil, fmt.Errorf("pgstore: list jobs: %w", err)
	}
	return found, nil
}

// failing are the states of a job that may have a failed step.
var failing = []saga.State{saga.StateDeleting, saga.StateFailed}

// statesOf are the states a job of the filter can have, none for all; possible is false when there is no such state.
func statesOf(f saga.Filter) (states []saga.State, possible bool) {
	switch {
	case f.FailedAt == "":
		return f.States, true
	case len(f.States) == 0:
		return failing, true
	}
	for _, state := range failing {
		if slices.Contains(f.States, state) {
			states = append(states, state)
		}
	}
	return states, len(states) > 0
}

// picked is a query of the ids of a page. PostgreSQL takes ORDER BY id LIMIT for a promise that a walk down the primary key
// finds a page soon, which is wrong for what only old jobs have. So the query never leaves it that choice where it may be:
// every state is walked down an index of its own, and a set that no index has in the order of ids is gathered first.
func picked(f saga.Filter, states []saga.State) (query string, args []any) {
	c, limit := conditionsOf(f), saga.ListLimit(f.Limit)
	switch {
	case !f.OverdueAt.IsZero():
		if len(states) > 0 {
			c.and("state IN (?)", bun.List(states))
		}
		return "SELECT id FROM (SELECT id FROM jobs WHERE " + c.String() + " OFFSET 0) AS gathered ORDER BY id DESC LIMIT ?",
			append(c.args, limit)
	case len(states) > 0:
		walks := make([]string, 0, len(states))
		for _, state := range slices.Compact(slices.Sorted(slices.Values(states))) {
			walks = append(walks, "(SELECT id FROM jobs WHERE state = ? AND "+c.String()+" ORDER BY id DESC LIMIT ?)")
			args = append(append(append(args, state), c.args...), limit)
		}
		return "SELECT id FROM (" + strings.Join(walks, " UNION ALL ") + ") AS walked ORDER BY id DESC LIMIT ?", append(args, limit)
	default:
		return "SELECT id FROM jobs WHERE " + c.String() + " ORDER BY id DESC LIMIT ?", append(c.args, limit)
	}
}

// conditions must all hold.
type conditions struct {
	all  []string
	args []any
}

func (c *conditions) and(condition string, args ...any) {
	c.all, c.args = append(c.all, condition), append(c.args, args...)
}

// String is SQL. Without conditions it is true.
func (c *conditions) String() string {
	return strings.Join(append([]string{"true"}, c.all...), " AND ")
}

// conditionsOf says what saga.Filter.Matches says, but for the states.
func conditionsOf(f saga.Filter) *conditions {
	c := &conditions{}
	for _, text := range []struct{ condition, value string }{
		{"id < ?", string(f.Before)}, {"tenant = ?", string(f.Tenant)}, {"source = ?", string(f.Source)},
		{"blocked ->> 'code' = ?", f.Blocked},
		// A subquery that is no join: it looks one step up by its key for every job that comes by.
		{"(SELECT state FROM steps WHERE job_id = jobs.id AND participant = ?) = 'failed'", string(f.FailedAt)},
	} {
		if text.value != "" {
			c.and(text.condition, text.value)
		}
	}
	for _, at := range []struct {
		condition string
		value     time.Time
	}{
		{"submitted_at >= ?", f.Since}, {"submitted_at < ?", f.Until}, {"finished_at IS NULL AND deadline < ?", f.OverdueAt},
	} {
		if !at.value.IsZero() {
			c.and(at.condition, stored(at.value))
		}
	}
	if f.RequestID != "" { // in either of two indexes
		c.and("(request_id = ? AND cause <> 'request_conflict' OR request_id = ? AND cause = 'request_conflict')",
			f.RequestID, f.RequestID)
	}
	if f.ErasedBy != "" && !f.ErasedSince.IsZero() {
		c.and("(finished_at IS NULL OR finished_at >= ?)", stored(f.ErasedSince).Add(-clockSkewMax))
	}
	if f.ErasedBy != "" {
		c.and("(SELECT state = 'succeeded' AND finished_at >= ? FROM steps WHERE job_id = jobs.id AND participant = ?)",
			stored(f.ErasedSince), f.ErasedBy)
	}
	return c
}

// clockSkewMax is far more than the clocks of two coordinators differ by: one may have finished a step and the other, later,
// its job. It spares a list the jobs that ended long before.
const clockSkewMax = 24 * time.Hour

// stored is the first time that can be stored and is not before t: whatever is stored is before both or before neither.
func stored(t time.Time) time.Time {
	if whole := t.UTC().Truncate(time.Microsecond); whole.Before(t) {
		return whole.Add(time.Microsecond)
	}
	return t.UTC()
}
