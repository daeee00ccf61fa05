package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
)

// ErrNotProven is returned when a claim of the proof did not hold.
var ErrNotProven = errors.New("demo: not proven")

// tenantsShown is how many tenants there are before one is deleted: it must have neighbours.
const tenantsShown = 3

// Options tune a demonstration.
type Options struct {
	// DataDir keeps everything from one run to the next. Required.
	DataDir string
	// DatabaseURL replaces the private PostgreSQL. Empty means none.
	DatabaseURL string
	// HTTPPort is where the API of Dev listens on 127.0.0.1. Zero takes a free one.
	HTTPPort int
	Logger   zerolog.Logger
	// NATSPort is where the broker of Dev listens on 127.0.0.1.
	NATSPort int
	Out      io.Writer
	// Profile is the size of the generated tenants: tiny, low or high.
	Profile string
	// Terminal is true when Out can redraw lines.
	Terminal bool
}

// demonstration is one run.
type demonstration struct {
	page     page
	opts     Options
	platform *app.Platform
	tenant   events.TenantID   // the one that is deleted
	others   []events.TenantID // its neighbours
	request  string
}

// Run runs the demonstration until it has ended or ctx does.
func Run(ctx context.Context, opts Options) (err error) {
	d := &demonstration{page: page{w: opts.Out}, opts: opts}
	started := time.Now()
	d.platform, err = app.StartPlatform(ctx, app.PlatformConfig{
		DataDir: opts.DataDir, DatabaseURL: opts.DatabaseURL, InstallPostgres: true, InstallOut: os.Stderr,
		Logger: opts.Logger, Downstream: []string{downstream},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.platform.Stop()) }()
	d.where(time.Since(started))
	proven, err := d.show(ctx)
	if err != nil {
		return err
	}
	d.page.line("")
	if !proven {
		d.page.line("%s", bad.Render("NOT PROVEN"))
		return ErrNotProven
	}
	d.page.line("%s  tenant %s is gone, everybody else is untouched (%s in all)", good.Render("PROVEN"), d.tenant,
		seconds(time.Since(started)))
	d.page.line("%s", faint.Render("The other tenants stay in "+opts.DataDir+"; run it again to delete the next one."))
	return nil
}

func (d *demonstration) show(ctx context.Context) (proven bool, err error) {
	if err := d.fill(ctx); err != nil {
		return false, err
	}
	before, err := d.digests(ctx, d.tenant)
	if err != nil {
		return false, err
	}
	previews, err := d.preview(ctx)
	if err != nil {
		return false, err
	}
	deletion, err := d.delete(ctx, previews)
	if err != nil {
		return false, err
	}
	agree := d.results(previews, deletion)
	heard := d.heard(deletion)
	gone, err := d.prove(ctx, before)
	return agree && heard && gone, err
}

func (d *demonstration) where(took time.Duration) {
	d.page.line("%s", bold.Render("Tenant deletion: thirteen bakery services, one saga"))
	database := "private server, fsync on, a schema and a role per service"
	if d.opts.DatabaseURL != "" {
		database = "the given database, a schema and a role per service"
	}
	d.page.fact("PostgreSQL", "%s", database)
	d.page.fact("NATS", "%s (embedded JetStream, file storage)", d.platform.NATSURL())
	d.page.fact("data", "%s", d.opts.DataDir)
	d.page.fact("started in", "%s", seconds(took))
}

func (d *demonstration) newRequest() events.Submitted {
	d.request = fmt.Sprintf("demo-%d", time.Now().UnixNano())
	return events.Submitted{RequestID: d.request, TenantID: d.tenant, Source: "demo", Reason: "contract_ended",
		RequestedBy: "demo"}
}
