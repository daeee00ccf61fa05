package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	natsdeploy "github.com/bakery-ia/tenant-deletion/deploy/nats"
	"github.com/bakery-ia/tenant-deletion/deploy/nats/embedded"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga"
	"github.com/bakery-ia/tenant-deletion/saga/sagatest"
)

// waitMax is far beyond what any test needs on a loaded machine.
const waitMax = 60 * time.Second

// testRoster is two services and the tenant service, which stands alone in the last wave.
var testRoster = []saga.RosterEntry{
	{Participant: "orders", Wave: 1}, {Participant: "pos", Wave: 1}, {Participant: "tenants", Wave: 2},
}

// world is a broker and a store with the participants of the test roster.
type world struct {
	t      testing.TB
	store  saga.Store
	bus    bus.Bus
	signer *events.Signer
	parts  map[events.Participant]*part
}

func newWorld(t testing.TB, store saga.Store, b bus.Bus) *world {
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	require.NoError(t, store.SetRoster(t.Context(), testRoster))
	w := &world{t: t, store: store, bus: b, signer: signer, parts: map[events.Participant]*part{}}
	for _, entry := range testRoster {
		w.parts[entry.Participant] = newPart(entry.Participant, signer.PublicKey(), b)
	}
	return w
}

// memoryWorld has its jobs and its messages in memory.
func memoryWorld(t testing.TB) *world { return newWorld(t, sagatest.NewMemory(), memoryBus()) }

func memoryBus() *bus.Memory {
	return bus.NewMemory(bus.MemoryConfig{Participants: testParticipants()})
}

func testParticipants() (names []events.Participant) {
	for _, entry := range testRoster {
		names = append(names, entry.Participant)
	}
	return names
}

// runner makes a runner; each call is another replica.
func (w *world) runner(cfg Config) *Runner {
	cfg.Signer = w.signer
	r, err := New(w.store, w.bus, cfg)
	require.NoError(w.t, err)
	return r
}

// run runs fn until stop is called, or the test ends; stop waits for it.
func (w *world) run(fn func(context.Context) error) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- fn(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
				w.t.Errorf("ended with: %v", err)
			}
		})
	}
	w.t.Cleanup(stop)
	return stop
}

func (w *world) runParts(names ...events.Participant) {
	for _, name := range names {
		w.run(w.parts[name].run)
	}
}

// give makes every participant own n rows of each tenant.
func (w *world) give(n int64, tenants ...events.TenantID) {
	for _, p := range w.parts {
		for _, tenant := range tenants {
			p.put(tenant, n)
		}
	}
}

// submit publishes a request for each tenant.
func (w *world) submit(tenants ...events.TenantID) {
	var messages []events.Message
	for _, tenant := range tenants {
		messages = append(messages, submission(w.t, tenant, "request-"+string(tenant)))
	}
	require.NoError(w.t, w.bus.Publish(w.t.Context(), messages...))
}

func submission(t testing.TB, tenant events.TenantID, request string) events.Message {
	s := submitted(tenant, request)
	m, err := events.Encode(s.Event(time.Now()))
	require.NoError(t, err)
	return m
}

func submitted(tenant events.TenantID, request string) events.Submitted {
	return events.Submitted{RequestID: request, TenantID: tenant, Source: "crm", Reason: "contract_ended", RequestedBy: "actor-1"}
}

// job is the tenant's newest job, once it is in one of the states.
func (w *world) job(tenant events.TenantID, states ...saga.State) (job saga.Job) {
	w.t.Helper()
	w.until(fmt.Sprintf("the job of %s is %v", tenant, states), func() bool {
		jobs, err := w.store.Jobs(w.t.Context(), saga.Filter{Tenant: tenant, States: states, Limit: 1})
		if err != nil || len(jobs) == 0 {
			return false
		}
		job = jobs[0]
		return true
	})
	return job
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
			jobs, _ := w.store.Jobs(context.Background(), saga.Filter{})
			require.FailNow(w.t, "waited in vain", "%s; jobs: %+v", what, jobs)
		}
	}
}

func startBroker(t testing.TB, dir string) *embedded.Server {
	s, err := embedded.Start(embedded.Config{StoreDir: dir, Port: -1})
	require.NoError(t, err)
	t.Cleanup(s.Stop)
	provisionBroker(t, s)
	return s
}

func provisionBroker(t testing.TB, s *embedded.Server) {
	nc, err := nats.Connect(s.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	_, err = natsdeploy.Apply(t.Context(), js, natsdeploy.Topology{Participants: testParticipants()})
	require.NoError(t, err)
}

func openBroker(t testing.TB, s *embedded.Server) bus.Bus {
	b, err := bus.Open(t.Context(), bus.Config{URL: s.ClientURL(), Name: "test"})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// part is a participant with one table, its receipts, and ways to misbehave.
type part struct {
	name    events.Participant
	trusted events.PublicKey
	bus     bus.Bus

	mu       sync.Mutex
	rows     map[events.TenantID]int64
	receipts map[events.JobID]int64
	hidden   map[events.TenantID]int64 // rows that the first pass does not see
	refuses  bool                      // answers with a failure
	erased   int                       // passes that deleted
	erasedAt map[events.JobID]time.Time
	gate     *gate // commands wait at it, when there is one
}

// gate is where a participant waits with a command in hand.
type gate struct{ in, out chan struct{} }

// entered reports whether a command waits at the gate.
func (g *gate) entered() bool {
	select {
	case <-g.in:
		return true
	default:
		return false
	}
}

func (g *gate) open() { close(g.out) }

// hold makes the participant wait with its next commands in hand.
func (p *part) hold() *gate {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = &gate{in: make(chan struct{}, 100), out: make(chan struct{})}
	return p.gate
}

func newPart(name events.Participant, trusted events.PublicKey, b bus.Bus) *part {
	return &part{name: name, trusted: trusted, bus: b, rows: map[events.TenantID]int64{},
		receipts: map[events.JobID]int64{}, hidden: map[events.TenantID]int64{},
		erasedAt: map[events.JobID]time.Time{}}
}

func (p *part) put(tenant events.TenantID, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows[tenant] += n
}

// restore brings rows back, and forgets every receipt, as an old backup does.
func (p *part) restore(tenant events.TenantID, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rows[tenant] = n
	clear(p.receipts)
}

func (p *part) hide(tenant events.TenantID, n int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hidden[tenant] += n
}

func (p *part) refuse(yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses = yes
}

func (p *part) passes() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.erased
}

func (p *part) run(ctx context.Context) error {
	service := bus.Service{Name: "tenant-deletion-" + string(p.name), Version: "1.0.0", Subject: events.PreviewSubject(p.name)}
	if err := p.bus.Serve(ctx, service, p.preview); err != nil {
		return err
	}
	return p.bus.Consume(ctx, bus.Consumer{Stream: events.StreamEvents, Name: string(p.name)}, p.handle)
}

func (p *part) preview(_ context.Context, m events.Message) ([]byte, error) {
	var request events.PreviewRequest
	if err := json.Unmarshal(m.Body, &request); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.rows[request.TenantID] + p.hidden[request.TenantID]
	return json.Marshal(events.Preview{TenantID: request.TenantID, ServiceName: p.name, Counts: map[string]int64{"things": n}})
}

func (p *part) handle(ctx context.Context, batch []bus.Delivery) []error {
	errs := make([]error, len(batch))
	for i := range batch {
		errs[i] = p.obey(ctx, batch[i].Message)
	}
	return errs
}

func (p *part) obey(ctx context.Context, m events.Message) error {
	e, err := events.Decode(m)
	if err != nil {
		return bus.Poison("undecodable")
	}
	if err := events.Verify(m, p.trusted); err != nil {
		return bus.Poison("not signed")
	}
	command := e.Data.(*events.Command)
	if !command.Names(p.name) {
		return nil
	}
	p.mu.Lock()
	g := p.gate
	p.mu.Unlock()
	if g != nil {
		g.in <- struct{}{}
		<-g.out
	}
	answer, err := events.Encode(p.erase(e.ID, command))
	if err != nil {
		return err
	}
	return p.bus.Publish(ctx, answer)
}

// erase answers a command: with the receipt when there is one, as every participant does.
func (p *part) erase(request events.EventID, c *events.Command) events.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	result := &events.Result{TenantID: c.TenantID, ServiceName: p.name, Success: true, DeletedCounts: map[string]int64{},
		Errors: []events.Problem{}, Timestamp: time.Now(), JobID: c.JobID, Generation: c.Generation, Attempt: c.Attempt,
		RequestID: request}
	receipt, answered := p.receipts[c.JobID]
	switch {
	case p.refuses:
		result.Success, result.Errors = false, []events.Problem{{Code: "unplanned_table", Detail: "things"}}
	case !answered || c.EraseAgain:
		receipt += p.rows[c.TenantID]
		if c.EraseAgain {
			receipt += p.hidden[c.TenantID]
			delete(p.hidden, c.TenantID)
		}
		delete(p.rows, c.TenantID)
		p.receipts[c.JobID], p.erasedAt[c.JobID] = receipt, result.Timestamp
		p.erased++
		fallthrough
	default:
		result.DeletedCounts["things"], result.Timestamp = receipt, p.erasedAt[c.JobID]
	}
	return events.Event{ID: events.EventIDFor(c.JobID, events.TypeResult, p.name, 0, c.Attempt),
		Source: "/participants/" + string(p.name), Type: events.TypeResult, Subject: c.TenantID, Time: time.Now(), Data: result}
}

// deleted is the stored tenant.deleted of a tenant.
func (w *world) deleted(tenant events.TenantID) *events.Deleted {
	w.t.Helper()
	var stored bus.Stored
	w.until("tenant.deleted of "+string(tenant)+" is stored", func() (ok bool) {
		var err error
		stored, err = w.bus.Last(w.t.Context(), events.StreamEvents, string(events.TypeDeleted)+"."+string(tenant))
		return err == nil
	})
	e, err := events.Decode(stored.Message)
	require.NoError(w.t, err)
	require.NoError(w.t, events.Verify(stored.Message, w.signer.PublicKey()))
	return e.Data.(*events.Deleted)
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func equalCounts(a, b map[events.Participant]map[string]int64) bool {
	return maps.EqualFunc(a, b, maps.Equal)
}

// memoryWorldOnce has no broker: its test calls the handlers itself.
func memoryWorldOnce(t testing.TB) *world { return newWorld(t, sagatest.NewMemory(), nil) }
