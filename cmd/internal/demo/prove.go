package demo

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of the proof's own connection

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
)

// results shows what each service answered, in the documented form, and compares it with the preview.
func (d *demonstration) results(previews map[events.Participant]*events.Preview, seen *deletion) bool {
	d.page.heading("Results per service, as each answered")
	seen.mu.Lock()
	defer seen.mu.Unlock()
	var rows [][]string
	var deleted, planned int64
	agree := true
	for _, step := range seen.job.Steps {
		preview := previews[step.Participant]
		if result := seen.results[step.Participant]; result != nil {
			d.page.line("   %s", documented(result))
		}
		var n int64
		for _, count := range step.Counts {
			n += count
		}
		deleted, planned = deleted+n, planned+preview.Total()
		agree = agree && maps.Equal(step.Counts, preview.Counts)
		rows = append(rows, []string{string(step.Participant), fmt.Sprint(step.Wave), thousands(preview.Total()), thousands(n),
			fmt.Sprintf("%.2f", float64(step.DurationMS)/1000), step.Mode})
	}
	d.page.line("")
	d.page.table([]string{"service", "wave", "previewed", "deleted", "seconds", "mode"}, []int{1, 2, 3, 4}, rows)
	d.page.fact("total", "%s rows and files deleted and verified in %s", thousands(deleted), seconds(seen.took))
	return d.page.verdict(agree && deleted == planned, "every table's count is exactly the previewed one")
}

// documented is the platform's form of a result, without the keys that later versions added.
func documented(r *events.Result) string {
	text, err := json.Marshal(map[string]any{"tenant_id": r.TenantID, "service_name": r.ServiceName, "success": r.Success,
		"deleted_counts": r.DeletedCounts, "errors": r.Errors, "timestamp": r.Timestamp})
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// heard shows tenant.deleted as the downstream subscriber received it.
func (d *demonstration) heard(seen *deletion) bool {
	d.page.heading("tenant.deleted, as a downstream subscriber received it")
	seen.mu.Lock()
	defer seen.mu.Unlock()
	if seen.deleted == nil {
		return d.page.verdict(false, "the subscriber received it")
	}
	d.page.fact("job", "%s", seen.deleted.JobID)
	d.page.fact("tenant", "%s, generation %d", seen.deleted.TenantID, seen.deleted.Generation)
	d.page.fact("total", "%s rows and files of %d services", thousands(seen.deleted.Total), len(seen.deleted.DeletedCounts))
	d.page.fact("completed at", "%s", seen.deleted.CompletedAt.Format("2006-01-02T15:04:05.000Z07:00"))
	return d.page.verdict(seen.deleted.JobID == seen.job.ID, "it is the event of this job")
}

// digests covers, per service, every row that is not the tenant's: the neighbours' and the shared ones. With no tenant it
// covers every row there is.
func (d *demonstration) digests(ctx context.Context, tenant events.TenantID) (map[events.Participant]digest.Digests, error) {
	db, err := sql.Open("pgx", d.platform.AdminDSN())
	if err != nil {
		return nil, fmt.Errorf("demo: digests: %w", err)
	}
	defer db.Close() // it only read
	all := map[events.Participant]digest.Digests{}
	for _, entry := range app.ReferenceRoster() {
		scope := digest.Scope{Schema: string(entry.Participant), Except: tenant, Columns: map[string]string{}}
		if entry.Participant == "tenants" {
			scope.Columns["tenants"] = "id"
		}
		if all[entry.Participant], err = digest.Of(ctx, db, scope); err != nil {
			return nil, fmt.Errorf("demo: digests: %w", err)
		}
	}
	return all, nil
}

// prove compares: every row that is there now must be exactly what was there before, less the tenant's rows. So one
// comparison shows both that nothing of the tenant is left and that nobody else lost or changed a row.
func (d *demonstration) prove(ctx context.Context, before map[events.Participant]digest.Digests) (bool, error) {
	d.page.heading("The proof, by SQL that does not ask the participants")
	withoutTenant, err := d.digests(ctx, d.tenant)
	if err != nil {
		return false, err
	}
	everything, err := d.digests(ctx, "")
	if err != nil {
		return false, err
	}
	tables, left, changed := 0, "", ""
	for name, digests := range before {
		tables += len(digests)
		left += withoutTenant[name].Diff(everything[name])
		changed += digests.Diff(withoutTenant[name])
	}
	gone := d.page.verdict(left == "", "zero rows of tenant %s are left in %d tables of %d services", d.tenant, tables, len(before))
	if left != "" {
		d.page.line("       %s", left)
	}
	same := d.page.verdict(changed == "", "the rows of %d neighbours and the shared rows are the same, byte for byte", len(d.others))
	if changed != "" {
		d.page.line("       %s", changed)
	}
	return gone && same && d.proveFiles(), nil
}

// proveFiles looks at the folder of the service that keeps files beside its tables.
func (d *demonstration) proveFiles() bool {
	there := func(tenant events.TenantID) bool {
		_, err := os.Stat(filepath.Join(d.platform.FilesRoot(), "tenants", string(tenant), "models"))
		return err == nil
	}
	kept := true
	for _, other := range d.others {
		kept = kept && there(other)
	}
	return d.page.verdict(!there(d.tenant) && kept, "no file of the tenant is left, the neighbours' files are all there")
}
