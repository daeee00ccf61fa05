package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/tenancy"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
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
	trail    *pgstore.Audit
	engine   *runner.Runner
	endings  *endings
	issuer   *LocalIssuer
	gate     gate
	served   *server
	serving  *running
	api      atomic.Pointer[httpapi.API] // the newest coordinator's

	opened closing
	base   func() context.Context // of everything that runs
	cancel context.CancelCauseFunc

	mu          sync.Mutex
	coordinator *running // nil while stopped
	pools       map[events.Participant]*bun.DB
	parts       map[events.Participant]*participants.Runner // those that run
	running     map[events.Participant]*running
	stopped     bool
}

// running is a loop of the platform, which it owns.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// run starts a loop; one that ends by itself with an error ends the platform.
func (p *Platform) run(loop func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(p.base())
	r := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done) // stop waits for it
		if err := loop(ctx); err != nil && ctx.Err() == nil {
			p.cancel(err)
		}
	}()
	return r
}

// stop ends the loop and waits for it.
func (r *running) stop() {
	if r != nil {
		r.cancel()
		<-r.done
	}
}

// StartPlatform starts everything and returns when requests can be submitted. The context bounds the start, not the
// platform's life.
func StartPlatform(ctx context.Context, cfg PlatformConfig) (*Platform, error) {
	life, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p := &Platform{cfg: cfg, cancel: cancel, base: func() context.Context { return life },
		pools: map[events.Participant]*bun.DB{}, parts: map[events.Participant]*participants.Runner{},
		running: map[events.Participant]*running{}}
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
	if err := p.openGate(); err != nil {
		return err
	}
	if err := p.openCoordinator(ctx); err != nil {
		return err
	}
	return p.startHTTP()
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
		return fmt.Errorf("NATS on port %d (0 takes a free one): %w", p.cfg.NATSPort, err)
	}
	p.opened.add(func() error { p.broker.Stop(); return nil })
	inProcess := nats.InProcessServer(p.broker.InProcess())
	if err := provision(ctx, p.broker.ClientURL(), NATSAccess{}, ReferenceRoster(), p.cfg.Downstream, inProcess); err != nil {
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

func (p *Platform) openCoordinator(ctx context.Context) error {
	db, err := openDatabase(ctx, p.database.dsn(coordinatorSchema), pgpool.Config{Name: "coordinator",
		ConnsMax: coordinatorConns, Schema: coordinatorSchema})
	if err != nil {
		return err
	}
	p.opened.add(db.Close)
	p.store = pgstore.New(db, pgstore.Config{})
	p.opened.add(p.store.Close)
	if p.trail, err = openAudit(ctx, p.database.dsn(coordinatorSchema), &p.opened); err != nil {
		return err
	}
	if err := p.store.SetRoster(ctx, ReferenceRoster()); err != nil {
		return err
	}
	return p.StartCoordinator()
}

// StartCoordinator starts the coordinator when it is not running.
func (p *Platform) StartCoordinator() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.stopped:
		return errors.New("app: start coordinator: the platform was stopped")
	case p.coordinator != nil:
		return nil
	}
	cfg := runner.Config{Auditor: p.trail, Logger: p.cfg.Logger, Policy: p.cfg.Policy, Signer: p.signer}
	if p.cfg.TenantRules {
		cfg.Rules = tenantRules{tenancy: tenancy.New(p.pools[tenantService]), trusted: p.cfg.TrustedSources}
	}
	engine, err := runner.New(p.store, p.bus, cfg)
	if err != nil {
		return err
	}
	if err := p.newAPI(engine); err != nil {
		return err
	}
	p.engine, p.coordinator = engine, p.run(engine.Run)
	return nil
}

// StopCoordinator stops the coordinator and waits for it. Another process may coordinate meanwhile.
func (p *Platform) StopCoordinator() {
	p.mu.Lock()
	r := p.coordinator
	p.coordinator = nil
	p.mu.Unlock()
	r.stop()
}

// Stop ends everything, in this order: the API and the coordinator, so that nothing new is asked for; the participants, each
// after the erasure it is at was finished or rolled back; connections to the broker; the broker; connection pools; PostgreSQL;
// a temporary data folder. What was submitted goes on at the next start. It is safe to call again.
func (p *Platform) Stop() error {
	p.mu.Lock()
	if p.stopped {
		p.mu.Unlock()
		return nil
	}
	p.stopped = true
	p.mu.Unlock()
	p.stopHTTP()
	p.StopCoordinator()
	for _, entry := range ReferenceRoster() {
		p.StopParticipant(entry.Participant)
	}
	p.cancel(nil)
	return errors.Join(p.opened.run()...)
}

// Failed is why a part of the platform ended by itself; nil while all of it runs, and after Stop.
func (p *Platform) Failed() error {
	if cause := context.Cause(p.base()); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// Done is closed when a part of the platform ended by itself, or after Stop: Failed tells which.
func (p *Platform) Done() <-chan struct{} { return p.base().Done() }

// Bus is the coordinator's connection to the broker.
func (p *Platform) Bus() bus.Bus { return p.bus }

// Coordinator decides, reads and lists jobs, also while it is stopped.
func (p *Platform) Coordinator() *runner.Runner {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.engine
}

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
