package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the administrator's connection
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations"
	"github.com/bakery-ia/tenant-deletion/migrations/pglocal"
	"github.com/bakery-ia/tenant-deletion/participants/bakery/seed"
)

// readyTimeout bounds the start of fourteen processes on a busy machine.
const readyTimeout = 60 * time.Second

// processes is the system as it is deployed: a server, a broker, and a process for the coordinator and for each service.
type processes struct {
	dir     string
	cluster *pglocal.Cluster
	db      *sql.DB
	broker  *embedded.Server
	bus     *bus.JetStream
	running map[string]*exec.Cmd
}

func startProcesses(ctx context.Context) (p *processes, err error) {
	p = &processes{running: map[string]*exec.Cmd{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.stop())
		}
	}()
	if p.dir, err = os.MkdirTemp("", "tenant-deletion-bench-"); err != nil {
		return p, err
	}
	note("starting PostgreSQL (fsync on), NATS, a coordinator and thirteen participants")
	if p.cluster, err = pglocal.Start(ctx, pglocal.Config{Durable: true, AllowInstall: true, Out: os.Stderr,
		ExtraSettings: map[string]string{"max_connections": "200"}}); err != nil {
		return p, err
	}
	if p.db, err = sql.Open("pgx", p.cluster.DSN("postgres")); err != nil {
		return p, err
	}
	lines := []migrations.Line{migrations.Coordinator()}
	for _, entry := range app.ReferenceRoster() {
		lines = append(lines, migrations.Participant(string(entry.Participant)), migrations.Bakery(string(entry.Participant)))
	}
	if err = migrations.Apply(ctx, p.cluster.DSN("postgres"), lines...); err != nil {
		return p, err
	}
	if err = p.startBroker(ctx); err != nil {
		return p, err
	}
	return p, p.startAll(ctx)
}

func (p *processes) startBroker(ctx context.Context) (err error) {
	p.broker, err = embedded.Start(embedded.Config{StoreDir: filepath.Join(p.dir, "nats"), Port: -1})
	if err != nil {
		return err
	}
	nc, err := nats.Connect(p.broker.ClientURL())
	if err != nil {
		return err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	var names []events.Participant
	for _, entry := range app.ReferenceRoster() {
		names = append(names, entry.Participant)
	}
	if _, err = natsdeploy.Apply(ctx, js, natsdeploy.Topology{Participants: names}); err != nil {
		return err
	}
	p.bus, err = bus.Open(ctx, bus.Config{URL: p.broker.ClientURL(), Name: "bench"})
	return err
}

func (p *processes) startAll(ctx context.Context) error {
	build := exec.CommandContext(ctx, "go", "build", "-o", p.dir, "./cmd/coordinator", "./cmd/participant")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build commands (run it from the repository's root): %w\n%s", err, out)
	}
	seedBytes, err := events.NewSeed()
	if err != nil {
		return err
	}
	signer, err := events.NewSigner(seedBytes)
	if err != nil {
		return err
	}
	seedFile := filepath.Join(p.dir, "seed")
	if err := os.WriteFile(seedFile, seedBytes, 0o600); err != nil {
		return err
	}
	if err := os.Mkdir(p.filesRoot(), 0o700); err != nil {
		return err
	}
	err = p.spawn("coordinator", "coordinator", "--database-url", p.cluster.DSN("postgres"), "--nats-url", p.broker.ClientURL(),
		"--signing-seed-file", seedFile, "--log-level", "error")
	for _, entry := range app.ReferenceRoster() {
		name := string(entry.Participant)
		err = errors.Join(err, p.spawn(name, "participant", "--name", name, "--database-url", p.cluster.DSN("postgres"),
			"--nats-url", p.broker.ClientURL(), "--trusted-keys", string(signer.PublicKey()), "--files-root", p.filesRoot(),
			"--log-level", "error"))
	}
	if err != nil {
		return err
	}
	return p.awaitReady(ctx)
}

func (p *processes) filesRoot() string { return filepath.Join(p.dir, "files") }

func (p *processes) spawn(name, binary string, args ...string) error {
	cmd := exec.CommandContext(context.Background(), filepath.Join(p.dir, binary), args...) // it ends with stop
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.running[name] = cmd
	return nil
}

// awaitReady waits until every participant answers previews.
func (p *processes) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for _, entry := range app.ReferenceRoster() {
		request := events.Message{Subject: events.PreviewSubject(entry.Participant),
			Body: []byte(`{"tenant_id":"00000000-0000-0000-0000-000000000000"}`)}
		for {
			_, err := p.bus.Request(ctx, request)
			if err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("%s does not answer: %w", entry.Participant, err)
			case <-time.After(100 * time.Millisecond):
			}
		}
	}
	return nil
}

// generate loads tenants and leaves the database as a live one is: vacuumed, analysed.
func (p *processes) generate(ctx context.Context, from, n int, profile seed.Profile) ([]events.TenantID, error) {
	tenants := make([]events.TenantID, n)
	for i := range tenants {
		tenants[i] = seed.TenantIDFor(7, from+i)
	}
	started := time.Now()
	report, err := seed.Generate(ctx, seed.Target{DSN: func(name events.Participant) string {
		return p.cluster.DSN("postgres") + searchPath(p.cluster.DSN("postgres"), string(name))
	}}, seed.Options{Tenants: tenants, Profile: profile, Seed: int64(from), FilesRoot: p.filesRoot()})
	if err != nil {
		return nil, err
	}
	note("generated %d tenants (%s), %d rows, in %.1f s", n, profile, report.Total(), time.Since(started).Seconds())
	return tenants, nil
}

// settle makes every measurement start from the same place: no dead rows, no full-page images owed.
func (p *processes) settle(ctx context.Context) error {
	for _, statement := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := p.db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// peakMB is the largest resident memory a process ever had, in megabytes (VmHWM).
func (p *processes) peakMB(name string) (float64, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/status", p.running[name].Process.Pid))
	if err != nil {
		return 0, err
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		if rest, ok := strings.CutPrefix(scanner.Text(), "VmHWM:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			return kb / 1024, err
		}
	}
	return 0, errors.New("no VmHWM")
}

// stop ends what was started, and only that.
func (p *processes) stop() error {
	var errs []error
	for _, cmd := range p.running {
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, cmd := range p.running {
		_ = cmd.Wait()
	}
	if p.bus != nil {
		p.bus.Close()
	}
	if p.broker != nil {
		p.broker.Stop()
	}
	if p.db != nil {
		errs = append(errs, p.db.Close())
	}
	if p.cluster != nil {
		errs = append(errs, p.cluster.Stop())
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

func searchPath(dsn, schema string) string {
	separator := "?"
	if strings.Contains(dsn, "?") {
		separator = "&"
	}
	return separator + "search_path=" + schema
}
