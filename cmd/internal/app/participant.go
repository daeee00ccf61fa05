package app

import (
	"context"
	"errors"

	"github.com/rs/zerolog"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/participants/sqlplan"
	"github.com/bakery-ia/tenant-deletion/participants/yamlplan"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// ParticipantConfig is what one reference service, or the participant of a plan, needs as a process of its own.
type ParticipantConfig struct {
	// DatabaseURL is the service's database; a reference service's tables are in the schema of its name. Required.
	DatabaseURL string
	// FilesRoot is the folder that holds the tenants' files (training). Empty means the service has none.
	FilesRoot string
	// HTTPAddr is where the platform's routes of this service are served, host:port of this machine. Empty serves none.
	HTTPAddr string
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Migrate lays the service's tables before it starts.
	Migrate bool
	// Name of the reference service, as the roster has it. Required, unless Plan is set.
	Name events.Participant
	// NATSURL is the broker. Empty means nats://127.0.0.1:4222.
	NATSURL string
	// Plan declares the participant instead of a reference service. Nil means Name.
	Plan *yamlplan.File
	// TrustedKeys verify commands. Required.
	TrustedKeys []events.PublicKey
	// Workers is how many tenants are deleted side by side. Zero means the participants' default.
	Workers int

	crash *crasher
}

// previewConns are the pool's connections beside those of the workers: previews and the plan's check.
const previewConns = 2

// enlisted is who takes part: what its process needs to know of it.
type enlisted struct {
	name events.Participant
	pool pgpool.Config
	// lines are the migrations, in the order in which they stand on each other.
	lines []migrations.Line
	// service binds the declaration to its database.
	service func(ctx context.Context, db *bun.DB) (participants.Service, error)
}

// RunParticipant runs one participant until ctx ends. Any number of instances may run.
func RunParticipant(ctx context.Context, cfg ParticipantConfig) (err error) {
	var opened closing
	defer func() { err = errors.Join(append([]error{err}, opened.run()...)...) }()
	who, err := cfg.enlist()
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, cfg.DatabaseURL, who.pool)
	if err != nil {
		return err
	}
	opened.add(db.Close)
	if cfg.Migrate {
		if err := migrations.Apply(ctx, cfg.DatabaseURL, who.lines...); err != nil {
			return err
		}
	}
	b, err := openBus(ctx, cfg.NATSURL, string(who.name), cfg.Logger)
	if err != nil {
		return err
	}
	opened.add(func() error { b.Close(); return nil })
	service, err := who.service(ctx, db)
	if err != nil {
		return err
	}
	part, err := participants.New(service, b, participants.Config{Logger: cfg.Logger, TrustedKeys: cfg.TrustedKeys,
		Workers: cfg.Workers, Reached: func(p participants.Point) { cfg.crash.reached(string(p)) }})
	if err != nil {
		return Usage("%w", err)
	}
	cfg.Logger.Info().Str("kind", "start").Str("participant", string(who.name)).Msg("participant runs")
	return withAPI(ctx, cfg.HTTPAddr, participantAPI(part, db, cfg, ready(db, b)), part.Run)
}

// enlist finds out who takes part.
func (c ParticipantConfig) enlist() (enlisted, error) {
	if c.Plan != nil {
		return c.enlistPlan()
	}
	declared, err := bakery.ByName(string(c.Name))
	if err != nil {
		return enlisted{}, Usage("--name: %w", err)
	}
	return enlisted{name: declared.Name, pool: servicePool(declared, c.Workers), lines: serviceLines(declared.Name),
		service: func(_ context.Context, db *bun.DB) (participants.Service, error) {
			service, err := newService(declared, db, c.FilesRoot, c.crash)
			if err != nil {
				return service, Usage("--files-root: %w", err)
			}
			return service, nil
		}}, nil
}

// participantAPI are the parts of the API that one service serves: its own routes.
func participantAPI(
	part *participants.Runner, db *bun.DB, cfg ParticipantConfig, ready func(context.Context) map[string]error,
) httpapi.Config {
	api := httpapi.Config{Logger: cfg.Logger, Ready: ready}
	if cfg.Plan == nil && cfg.Name == tenantService {
		api.Tenants = tenants{tenancy.New(db)}
		return api
	}
	api.Services = services{running: func(events.Participant) *participants.Runner { return part }, only: part.Name()}
	return api
}

func servicePool(d bakery.Declaration, workers int) pgpool.Config {
	return pgpool.Config{Name: string(d.Name), Schema: string(d.Name), ConnsMax: max(workers, 2) + previewConns}
}

// serviceLines are the migrations of a reference service, in the order in which they stand on each other.
func serviceLines(name events.Participant) []migrations.Line {
	return []migrations.Line{migrations.Participant(string(name)), migrations.Bakery(string(name))}
}

// newService binds a declaration to its database and files.
func newService(d bakery.Declaration, db *bun.DB, filesRoot string, crash *crasher) (participants.Service, error) {
	return d.Service(db, bakery.Config{FilesRoot: filesRoot, Plan: sqlplan.Config{
		Reached: func() { crash.reached(string(participants.PointErasing)) }}})
}
