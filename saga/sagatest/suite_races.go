package sagatest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/saga"
)

// pivotRaces is how often cancel and pivot race; one lost race in a thousand is seen.
const pivotRaces = 1000

var raceClaims = []claim{
	{"replicas that submit the same tenants at once make one job each", func(f *fixture) {
		const replicas, tenants = 4, 20
		outcomes := make([][]saga.Outcome, replicas)
		f.together(replicas, func(replica int) (err error) {
			var batch []saga.Submission
			for n := range tenants {
				s := submission(tenant((n*7 + replica*5) % tenants)) // each in another order
				if replica%2 == 1 {
					s = again(s)
				}
				batch = append(batch, s)
			}
			outcomes[replica], err = f.store.Submit(f.ctx, epoch, batch...)
			return err
		})
		made, of := 0, map[events.TenantID]events.JobID{}
		for _, o := range slices.Concat(outcomes...) {
			f.must(o.Err)
			job := o.Decision.Job
			if o.Decision.Changed {
				made++
			}
			f.that(of[job.Tenant] == "" || of[job.Tenant] == job.ID, "%s has one job", job.Tenant)
			of[job.Tenant] = job.ID
		}
		f.that(made == tenants && len(of) == tenants && len(f.drain()) == tenants, "%d jobs for %d tenants", made, tenants)
	}},
	{"replicas that submit one tenant at once agree on one job", func(f *fixture) {
		const replicas, tenants = 4, 20
		for n := range tenants {
			found := make([]saga.Outcome, replicas)
			f.together(replicas, func(replica int) error {
				s := submission(tenant(n))
				if replica%2 == 1 {
					s = again(s)
				}
				outcomes, err := f.store.Submit(f.ctx, epoch, s)
				if err == nil {
					found[replica], err = outcomes[0], outcomes[0].Err
				}
				return err
			})
			for _, o := range found {
				f.that(o.Decision.Job.ID == found[0].Decision.Job.ID, "%+v is the one job", o)
			}
		}
		f.that(len(f.drain()) == tenants, "one command per tenant")
	}},
	{"results that arrive at several replicas at once are each counted once", func(f *fixture) {
		const replicas, tenants = 4, 10
		var batch []saga.Submission
		for n := range tenants {
			batch = append(batch, submission(tenant(n)))
		}
		jobs := f.submit(batch...)
		f.together(replicas, func(replica int) error {
			var changes []saga.Change
			for i := range jobs {
				job := jobs[(i*3+replica)%len(jobs)]
				changes = append(changes, success(job, "pos"), success(job, "orders"))
			}
			outcomes, err := f.store.Update(f.ctx, changes...)
			for _, o := range outcomes {
				err = errors.Join(err, o.Err)
			}
			return err
		})
		for _, job := range jobs {
			got := f.read(job.ID)
			f.that(got.Version == 3 && got.Wave == 2, "job of %s: version %d, wave %d", got.Tenant, got.Version, got.Wave)
		}
		f.that(len(f.drain()) == 2*tenants, "one command per wave")
	}},
	{"cancel and pivot never both happen", provePivotRace},
}

// provePivotRace races a cancel against the tick that pivots, many times over. Who comes first wins alone.
func provePivotRace(f *fixture) {
	var submissions []saga.Submission
	for n := range pivotRaces {
		s := submission(tenant(n))
		s.Policy.Grace = time.Minute
		submissions = append(submissions, s)
	}
	var mu sync.Mutex
	wins := map[string]int{}
	for chunk := range slices.Chunk(f.submit(submissions...), 10) {
		f.together(2*len(chunk), func(i int) error {
			job := chunk[i/2]
			in, kind := saga.Input(saga.Tick{}), "pivot"
			if i%2 == 0 {
				in, kind = saga.Cancel{By: "user-2"}, "cancel"
			}
			outcomes, err := f.store.Update(f.ctx, input(job.ID, in, job.DueAt))
			if err != nil {
				return err
			}
			if o := outcomes[0]; o.Err != nil && !errors.Is(o.Err, saga.ErrPastPivot) {
				return o.Err
			} else if o.Decision.Changed {
				mu.Lock()
				defer mu.Unlock()
				wins[kind]++
			}
			return nil
		})
	}
	sent := map[string]string{}
	for _, subject := range subjects(f.drain()) {
		at := strings.LastIndex(subject, ".")
		kind, tenant := subject[:at], subject[at+1:]
		f.that(sent[tenant] == "", "%s was sent %s and then %s", tenant, sent[tenant], kind)
		sent[tenant] = kind
	}
	f.that(len(sent) == pivotRaces && wins["cancel"]+wins["pivot"] == pivotRaces, "%d jobs, wins %v", len(sent), wins)
	f.Logf("wins: %v", wins)
}
