package sqlplan

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/bakery-ia/tenant-deletion/participants"
)

// step is a statement of a deletion, and what is to be made of its answer.
type step struct {
	statement
	read func(*pgconn.Result) error
}

// delete removes the rows, children first, and looks for rows that nothing else vouches for. Statements are sent at once, or
// one by one.
func (w *erasing) delete(ctx context.Context, oneByOne bool) error {
	steps := w.steps()
	size := len(steps)
	if oneByOne {
		size = 1
	}
	for round := range slices.Chunk(steps, max(size, 1)) {
		if err := w.take(ctx, round); err != nil {
			return err
		}
	}
	return nil
}

// take runs steps in one round trip, and reads their answers in order.
func (w *erasing) take(ctx context.Context, steps []step) error {
	statements := make([]statement, len(steps))
	for i, s := range steps {
		statements[i] = s.statement
	}
	results, err := w.s.run(ctx, statements...)
	if err != nil {
		return fmt.Errorf("delete rows: %w", err)
	}
	for i, s := range steps {
		if err := s.read(results[i]); err != nil {
			return err
		}
	}
	return nil
}

// steps are a whole deletion. Guarded rows are locked before anything is deleted: a writer is waited for while it is cheap.
func (w *erasing) steps() []step {
	var locks, deletes []step
	for _, g := range w.layout.groups {
		deletion := step{g.delete(string(w.Tenant)), nil}
		read := func(r *pgconn.Result) ([]int64, error) { return counted(g, r) }
		lock, rest := w.stepsOf(g, deletion.statement, read)
		locks, deletes = append(locks, lock...), append(deletes, rest...)
	}
	steps := slices.Concat(locks, deletes)
	for _, look := range w.layout.absence(string(w.Tenant)) {
		steps = append(steps, step{look, absent(w.layout.unproven())})
	}
	return steps
}

// stepsOf are a group's lock, its guards, its delete, and the look that must come before its parents go.
func (w *erasing) stepsOf(g *group, deletion statement, read func(*pgconn.Result) ([]int64, error)) (locks, deletes []step) {
	var locked []int64
	if len(g.guards) > 0 {
		locks = []step{{g.lock(string(w.Tenant)), func(r *pgconn.Result) (err error) {
			locked, err = integers(r, len(g.tables))
			return err
		}}}
		deletes = append(deletes, step{g.guard(string(w.Tenant)), idle(g.guards)})
	}
	deletes = append(deletes, step{deletion, func(r *pgconn.Result) error {
		counts, err := read(r)
		if err != nil {
			return err
		}
		for i, t := range g.tables {
			if len(g.guards) > 0 && counts[i] != locked[i] {
				return slipped(t, counts[i] < locked[i])
			}
			w.Add(t.name, counts[i])
		}
		w.reached()
		return nil
	}})
	for _, t := range g.tables {
		if t.proof == proofAtOnce {
			deletes = append(deletes, step{absence([]*target{t}, string(w.Tenant)), absent([]*target{t})})
		}
	}
	return locks, deletes
}

// slipped is a guarded table of which other rows were deleted than locked: fewer when a trigger keeps some, more when some came
// between the two.
func slipped(t *target, fewer bool) error {
	if fewer {
		return participants.Refuse(participants.CodeResidue, "table %s still holds rows of the tenant", t.name)
	}
	return errSlipped
}

// reached tells whoever watches that the first delete of the transaction has run.
func (w *erasing) reached() {
	if !w.begun {
		w.begun = true
		w.plan.cfg.Reached()
	}
}

// counted is what a group's statement says it deleted.
func counted(g *group, r *pgconn.Result) ([]int64, error) {
	if len(g.tables) == 1 {
		return []int64{r.CommandTag.RowsAffected()}, nil
	}
	return integers(r, len(g.tables))
}

// integers are the columns of a result's only row.
func integers(r *pgconn.Result, n int) ([]int64, error) {
	list := make([]int64, n)
	for i := range list {
		var err error
		if list[i], err = strconv.ParseInt(string(text(r, i)), 10, 64); err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
	}
	return list, nil
}

// absent reads the proof of tables that were looked at.
func absent(tables []*target) func(*pgconn.Result) error {
	return func(r *pgconn.Result) error {
		for i, t := range tables {
			if string(text(r, i)) != "f" {
				return participants.Refuse(participants.CodeResidue, "table %s still holds rows of the tenant", t.name)
			}
		}
		return nil
	}
}

// idle reads the proof that acting keys have nothing to act on.
func idle(guards []guard) func(*pgconn.Result) error {
	return func(r *pgconn.Result) error {
		for i, k := range guards {
			if string(text(r, i)) != "f" {
				return participants.Refuse(participants.CodeDatabase, "a row of %s that is not the tenant's refers to one of %s that is,"+
					" and foreign key %s would be ON DELETE %s", k.child.name, k.parent.name, k.key.Name, actions[k.key.OnDelete])
			}
		}
		return nil
	}
}

// firstColumn is the first column of a result of n rows.
func firstColumn(r *pgconn.Result, n int) ([]int64, error) {
	if len(r.Rows) != n {
		return nil, fmt.Errorf("count rows: %d rows instead of %d", len(r.Rows), n)
	}
	list := make([]int64, n)
	for i, row := range r.Rows {
		var err error
		if list[i], err = strconv.ParseInt(string(row[0]), 10, 64); err != nil {
			return nil, fmt.Errorf("count rows: %w", err)
		}
	}
	return list, nil
}
