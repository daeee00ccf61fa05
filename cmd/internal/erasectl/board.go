package erasectl

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const (
	// barWidth keeps a bar with its labels inside 80 columns.
	barWidth = 28
	// lengthTimeout bounds the count that only makes the bars' lengths.
	lengthTimeout = 5 * time.Second
)

// board shows a bar for each participant on standard error. A nil one shows nothing. One goroutine moves it; mpb draws it in
// others, which read what a row says by atomic values: a lock would be held by both sides at once.
type board struct {
	progress *mpb.Progress
	rows     map[events.Participant]*barRow
}

// barRow is one participant's.
type barRow struct {
	bar   *mpb.Bar
	wave  int
	total int64
	ended bool

	deleted atomic.Int64
	says    atomic.Value // a string
}

// drawn is a board where there is a terminal that can redraw lines, and people read.
func (k *console) drawn() *board {
	if k.output != outputTable || !k.terminal(k.err) || !k.terminal(k.out) || k.getenv("TERM") == "dumb" {
		return nil
	}
	return &board{rows: map[events.Participant]*barRow{}, progress: mpb.New(mpb.WithOutput(k.err), mpb.WithWidth(barWidth))}
}

// begin draws a job as it is now. Without totals of a preview it asks for one: they make the bars' lengths, and nothing else
// rests on them.
func (b *board) begin(ctx context.Context, a *api, job *httpapi.Job, totals map[events.Participant]int64) {
	if totals == nil && !over(job) {
		ctx, cancel := context.WithTimeout(ctx, lengthTimeout)
		defer cancel()
		if preview, err := a.preview(ctx, job.TenantID); err == nil {
			totals = totalsOf(preview)
		}
	}
	for i := range job.Steps {
		s := &job.Steps[i]
		row := &barRow{wave: s.Wave, total: max(totals[s.Participant], total(s.Counts), 1)}
		row.says.Store(string(s.State))
		// A bar that is made with a total completes itself when it is reached; ours complete with the receipt.
		row.bar = b.progress.AddBar(0,
			mpb.PrependDecorators(decor.Name(string(s.Participant), decor.WC{W: 16, C: decor.DindentRight})),
			mpb.AppendDecorators(decor.Any(row.label)))
		row.bar.SetTotal(row.total, false)
		b.rows[s.Participant] = row
		if s.State == saga.StepSucceeded {
			row.finish(total(s.Counts))
		}
	}
}

func totalsOf(v httpapi.Preview) map[events.Participant]int64 {
	totals := map[events.Participant]int64{}
	for i := range v.Participants {
		totals[v.Participants[i].ServiceName] = total(v.Participants[i].Counts)
	}
	return totals
}

func (r *barRow) label(decor.Statistics) string {
	says, _ := r.says.Load().(string)
	return " " + thousands(r.deleted.Load()) + " rows  " + says
}

// told moves the bars. It is called with what happens, in order.
func (b *board) told(t told) error {
	if p := t.progress; p != nil {
		if row := b.rows[p.ServiceName]; row != nil && !row.ended {
			row.says.Store(app.OneLine("deleting " + p.Table))
			row.move(p.Deleted)
		}
	}
	if t.entry == nil {
		return nil
	}
	for _, name := range t.entry.Participants {
		if row := b.rows[name]; row != nil {
			row.note(t.entry)
		}
	}
	if slices.Contains(t.entry.Sent, events.TypeRequested) {
		b.nextWave()
	}
	return nil
}

// nextWave says that a command went to the first wave that has not ended: an entry names those it is about, not those whom
// its commands are for.
func (b *board) nextWave() {
	first := 0
	for _, row := range b.rows {
		if !row.ended && (first == 0 || row.wave < first) {
			first = row.wave
		}
	}
	for _, row := range b.rows {
		if !row.ended && row.wave == first {
			row.says.Store("asked")
		}
	}
}

func (r *barRow) note(e *httpapi.Entry) {
	switch {
	case e.Kind == "answered" && len(e.Problems) > 0:
		r.says.Store("failed: " + app.OneLine(e.Problems[0].Code))
	case e.Kind == "answered":
		r.says.Store("succeeded")
		r.finish(e.Deleted)
	case e.Kind == "verified":
		r.says.Store("verified")
	default:
		r.says.Store("asked")
	}
}

func (r *barRow) move(deleted int64) {
	r.deleted.Store(deleted)
	if deleted > r.total {
		r.total = deleted
		r.bar.SetTotal(r.total, false)
	}
	r.bar.SetCurrent(deleted)
}

// finish fills the bar. A bar that is full stays so: a later pass is told in words.
func (r *barRow) finish(deleted int64) {
	r.deleted.Store(deleted)
	if r.ended {
		return
	}
	r.ended = true
	r.bar.SetTotal(max(deleted, 1), false)
	r.bar.SetCurrent(max(deleted, 1))
	r.bar.SetTotal(-1, true)
}

// close ends the bars and waits for the last drawing, so that the cursor stands at the beginning of a line.
func (b *board) close() {
	if b == nil {
		return
	}
	for _, row := range b.rows {
		if !row.ended {
			row.bar.Abort(false)
		}
	}
	b.progress.Wait()
}
