package erasectl

import (
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// completeTimeout bounds what a shell waits for when somebody presses the tab key.
const completeTimeout = time.Second

// completeMax is how many values a shell is offered.
const completeMax = 100

// offer gives the values for a word, each with what it is behind a tab.
type offer func() []string

// fixed offers a closed set.
func fixed[T ~string](set []T) offer {
	return func() (values []string) {
		for _, one := range set {
			values = append(values, string(one))
		}
		return values
	}
}

// complete offers values for a flag.
func complete(c *cobra.Command, flag string, o offer) {
	_ = c.RegisterFlagCompletionFunc(flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return o(), cobra.ShellCompDirectiveNoFileComp
	})
}

// completeNothing keeps names of files away from flags that want something else.
func completeNothing(c *cobra.Command, flags ...string) {
	for _, flag := range flags {
		complete(c, flag, func() []string { return nil })
	}
}

// first offers values for the first argument alone.
func first(o offer) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return o(), cobra.ShellCompDirectiveNoFileComp
	}
}

// ask runs fn against the API, and is silent about whatever goes wrong.
func (k *console) ask(fn func(ctx context.Context, a *api) []string) []string {
	if k.complete() != nil {
		return nil
	}
	a, err := k.client()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), completeTimeout)
	defer cancel()
	return fn(ctx, a)
}

func (k *console) newestJobs(states []saga.State) (jobs []httpapi.Job) {
	k.ask(func(ctx context.Context, a *api) []string {
		filters := url.Values{}
		for _, state := range states {
			filters.Add("state", string(state))
		}
		jobs, _, _ = a.jobs(ctx, filters, completeMax)
		return nil
	})
	return jobs
}

// liveJobs offers the newest jobs, of some states.
func (k *console) liveJobs(states ...saga.State) offer {
	return func() (values []string) {
		for _, j := range k.newestJobs(states) {
			values = append(values, string(j.JobID)+"\t"+string(j.State)+", tenant "+string(j.TenantID))
		}
		return values
	}
}

// liveTenants offers the tenants of the newest jobs.
func (k *console) liveTenants() (values []string) {
	seen := map[string]bool{}
	for _, j := range k.newestJobs(nil) {
		if tenant := string(j.TenantID); !seen[tenant] {
			seen[tenant] = true
			values = append(values, tenant+"\tjob "+string(j.State))
		}
	}
	return values
}

// liveParticipants offers the roster.
func (k *console) liveParticipants() []string {
	return k.ask(func(ctx context.Context, a *api) (values []string) {
		all, err := a.participants(ctx)
		if err != nil {
			return nil
		}
		for _, p := range all {
			values = append(values, string(p.Participant)+"\twave "+strconv.Itoa(p.Wave))
		}
		return values
	})
}

// liveLetters offers the open dead letters.
func (k *console) liveLetters() []string {
	return k.ask(func(ctx context.Context, a *api) (values []string) {
		letters, _, err := a.deadLetters(ctx, url.Values{}, completeMax)
		if err != nil {
			return nil
		}
		for i := range letters {
			values = append(values, strconv.FormatInt(letters[i].ID, 10)+"\t"+letters[i].Consumer)
		}
		return values
	})
}
