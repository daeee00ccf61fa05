package erasectl

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

const (
	jobsPath = "/api/v1/deletion-jobs"
	// pageMax is the largest page that the API gives.
	pageMax = 500
	// listDefault is a screenful.
	listDefault = 100
)

var states = []saga.State{saga.StateAwaitingApproval, saga.StateScheduled, saga.StateDeleting, saga.StateVerifying,
	saga.StateFailed, saga.StateCompleted, saga.StateRefused, saga.StateRejected, saga.StateCancelled}

var waitReasons = []string{saga.ReasonApproval, saga.ReasonGrace, saga.ReasonParticipantSilent, saga.ReasonParticipantFailed,
	saga.ReasonResidue, saga.ReasonUnverified, saga.ReasonHold, saga.ReasonPaused, saga.ReasonGovernor, saga.ReasonCounting,
	saga.ReasonDrifted}

func jobPath(id events.JobID, rest ...string) string {
	return strings.Join(append([]string{jobsPath, string(id)}, rest...), "/")
}

// job reads one job.
func (a *api) job(ctx context.Context, id events.JobID) (job httpapi.Job, err error) {
	_, _, err = a.do(ctx, call{path: jobPath(id), about: "job " + string(id)}, &job)
	return job, err
}

// jobs reads pages until there are as many as wanted, or all of them (limit 0); more says that there are others.
func (a *api) jobs(ctx context.Context, filters url.Values, limit int) (all []httpapi.Job, more bool, err error) {
	query := url.Values{}
	for name, values := range filters {
		query[name] = values
	}
	for {
		page := pageMax
		if limit > 0 {
			page = min(pageMax, limit-len(all))
		}
		query.Set("limit", strconv.Itoa(page))
		var answer httpapi.Jobs
		if _, _, err := a.do(ctx, call{path: jobsPath, query: query}, &answer); err != nil {
			return nil, false, err
		}
		all = append(all, answer.Jobs...)
		done := limit > 0 && len(all) >= limit
		if answer.NextPageToken == "" || done {
			return all, answer.NextPageToken != "", nil
		}
		query.Set("page_token", answer.NextPageToken)
	}
}

// listFlags are the filters of list.
type listFlags struct {
	states                                       []string
	tenant, failedAt, blocked, source, requestID string
	since, until                                 string
	overdue, all                                 bool
	limit                                        int
}

func (k *console) listCommand() *cobra.Command {
	var l listFlags
	c := &cobra.Command{Use: "list", Short: "List deletion jobs, newest first",
		Long: `List the jobs that match every given filter, newest first, 100 of them unless --limit or --all says otherwise. When there
are more, standard error says so.

Times are like 2026-11-24T08:00:00Z, days like 2026-11-24, or distances back like 36h or 7d.`,
		Example: `  erasectl list --state failed --state deleting
  erasectl list --failed-at recipes --since 7d
  erasectl list --overdue --all -o jsonl`,
		Args: exactly()}
	f := c.Flags()
	f.StringSliceVar(&l.states, "state", nil, "jobs in this state; repeatable")
	f.StringVar(&l.tenant, "tenant", "", "jobs of this tenant")
	f.StringVar(&l.failedAt, "failed-at", "", "jobs in which this participant has failed")
	f.StringVar(&l.blocked, "blocked", "", "jobs that wait for this reason")
	f.BoolVar(&l.overdue, "overdue", false, "jobs that should have ended by now")
	f.StringVar(&l.source, "source", "", "jobs that this service asked for")
	f.StringVar(&l.requestID, "request-id", "", "jobs of this idempotency key")
	f.StringVar(&l.since, "since", "", "jobs submitted at or after")
	f.StringVar(&l.until, "until", "", "jobs submitted before")
	f.IntVar(&l.limit, "limit", listDefault, "the most jobs")
	f.BoolVar(&l.all, "all", false, "every job, however many there are")
	complete(c, "state", fixed(states))
	complete(c, "blocked", fixed(waitReasons))
	complete(c, "tenant", k.liveTenants)
	complete(c, "failed-at", k.liveParticipants)
	completeNothing(c, "source", "request-id", "since", "until", "limit")
	c.RunE = k.run(func(c *cobra.Command, _ []string) error {
		limit, err := pages(c, l.limit, l.all)
		if err != nil {
			return err
		}
		filters, err := l.filters(k.now())
		if err != nil {
			return err
		}
		a, err := k.client()
		if err != nil {
			return err
		}
		jobs, more, err := a.jobs(c.Context(), filters, limit)
		if err != nil {
			return err
		}
		if err := showAll(k, jobs, "no jobs", func(p *paper) { p.jobs(jobs) }); err != nil {
			return err
		}
		if more {
			k.say("there are more jobs: --all lists every one")
		}
		return nil
	})
	return c
}

// pages is how many are wanted: --limit, or 0 for --all.
func pages(c *cobra.Command, limit int, all bool) (int, error) {
	switch {
	case all && c.Flags().Changed("limit"):
		return 0, app.Usage("--all: says the opposite of --limit; say one of them")
	case limit < 1:
		return 0, app.Usage("--limit: must be 1 or more")
	case all:
		return 0, nil
	}
	return limit, nil
}

// filters checks the flags, and makes the query of them.
func (l *listFlags) filters(now time.Time) (url.Values, error) {
	v := url.Values{}
	for _, state := range l.states {
		if !slices.Contains(states, saga.State(state)) {
			return nil, app.Usage("--state: must be one of %s", words(states))
		}
		if !slices.Contains(v["state"], state) {
			v.Add("state", state)
		}
	}
	if l.blocked != "" && !slices.Contains(waitReasons, l.blocked) {
		return nil, app.Usage("--blocked: must be one of %s", strings.Join(waitReasons, ", "))
	}
	for _, one := range []struct {
		flag, query, value string
		check              func(string) error
	}{
		{"tenant", "tenant_id", l.tenant, argTenant.check},
		{"failed-at", "failed_at", l.failedAt, checkParticipant},
		{"source", "source", l.source, checkParticipant},
		{"request-id", "request_id", l.requestID, checkKey},
		{"blocked", "blocked", l.blocked, func(string) error { return nil }},
	} {
		if one.value == "" {
			continue
		}
		if err := one.check(one.value); err != nil {
			return nil, app.Usage("--%s: %w", one.flag, err)
		}
		v.Set(one.query, one.value)
	}
	for flag, text := range map[string]string{"since": l.since, "until": l.until} {
		if text == "" {
			continue
		}
		at, err := parseMoment(flag, text, now, -1)
		if err != nil {
			return nil, err
		}
		v.Set(flag, at.UTC().Format(time.RFC3339Nano))
	}
	if l.overdue {
		v.Set("overdue", "true")
	}
	return v, nil
}

func checkParticipant(text string) error { _, err := events.ParseParticipant(text); return err }

func checkKey(text string) error {
	if !actorForm.MatchString(text) {
		return fmt.Errorf("want 1 to 128 of A-Z a-z 0-9 _ . : -")
	}
	return nil
}

// jobWithEvents is a job with its whole history.
type jobWithEvents struct {
	httpapi.Job
	Events []httpapi.Entry `json:"events"`
}

func (k *console) getCommand() *cobra.Command {
	var withEvents bool
	c := &cobra.Command{Use: "get JOB", Short: "Show a job: where it stands, and why it waits",
		Long: "Show a job with its steps: what each participant deleted, or why it could not, and what would unblock it.",
		Example: `  erasectl get 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801
  erasectl get 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 --events --time iso
  erasectl get 0195d3a0-7c1e-7b52-9d37-6f0a54f2c801 -o json`,
		Args: exactly(argJob), ValidArgsFunction: first(k.liveJobs())}
	c.Flags().BoolVar(&withEvents, "events", false, "with its history")
	c.RunE = k.run(func(c *cobra.Command, args []string) error {
		a, err := k.client()
		if err != nil {
			return err
		}
		job, err := a.job(c.Context(), events.JobID(args[0]))
		if err != nil {
			return err
		}
		if !withEvents {
			return k.show(job, func(p *paper) { p.job(job) })
		}
		history, err := a.history(c.Context(), job.JobID, 0)
		if err != nil {
			return err
		}
		return k.show(jobWithEvents{job, history}, func(p *paper) {
			p.job(job)
			p.gap()
			p.history(history)
		})
	})
	return c
}
