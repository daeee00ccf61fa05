package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
)

// CoordinatorConfig is what one coordinator process needs.
type CoordinatorConfig struct {
	// Auth says who may use the API.
	Auth AuthConfig
	// Audit records who asked for what in the audit trail of the same database (schema audit), which the coordinator's role can
	// only append to. Without it nothing is recorded.
	Audit bool
	// AuditAdminURL is a role that may create roles; with Migrate it lays the audit trail and lets the coordinator's role write.
	AuditAdminURL string
	// DatabaseURL is the coordinator's database; its tables are in the schema coordinator. Required.
	DatabaseURL string
	// GovernorMax lets at most so many deletions begin within an hour, by all replicas together; zero lifts the limit. Nil keeps
	// what is stored, which is no limit in the beginning.
	GovernorMax *int
	// HTTPAddr is where the API is served, host:port; of this machine, unless Auth lets others in. Empty serves none.
	HTTPAddr string
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Migrate lays the coordinator's tables before it starts.
	Migrate bool
	// NATS is what this process shows the broker.
	NATS NATSAccess
	// NATSURL is the broker. Empty means nats://127.0.0.1:4222.
	NATSURL string
	// Policy is frozen into jobs that come in over the bus.
	Policy saga.Policy
	// Provision makes streams and consumers before it starts. In production a job with rights of its own does that.
	Provision bool
	// Roster replaces the stored roster. Empty keeps it, or takes the reference roster when none is stored.
	Roster []saga.RosterEntry
	// SigningSeedFile holds the seed that signs commands. It is made when missing, mode 0600. Required.
	SigningSeedFile string
	// TenantsDatabaseURL is the tenant service's database, to read who owns a tenant and who may ask for its deletion; its tables
	// are in the schema tenants, and reading them is enough. It needs Audit. Empty means that nobody owns anything (owners are
	// refused) and that whoever the API and the broker let may ask.
	TenantsDatabaseURL string
	// TrustedSources are the services that may ask on their own authority, where there are rules.
	TrustedSources []events.Participant

	crash *crasher
}

// coordinatorConns is the coordinator's pool: intake, results, relay, scheduler, verifier and the facade, one each.
const coordinatorConns = 6

// coordinatorSchema is where the coordinator's tables are.
const coordinatorSchema = "coordinator"

// RunCoordinator runs a coordinator until ctx ends. Any number of them may run.
func RunCoordinator(ctx context.Context, cfg CoordinatorConfig) (err error) {
	var opened closing
	defer func() { err = errors.Join(append([]error{err}, opened.run()...)...) }()
	if cfg.SigningSeedFile == "" {
		return Usage("no signing seed: set --signing-seed-file or SIGNING_SEED_FILE; the file is made when it is missing")
	}
	signer, err := loadOrMakeSigner(cfg.SigningSeedFile)
	if err != nil {
		return Usage("--signing-seed-file: %w", err)
	}
	db, err := openDatabase(ctx, cfg.DatabaseURL, pgpool.Config{Name: "coordinator", ConnsMax: coordinatorConns,
		Schema: coordinatorSchema})
	if err != nil {
		return err
	}
	opened.add(db.Close)
	if cfg.Migrate {
		if err := migrations.Apply(ctx, cfg.DatabaseURL, migrations.Coordinator()); err != nil {
			return err
		}
	}
	store := pgstore.New(db, pgstore.Config{})
	opened.add(store.Close)
	roster, err := ensureRoster(ctx, store, cfg.Roster)
	if err != nil {
		return err
	}
	b, err := openBus(ctx, cfg.NATSURL, cfg.NATS, "coordinator", cfg.Logger)
	if err != nil {
		return err
	}
	opened.add(func() error { b.Close(); return nil })
	if cfg.Provision {
		if err := provision(ctx, cfg.NATSURL, cfg.NATS, roster, nil); err != nil {
			return err
		}
	}
	running := runner.Config{Logger: cfg.Logger, Policy: cfg.Policy, Signer: signer,
		Reached: func(p runner.Point) { cfg.crash.reached(string(p)) }}
	owners, err := openRules(ctx, cfg, &running, &opened)
	if err != nil {
		return err
	}
	trail, err := openTrail(ctx, cfg, &running, &opened)
	if err != nil {
		return err
	}
	engine, err := runner.New(store, b, running)
	if err != nil {
		return err
	}
	if cfg.GovernorMax != nil {
		if _, err := engine.SetGovernor(ctx, *cfg.GovernorMax, "coordinator"); err != nil {
			return err
		}
	}
	cfg.Logger.Info().Str("kind", "start").Str("key", string(signer.PublicKey())).Int("participants", len(roster)).
		Msg("coordinator runs")
	api := coordinatorAPI(engine, cfg.Logger, ready(db, b))
	api.Audit = trail
	return withAPI(ctx, door{addr: cfg.HTTPAddr, auth: cfg.Auth, owners: owners}, api, engine.Run)
}

// coordinatorAPI are the parts of the API that a coordinator serves.
func coordinatorAPI(engine *runner.Runner, log zerolog.Logger, ready func(context.Context) map[string]error) httpapi.Config {
	return httpapi.Config{Coordinator: engine, Guards: engine, Logger: log, Ready: ready, Repair: engine, Rosters: engine}
}

// ensureRoster stores the roster that is asked for, or the reference roster when none is stored.
func ensureRoster(ctx context.Context, store saga.Rosters, wanted []saga.RosterEntry) ([]saga.RosterEntry, error) {
	if len(wanted) == 0 {
		stored, err := store.Roster(ctx)
		if err != nil {
			return nil, fmt.Errorf("app: read roster (are the tables there? --migrate lays them): %w", err)
		}
		if len(stored) > 0 {
			return stored, nil
		}
		wanted = ReferenceRoster()
	}
	if err := store.SetRoster(ctx, wanted); err != nil {
		return nil, fmt.Errorf("app: store roster (are the tables there? --migrate lays them): %w", err)
	}
	return wanted, nil
}

// provision makes streams and consumers with a connection of its own, which may have other rights than the coordinator's.
func provision(ctx context.Context, url string, access NATSAccess, roster []saga.RosterEntry, downstream []string,
	options ...nats.Option) error {
	if url == "" {
		url = nats.DefaultURL
	}
	shown, err := access.Options()
	if err != nil {
		return err
	}
	ctx, end, denied := Denied(ctx)
	defer end()
	nc, err := nats.Connect(url, slices.Concat(shown, options, []nats.Option{denied, nats.Name("provisioner"),
		nats.CustomInboxPrefix("_INBOX_provisioner")})...)
	if err != nil {
		return unreachable("--nats-url: NATS does not answer (%w)", err)
	}
	defer nc.Close()
	names := make([]events.Participant, len(roster))
	for i, entry := range roster {
		names[i] = entry.Participant
	}
	js, err := access.NewJetStream(nc)
	if err != nil {
		return fmt.Errorf("app: provision: %w", err)
	}
	topology := natsdeploy.Topology{Participants: names}
	for _, name := range downstream {
		topology.Downstream = append(topology.Downstream, natsdeploy.Subscriber{Name: name})
	}
	if _, err := natsdeploy.Apply(ctx, js, topology); err != nil {
		if err = CauseOf(ctx, err); errors.Is(err, bus.ErrPermission) {
			return Usage("--provision: %w; run erasectl nats apply with the provisioner's seed instead", err)
		}
		return fmt.Errorf("app: provision: %w", err)
	}
	return nil
}
