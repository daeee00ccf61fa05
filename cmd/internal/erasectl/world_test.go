package erasectl

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// waitMax is far beyond what any test needs on a loaded machine.
const waitMax = 60 * time.Second

// breadCounts is what each participant of the world has of each tenant, in each of its two tables.
const breadCounts = 3

// world is the real API with a real coordinator and real participants, everything in memory.
type world struct {
	t       *testing.T
	store   *sagatest.Memory
	ledgers map[events.Participant]*ledger
	trail   *sagatest.Trail
	api     *httpapi.API
	url     string
}

// worldConfig tunes a world.
type worldConfig struct {
	policy     saga.Policy
	rules      saga.Rules
	authoriser httpapi.Authoriser
	before     func(http.Handler) http.Handler // what stands in front of the API
}

func newWorld(t *testing.T, cfg worldConfig) *world {
	t.Helper()
	roster := []saga.RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "tenants", Wave: 2}}
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	b := bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders", "tenants"}})
	w := &world{t: t, store: sagatest.NewMemory(), trail: sagatest.NewTrail(), ledgers: map[events.Participant]*ledger{}}
	require.NoError(t, w.store.SetRoster(t.Context(), roster))
	coordinator, err := runner.New(w.store, b, runner.Config{Signer: signer, Policy: cfg.policy, Rules: cfg.rules})
	require.NoError(t, err)
	w.run(coordinator.Run)
	for _, entry := range roster {
		l := &ledger{Memory: participantstest.NewMemory("breads", "rolls")}
		w.ledgers[entry.Participant] = l
		p, err := participants.New(participants.Service{Name: entry.Participant, Ledger: l}, b,
			participants.Config{TrustedKeys: []events.PublicKey{signer.PublicKey()}})
		require.NoError(t, err)
		w.run(p.Run)
	}
	if cfg.authoriser == nil {
		cfg.authoriser = httpapi.LoopbackAuthoriser{}
	}
	w.api, err = httpapi.New(cfg.authoriser, httpapi.Config{Audit: w.trail, Coordinator: coordinator, Guards: coordinator,
		Repair: coordinator, Rosters: coordinator})
	require.NoError(t, err)
	var handler http.Handler = w.api
	if cfg.before != nil {
		handler = cfg.before(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	t.Cleanup(w.api.EndStreams)
	w.url = server.URL
	return w
}

// run runs fn until the test ends, and waits for it.
func (w *world) run(fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			w.t.Errorf("ended with: %v", err)
		}
	})
}

// bake gives every participant rows of a tenant.
func (w *world) bake(tenants ...events.TenantID) {
	for _, tenant := range tenants {
		for _, l := range w.ledgers {
			l.Seed(tenant, breadCounts)
		}
	}
}

// erasectl runs the command against the world as a script would.
func (w *world) erasectl(args ...string) ran {
	w.t.Helper()
	return w.as(w.t.Context(), typist{}, args...)
}

// as runs the command as somebody.
func (w *world) as(ctx context.Context, who typist, args ...string) ran {
	w.t.Helper()
	return who.run(ctx, w.t, append([]string{"--api", w.url}, args...)...)
}

// newest is the newest job of a tenant.
func (w *world) newest(tenant events.TenantID) saga.Job {
	w.t.Helper()
	jobs, err := w.store.Jobs(w.t.Context(), saga.Filter{Tenant: tenant, Limit: 1})
	require.NoError(w.t, err)
	require.NotEmpty(w.t, jobs)
	return jobs[0]
}

// until waits for a condition.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	deadline := time.After(waitMax)
	for !ok() {
		select {
		case <-poll.C:
		case <-deadline:
			w.t.Fatal("waited in vain: " + what)
		}
	}
}

// ledger is a participant's memory that can be made to refuse, or to wait.
type ledger struct {
	*participantstest.Memory

	mu      sync.Mutex
	refuses bool
	gate    chan struct{}
}

// Erase implements participants.Ledger.
func (l *ledger) Erase(ctx context.Context, e *participants.Erasure) error {
	l.mu.Lock()
	refuses, gate := l.refuses, l.gate
	l.mu.Unlock()
	if refuses {
		return participants.Refuse("unplanned_table", "vouchers")
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return l.Memory.Erase(ctx, e)
}

func (l *ledger) refuse(yes bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuses = yes
}

// hold makes deletions wait until release is called.
func (l *ledger) hold() (release func()) {
	gate := make(chan struct{})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

// typist is who runs a command: at a terminal or not, with an environment, and with quick retries.
type typist struct {
	env       map[string]string
	stdin     string
	terminal  bool
	outageMax time.Duration
	onErr     func(text string) // hears standard error as it is written
	onOut     func(text string)
}

func (who typist) run(ctx context.Context, t *testing.T, args ...string) ran {
	t.Helper()
	k := newConsole()
	env := map[string]string{"ERASECTL_CONFIG": filepath.Join(t.TempDir(), "config.yaml")}
	for name, value := range who.env {
		env[name] = value
	}
	k.getenv = func(name string) string { return env[name] }
	k.terminal = func(any) bool { return who.terminal }
	k.pace = pace{retryDelayMin: time.Millisecond, retryDelayMax: 20 * time.Millisecond, silenceMax: waitMax, outageMax: waitMax}
	if who.outageMax > 0 {
		k.pace.outageMax = who.outageMax
	}
	out, stderr := &heardBuffer{fn: who.onOut}, &heardBuffer{fn: who.onErr}
	root := k.root()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(who.stdin))
	root.SetOut(out)
	root.SetErr(stderr)
	code := app.ExitCode(root.ExecuteContext(ctx), stderr)
	return ran{code, out.String(), stderr.String()}
}

// heardBuffer keeps what is written, and passes it on.
type heardBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	fn   func(string)
}

func (b *heardBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fn != nil {
		b.fn(string(p))
	}
	return b.text.Write(p)
}

func (b *heardBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

var _ io.Writer = (*heardBuffer)(nil)
