package e2e

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/events/client"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
)

// A day: every tenant is deleted, created again and deleted again several times.
const (
	dayTenants     = 300
	dayGenerations = 7
	// beforeCrash is how many events a subscriber has handled when it dies: after the commit, before the acknowledgement.
	beforeCrash = 5
)

// subscriberEnv makes the test's binary a subscriber; it holds a subscriberConfig.
const subscriberEnv = "TD_E2E_SUBSCRIBER"

type subscriberConfig struct {
	Name, URL, DSN string
	Key            events.PublicKey
	Once           bool
	// CrashAfter is after how many handled events the process kills itself; zero means never.
	CrashAfter int
}

// subscriberMain is a downstream team's program.
func subscriberMain(text string) (code int) {
	var config subscriberConfig
	err := json.Unmarshal([]byte(text), &config)
	if err == nil {
		err = config.run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (c subscriberConfig) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := sql.Open("pgx", c.DSN)
	if err != nil {
		return err
	}
	defer db.Close()
	b, err := bus.Open(ctx, bus.Config{URL: c.URL, Name: c.Name})
	if err != nil {
		return err
	}
	defer b.Close()
	return client.Deleted(ctx, b, c.Name, c.handler(db), client.Config{TrustedKeys: []events.PublicKey{c.Key}})
}

// handler writes down every delivery and, once or each time, its effect; then it may die.
func (c subscriberConfig) handler(db *sql.DB) client.HandlerFunc {
	const effect = "INSERT INTO effects (event_id, tenant, generation) VALUES ($1, $2, $3)"
	handle := func(ctx context.Context, e events.Event, d *events.Deleted) error {
		_, err := db.ExecContext(ctx, effect, string(e.ID), string(d.TenantID), d.Generation)
		return err
	}
	if c.Once {
		handle = client.Once(db, c.Name, func(ctx context.Context, tx *sql.Tx, e events.Event, d *events.Deleted) error {
			_, err := tx.ExecContext(ctx, effect, string(e.ID), string(d.TenantID), d.Generation)
			return err
		})
	}
	handled := 0
	return func(ctx context.Context, e events.Event, d *events.Deleted) error {
		if _, err := db.ExecContext(ctx, "INSERT INTO deliveries (event_id) VALUES ($1)", string(e.ID)); err != nil {
			return err
		}
		if err := handle(ctx, e, d); err != nil {
			return err
		}
		if handled++; handled == c.CrashAfter {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}
}

// town is a broker, a database per subscriber, and whoever publishes what the coordinator would.
type town struct {
	t      *testing.T
	nats   *embedded.Server
	bus    *bus.JetStream
	signer *events.Signer
	day    []events.Message // in the order of publication
}

func newTown(t *testing.T, subscriber string) *town {
	t.Helper()
	server, err := embedded.Start(embedded.Config{StoreDir: t.TempDir(), Port: -1})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	nc, err := nats.Connect(server.ClientURL())
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Downstream: []natsdeploy.Subscriber{{Name: subscriber}}})
	require.NoError(t, err)
	b, err := bus.Open(t.Context(), bus.Config{URL: server.ClientURL(), Name: "publisher"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	w := &town{t: t, nats: server, bus: b, signer: signer}
	for generation := range dayGenerations {
		for tenant := range dayTenants {
			w.day = append(w.day, w.deleted(events.TenantID(fmt.Sprintf("tenant-%03d", tenant)), generation+1))
		}
	}
	return w
}

func (w *town) deleted(tenant events.TenantID, generation int) events.Message {
	w.t.Helper()
	job, at := events.NewJobID(), time.Now()
	m, err := events.Encode(events.Event{ID: events.EventIDFor(job, events.TypeDeleted, "", 0, 1), Source: events.SourceCoordinator,
		Type: events.TypeDeleted, Subject: tenant, Time: at, Data: &events.Deleted{JobID: job, TenantID: tenant,
			Generation: generation, Total: 1, SubmittedAt: at, CompletedAt: at,
			DeletedCounts: map[events.Participant]map[string]int64{"orders": {"orders": 1}}}})
	require.NoError(w.t, err)
	m, err = w.signer.Sign(m)
	require.NoError(w.t, err)
	return m
}

// database is where a subscriber writes down what reaches it, in order.
func (w *town) database() (dsn string, db *sql.DB) {
	w.t.Helper()
	own := migrations.Files("town", "billing", fstest.MapFS{"00001_town.sql": {Data: []byte(`-- +goose Up
		CREATE TABLE deliveries (number bigint GENERATED ALWAYS AS IDENTITY, event_id text NOT NULL);
		CREATE TABLE effects (number bigint GENERATED ALWAYS AS IDENTITY, event_id text NOT NULL, tenant text NOT NULL,
			generation int NOT NULL);
	`)}})
	dsn = pgtest.New(w.t, migrations.Subscriber("billing"), own).DSN("billing")
	db, err := sql.Open("pgx", dsn)
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = db.Close() })
	return dsn, db
}

// start runs a subscriber in a process of its own.
func (w *town) start(config subscriberConfig) *process {
	w.t.Helper()
	config.URL, config.Key = w.nats.ClientURL(), w.signer.PublicKey()
	text, err := json.Marshal(config)
	require.NoError(w.t, err)
	log, err := os.CreateTemp(w.t.TempDir(), config.Name+"-*.log")
	require.NoError(w.t, err)
	p := &process{t: w.t, cmd: exec.Command(os.Args[0]), log: log, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), subscriberEnv+"="+string(text))
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(w.t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.done)
	}()
	w.t.Cleanup(p.kill)
	return p
}

// drain asks a subscriber to end, as a deployment does, and expects that it ends well.
func (w *town) drain(p *process) {
	w.t.Helper()
	require.NoError(w.t, p.cmd.Process.Signal(syscall.SIGTERM))
	until(w.t, "the subscriber to end", p.died)
	require.Equal(w.t, 0, p.cmd.ProcessState.ExitCode())
}

// ids are the event ids of a table, in the order in which they were written.
func ids(t *testing.T, db *sql.DB, table string) (all []string) {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "SELECT event_id FROM "+table+" ORDER BY number")
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next() {
		var id string
		require.NoError(t, rows.Scan(&id))
		all = append(all, id)
	}
	require.NoError(t, rows.Err())
	return all
}

// A subscriber is killed between its commit and its acknowledgement and stays down for a day.
func TestSubscriberIsDownForADay(t *testing.T) {
	t.Parallel()
	for name, once := range map[string]bool{"billing": true, "ledger": false} {
		claim := map[bool]string{true: "with Once every event has its effect exactly once, in order",
			false: "without Once every event is seen at least once, in order"}[once]
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, name)
			dsn, db := w.database()
			require.NoError(t, w.bus.Publish(t.Context(), w.day[:2*beforeCrash]...))
			config := subscriberConfig{Name: name, DSN: dsn, Once: once, CrashAfter: beforeCrash}
			w.start(config).awaitCrash()
			require.Len(t, ids(t, db, "effects"), beforeCrash)
			require.NoError(t, w.bus.Publish(t.Context(), w.day[2*beforeCrash:]...))

			config.CrashAfter = 0
			again := w.start(config)
			last := w.day[len(w.day)-1].Header[events.HeaderMsgID]
			until(t, "the day's last event", func() bool {
				var seen bool
				err := db.QueryRowContext(t.Context(), "SELECT EXISTS (SELECT FROM effects WHERE event_id = $1)", last).Scan(&seen)
				return err == nil && seen
			})
			w.drain(again)

			var want, repeated []string
			for i, m := range w.day {
				want, repeated = append(want, m.Header[events.HeaderMsgID]), append(repeated, m.Header[events.HeaderMsgID])
				if i == beforeCrash-1 { // handled before the crash, not acknowledged
					repeated = append(repeated, m.Header[events.HeaderMsgID])
				}
			}
			require.GreaterOrEqual(t, len(want), 2000)
			require.Equal(t, repeated, ids(t, db, "deliveries"), "one delivery came again, in its place")
			if once {
				require.Equal(t, want, ids(t, db, "effects"))
			} else {
				require.Equal(t, repeated, ids(t, db, "effects"))
			}
			var disordered int
			require.NoError(t, db.QueryRowContext(t.Context(), `SELECT count(*) FROM (SELECT generation < lag(generation)
				OVER (PARTITION BY tenant ORDER BY number) AS wrong FROM effects) AS pairs WHERE wrong`).Scan(&disordered))
			require.Zero(t, disordered, "per tenant")
		})
	}
}
