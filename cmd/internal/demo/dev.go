package demo

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
)

// trusted is the source that may ask on its own authority: the one of the examples in the documentation.
const trusted events.Participant = "crm"

// Dev runs the platform until ctx ends: everything in one process, with generated tenants to try things on.
func Dev(ctx context.Context, opts Options) (err error) {
	d := &demonstration{page: page{w: opts.Out}, opts: opts}
	started := time.Now()
	d.platform, err = app.StartPlatform(ctx, app.PlatformConfig{
		DataDir: opts.DataDir, DatabaseURL: opts.DatabaseURL, InstallPostgres: true, InstallOut: os.Stderr,
		HTTPPort: opts.HTTPPort, Logger: opts.Logger, NATSPort: opts.NATSPort, Downstream: []string{downstream},
		TenantRules: true, TrustedSources: []events.Participant{trusted},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.platform.Stop()) }()
	d.where(time.Since(started))
	d.page.fact("API", "%s", d.platform.URL())
	d.page.fact("tokens", "erasectl makes its own, with the key in the data folder; erasectl token makes others")
	d.page.fact("database", "%s", d.platform.AdminDSN())
	d.page.fact("trusted key", "%s", d.platform.TrustedKey())
	if err := d.fill(ctx); err != nil {
		return err
	}
	if err := d.names(ctx); err != nil {
		return err
	}
	d.page.line("")
	d.page.line("Running. Ctrl-C ends it; everything is there again at the next start.")
	select {
	case <-ctx.Done():
		d.page.line("Stopping: the coordinator, the participants, the broker, the database.")
		return nil
	case <-d.platform.Done():
		return d.platform.Failed()
	}
}
