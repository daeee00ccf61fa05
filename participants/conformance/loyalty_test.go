package conformance_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
	"github.com/bakery-ia/tenant-deletion/migrations/pgtest"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/conformance"
	"github.com/bakery-ia/tenant-deletion/participants/digest"
	"github.com/bakery-ia/tenant-deletion/participants/example/loyalty"
)

// What an instance needs; this test binary is one when they are set.
const (
	envNATS     = "CONFORMANCE_NATS"
	envDatabase = "CONFORMANCE_DATABASE"
	envKey      = "CONFORMANCE_KEY"
)

func TestMain(m *testing.M) {
	if os.Getenv(envNATS) == "" {
		os.Exit(m.Run())
	}
	if err := beLoyalty(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beLoyalty is the example service as a process, until it is killed.
func beLoyalty() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	db, err := pgpool.Open(os.Getenv(envDatabase), pgpool.Config{Name: "loyalty", Schema: "loyalty"})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	b, err := bus.Open(ctx, bus.Config{URL: os.Getenv(envNATS), Name: "loyalty"})
	if err != nil {
		return err
	}
	defer b.Close()
	runner, err := participants.New(loyalty.New(db), b,
		participants.Config{TrustedKeys: []events.PublicKey{events.PublicKey(os.Getenv(envKey))}})
	if err != nil {
		return err
	}
	return runner.Run(ctx)
}

// processes are the instances that run.
type processes struct {
	env     []string
	mu      sync.Mutex
	running []*exec.Cmd
}

func (p *processes) start(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := exec.Command(os.Args[0]) // it lives until stop kills it
	c.Env, c.Stderr = append(os.Environ(), p.env...), os.Stderr
	if err := c.Start(); err != nil {
		return err
	}
	p.running = append(p.running, c)
	return nil
}

func (p *processes) stop(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.running {
		if err := c.Process.Kill(); err != nil {
			return err
		}
		_ = c.Wait() // killed
	}
	p.running = nil
	return nil
}

// slowFor is longer than ack_wait (2.5 s), and shorter than the 3 s for which the service waits for a writer.
const slowFor = 2750 * time.Millisecond

// slow makes a tenant whose deletion has to wait for a writer.
func slow(
	db *sql.DB, seed func(context.Context, events.TenantID) (map[string]int64, error),
) func(context.Context, events.TenantID) error {
	return func(ctx context.Context, tenant events.TenantID) error {
		if _, err := seed(ctx, tenant); err != nil {
			return err
		}
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "SELECT 1 FROM members WHERE tenant_id = $1 FOR UPDATE", tenant); err != nil {
			return err
		}
		time.AfterFunc(slowFor, func() { _ = tx.Rollback() })
		return nil
	}
}

func TestLoyaltyConforms(t *testing.T) {
	t.Parallel()
	b := startBroker(t, "loyalty")
	database := pgtest.New(t, migrations.Participant("loyalty"),
		migrations.Files("service", "loyalty", os.DirFS("../example/loyalty/migrations")))
	db, err := pgpool.Open(database.DSN("loyalty"), pgpool.Config{Name: "test", Schema: "loyalty"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	p := &processes{env: []string{envNATS + "=" + b.url, envDatabase + "=" + database.DSN("loyalty"),
		envKey + "=" + string(b.signer.PublicKey())}}
	require.NoError(t, p.start(t.Context()))
	t.Cleanup(func() { require.NoError(t, p.stop(context.Background())) })

	seed := func(ctx context.Context, tenant events.TenantID) (map[string]int64, error) {
		_, err := db.DB.ExecContext(ctx, strings.ReplaceAll(`
			INSERT INTO tenant_anchor (tenant_id) VALUES ('{tenant}') ON CONFLICT DO NOTHING;
			INSERT INTO members (tenant_id, tier) SELECT '{tenant}', 'bronze' FROM generate_series(1, 20);
			INSERT INTO points (member_id, earned) SELECT id, 5 FROM members WHERE tenant_id = '{tenant}'`,
			"{tenant}", string(tenant)))
		return map[string]int64{"members": 20, "points": 20}, err
	}
	others := func(ctx context.Context, except events.TenantID) (string, error) {
		d, err := digest.Of(ctx, db.DB, digest.Scope{Schema: "loyalty", Except: except})
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(d)
		return string(text), err
	}
	report, err := conformance.Run(t.Context(), conformance.Config{Conn: b.connect(t, "_INBOX_kit"), Participant: "loyalty",
		Signer: b.signer, Seed: seed, SeedSlow: slow(db.DB, seed), Start: p.start, Stop: p.stop, Neighbours: others,
		Tell: func(v conformance.Verdict) { t.Logf("%-4s %s %s", v.Outcome, v.ID, v.Reason) }})
	require.NoError(t, err)
	require.True(t, report.Conforms(), reasons(report))
	// sqlplan leaves the reading of an id to the column's type, and uuid columns read every spelling.
	require.Subset(t, []string{"tenant-spelling"}, those(report, conformance.Fail), reasons(report))
	require.Subset(t, []string{"nak-delay"}, those(report, conformance.Skip)) // no transient error need happen
}
