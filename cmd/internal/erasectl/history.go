package erasectl

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// history reads a job's entries after a number, all of them.
func (a *api) history(ctx context.Context, id events.JobID, after int64) (all []httpapi.Entry, err error) {
	for {
		var page httpapi.Entries
		query := url.Values{"after": {strconv.FormatInt(after, 10)}, "limit": {strconv.Itoa(pageMax)}}
		if _, _, err := a.do(ctx, call{path: jobPath(id, "events"), query: query, about: "job " + string(id)}, &page); err != nil {
			return all, err
		}
		all = append(all, page.Events...)
		if len(page.Events) < pageMax || page.Last <= after {
			return all, nil
		}
		after = page.Last
	}
}

func (k *console) eventsListCommand() *cobra.Command {
	var after int64
	c := &cobra.Command{Use: "list JOB", Short: "List the history of a job, oldest first",
		Long: `List every change of a job: what happened, who did it, where it left the job, and which events were sent. It is read
through the API, from PostgreSQL: it is complete, whatever became of the stream.`,
		Example: `  erasectl events list 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --time iso
  erasectl events list 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --after 4 -o jsonl`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs())}
	c.Flags().Int64Var(&after, "after", 0, "only entries with a higher number")
	completeNothing(c, "after")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if after < 0 {
			return app.Usage("--after: must be 0 or more")
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		all, err := a.history(c.Context(), events.JobID(args[0]), after)
		if err != nil {
			return err
		}
		return showAll(k, all, "no entries", func(p *paper) { p.history(all) })
	})
	return c
}

func (k *console) eventsResendCommand() *cobra.Command {
	c := &cobra.Command{Use: "resend JOB", Short: "Announce a completed deletion once more",
		Long: `Send the tenant.deleted of a completed job once more, for subscribers that have lost it. Every subscriber gets it; one
that remembers event ids sees that it knows it.`,
		Example: `  erasectl events resend 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl list --state completed --since 7d -o json | jq -r '.[].job_id' | xargs -n1 erasectl events resend`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs(saga.StateCompleted))}
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		id := events.JobID(args[0])
		_, _, err = a.do(c.Context(), call{method: http.MethodPost, path: jobPath(id, "announce"), about: "job " + args[0]}, nil)
		if err != nil {
			return err
		}
		k.say("job %s: tenant.deleted is sent once more", id)
		return nil
	})
	return c
}
