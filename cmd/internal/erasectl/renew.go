package erasectl

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func (k *console) renewCommand() *cobra.Command {
	var version int64
	c := &cobra.Command{Use: "renew JOB", Short: "Confirm what a job would delete now",
		Long: `Confirm another preview for a job that has not begun: for one that found other rows than were confirmed (blocked by
preview_drifted). Counts the tenant, shows what would be deleted, and asks for the tenant id once more; --confirm TENANT says
it in scripts. What needs a second person's approval needs it again.`,
		Example: `  erasectl renew 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl renew 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --confirm bakery-17 --version 3`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs("scheduled", "awaiting_approval"))}
	c.Flags().Int64Var(&version, "version", 0, "the job's version that was looked at, default the one that is read now")
	completeNothing(c, "version", "confirm")
	guard := addConfirm(c, "the tenant id")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		if c.Flags().Changed("version") && version < 1 {
			return app.Usage("--version: must be 1 or more")
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		return k.renew(c.Context(), a, events.JobID(args[0]), version, guard)
	})
	return c
}

func (k *console) renew(ctx context.Context, a *api, id events.JobID, version int64, guard *confirmation) error {
	job, err := a.job(ctx, id)
	if err != nil {
		return err
	}
	if err := guard.check(k, string(job.TenantID)); err != nil {
		return err
	}
	preview, err := a.keepPreview(ctx, job.TenantID)
	if err != nil {
		return err
	}
	if preview.Fingerprint == "" {
		return app.Exit(app.ExitConflict, "job %s: a participant cannot tell what it has; erasectl preview %s names it", id,
			job.TenantID)
	}
	k.aside(func(p *paper) { p.preview(preview) })
	question := "This lets the deletion of tenant " + string(job.TenantID) + " go on."
	if err := guard.ask(ctx, k, string(job.TenantID), question); err != nil {
		return err
	}
	if job, err = a.act(ctx, id, "renew", version, httpapi.Renewal{Preview: preview.Fingerprint}); err != nil {
		return err
	}
	return k.show(job, func(p *paper) { p.job(job) })
}
