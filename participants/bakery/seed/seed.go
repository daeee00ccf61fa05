package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// parallelMax is more than there are services.
const parallelMax = 16

// ErrKnown is matched when a service has met one of the tenants already, even if it was deleted since.
var ErrKnown = errors.New("tenant is known already")

// Target says where the data goes.
type Target struct {
	// DSN gives the connection of a service; its search_path leads to the service's migrated schema. The role owns the tables, or
	// may at least insert into them and use their sequences. Required.
	DSN func(events.Participant) string
}

// Options say what is made. Tenants and Profile are required.
type Options struct {
	// FilesRoot is the folder for the training service's files; it is created when missing. Empty means no files.
	FilesRoot string
	// Parallel is how many services are loaded side by side. Zero means one per core of this machine.
	Parallel int
	// Profile is the volume: tiny, low or high.
	Profile Profile
	// Recreate lets tenants that were deleted come back, with their old ids. Without it their fence holds and they are ErrKnown.
	Recreate bool
	// Seed decides every value. Zero is a seed like any other.
	Seed int64
	// Services are loaded; empty means all thirteen.
	Services []events.Participant
	// Tenants get the same number of rows each. They must be UUIDs, as the reference schemas ask.
	Tenants []events.TenantID
}

// Report counts what was loaded.
type Report struct {
	// Files is the number of files of each tenant.
	Files int64
	// Rows are each tenant's rows per table. Every tenant of a call gets the same numbers, not the same rows.
	Rows map[events.Participant]participants.Counts
	// Shared are the rows of no tenant that this call made: none, when they were there.
	Shared map[events.Participant]participants.Counts
	// Tenants of this call.
	Tenants []events.TenantID
}

// Total is the number of rows of all tenants, without shared ones.
func (r *Report) Total() (n int64) {
	for _, counts := range r.Rows {
		n += counts.Total()
	}
	return n * int64(len(r.Tenants))
}

// Generate loads the tenants' data with COPY and updates the planner's statistics. When one service fails the others are
// rolled back or finished, and the first error is returned with what was loaded.
func Generate(ctx context.Context, target Target, opts Options) (*Report, error) {
	opts = opts.withDefaults()
	if err := errors.Join(target.validate(), opts.validate()); err != nil {
		return nil, fmt.Errorf("seed: %w", err)
	}
	report := &Report{Rows: map[events.Participant]participants.Counts{}, Shared: map[events.Participant]participants.Counts{},
		Tenants: opts.Tenants}
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(opts.Parallel)
	for _, name := range largestFirst(opts.Services) {
		group.Go(func() error {
			loaded, err := load(ctx, target.DSN(name), name, opts)
			if err != nil {
				return fmt.Errorf("seed: load %s: %w", name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			report.Rows[name], report.Shared[name] = loaded.rows, loaded.shared
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return report, err
	}
	if opts.FilesRoot != "" && slices.Contains(opts.Services, trainingService) {
		files, err := writeFiles(opts)
		if err != nil {
			return report, fmt.Errorf("seed: write files: %w", err)
		}
		report.Files = files
	}
	return report, nil
}

func (o Options) withDefaults() Options {
	o.Parallel = cmp.Or(o.Parallel, min(runtime.NumCPU(), parallelMax))
	if len(o.Services) == 0 {
		o.Services = slices.Collect(maps.Keys(volumes))
	}
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.Parallel < 1 || o.Parallel > parallelMax {
		errs = append(errs, fmt.Errorf("Options.Parallel: %d: must be 1 to %d", o.Parallel, parallelMax))
	}
	if _, err := ParseProfile(string(o.Profile)); err != nil {
		errs = append(errs, fmt.Errorf("Options.Profile: %w", err))
	}
	if len(o.Tenants) == 0 {
		errs = append(errs, errors.New("Options.Tenants: missing"))
	}
	seen := map[events.TenantID]bool{}
	for i, tenant := range o.Tenants {
		if id, err := uuid.Parse(string(tenant)); err != nil || id.String() != string(tenant) {
			errs = append(errs, fmt.Errorf("Options.Tenants[%d]: must be a lower-case UUID", i))
		}
		if seen[tenant] {
			errs = append(errs, fmt.Errorf("Options.Tenants[%d]: named twice", i))
		}
		seen[tenant] = true
	}
	for _, name := range o.Services {
		if _, known := volumes[name]; !known {
			errs = append(errs, fmt.Errorf("Options.Services: %q: not one of the thirteen", name))
		}
	}
	return errors.Join(errs...)
}

func (t Target) validate() error {
	if t.DSN == nil {
		return errors.New("Target.DSN: missing")
	}
	return nil
}

// largestFirst keeps the cores busy to the end: point of sale alone is two fifths of the rows.
func largestFirst(services []events.Participant) []events.Participant {
	return slices.SortedFunc(slices.Values(services), func(a, b events.Participant) int {
		return cmp.Or(volumes[b].high()-volumes[a].high(), cmp.Compare(a, b))
	})
}
