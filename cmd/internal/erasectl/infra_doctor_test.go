package erasectl

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

var doctorRoster = []saga.RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "tenants", Wave: 2}}

// patient is an installation in which everything is in order, for a test to break.
type patient struct {
	doctor
	db    *bun.DB
	store *pgstore.Store
	serve map[events.Participant]context.CancelFunc
}

func newPatient(t *testing.T) *patient {
	t.Helper()
	p := &patient{serve: map[events.Participant]context.CancelFunc{}}
	p.now, p.timeout = time.Now, checkTimeout
	p.api = func(context.Context, string) (int, []byte, error) {
		return http.StatusOK, []byte(`{"state":"ok"}`), nil
	}
	p.natsURL = startNATS(t)
	topology := natsdeploy.Topology{Participants: namesOf(doctorRoster)}
	_, err := natsdeploy.Apply(t.Context(), streams(t, p.natsURL), topology)
	require.NoError(t, err)
	b := openTestBus(t, p.natsURL)
	for _, name := range topology.Participants {
		ctx, cancel := context.WithCancel(t.Context())
		p.serve[name] = cancel
		require.NoError(t, b.Serve(ctx, bus.Service{Name: events.ServiceName(name), Version: "1.2.3",
			Subject: events.PreviewSubject(name)}, func(context.Context, events.Message) ([]byte, error) { return []byte("{}"), nil }))
	}
	p.databaseURL = pgtest.New(t, migrations.Coordinator()).AdminDSN()
	p.db, err = dialPostgres(t.Context(), p.databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.db.Close()) })
	p.store = pgstore.New(p.db, pgstore.Config{})
	require.NoError(t, p.store.SetRoster(t.Context(), doctorRoster))
	p.seedFile = writeSeed(t, 0o600)
	return p
}

func writeSeed(t *testing.T, mode os.FileMode) string {
	t.Helper()
	seed, err := events.NewSeed()
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "signing.seed")
	require.NoError(t, os.WriteFile(path, seed, mode))
	return path
}

// finding is what the examination says of one check.
func (p *patient) finding(t *testing.T, name string) finding {
	t.Helper()
	for _, f := range p.examine(t.Context()) {
		if f.Check == name {
			return f
		}
	}
	require.FailNow(t, "no such check: "+name)
	return finding{}
}

func TestDoctor(t *testing.T) {
	t.Parallel()

	t.Run("an installation in order is found to be", func(t *testing.T) {
		t.Parallel()
		p := newPatient(t)
		findings := p.examine(t.Context())
		require.Len(t, findings, len(p.checks()))
		for _, f := range findings {
			require.Equal(t, healthOK, f.Health, "%+v", f)
			require.NotEmpty(t, f.What, f.Check)
		}
		require.Equal(t, "2 of 2 answer, 2 with version 1.2.3, of the stored roster of 2", p.finding(t, "participants").What)
	})
	t.Run("with everything down each check is there, within its time, and shows no password", func(t *testing.T) {
		t.Parallel()
		d := doctor{databaseURL: noPostgres, natsURL: noNATS, seedFile: "/nowhere/signing.seed", now: time.Now, timeout: checkTimeout,
			api: func(context.Context, string) (int, []byte, error) { return 0, nil, fmt.Errorf("refused") }}
		began := time.Now()
		findings := d.examine(t.Context())
		require.Less(t, time.Since(began), 2*checkTimeout)
		require.Len(t, findings, len(d.checks()))
		failed := map[string]bool{}
		for _, f := range findings {
			require.NotEqual(t, healthOK, f.Health, "%+v", f)
			require.NotContains(t, fmt.Sprint(f), "oven-secret")
			failed[f.Check] = f.Health == healthFail
		}
		for _, name := range []string{"API alive", "NATS", "PostgreSQL", "signing seed"} {
			require.True(t, failed[name], name)
		}
	})
	t.Run("what nobody configured is skipped, and says how to configure it", func(t *testing.T) {
		t.Parallel()
		d := doctor{now: time.Now, timeout: checkTimeout,
			api: func(context.Context, string) (int, []byte, error) { return http.StatusOK, nil, nil }}
		for _, f := range d.examine(t.Context()) {
			if f.Health != healthOK {
				require.Equal(t, healthSkipped, f.Health, "%+v", f)
				require.Contains(t, f.WayOut, "set --", "%+v", f)
			}
		}
	})
}

func TestDoctorFinds(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		breaks func(t *testing.T, p *patient)
		check  string
		health health
		what   string
	}{
		"an API that is not ready, in its own words": {func(_ *testing.T, p *patient) {
			p.api = func(_ context.Context, path string) (int, []byte, error) {
				return http.StatusServiceUnavailable, []byte(`{"code":"unavailable","detail":"PostgreSQL does not answer"}`), nil
			}
		}, "API ready", healthFail, "/readyz answers 503: PostgreSQL does not answer"},
		"a consumer that is missing": {func(t *testing.T, p *patient) {
			require.NoError(t, streams(t, p.natsURL).DeleteConsumer(t.Context(), events.StreamEvents, "orders"))
		}, "streams and consumers", healthFail, "create consumer TD_EVENTS/orders"},
		"a setting that differs": {func(t *testing.T, p *patient) {
			js := streams(t, p.natsURL)
			stream, err := js.Stream(t.Context(), events.StreamEvents)
			require.NoError(t, err)
			config := stream.CachedInfo().Config
			config.MaxBytes = 1 << 20
			_, err = js.UpdateStream(t.Context(), config)
			require.NoError(t, err)
		}, "streams and consumers", healthWarn, "max_bytes"},
		"a stream that is missing": {func(t *testing.T, p *patient) {
			require.NoError(t, streams(t, p.natsURL).DeleteStream(t.Context(), events.StreamIntake))
		}, "consumers' backlog", healthFail, "TD_INTAKE"},
		"messages that nobody takes": {func(t *testing.T, p *patient) {
			publishSample(t, p.natsURL, events.TypeResult)
			p.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
		}, "backlog of coordinator_results", healthWarn, "1 message on TD_EVENTS"},
		"messages that are delivered again and again": {func(t *testing.T, p *patient) {
			publishSample(t, p.natsURL, events.TypeResult)
			deliverTwice(t, p.natsURL, events.StreamEvents, events.ConsumerResults)
		}, "backlog of coordinator_results", healthWarn, "1 delivered again"},
		"dead letters that no coordinator writes down": {func(t *testing.T, p *patient) {
			publishSample(t, p.natsURL, events.TypeResult)
			terminate(t, p.natsURL, events.StreamEvents, events.ConsumerResults)
			p.now = func() time.Time { return time.Now().Add(2 * time.Minute) }
		}, "dead letter stream", healthWarn, "1 message on TD_DEAD"},
		"a participant that is silent, by its name": {func(_ *testing.T, p *patient) { p.serve["orders"]() },
			"participant orders", healthFail, "does not answer"},
		"clocks that are apart": {func(_ *testing.T, p *patient) {
			p.now = func() time.Time { return time.Now().Add(time.Hour) }
		}, "clock", healthWarn, "apart"},
		"tables that are missing": {func(t *testing.T, p *patient) { p.databaseURL = pgtest.New(t).AdminDSN() },
			"migrations", healthFail, "of coordinator not laid"},
		"versions of a newer program": {func(t *testing.T, p *patient) {
			p.exec(t, "INSERT INTO td_version_coordinator (version_id, is_applied) VALUES (9999, true)")
		}, "migrations", healthWarn, "1 version of coordinator"},
		"events that nobody relays": {func(t *testing.T, p *patient) {
			p.exec(t, `INSERT INTO outbox (subject, header, body, created_at, sent_at) VALUES
				('waits', '{}', '', now() - interval '5 minutes', NULL), ('just came', '{}', '', now(), NULL),
				('was sent', '{}', '', now() - interval '5 minutes', now())`)
		}, "outbox", healthFail, "1 event not sent for more than 1m0s"},
		"jobs past their deadline": {func(t *testing.T, p *patient) {
			submitted := events.Submitted{RequestID: "r", TenantID: "test-late", Source: "crm", Reason: "contract_ended", RequestedBy: "x"}
			_, err := p.store.Submit(t.Context(), time.Now(), saga.Submission{Submitted: submitted})
			require.NoError(t, err)
			p.now = func() time.Time { return time.Now().AddDate(0, 2, 0) }
		}, "overdue jobs", healthWarn, "1 job past the deadline"},
		"dead letters that nobody decided on": {func(t *testing.T, p *patient) {
			require.NoError(t, p.store.Bury(t.Context(), saga.DeadLetter{Stream: "TD_EVENTS", Consumer: "orders", Sequence: 7,
				Reason: "poison", CreatedAt: time.Now()}))
		}, "open dead letters", healthWarn, "1 dead letter open"},
		"a seed that others may read": {func(t *testing.T, p *patient) { p.seedFile = writeSeed(t, 0o644) },
			"signing seed", healthFail, "mode 0644"},
		"a seed that is none": {func(t *testing.T, p *patient) {
			require.NoError(t, os.WriteFile(p.seedFile, []byte("SUNOSEED"), 0o600))
		}, "signing seed", healthFail, "seed"},
		"a broker without JetStream": {func(t *testing.T, p *patient) { p.natsURL = plainNATS(t) },
			"JetStream", healthFail, "not usable"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPatient(t)
			c.breaks(t, p)
			f := p.finding(t, c.check)
			require.Equal(t, c.health, f.Health, "%+v", f)
			require.Contains(t, f.What, c.what)
			require.NotEmpty(t, f.WayOut, "%+v", f)
		})
	}
}

func (p *patient) exec(t *testing.T, statement string) {
	t.Helper()
	_, err := p.db.ExecContext(t.Context(), statement)
	require.NoError(t, err)
}

func publishSample(t *testing.T, url string, kind events.Type) events.Event {
	t.Helper()
	e, err := sample(kind, "test-bread", "orders", time.Now())
	require.NoError(t, err)
	m, err := events.Encode(e)
	require.NoError(t, err)
	require.NoError(t, openTestBus(t, url).Publish(t.Context(), m))
	return e
}

// deliverTwice leaves a message that was delivered more than once and settled never.
func deliverTwice(t *testing.T, url, stream, consumer string) {
	t.Helper()
	c, err := streams(t, url).Consumer(t.Context(), stream, consumer)
	require.NoError(t, err)
	for range 2 {
		m, err := c.Next()
		require.NoError(t, err)
		require.NoError(t, m.NakWithDelay(time.Millisecond))
	}
}

func terminate(t *testing.T, url, stream, consumer string) {
	t.Helper()
	js := streams(t, url)
	c, err := js.Consumer(t.Context(), stream, consumer)
	require.NoError(t, err)
	m, err := c.Next()
	require.NoError(t, err)
	require.NoError(t, m.TermWithReason("poison"))
	dead, err := js.Consumer(t.Context(), events.StreamDead, events.ConsumerDead)
	require.NoError(t, err)
	advisory, err := dead.Next() // it is there now
	require.NoError(t, err)
	require.NoError(t, advisory.Nak())
}

// plainNATS is a broker without JetStream.
func plainNATS(t *testing.T) string {
	t.Helper()
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: -1, NoLog: true, NoSigs: true})
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(10*time.Second))
	return s.ClientURL()
}
