package erasectl

import (
	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func (k *console) waiveCommand() *cobra.Command {
	var version int64
	var reason string
	c := &cobra.Command{Use: "waive JOB PARTICIPANT", Short: "Close a job without a participant",
		Long: `Decide, by your name, that a job is closed without a participant that failed or is silent. Nothing is proven of it: the
job, and the tenant.deleted of it, name it for ever. Everybody else still proves that nothing is left. Repair and replay,
where that is possible. The participant must be confirmed: typed, or with --confirm.

Where the policy asks for two persons, the second one says the same.`,
		Example: `  erasectl waive 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 loyalty --reason "shut down in 2025" --confirm loyalty`,
		Args:    exactly(argJob, argParticipant), ValidArgsFunction: first(k.liveJobs("failed", "deleting"))}
	c.Flags().StringVar(&reason, "reason", "", "why, in a sentence without tenant data; required")
	c.Flags().Int64Var(&version, "version", 0, "the job's version that was looked at, default the one that is read now")
	completeNothing(c, "reason", "version", "confirm")
	guard := addConfirm(c, "the participant")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("version") && version < 1 {
			return app.Usage("--version: must be 1 or more")
		}
		if err := checkReason(reason); err != nil {
			return err
		}
		question := "This closes the job without " + args[1] + ": what it has of the tenant stays, and nobody counts it."
		if err := guard.ask(c.Context(), k, args[1], question); err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		job, err := a.act(c.Context(), events.JobID(args[0]), "waive", version,
			httpapi.Waive{Participant: events.Participant(args[1]), Reason: reason})
		if err != nil {
			return err
		}
		return k.show(job, func(p *paper) { p.job(job) })
	})
	return c
}

var argParticipant = argument{"PARTICIPANT", checkParticipant}
