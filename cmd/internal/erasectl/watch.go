package erasectl

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

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
			if f.job, err = a.job(c.Context(), f.id); err != nil {
				drawn.close()
				return err
			}
			drawn.begin(c.Context(), a, &f.job, nil)
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
		p.verdict(string(j.State), "tenant %s is gone: %s rows and files, %s", j.TenantID, thousands(j.Total),
			plural(len(j.Steps), "participant"))
		return
	}
	p.verdict(string(j.State), "tenant %s, %s", j.TenantID, why(j))
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
		p.row(fmt.Sprintf("%-12s", at), fmt.Sprintf("%-9s", e.Kind), fmt.Sprintf("%-10s", e.State), words(e.Participants), rowsOf(e),
			detail(e))
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
		drawn.begin(ctx, a, &job, totals)
		f.fn = drawn.told
	}
	ended, err := f.end(ctx)
	drawn.close()
	return ended, err
}
