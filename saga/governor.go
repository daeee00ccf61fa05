package saga

import (
	"fmt"
	"slices"
	"time"
)

// GovernorWindow is the time within which a governor counts.
const GovernorWindow = time.Hour

// Governor lets at most so many deletions begin within the window, wherever it is laid. A job that has to wait takes a place:
// the time at which it may begin. Those who come later queue up behind it.
type Governor struct {
	// Max is the limit; zero means none.
	Max int
	// Begun are the newest pivots, at least Max of them when there are as many.
	Begun []time.Time
	// Planned are the latest places of other jobs that wait, at least Max of them when there are as many.
	Planned []time.Time
	// Ahead are the places that were taken by decisions of the same batch.
	Ahead []time.Time
}

// place is when a job may begin: now, or later. One that waits goes before those who took a place behind it.
func (g Governor) place(now time.Time, waits bool) time.Time {
	if g.Max <= 0 {
		return now
	}
	starts := slices.Concat(g.Begun, g.Ahead)
	if !waits {
		starts = append(starts, g.Planned...)
	}
	if len(starts) < g.Max {
		return now
	}
	slices.SortFunc(starts, time.Time.Compare)
	return later(now, starts[len(starts)-g.Max].Add(GovernorWindow))
}

func (g Governor) action(at time.Time) string {
	return fmt.Sprintf("Wait until %s: at most %d deletions begin within an hour; or cancel the job.",
		at.Format(time.RFC3339), g.Max)
}
