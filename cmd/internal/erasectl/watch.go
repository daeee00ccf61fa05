package erasectl

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func (k *console) watchCommand() *cobra.Command {
	var after int64
	c := &cobra.Command{Use: "watch JOB", Short: "Follow a job live until it is over",
		Long: `Follow a job until it has ended or failed. On a terminal there is a bar for each participant, elsewhere a line for each
entry of its history. With -o json or jsonl each line is an object with its event: entry, progress, or job for the job as
it is at the end.

A broken connection is taken up again where it was. Ctrl-C detaches: the job goes on, the exit code is 130, and standard
error has the command that goes on watching. Otherwise the exit code is 0 for a completed job and 6 for one that was
refused, rejected or cancelled, or failed.`,
		Example: `  erasectl watch 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl watch 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --after 17 -o jsonl
  erasectl watch 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --timeout 10m`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs())}
	c.Flags().Int64Var(&after, "after", 0, "begin after this entry of its history")
	completeNothing(c, "after")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if after < 0 {
			return app.Usage("--after: must be 0 or more")
		}
		k.waits = true
		a, err := k.client()
		if err != nil {
			return err
		}
		f := &follower{k: k, a: a, id: events.JobID(args[0]), told: after, fn: k.showTold}
		drawn := k.drawn()
		if drawn != nil {
			f.fn = drawn.told
			if err := drawn.begin(c.Context(), a, f.id); err != nil {
				return err
			}
		}
		job, err := f.end(c.Context())
		drawn.close()
		if err != nil {
			return err
		}
		if err := k.emit(told{Event: tellsJob, Data: job}, func(p *paper) { p.ending(&job) }); err != nil {
			return err
		}
		return verdictOf(&job)
	})
	return c
}

// ending is the last line of a job that was watched.
func (p *paper) ending(j *httpapi.Job) {
	if j.State == saga.StateCompleted {
		p.line("%s  tenant %s is gone: %s rows and files, %s", p.mark(string(j.State)), j.TenantID, thousands(j.Total),
			plural(len(j.Steps), "participant"))
		return
	}
	p.line("%s  tenant %s, %s", p.mark(string(j.State)), j.TenantID, why(j))
}

// showTold prints what a job's stream tells.
func (k *console) showTold(t told) error {
	if k.output == outputTable && t.entry == nil {
		return nil // progress is for bars
	}
	return k.emit(t, func(p *paper) {
		e := t.entry
		at := e.At.Local().Format("15:04:05.000")
		if p.iso {
			at = p.moment(e.At)
		}
		p.line("%s", strings.TrimRight(strings.Join([]string{at, fmt.Sprintf("%-9s", e.Kind), fmt.Sprintf("%-10s", e.State),
			words(e.Participants), rowsOf(e), detail(e)}, "  "), " "))
	})
}

func rowsOf(e *httpapi.Entry) string {
	if e.Kind != "answered" || len(e.Problems) > 0 {
		return ""
	}
	return thousands(e.Deleted) + " rows"
}

// await waits for the end of a job after its newest entry; bars show it on a terminal.
func (k *console) await(ctx context.Context, a *api, job httpapi.Job, totals map[events.Participant]int64) (httpapi.Job, error) {
	f := &follower{k: k, a: a, id: job.JobID, told: job.Version, job: job}
	drawn := k.drawn()
	if drawn != nil {
		drawn.totals = totals
		drawn.add(&job)
		f.fn = drawn.told
	}
	ended, err := f.end(ctx)
	drawn.close()
	return ended, err
}

// barWidth keeps a bar with its labels inside 80 columns.
const barWidth = 28

// board shows a bar for each participant on standard error. A nil one shows nothing.
type board struct {
	progress *mpb.Progress
	totals   map[events.Participant]int64 // what previews counted

	rows map[events.Participant]*barRow
}

// barRow is one participant's.
type barRow struct {
	bar   *mpb.Bar
	total int64
	says  atomic.Value // a string; the drawing reads it from its own goroutine
	ended bool
}

// drawn is a board where there is a terminal that can redraw lines, and people read.
func (k *console) drawn() *board {
	if k.output != outputTable || !k.terminal(k.err) || !k.terminal(k.out) || k.getenv("TERM") == "dumb" {
		return nil
	}
	return &board{rows: map[events.Participant]*barRow{}, progress: mpb.New(mpb.WithOutput(k.err), mpb.WithWidth(barWidth))}
}

// begin draws a job as it is now. Counts of what is left make the bars' lengths; nothing else rests on them.
func (b *board) begin(ctx context.Context, a *api, id events.JobID) error {
	job, err := a.job(ctx, id)
	if err != nil {
		b.close()
		return err
	}
	if !over(&job) {
		if preview, err := a.preview(ctx, job.TenantID); err == nil {
			b.totals = totalsOf(preview)
		}
	}
	b.add(&job)
	return nil
}

func totalsOf(v httpapi.Preview) map[events.Participant]int64 {
	totals := map[events.Participant]int64{}
	for i := range v.Participants {
		totals[v.Participants[i].ServiceName] = total(v.Participants[i].Counts)
	}
	return totals
}

func (b *board) add(job *httpapi.Job) {
	for i := range job.Steps {
		s := &job.Steps[i]
		row := &barRow{total: max(b.totals[s.Participant], total(s.Counts), 1)}
		row.says.Store(string(s.State))
		row.bar = b.progress.AddBar(row.total,
			mpb.PrependDecorators(decor.Name(string(s.Participant), decor.WC{W: 16, C: decor.DindentRight})),
			mpb.AppendDecorators(decor.CurrentNoUnit(" %d rows  "), decor.Any(func(decor.Statistics) string {
				says, _ := row.says.Load().(string)
				return says
			})))
		b.rows[s.Participant] = row
		if s.State == saga.StepSucceeded {
			row.finish(total(s.Counts))
		}
	}
}

// told moves the bars. It is called with what happens, in order.
func (b *board) told(t told) error {
	if p := t.progress; p != nil {
		if row := b.rows[p.ServiceName]; row != nil && !row.ended {
			row.says.Store(app.OneLine("deleting " + p.Table))
			if p.Deleted >= row.total {
				row.total = p.Deleted + 1 // it ends with the receipt, not with the count
				row.bar.SetTotal(row.total, false)
			}
			row.bar.SetCurrent(p.Deleted)
		}
	}
	if t.entry != nil {
		for _, name := range t.entry.Participants {
			if row := b.rows[name]; row != nil {
				row.note(t.entry)
			}
		}
	}
	return nil
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

// finish fills the bar. A bar that is full stays so: a later pass is told in words.
func (r *barRow) finish(deleted int64) {
	if r.ended {
		return
	}
	r.ended = true
	r.bar.SetTotal(max(deleted, 1), false)
	r.bar.SetCurrent(deleted)
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
