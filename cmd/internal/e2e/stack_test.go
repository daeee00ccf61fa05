package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

const (
	// patience is how long the coordinator waits for a participant before it asks again; short, so that lost commands are
	// found within a test.
	patience = 3 * time.Second
	// calm is the patience where a test counts attempts: on a busy machine nobody is silent for so long.
	calm = 30 * time.Second
	// endTimeout bounds every wait of a test; it is a limit for the broken case, not a measure.
	endTimeout = 90 * time.Second
)

// stack is the whole system on a database and a broker of its own.
type stack struct {
	t       *testing.T
	dsn     func(schema string) string
	natsDir string
	nats    *embedded.Server
	// guard is a broker with accounts and keys, in place of the embedded one, which asks nobody who he is.
	guard     guard
	looking   jetstream.JetStream // the operator's, of a guarded broker
	seedFile  string
	key       events.PublicKey
	filesRoot string
	store     *pgstore.Store
	reader    *bus.JetStream // asks for previews
	// patience is the coordinator's.
	patience time.Duration
	// api is where the coordinator serves HTTP; empty when no test asked for it.
	api string
	// streamLost is true once the JetStream folder was deleted.
	streamLost bool
	db         *sql.DB
	report     *seed.Report
	tenants    []events.TenantID
	before     map[events.TenantID]map[events.Participant]digest.Digests
}

func lines() []migrations.Line {
	all := []migrations.Line{migrations.Coordinator()}
	for _, entry := range app.ReferenceRoster() {
		name := string(entry.Participant)
		all = append(all, migrations.Participant(name), migrations.Bakery(name))
	}
	return all
}

// newStack prepares everything but coordinator and participants: n tiny tenants on a fresh database, streams, keys.
func newStack(t *testing.T, n int) *stack {
	t.Helper()
	return newStackOn(t, n, pgtest.New(t, lines()...).DSN)
}

func newStackOn(t *testing.T, n int, dsn func(schema string) string) *stack {
	t.Helper()
	return newStackWith(t, n, dsn, nil)
}

func newStackWith(t *testing.T, n int, dsn func(schema string) string, g guard) *stack {
	t.Helper()
	s := &stack{guard: g, t: t, dsn: dsn, patience: patience, natsDir: t.TempDir(), filesRoot: t.TempDir(),
		seedFile: filepath.Join(t.TempDir(), "seed"),
		before:   map[events.TenantID]map[events.Participant]digest.Digests{}}
	key, err := events.NewSeed()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(s.seedFile, key, 0o600))
	signer, err := events.NewSigner(key)
	require.NoError(t, err)
	s.key = signer.PublicKey()
	if g == nil {
		s.startNATS(-1)
		s.provision()
		s.reader = s.connect("reader")
	} else {
		s.reader = s.connectAs("coordinator", "coordinator")
	}
	s.db, err = sql.Open("pgx", dsn(""))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.db.Close() })
	pool, err := pgpool.Open(dsn("coordinator"), pgpool.Config{Name: "e2e"})
	require.NoError(t, err)
	t.Cleanup(func() { _ = pool.Close() })
	s.store = pgstore.New(pool, pgstore.Config{})
	require.NoError(t, s.store.SetRoster(t.Context(), app.ReferenceRoster()))
	s.generate(n)
	return s
}

func (s *stack) generate(n int) {
	s.t.Helper()
	for i := range n {
		s.tenants = append(s.tenants, seed.TenantIDFor(1, i+1))
	}
	report, err := seed.Generate(s.t.Context(),
		seed.Target{DSN: func(name events.Participant) string { return s.dsn(string(name)) }},
		seed.Options{Tenants: s.tenants, Profile: seed.ProfileTiny, Seed: 1, FilesRoot: s.filesRoot})
	require.NoError(s.t, err)
	s.report = report
}

func (s *stack) startNATS(port int) {
	s.t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: s.natsDir, Port: port})
	require.NoError(s.t, err)
	s.nats = server
	s.t.Cleanup(server.Stop)
}

func (s *stack) jetStream() jetstream.JetStream {
	s.t.Helper()
	if s.guard != nil {
		if s.looking == nil {
			s.looking = s.jetStreamAs("operator")
		}
		return s.looking
	}
	nc, err := nats.Connect(s.nats.ClientURL(), nats.MaxReconnects(-1))
	require.NoError(s.t, err)
	s.t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(s.t, err)
	return js
}

func (s *stack) provision() {
	s.t.Helper()
	names := make([]events.Participant, 0, 13)
	for _, entry := range app.ReferenceRoster() {
		names = append(names, entry.Participant)
	}
	_, err := natsdeploy.Apply(s.t.Context(), s.jetStream(),
		natsdeploy.Topology{Participants: names, Downstream: []natsdeploy.Subscriber{{Name: "e2e"}}})
	require.NoError(s.t, err)
}

// connect opens a bus of its own, as a stranger or a downstream team would.
func (s *stack) connect(name string) *bus.JetStream {
	s.t.Helper()
	b, err := bus.Open(s.t.Context(), bus.Config{URL: s.nats.ClientURL(), Name: name})
	require.NoError(s.t, err)
	s.t.Cleanup(b.Close)
	return b
}

func (s *stack) coordinatorConfig() app.CoordinatorConfig {
	return app.CoordinatorConfig{DatabaseURL: s.dsn("coordinator"), NATS: s.shown("coordinator"), NATSURL: s.natsURL(),
		SigningSeedFile: s.seedFile, Policy: saga.Policy{Patience: s.patience}, HTTPAddr: s.api}
}

// unit is a coordinator or a participant that runs as a goroutine.
type unit struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func (u *unit) stop() {
	u.cancel()
	<-u.done
}

func (s *stack) run(name string, fn func(ctx context.Context) error) *unit {
	ctx, cancel := context.WithCancel(context.Background())
	u := &unit{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(u.done)
		if err := fn(ctx); err != nil && ctx.Err() == nil {
			s.t.Errorf("%s ended by itself: %v", name, err)
		}
	}()
	s.t.Cleanup(u.stop)
	return u
}

func (s *stack) coordinator() *unit {
	return s.run("coordinator", func(ctx context.Context) error { return app.RunCoordinator(ctx, s.coordinatorConfig()) })
}

func (s *stack) participant(name events.Participant) *unit {
	return s.run(string(name), func(ctx context.Context) error {
		return app.RunParticipant(ctx, app.ParticipantConfig{Name: name, DatabaseURL: s.dsn(string(name)), FilesRoot: s.filesRoot,
			NATS: s.shown("svc_" + string(name)), NATSURL: s.natsURL(), TrustedKeys: []events.PublicKey{s.key}})
	})
}

// participants starts all of them but the named ones.
func (s *stack) participants(except ...events.Participant) map[events.Participant]*unit {
	units := map[events.Participant]*unit{}
	for _, entry := range app.ReferenceRoster() {
		skip := false
		for _, name := range except {
			skip = skip || name == entry.Participant
		}
		if !skip {
			units[entry.Participant] = s.participant(entry.Participant)
		}
	}
	return units
}

// submission is a request as any service would send it.
func submission(tenant events.TenantID, key string) events.Submitted {
	return events.Submitted{RequestID: key, TenantID: tenant, Source: "e2e", Reason: "contract_ended", RequestedBy: "tester"}
}

func (s *stack) submit(b bus.Bus, tenant events.TenantID) {
	s.t.Helper()
	data := submission(tenant, "request-"+string(tenant))
	m, err := events.Encode(data.Event(time.Now()))
	require.NoError(s.t, err)
	require.NoError(s.t, b.Publish(s.t.Context(), m))
}

// until waits for a condition that some other part of the system brings about.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(endTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			require.FailNow(t, fmt.Sprintf("waited %s for %s", endTimeout, what))
		}
	}
}

// job is the newest job of the tenant; its zero value when there is none (yet) or the database does not answer.
func (s *stack) job(tenant events.TenantID) saga.Job {
	jobs, err := s.store.Jobs(context.Background(), saga.Filter{Tenant: tenant, Limit: 1})
	if err != nil || len(jobs) == 0 {
		return saga.Job{}
	}
	return jobs[0]
}

func (s *stack) awaitState(tenant events.TenantID, state saga.State) saga.Job {
	s.t.Helper()
	var job saga.Job
	until(s.t, "state "+string(state), func() bool { job = s.job(tenant); return job.State == state })
	return job
}
