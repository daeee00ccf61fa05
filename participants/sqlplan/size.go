package sqlplan

import (
	"context"
	"encoding/json"
	"fmt"
	"math/bits"
	"strconv"
	"time"
)

// Limits by size.
const (
	// rowBytesMin is the least a row takes with its header, its line pointer and a tenant id: bytes/rowBytesMin >= rows.
	rowBytesMin = 64
	// pipelineBytesMax is the size of all tables up to which the deletes are sent at once. Above it one by one, so that
	// whoever watches sees each table: round trips cost nothing there.
	pipelineBytesMax = 8 << 20
	// customPlanRows is the estimate from which a plan made for just this tenant is worth its planning.
	customPlanRows = 10_000
	// sizeAge is how long a measured size is taken for the present one. Measuring forty partitions costs as much as
	// deleting a small tenant, and only the choice of the mode hangs on it.
	sizeAge = time.Second
)

// size is what all tables of the plan took together.
type size struct {
	bytes int64
	at    time.Time
}

// class changes when the tables grow fourfold.
func (s *size) class() int { return bits.Len64(uint64(s.bytes)) / 2 }

// measured is the size of the plan's tables, not older than sizeAge. The statements that follow, and those of later sessions,
// get plans that fit it.
func (w *erasing) measured(ctx context.Context) (int64, error) {
	known := w.plan.size.Load()
	if known == nil || time.Since(known.at) > sizeAge {
		results, err := w.s.run(ctx, w.layout.measure())
		if err != nil {
			return 0, fmt.Errorf("measure tables: %w", err)
		}
		bytes, err := strconv.ParseInt(string(text(results[0], 0)), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("measure tables: %w", err)
		}
		known = &size{bytes: bytes, at: time.Now()}
		w.plan.size.Store(known)
	}
	w.s.sizes = known.class()
	return known.bytes, nil
}

// large reports whether the tenant has too many rows for one transaction. The tables' size answers for most; the planner
// is asked for the rest.
func (w *erasing) large(ctx context.Context, bytes int64) (bool, error) {
	if bytes/rowBytesMin <= w.plan.cfg.BoundedRows {
		return false, nil
	}
	results, err := w.s.run(ctx, w.layout.estimates(string(w.Tenant))...)
	if err != nil {
		return false, fmt.Errorf("estimate rows: %w", err)
	}
	var rows float64
	for _, r := range results {
		var explained []struct {
			Plan struct {
				Rows float64 `json:"Plan Rows"`
			}
		}
		if err := json.Unmarshal(text(r, 0), &explained); err != nil {
			return false, fmt.Errorf("estimate rows: %w", err)
		}
		for _, e := range explained {
			rows += e.Plan.Rows
		}
	}
	w.s.fresh = w.s.fresh || rows > customPlanRows
	return rows > float64(w.plan.cfg.BoundedRows), nil
}
