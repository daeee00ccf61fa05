package erasectl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

func (k *console) retryCommand() *cobra.Command {
	var wait bool
	c := &cobra.Command{Use: "retry JOB", Short: "Ask a job's failed and silent participants again",
		Long: `Ask every participant of a job that failed or is silent again. Nothing that succeeded runs twice, unless rows were found
there afterwards. Repair first what get names: a participant that cannot delete will say so again.`,
		Example: `  erasectl retry 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl retry 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --wait --timeout 10m`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs("failed", "deleting"))}
	c.Flags().BoolVar(&wait, "wait", false, "wait until the job is over")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		return k.replayJob(c.Context(), events.JobID(args[0]), nil, wait)
	})
	return c
}

// replayJob replays one job, and waits for it.
func (k *console) replayJob(ctx context.Context, id events.JobID, who []events.Participant, wait bool) error {
	k.waits = wait
	a, err := k.client()
	if err != nil {
		return err
	}
	job, err := a.act(ctx, id, "replay", 0, httpapi.ReplayJob{Participants: who})
	if err != nil {
		return err
	}
	if wait {
		if job, err = k.await(ctx, a, job, nil); err != nil {
			return err
		}
	}
	if err := k.show(job, func(p *paper) { p.job(job) }); err != nil {
		return err
	}
	if wait {
		return verdictOf(&job)
	}
	k.say("follow it with: %s", k.again("watch", string(id)))
	return nil
}

// replayFlags choose what is replayed.
type replayFlags struct {
	participants          []string
	restoredSince         string
	failed, preview, wait bool
}

func (k *console) replayCommand() *cobra.Command {
	var r replayFlags
	c := &cobra.Command{Use: "replay [JOB]", Short: "Ask participants again: of one job, of all that failed, or after a restore",
		Long: `Send stored requests again, to participants that failed or are silent, or that were restored from a backup.

  replay JOB                                  those of one job, or the named ones
  replay --failed                             those of every job
  replay --restored-since T --participant P   P in every job in which it erased since T, because a backup of that time
                                              brought back what it had erased

Prints a line for each job, with the reason where one was left alone. Sets of jobs are shown first, and confirmed with
the word failed or the name of the participant; --preview only shows them. The exit code is 5 when a job was left alone,
and with --wait 6 when one of the others did not complete.`,
		Example: `  erasectl replay 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --participant recipes
  erasectl replay --failed --preview
  erasectl replay --failed --confirm failed --wait --timeout 1h
  erasectl replay --restored-since 2026-11-23T22:00:00Z --participant orders --confirm orders`,
		Args: between(0, argJob), ValidArgsFunction: first(k.liveJobs("failed", "deleting"))}
	f := c.Flags()
	f.StringSliceVar(&r.participants, "participant", nil, "only this participant; repeatable")
	f.BoolVar(&r.failed, "failed", false, "every job with failed or silent participants")
	f.StringVar(&r.restoredSince, "restored-since", "", "every job that a backup of this time, day, or distance like 7d has undone")
	f.BoolVar(&r.preview, "preview", false, "change nothing, and show what would be replayed")
	f.BoolVar(&r.wait, "wait", false, "wait until every replayed job is over")
	guard := addConfirm(c, "the word failed, or the restored participant,")
	complete(c, "participant", k.liveParticipants)
	completeNothing(c, "restored-since", "confirm")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		set, err := r.set(args, k.now())
		if err != nil {
			return err
		}
		switch {
		case set.JobID != "" && guard.changed():
			return app.Usage("--confirm: one job needs no confirmation; it is for --failed and --restored-since")
		case set.JobID != "" && !r.preview:
			return k.replayJob(c.Context(), set.JobID, set.Participants, r.wait)
		}
		return k.replaySet(c.Context(), set, r, guard)
	})
	return c
}

// set checks that the flags mean one thing.
func (r *replayFlags) set(args []string, now time.Time) (set httpapi.ReplayRequest, err error) {
	chosen := len(args)
	for _, is := range []bool{r.failed, r.restoredSince != ""} {
		if is {
			chosen++
		}
	}
	if chosen != 1 {
		return set, app.Usage("replay: say exactly one of JOB, --failed and --restored-since (see erasectl replay --help)")
	}
	if r.preview && r.wait {
		return set, app.Usage("--wait: a preview starts nothing to wait for")
	}
	set = httpapi.ReplayRequest{Failed: r.failed, Preview: r.preview}
	if len(args) > 0 {
		set.JobID = events.JobID(args[0])
	}
	for _, name := range r.participants {
		p, err := events.ParseParticipant(name)
		if err != nil {
			return set, app.Usage("--participant: %w", err)
		}
		set.Participants = append(set.Participants, p)
	}
	if r.restoredSince != "" {
		at, err := parseMoment("restored-since", r.restoredSince, now, -1)
		if err != nil {
			return set, err
		}
		set.RestoredSince = &at
		if len(set.Participants) != 1 {
			return set, app.Usage("--participant: name the one participant that was restored")
		}
	}
	return set, nil
}

// replaySet replays many jobs.
func (k *console) replaySet(ctx context.Context, set httpapi.ReplayRequest, r replayFlags, guard *confirmation) error {
	want := "failed"
	if set.RestoredSince != nil {
		want = string(set.Participants[0])
	}
	if !r.preview {
		if err := guard.check(k, want); err != nil {
			return err
		}
	}
	k.waits = r.wait
	a, err := k.client()
	if err != nil {
		return err
	}
	if !r.preview && !guard.changed() {
		preview := set
		preview.Preview = true
		all, err := a.replays(ctx, preview, nil)
		if err != nil {
			return err
		}
		if len(all) == 0 {
			return k.showReplays(nil, true)
		}
		k.aside(func(p *paper) { p.replays(all, true) })
		if err := guard.ask(ctx, k, want, fmt.Sprintf("This asks participants of %s again.", plural(len(all), "job"))); err != nil {
			return err
		}
	}
	var all []httpapi.ReplayOutcome
	all, err = a.replays(ctx, set, func() { k.say("%d jobs so far", len(all)) })
	// What was done is shown, even when the rest could not be.
	if shown := k.showReplays(all, r.preview); err != nil || shown != nil {
		return errors.Join(err, shown)
	}
	if r.wait {
		if err := k.awaitReplays(ctx, a, all); err != nil {
			return err
		}
	}
	return skipped(all)
}

// replays goes through the pages; what was done before an error is returned with it.
func (a *api) replays(ctx context.Context, set httpapi.ReplayRequest, paged func()) (all []httpapi.ReplayOutcome, err error) {
	about := "replay"
	if set.JobID != "" {
		about = "job " + string(set.JobID)
	}
	for {
		var page httpapi.Replays
		if _, _, err := a.do(ctx, call{method: http.MethodPost, path: "/api/v1/replays", body: set, about: about}, &page); err != nil {
			return all, err
		}
		all = append(all, page.Replays...)
		if page.NextPageToken == "" {
			return all, nil
		}
		set.PageToken = page.NextPageToken
		if paged != nil {
			paged()
		}
	}
}

func (k *console) showReplays(all []httpapi.ReplayOutcome, preview bool) error {
	return showAll(k, all, "nothing to replay", func(p *paper) { p.replays(all, preview) })
}

func (p *paper) replays(all []httpapi.ReplayOutcome, preview bool) {
	c := columns{headers: []string{"job", "tenant", "participants", "outcome", "detail"}}
	for i := range all {
		r := &all[i]
		outcome, detail := "replayed", ""
		switch {
		case r.Skipped != "":
			outcome, detail = "skipped", r.Skipped
		case preview:
			outcome = "would be replayed"
		case r.Origin != "":
			detail = "request from the " + r.Origin
		}
		c.row(string(r.JobID), string(r.TenantID), words(r.Participants), outcome, detail)
	}
	p.table(c)
}

// skipped is an error when a job was left alone.
func skipped(all []httpapi.ReplayOutcome) error {
	n := 0
	for i := range all {
		if all[i].Skipped != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return app.Exit(app.ExitConflict, "%s of %d left alone; the list has the reasons", plural(n, "job"), len(all))
}

// awaitReplays waits for every job that was replayed, one after the other: they run side by side all the same.
func (k *console) awaitReplays(ctx context.Context, a *api, all []httpapi.ReplayOutcome) error {
	ctx, cancel := k.wholeWait(ctx)
	defer cancel()
	var first error
	failed, waited := 0, 0
	for i := range all {
		if all[i].Skipped != "" {
			continue
		}
		waited++
		job, err := (&follower{k: k, a: a, id: all[i].JobID, told: fromNow}).end(ctx)
		if err == nil {
			if err = verdictOf(&job); err == nil {
				continue
			}
			if failed++; first == nil {
				first = err
			}
			continue
		}
		return err
	}
	if failed > 1 {
		return app.Exit(app.ExitEnded, "%d of %d replayed jobs did not complete; the first: %w", failed, waited, first)
	}
	return first
}
