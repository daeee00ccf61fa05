package e2e

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
)

// serveAPI makes the coordinator serve HTTP on a free port of this machine.
func (s *stack) serveAPI() {
	s.t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(s.t, err)
	s.api = free.Addr().String()
	require.NoError(s.t, free.Close())
}

// erasectl runs the real command against the coordinator's API, without a terminal.
func (s *stack) erasectl(args ...string) (stdout string, code int) {
	s.t.Helper()
	dir, err := binaries()
	require.NoError(s.t, err)
	ctx, cancel := context.WithTimeout(s.t.Context(), endTimeout)
	defer cancel()
	command := exec.CommandContext(ctx, filepath.Join(dir, "erasectl"), args...)
	command.Env = append(os.Environ(), "ERASECTL_API=http://"+s.api, "ERASECTL_CONFIG="+filepath.Join(s.t.TempDir(), "none.yaml"),
		"ERASECTL_ACTOR=operator-1")
	command.Env = append(command.Env, s.guardedEnv("operator")...)
	var out, said bytes.Buffer
	command.Stdout, command.Stderr = &out, &said
	_ = command.Run() // the exit code is the answer
	s.t.Logf("erasectl %v: exit %d\n%s%s", args, command.ProcessState.ExitCode(), out.String(), said.String())
	return out.String(), command.ProcessState.ExitCode()
}

func (s *stack) awaitAPI() {
	s.t.Helper()
	until(s.t, "the API to answer", func() bool { _, code := s.erasectl("participants", "-o", "json"); return code == 0 })
}

// breakPlan puts a table that no plan knows into a service, so that it refuses every deletion for good; repair drops it.
func (s *stack) breakPlan(names ...events.Participant) (repair func()) {
	s.t.Helper()
	each := func(statement string) {
		for _, name := range names {
			_, err := s.db.ExecContext(s.t.Context(), fmt.Sprintf(statement, name))
			require.NoError(s.t, err)
		}
	}
	for _, name := range names {
		until(s.t, string(name)+" to be ready", func() bool { return s.serves(name) })
	}
	each("CREATE TABLE %s.vouchers (id bigint PRIMARY KEY, tenant_id uuid NOT NULL)")
	return func() { each("DROP TABLE %s.vouchers") }
}

func TestFailedParticipantsAreRepairedAndReplayedFromTheStream(t *testing.T) {
	t.Parallel()
	s := newStack(t, 3)
	s.patience = calm
	s.serveAPI()
	gone := s.tenants[:2]
	s.coordinator()
	s.participants()
	failing := map[events.Participant]bool{"orders": true, "pos": true, "recipes": true}
	for _, entry := range app.ReferenceRoster() {
		until(t, string(entry.Participant)+" to be ready", func() bool { return s.serves(entry.Participant) })
	}
	neighbour := s.counts(s.tenants[2])
	repair := s.breakPlan("orders", "pos", "recipes")
	asker := s.connect("asker")
	for _, tenant := range gone {
		s.submit(asker, tenant)
	}
	for _, tenant := range gone {
		job := s.awaitState(tenant, saga.StateFailed)
		require.ElementsMatch(t, []events.Participant{"orders", "pos", "recipes"}, job.Blocked.Participants)
	}
	s.awaitAPI()
	listed, code := s.erasectl("list", "--failed-at", "recipes", "-o", "json")
	require.Zero(t, code)
	for _, tenant := range gone {
		require.Contains(t, listed, string(tenant))
	}

	repair()
	_, code = s.erasectl("replay", "--failed", "--wait", "--confirm", "failed")
	require.Zero(t, code)
	for _, tenant := range gone {
		job := s.awaitState(tenant, saga.StateCompleted)
		s.exact(job)
		for _, step := range job.Steps {
			want := 1
			if failing[step.Participant] {
				want = 2
			}
			require.Equal(t, want, step.Attempt, "%s", step.Participant)
		}
		s.replayedOnce(job)
	}
	s.relayed()
	for _, tenant := range gone {
		require.Equal(t, 1, s.stored(string(events.TypeDeleted)+"."+string(tenant)))
	}
	require.Equal(t, neighbour, s.counts(s.tenants[2]))
}

// replayedOnce holds the job's history: one replay, by whom, of the request that the stream still has.
func (s *stack) replayedOnce(job saga.Job) {
	s.t.Helper()
	entries, err := s.store.History(s.t.Context(), job.ID, 0, 1000)
	require.NoError(s.t, err)
	replays := 0
	for _, e := range entries {
		if e.Kind == "replay" {
			replays++
			require.Equal(s.t, saga.OriginStream, e.Origin)
			require.Equal(s.t, "operator-1", e.By)
		}
	}
	require.Equal(s.t, 1, replays)
}

// serviceDatabase is one service's own database, which can be backed up and restored as a whole.
type serviceDatabase struct {
	t     *testing.T
	name  events.Participant
	admin *sql.DB
	live  *pgtest.Database
	// backup is a copy of the whole database, as it was when it was taken.
	backup string
}

func newServiceDatabase(t *testing.T, name events.Participant) *serviceDatabase {
	t.Helper()
	d := &serviceDatabase{t: t, name: name,
		live: pgtest.New(t, migrations.Participant(string(name)), migrations.Bakery(string(name)))}
	admin, err := sql.Open("pgx", pgtest.New(t).AdminDSN()) // a connection to the database itself would be in the way
	require.NoError(t, err)
	t.Cleanup(func() { _ = admin.Close() })
	d.admin, d.backup = admin, d.live.Name()+"_backup"
	return d
}

func (d *serviceDatabase) exec(statement string, args ...any) {
	d.t.Helper()
	_, err := d.admin.ExecContext(context.Background(), fmt.Sprintf(statement, args...)) // the cleanup uses it too
	require.NoError(d.t, err)
}

// back takes the backup. Nobody may be connected.
func (d *serviceDatabase) back() {
	d.t.Helper()
	d.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '%s'", d.live.Name())
	d.exec("CREATE DATABASE %s TEMPLATE %s", d.backup, d.live.Name())
	d.t.Cleanup(func() { d.exec("DROP DATABASE IF EXISTS %s WITH (FORCE)", d.backup) })
}

// restore puts the backup in the place of the database.
func (d *serviceDatabase) restore() {
	d.t.Helper()
	d.exec("DROP DATABASE %s WITH (FORCE)", d.live.Name())
	d.exec("CREATE DATABASE %s TEMPLATE %s", d.live.Name(), d.backup)
}

func (d *serviceDatabase) digests(except events.TenantID) digest.Digests {
	d.t.Helper()
	db, err := sql.Open("pgx", d.live.AdminDSN())
	require.NoError(d.t, err)
	defer func() { _ = db.Close() }()
	digests, err := digest.Of(d.t.Context(), db, digest.Scope{Schema: string(d.name), Except: except})
	require.NoError(d.t, err)
	return digests
}

func TestAParticipantRestoredFromABackupErasesAgain(t *testing.T) {
	t.Parallel()
	orders, rest := newServiceDatabase(t, "orders"), pgtest.New(t, lines()...)
	s := newStackOn(t, 3, func(schema string) string {
		if schema == "orders" {
			return orders.live.DSN(schema)
		}
		return rest.DSN(schema)
	})
	s.patience = calm
	s.serveAPI()
	tenant, untouched := s.tenants[0], orders.digests(s.tenants[0])
	orders.back()
	backupAt := time.Now()
	s.coordinator()
	units := s.participants()
	s.submit(s.connect("asker"), tenant)
	first := s.awaitState(tenant, saga.StateCompleted)
	s.exact(first)
	require.Empty(t, untouched.Diff(orders.digests("")))

	units["orders"].stop()
	orders.restore()
	s.participant("orders")
	until(t, "orders to be ready", func() bool { return s.serves("orders") })
	require.Equal(t, s.report.Rows["orders"]["orders"], s.counts(tenant)["orders"]["orders"], "the backup brought them back")

	s.awaitAPI()
	_, code := s.erasectl("replay", "--participant", "orders", "--restored-since", backupAt.UTC().Format(time.RFC3339Nano),
		"--confirm", "orders", "--wait")
	require.Zero(t, code)
	job := s.awaitState(tenant, saga.StateCompleted)
	s.exact(job)
	require.Empty(t, untouched.Diff(orders.digests("")), "nothing of the tenant, everything of the others")
	require.Equal(t, 2, job.Round)
	for _, step := range job.Steps {
		if step.Participant != "orders" {
			require.Equal(t, 1, step.Attempt, "%s ran once", step.Participant)
			require.Empty(t, step.Earlier)
			continue
		}
		require.Equal(t, 2, step.Attempt)
		require.Len(t, step.Earlier, 1)
		require.Equal(t, stepOf(first, "orders").Counts, step.Earlier[0].Counts, "what was deleted first")
		require.Equal(t, step.Earlier[0].Counts, step.Counts, "what was deleted again")
		require.True(t, step.ErasedAt.After(step.Earlier[0].ErasedAt))
	}
	s.bothRoundsAreStated(job)

	t.Run("a tenant that exists again is not deleted for the old request", func(t *testing.T) {
		_, err := s.db.ExecContext(t.Context(), `UPDATE tenants.tenant_anchor SET live = true WHERE tenant_id = $1`, string(tenant))
		require.NoError(t, err)
		_, err = s.db.ExecContext(t.Context(), `INSERT INTO tenants.tenants (id, name, slug, state, email, street, city, postal_code,
			country, created_at) VALUES ($1, 'new', 'new', 'trial', 'e', 's', 'c', 'p', 'de', now())`, string(tenant))
		require.NoError(t, err)
		out, _ := s.erasectl("replay", "--participant", "orders", "--restored-since", backupAt.UTC().Format(time.RFC3339Nano),
			"--confirm", "orders", "-o", "json")
		require.Contains(t, out, "exists again")
		require.Equal(t, job.Version, s.job(tenant).Version, "nothing was asked of anybody")
	})
}

// bothRoundsAreStated reads what a certificate is made of: the job as the API shows it, and the announcements.
func (s *stack) bothRoundsAreStated(job saga.Job) {
	s.t.Helper()
	out, code := s.erasectl("get", string(job.ID), "-o", "json")
	require.Zero(s.t, code)
	var shown httpapi.Job
	require.NoError(s.t, json.Unmarshal([]byte(out), &shown))
	require.Equal(s.t, 2, shown.Round)
	require.Len(s.t, shown.Steps, len(app.ReferenceRoster()))
	s.relayed()
	require.Equal(s.t, 2, s.stored(string(events.TypeDeleted)+"."+string(job.Tenant)), "each round is announced")
	stored, err := s.reader.Last(s.t.Context(), events.StreamEvents, string(events.TypeDeleted)+"."+string(job.Tenant))
	require.NoError(s.t, err)
	e, err := events.Decode(stored.Message)
	require.NoError(s.t, err)
	deleted := e.Data.(*events.Deleted)
	require.Equal(s.t, 2, deleted.Round)
	require.Len(s.t, deleted.Earlier, 1)
	require.Equal(s.t, events.Participant("orders"), deleted.Earlier[0].ServiceName)
	require.Equal(s.t, deleted.DeletedCounts["orders"], deleted.Earlier[0].DeletedCounts)
}
