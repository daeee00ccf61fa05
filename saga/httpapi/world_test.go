package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/runner"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// waitMax is far beyond what any test needs on a loaded machine.
const waitMax = 60 * time.Second

var testRoster = []saga.RosterEntry{{Participant: "orders", Wave: 1}, {Participant: "tenants", Wave: 2}}

// world is a coordinator with its participants, everything in memory, behind the API.
type world struct {
	t       testing.TB
	store   *sagatest.Memory
	bus     *bus.Memory
	parts   map[events.Participant]*part
	tenancy *tenancy
	trail   *sagatest.Trail
	rules   atomic.Pointer[saga.RulesFunc] // of the tenants; nil lets everybody
	broken  atomic.Pointer[error]          // what every part fails with
	log     *lockedBuffer
	api     *API
	server  *httptest.Server
}

// newWorld starts one; the runner works until the test ends.
func newWorld(t testing.TB, tune func(*Config)) *world {
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	w := &world{t: t, store: sagatest.NewMemory(), parts: map[events.Participant]*part{}, tenancy: newTenancy(),
		trail: sagatest.NewTrail(), log: &lockedBuffer{},
		bus: bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders", "tenants"}})}
	require.NoError(t, w.store.SetRoster(t.Context(), testRoster))
	r, err := runner.New(w.store, w.bus, runner.Config{Signer: signer, Policy: saga.Policy{Patience: 5 * time.Second},
		Rules: saga.RulesFunc(w.admit)})
	require.NoError(t, err)
	w.run(r.Run)
	for _, entry := range testRoster {
		w.parts[entry.Participant] = &part{name: entry.Participant, bus: w.bus, rows: map[events.TenantID]int64{},
			receipts: map[string]int64{}}
		w.run(w.parts[entry.Participant].run)
	}
	broken := &breakable{Coordinator: r, Guards: r, Repair: r, Rosters: r, Tenants: w.tenancy, Services: services{w.parts},
		broken: &w.broken}
	cfg := Config{Audit: w.trail, Coordinator: broken, Guards: broken, Repair: broken, Rosters: broken, Services: broken,
		Tenants: broken,
		Logger:  zerolog.New(w.log).Level(zerolog.DebugLevel),
		Ready: func(context.Context) map[string]error {
			return map[string]error{"postgresql": w.failure(), "nats": nil}
		}}
	if tune != nil {
		tune(&cfg)
	}
	w.api, err = New(AuthoriserFunc(authorise), cfg)
	require.NoError(t, err)
	w.server = httptest.NewServer(w.api)
	t.Cleanup(w.server.Close)
	t.Cleanup(w.api.EndStreams)
	return w
}

// admit asks the rules that a test has set.
func (w *world) admit(ctx context.Context, s events.Submitted, asker saga.Asker) error {
	if rules := w.rules.Load(); rules != nil {
		return rules.Admit(ctx, s, asker)
	}
	return nil
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

// failure is what the parts fail with just now.
func (w *world) failure() error {
	if err := w.broken.Load(); err != nil {
		return *err
	}
	return nil
}

// authorise reads who asks from a token that says it: "Bearer alice", or "Bearer crm/alice" for a service.
func authorise(_ context.Context, a Access) (Caller, error) {
	token, ok := strings.CutPrefix(a.Request.Header.Get("Authorization"), "Bearer ")
	source, subject, service := strings.Cut(token, "/")
	switch {
	case !ok:
		return Caller{}, ErrUnauthenticated
	case token == "mallory":
		return Caller{}, ErrForbidden
	case token == "unreachable":
		return Caller{}, context.DeadlineExceeded
	case token == "broken":
		return Caller{}, errors.New("a secret cause")
	case token == "nameless":
		return Caller{}, nil
	case service:
		return Caller{Subject: subject, Source: events.Participant(source)}, nil
	}
	return Caller{Subject: token}, nil
}

// breakable hands everything on, until the world is broken.
type breakable struct {
	Coordinator
	Guards
	Repair
	Rosters
	Tenants
	Services
	broken *atomic.Pointer[error]
}

func (b *breakable) failure() error {
	if err := b.broken.Load(); err != nil {
		return *err
	}
	return nil
}

func (b *breakable) Job(ctx context.Context, id events.JobID) (saga.Job, error) {
	if err := b.failure(); err != nil {
		return saga.Job{}, err
	}
	return b.Coordinator.Job(ctx, id)
}

func (b *breakable) Jobs(ctx context.Context, f saga.Filter) ([]saga.Job, error) {
	if err := b.failure(); err != nil {
		return nil, err
	}
	return b.Coordinator.Jobs(ctx, f)
}

func (b *breakable) Submit(ctx context.Context, s events.Submitted, asker saga.Asker) (saga.Job, bool, error) {
	if err := b.failure(); err != nil {
		return saga.Job{}, false, err
	}
	return b.Coordinator.Submit(ctx, s, asker)
}

func (b *breakable) ReplayAll(ctx context.Context, s saga.ReplaySet) ([]saga.Replayed, events.JobID, error) {
	if err := b.failure(); err != nil {
		return nil, "", err
	}
	return b.Repair.ReplayAll(ctx, s)
}

// part is a participant with one table.
type part struct {
	name events.Participant
	bus  bus.Bus

	mu       sync.Mutex
	rows     map[events.TenantID]int64
	receipts map[string]int64
	refuses  bool
	gate     chan struct{} // deletes wait for it, when there is one
}

func (p *part) give(tenant events.TenantID, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows[tenant] += n
}

func (p *part) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = yes
}

// hold makes deletes wait until release is called.
func (p *part) hold() (release func()) {
	gate := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = gate
	return sync.OnceFunc(func() { close(gate) })
}

func (p *part) run(ctx context.Context) error {
	service := bus.Service{Name: events.ServiceName(p.name), Version: "1.2.3", Subject: events.PreviewSubject(p.name)}
	err := p.bus.Serve(ctx, service, func(_ context.Context, m events.Message) ([]byte, error) {
		var request events.PreviewRequest
		if err := json.Unmarshal(m.Body, &request); err != nil {
			return nil, err
		}
		return json.Marshal(p.preview(request.TenantID))
	})
	if err != nil {
		return err
	}
	return p.bus.Consume(ctx, bus.Consumer{Stream: events.StreamEvents, Name: string(p.name)}, p.handle)
}

func (p *part) preview(tenant events.TenantID) events.Preview {
	p.mu.Lock()
	defer p.mu.Unlock()
	return events.Preview{TenantID: tenant, ServiceName: p.name, Counts: map[string]int64{"things": p.rows[tenant]}}
}

func (p *part) handle(ctx context.Context, batch []bus.Delivery) []error {
	errs := make([]error, len(batch))
	for i := range batch {
		e, err := events.Decode(batch[i].Message)
		if err != nil {
			errs[i] = bus.Poison("undecodable")
			continue
		}
		command := e.Data.(*events.Command)
		if !command.Names(p.name) {
			continue
		}
		p.mu.Lock()
		gate := p.gate
		p.mu.Unlock()
		if gate != nil {
			<-gate
		}
		result := p.erase(command.TenantID, string(command.JobID))
		result.JobID, result.Generation, result.Attempt, result.RequestID = command.JobID, command.Generation, command.Attempt, e.ID
		answer, err := events.Encode(events.Event{ID: events.EventIDFor(command.JobID, events.TypeResult, p.name, 0, command.Attempt),
			Source: "/participants/" + string(p.name), Type: events.TypeResult, Subject: command.TenantID, Time: time.Now(),
			Data: &result})
		if err == nil {
			err = p.bus.Publish(ctx, answer)
		}
		errs[i] = err
	}
	return errs
}

func (p *part) erase(tenant events.TenantID, key string) events.Result {
	p.mu.Lock()
	defer p.mu.Unlock()
	result := events.Result{TenantID: tenant, ServiceName: p.name, Success: !p.refuses, DeletedCounts: map[string]int64{},
		Errors: []events.Problem{}, Timestamp: time.Now()}
	if p.refuses {
		result.Errors = []events.Problem{{Code: "unplanned_table", Detail: "things"}}
		return result
	}
	if _, known := p.receipts[key]; !known {
		p.receipts[key] = p.rows[tenant]
		delete(p.rows, tenant)
	}
	result.DeletedCounts["things"] = p.receipts[key]
	return result
}

// services are the parts, reached directly.
type services struct{ parts map[events.Participant]*part }

func (s services) Names() map[string]events.Participant {
	return map[string]events.Participant{"orders": "orders", "order-service": "orders"}
}

func (s services) Erase(_ context.Context, p events.Participant, tenant events.TenantID, key string) (*events.Result, error) {
	result := s.parts[p].erase(tenant, key)
	result.DeletedCounts = maps.Clone(result.DeletedCounts)
	return &result, nil
}

func (s services) Count(_ context.Context, p events.Participant, tenant events.TenantID) (events.Preview, error) {
	return s.parts[p].preview(tenant), nil
}

// Users of the tenancy.
const (
	owner   = "11111111-1111-4111-8111-111111111111"
	admin   = "22222222-2222-4222-8222-222222222222"
	nobody  = "33333333-3333-4333-8333-333333333333"
	managed = events.TenantID("managed")
)

// tenancy is one tenant with an owner and an admin.
type tenancy struct {
	mu    sync.Mutex
	owner string
}

func newTenancy() *tenancy { return &tenancy{owner: owner} }

func (s *tenancy) Admins(_ context.Context, tenant events.TenantID) ([]Admin, error) {
	if tenant != managed {
		return nil, ErrNoTenant
	}
	return []Admin{{UserID: owner, Role: "owner", Active: true}, {UserID: admin, Role: "admin", Active: true}}, nil
}

func (s *tenancy) Transfer(_ context.Context, tenant events.TenantID, to string, _ Caller) (Transferred, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case tenant != managed:
		return Transferred{}, ErrNoTenant
	case to == s.owner:
		return Transferred{}, ErrOwnsItself
	case to != owner && to != admin:
		return Transferred{}, ErrNotAdmin
	}
	done := Transferred{TenantID: tenant, PreviousOwnerID: s.owner, OwnerID: to}
	s.owner = to
	return done, nil
}

func (s *tenancy) RemoveMemberships(_ context.Context, user, _ string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch user {
	case s.owner:
		return 0, &SoleOwnerError{Tenants: []events.TenantID{managed}}
	case owner, admin:
		return 2, nil
	}
	return 0, ErrNoUser
}

// lockedBuffer keeps what was logged.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// serve puts an API of its own behind a client.
func serve(t testing.TB, a *API) *world {
	w := &world{t: t, api: a, server: httptest.NewServer(a)}
	t.Cleanup(w.server.Close)
	return w
}

// as is the same world for a test of its own.
func (w *world) as(t testing.TB) *world {
	return &world{t: t, store: w.store, bus: w.bus, parts: w.parts, tenancy: w.tenancy, trail: w.trail, log: w.log, api: w.api,
		server: w.server}
}
