package app

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
)

// Platform is the whole system in one process: NATS, PostgreSQL, the coordinator and the thirteen services.
type Platform struct {
	cfg      PlatformConfig
	folders  folders
	signer   *events.Signer
	database database
	broker   *embedded.Server
	bus      *bus.JetStream // the coordinator's
	shared   *bus.JetStream // the participants'
	store    *pgstore.Store
	engine   *runner.Runner
	endings  *endings

	opened closing
	cancel context.CancelCauseFunc
	loops  sync.WaitGroup // the coordinator; participants are in running

	mu      sync.Mutex
	base    func() context.Context // of everything that runs
	pools   map[events.Participant]*bun.DB
	running map[events.Participant]*running
	stopped bool
}

// StartPlatform starts everything and returns when requests can be submitted. The context bounds the start, not the
// platform's life.
func StartPlatform(ctx context.Context, cfg PlatformConfig) (*Platform, error) {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &Platform{cfg: cfg, cancel: cancel, base: func() context.Context { return life },
		pools: map[events.Participant]*bun.DB{}, running: map[events.Participant]*running{}}
	if err := p.start(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("app: start platform: %w", err), p.Stop())
	}
	return p, nil
}

func (p *Platform) start(ctx context.Context) (err error) {
	if p.folders, err = p.cfg.folders(); err != nil {
		return err
	}
	p.opened.add(p.folders.remove)
	if p.signer, err = loadOrMakeSigner(p.folders.seed()); err != nil {
		return err
	}
	if err := p.startDatabase(ctx); err != nil {
		return err
	}
	if err := p.startBroker(ctx); err != nil {
		return err
	}
	for _, entry := range ReferenceRoster() {
		if err := p.openService(ctx, entry.Participant); err != nil {
			return err
		}
		if err := p.StartParticipant(entry.Participant); err != nil {
			return err
		}
	}
	return p.startCoordinator(ctx)
}

func (p *Platform) startDatabase(ctx context.Context) (err error) {
	if p.database, err = openServer(ctx, p.cfg, p.folders); err != nil {
		return err
	}
	p.opened.add(p.database.stop)
	seed, err := readSeed(p.folders.seed())
	if err != nil {
		return err
	}
	p.database.secret = seed
	return p.database.migrate(ctx)
}

func (p *Platform) startBroker(ctx context.Context) (err error) {
	port := p.cfg.NATSPort
	if port == 0 {
		port = -1
	}
	p.broker, err = embedded.Start(embedded.Config{StoreDir: p.folders.nats(), Port: port, Logger: p.cfg.Logger})
	if err != nil {
		return err
	}
	p.opened.add(func() error { p.broker.Stop(); return nil })
	if err := provision(ctx, p.broker.ClientURL(), ReferenceRoster(), nats.InProcessServer(p.broker.InProcess())); err != nil {
		return err
	}
	if p.shared, err = p.connect(ctx, "participants"); err != nil {
		return err
	}
	if p.bus, err = p.connect(ctx, "coordinator"); err != nil {
		return err
	}
	p.endings, err = watchEndings(p.base(), p.bus)
	return err
}

// connect opens a connection of its own, so that one side's messages do not queue behind the other's.
func (p *Platform) connect(ctx context.Context, name string) (*bus.JetStream, error) {
	b, err := bus.Open(ctx, bus.Config{InProcess: p.broker.InProcess(), Name: name, Logger: p.cfg.Logger})
	if err != nil {
		return nil, err
	}
	p.opened.add(func() error { b.Close(); return nil })
	return b, nil
}

func (p *Platform) startCoordinator(ctx context.Context) error {
	db, err := openDatabase(ctx, p.database.dsn(coordinatorSchema), pgpool.Config{Name: "coordinator",
		ConnsMax: coordinatorConns, Schema: coordinatorSchema})
	if err != nil {
		return err
	}
	p.opened.add(db.Close)
	p.store = pgstore.New(db, pgstore.Config{})
	p.opened.add(p.store.Close)
	if err := p.store.SetRoster(ctx, ReferenceRoster()); err != nil {
		return err
	}
	p.engine, err = runner.New(p.store, p.bus, runner.Config{Logger: p.cfg.Logger, Policy: p.cfg.Policy, Signer: p.signer})
	if err != nil {
		return err
	}
	p.loops.Go(func() {
		if err := p.engine.Run(p.base()); err != nil {
			p.cancel(err)
		}
	})
	return nil
}

// Stop ends everything, in this order: the coordinator, so that nothing new is asked for; the participants, each after the
// erasure it is at was finished or rolled back; connections to the broker; the broker; connection pools; PostgreSQL; a
// temporary data folder. What was submitted goes on at the next start. It is safe to call again.
func (p *Platform) Stop() error {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return nil
	}
	p.stopped = true
	p.mu.Unlock()
	p.cancel(nil)
	p.loops.Wait()
	for _, entry := range ReferenceRoster() {
		p.StopParticipant(entry.Participant)
	}
	return errors.Join(p.opened.run()...)
}

// Failed is why a part of the platform ended by itself; nil while all of it runs, and after Stop.
func (p *Platform) Failed() error {
	if cause := context.Cause(p.base()); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// Bus is the coordinator's connection to the broker.
func (p *Platform) Bus() bus.Bus { return p.bus }

// Coordinator decides, reads and lists jobs.
func (p *Platform) Coordinator() *runner.Runner { return p.engine }

// Store is the coordinator's store.
func (p *Platform) Store() saga.Store { return p.store }

// NATSURL is where other processes of this machine reach the broker.
func (p *Platform) NATSURL() string { return p.broker.ClientURL() }

// TrustedKey is the public key that commands are signed with.
func (p *Platform) TrustedKey() events.PublicKey { return p.signer.PublicKey() }

// AdminDSN is the database's administrator: for measuring and seeding, never for deleting.
func (p *Platform) AdminDSN() string { return p.database.admin }

// DSN is the database of a service as its own role, which has no right on its neighbours' schemas.
func (p *Platform) DSN(service events.Participant) string { return p.database.dsn(string(service)) }

// FilesRoot is the folder that holds the tenants' files.
func (p *Platform) FilesRoot() string { return p.folders.files() }
