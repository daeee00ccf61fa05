package erasectl

import (
	"context"
	"fmt"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// decision is one of the three that a person takes about a waiting job.
type decision struct {
	verb, short, long string
	states            []saga.State // those it is meant for
}

var decisions = []decision{
	{"approve", "Let a waiting job begin",
		"Approve a job that waits for a second person. Whoever asked for it may not approve it. With --preview you repeat what\n" +
			"you have seen: a job that confirms a preview needs it.\n" +
			"Then its grace begins, in which cancel is free.", []saga.State{saga.StateAwaitingApproval}},
	{"reject", "End a waiting job", "Reject a job that waits for a second person. It ends; nothing was deleted.",
		[]saga.State{saga.StateAwaitingApproval}},
	{"cancel", "End a job that has not begun to delete",
		"Cancel a job before its first delete: while it waits for approval, or in its grace.\n" +
			"Afterwards a job only goes forward.", []saga.State{saga.StateAwaitingApproval, saga.StateScheduled}},
}

func (k *console) decisionCommands() (all []*cobra.Command) {
	for _, d := range decisions {
		all = append(all, k.decisionCommand(d))
	}
	return all
}

func (k *console) decisionCommand(d decision) *cobra.Command {
	var version int64
	var preview string
	c := &cobra.Command{Use: d.verb + " JOB", Short: d.short,
		Long: d.long + `

The job is read first and changed only as it was read. With --version it is changed only at that version: the one that
somebody looked at.`,
		Example: fmt.Sprintf("  erasectl %s 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801\n"+
			"  erasectl %[1]s 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --version 1", d.verb),
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs(d.states...))}
	c.Flags().Int64Var(&version, "version", 0, "the job's version that was looked at, default the one that is read now")
	completeNothing(c, "version")
	if d.verb == "approve" {
		c.Flags().StringVar(&preview, "preview", "", "fingerprint that the job confirms, when it confirms one (erasectl get shows it)")
		completeNothing(c, "preview")
	}
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("version") && version < 1 {
			return app.Usage("--version: must be 1 or more")
		}
		if err := checkFingerprint(preview); err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		var body any
		if preview != "" {
			body = httpapi.Approval{Preview: preview}
		}
		job, err := a.act(c.Context(), events.JobID(args[0]), d.verb, version, body)
		if err != nil {
			return err
		}
		return k.show(job, func(p *paper) { p.job(job) })
	})
	return c
}

// actTriesMax bounds how often a change is tried on a job that moves meanwhile without changing its state.
const actTriesMax = 3

// act changes a job at a version (0: as it is now). One that has changed since it was read, but stands where it stood, is
// read again.
func (a *api) act(ctx context.Context, id events.JobID, verb string, version int64, body any) (job httpapi.Job, err error) {
	var before saga.State
	for try := 1; ; try++ {
		at := version
		if version == 0 {
			if job, err = a.job(ctx, id); err != nil {
				return job, err
			}
			if try > 1 && job.State != before {
				return job, app.Exit(app.ExitConflict, "job %s: it has become %s meanwhile; erasectl get %[1]s shows why", id, job.State)
			}
			before, at = job.State, job.Version
		}
		_, _, err = a.do(ctx, call{method: http.MethodPost, path: jobPath(id, verb), body: body, about: "job " + string(id),
			header: map[string]string{"If-Match": strconv.Quote(strconv.FormatInt(at, 10))}}, &job)
		if version != 0 || try == actTriesMax || !isStatus(err, http.StatusPreconditionFailed) {
			return job, err
		}
	}
}
