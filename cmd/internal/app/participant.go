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
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// ParticipantConfig is what one reference service needs as a process of its own.
type ParticipantConfig struct {
	// Auth says who may use the service's routes.
	Auth AuthConfig
	// DatabaseURL is the service's database; its tables are in the schema of its name. Required.
	DatabaseURL string
	// FilesRoot is the folder that holds the tenants' files (training). Empty means the service has none.
	FilesRoot string
	// HTTPAddr is where the platform's routes of this service are served, host:port; of this machine, unless Auth lets others
	// in. Empty serves none.
	HTTPAddr string
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Migrate lays the service's tables before it starts.
	Migrate bool
	// Name of the service, as the roster has it. Required.
	Name events.Participant
	// NATSURL is the broker. Empty means nats://127.0.0.1:4222.
	NATSURL string
	// TrustedKeys verify commands. Required.
	TrustedKeys []events.PublicKey
	// Workers is how many tenants are deleted side by side. Zero means the participants' default.
	Workers int

	crash *crasher
}

// previewConns are the pool's connections beside those of the workers: previews and the plan's check.
const previewConns = 2

// RunParticipant runs one of the reference services until ctx ends. Any number of instances may run.
func RunParticipant(ctx context.Context, cfg ParticipantConfig) (err error) {
	var opened closing
	defer func() { err = errors.Join(append([]error{err}, opened.run()...)...) }()
	declared, err := bakery.ByName(string(cfg.Name))
	if err != nil {
		return Usage("--name: %w", err)
	}
	db, err := openDatabase(ctx, cfg.DatabaseURL, servicePool(declared, cfg.Workers))
	if err != nil {
		return err
	}
	opened.add(db.Close)
	if cfg.Migrate {
		if err := migrations.Apply(ctx, cfg.DatabaseURL, serviceLines(declared.Name)...); err != nil {
			return err
		}
	}
	b, err := openBus(ctx, cfg.NATSURL, string(declared.Name), cfg.Logger)
	if err != nil {
		return err
	}
	opened.add(func() error { b.Close(); return nil })
	service, err := newService(declared, db, cfg.FilesRoot, cfg.crash)
	if err != nil {
		return Usage("--files-root: %w", err)
	}
	part, err := participants.New(service, b, participants.Config{Logger: cfg.Logger, TrustedKeys: cfg.TrustedKeys,
		Workers: cfg.Workers, Reached: func(p participants.Point) { cfg.crash.reached(string(p)) }})
	if err != nil {
		return Usage("%w", err)
	}
	cfg.Logger.Info().Str("kind", "start").Str("participant", string(declared.Name)).Msg("participant runs")
	at := door{addr: cfg.HTTPAddr, auth: cfg.Auth}
	if declared.Name == tenantService {
		at.owners = tenancy.New(db)
	}
	return withAPI(ctx, at, participantAPI(part, db, cfg, ready(db, b)), part.Run)
}

// participantAPI are the parts of the API that one service serves: its own routes.
func participantAPI(
	part *participants.Runner, db *bun.DB, cfg ParticipantConfig, ready func(context.Context) map[string]error,
) httpapi.Config {
	api := httpapi.Config{Logger: cfg.Logger, Ready: ready}
	if cfg.Name == tenantService {
		api.Tenants = tenants{tenancy.New(db)}
		return api
	}
	api.Services = services{running: func(events.Participant) *participants.Runner { return part }, only: cfg.Name}
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
