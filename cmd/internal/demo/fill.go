package demo

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

// fill generates tenants until there are three, and always at least one of the profile that was asked for: that one is
// deleted. Tenants of earlier runs stay and are its neighbours.
func (d *demonstration) fill(ctx context.Context) error {
	there, err := d.liveTenants(ctx)
	if err != nil {
		return err
	}
	made := make([]events.TenantID, max(tenantsShown-len(there), 1))
	run := time.Now().UnixNano()
	for i := range made {
		made[i] = seed.TenantIDFor(run, i+1)
	}
	d.page.heading("Generating %d tenants, profile %s (%d from earlier runs)", len(made), d.opts.Profile, len(there))
	started := time.Now()
	report, err := seed.Generate(ctx, seed.Target{DSN: func(name events.Participant) string { return d.platform.DSN(name) }},
		seed.Options{Tenants: made, Profile: seed.Profile(d.opts.Profile), Seed: run, FilesRoot: d.platform.FilesRoot()})
	if err != nil {
		return err
	}
	d.tenant, d.others = made[0], slices.Concat(there, made[1:])
	d.page.fact("tenant", "%s", d.tenant)
	for _, other := range d.others {
		d.page.fact("neighbour", "%s", other)
	}
	d.page.fact("loaded", "%s rows in %s", thousands(report.Total()), seconds(time.Since(started)))
	return nil
}

// liveTenants are those of earlier runs that were not deleted.
func (d *demonstration) liveTenants(ctx context.Context) ([]events.TenantID, error) {
	db, err := sql.Open("pgx", d.platform.AdminDSN())
	if err != nil {
		return nil, fmt.Errorf("demo: read tenants: %w", err)
	}
	defer db.Close() // it only read
	rows, err := db.QueryContext(ctx, "SELECT id::text FROM tenants.tenants ORDER BY id")
	if err != nil {
		return nil, fmt.Errorf("demo: read tenants: %w", err)
	}
	defer rows.Close() // Err tells
	var there []events.TenantID
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("demo: read tenants: %w", err)
		}
		there = append(there, events.TenantID(id))
	}
	return there, rows.Err()
}

// names shows what the tenants are called: whoever asks for a deletion repeats it.
func (d *demonstration) names(ctx context.Context) error {
	db, err := sql.Open("pgx", d.platform.AdminDSN())
	if err != nil {
		return fmt.Errorf("demo: read names: %w", err)
	}
	defer db.Close() // it only read
	for _, tenant := range append([]events.TenantID{d.tenant}, d.others...) {
		var name string
		err := db.QueryRowContext(ctx, "SELECT name FROM tenants.tenants WHERE id = $1", string(tenant)).Scan(&name)
		if err != nil {
			return fmt.Errorf("demo: read names: %w", err)
		}
		d.page.fact("is called", "%s  %s", tenant, name)
	}
	return nil
}

// participants are all of them, in the order in which they are shown.
func (d *demonstration) participants() []events.Participant {
	var names []events.Participant
	for _, entry := range app.ReferenceRoster() {
		names = append(names, entry.Participant)
	}
	return names
}
