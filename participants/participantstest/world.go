package participantstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
)

// world is one case: a service with two tenants, a bus, and a coordinator's key.
type world struct {
	Fixture
	testing.TB
	ctx               context.Context
	bus               *tap
	signer            *events.Signer
	tenant, neighbour events.TenantID
}

func open(t testing.TB, h Harness) *world {
	t.Helper()
	if h.Bus == nil {
		h.Bus = memoryBus
	}
	w := &world{Fixture: h.Open(t), TB: t, ctx: t.Context(), signer: newSigner(t), tenant: newTenant(), neighbour: newTenant()}
	w.bus = &tap{Bus: h.Bus(t, w.Service.Name), answers: make(chan events.Event, 64)}
	for _, tenant := range []events.TenantID{w.neighbour, w.tenant} {
		w.must(w.Seed(w.ctx, tenant), "seed a tenant")
	}
	return w
}

func memoryBus(_ testing.TB, p events.Participant) bus.Bus {
	return bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{p}})
}

// newTenant is a UUID, which fits uuid and text columns alike.
func newTenant() events.TenantID { return events.TenantID(events.NewJobID()) }

func newSigner(t testing.TB) *events.Signer {
	t.Helper()
	seed, err := events.NewSeed()
	if err != nil {
		t.Fatalf("make a signing seed: %v", err)
	}
	signer, err := events.NewSigner(seed)
	if err != nil {
		t.Fatalf("make a signer: %v", err)
	}
	return signer
}

func (w *world) must(err error, what string) {
	w.Helper()
	if err != nil {
		w.Fatalf("%s: %v", what, err)
	}
}

func (w *world) runner(b bus.Bus, reached func(participants.Point)) *participants.Runner {
	w.Helper()
	runner, err := participants.New(w.Service, b, participants.Config{
		Reached: reached, TrustedKeys: []events.PublicKey{w.signer.PublicKey()}, Workers: 1, // one worker keeps the order of commands
	})
	w.must(err, "make a runner")
	return runner
}

// start lets the service take part until the case ends.
func (w *world) start() {
	w.Helper()
	ctx, cancel := context.WithCancel(w.ctx)
	runner := w.runner(w.bus, nil)
	var running sync.WaitGroup
	running.Go(func() {
		if err := runner.Run(ctx); err != nil {
			w.Errorf("run the service: %v", err)
		}
	})
	w.Cleanup(func() { cancel(); running.Wait() })
}

// crash runs the service until the message's delivery reaches the point, and stops it there.
func (w *world) crash(at participants.Point, m events.Message) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, answerTimeout)
	defer cancel()
	reached := false
	runner := w.runner(w.bus, func(p participants.Point) {
		if p == at {
			reached = true
			cancel()
		}
	})
	w.send(m)
	w.must(runner.Run(ctx), "run the service until it crashes")
	if !reached {
		w.Fatalf("the command did not reach %s within %s", at, answerTimeout)
	}
}

// command asks the service to delete the tenant.
func (w *world) command() *events.Command {
	now := time.Now().UTC().Truncate(time.Microsecond)
	return &events.Command{JobID: events.NewJobID(), TenantID: w.tenant, Generation: 1, Wave: 1, Attempt: 1,
		Participants: []events.Participant{w.Service.Name}, Reason: "contract_ended",
		RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func (w *world) encode(c *events.Command) events.Message {
	w.Helper()
	kind := events.TypeRequested
	if c.Attempt > 1 {
		kind = events.TypeReplayed
	}
	m, err := events.Encode(events.Event{ID: events.EventIDFor(c.JobID, kind, "", c.Wave, c.Attempt),
		Source: events.SourceCoordinator, Type: kind, Subject: c.TenantID, Time: c.RequestedAt, Data: c})
	w.must(err, "encode a command")
	return m
}

func (w *world) sign(m events.Message) events.Message {
	w.Helper()
	signed, err := w.signer.Sign(m)
	w.must(err, "sign a command")
	return signed
}

// send stores the message under an id of its own, so that the same command can be delivered more than once.
func (w *world) send(m events.Message) {
	w.Helper()
	m.Header = maps.Clone(m.Header)
	m.Header[events.HeaderMsgID] = rand.Text()
	w.must(w.bus.Bus.Publish(w.ctx, m), "publish a command")
}

// answer waits for the next result the service publishes.
func (w *world) answer() (events.Event, *events.Result) {
	w.Helper()
	select {
	case e := <-w.bus.answers:
		return e, e.Data.(*events.Result)
	case <-time.After(answerTimeout):
		w.Fatalf("no answer within %s", answerTimeout)
		return events.Event{}, nil
	}
}

// success waits for an answer and demands these counts of it.
func (w *world) success(c *events.Command, want participants.Counts) *events.Result {
	w.Helper()
	_, result := w.answer()
	w.demand(c, result, want)
	return result
}

func (w *world) demand(c *events.Command, result *events.Result, want participants.Counts) {
	w.Helper()
	switch {
	case result.JobID != c.JobID || result.TenantID != c.TenantID || result.Attempt != c.Attempt:
		w.Fatalf("the answer is for job %s, tenant %s, attempt %d; the command was for %s, %s, %d",
			result.JobID, result.TenantID, result.Attempt, c.JobID, c.TenantID, c.Attempt)
	case !result.Success:
		w.Fatalf("the service refused: %v", result.Errors)
	case !maps.Equal(result.DeletedCounts, want):
		w.Fatalf("deleted_counts are %v, want %v", result.DeletedCounts, want)
	}
}

// preview counts without the bus.
func (w *world) preview(tenant events.TenantID) participants.Counts {
	w.Helper()
	preview := w.runner(nil, nil).Preview(w.ctx, tenant)
	if preview.Error != nil {
		w.Fatalf("preview: %s: %s", preview.Error.Code, preview.Error.Detail)
	}
	return preview.Counts
}

// previewOnBus asks the running service, and again while it starts.
func (w *world) previewOnBus(tenant events.TenantID) (preview events.Preview) {
	w.Helper()
	body, err := json.Marshal(events.PreviewRequest{TenantID: tenant})
	w.must(err, "encode a preview request")
	ctx, cancel := context.WithTimeout(w.ctx, answerTimeout)
	defer cancel()
	request := events.Message{Subject: events.PreviewSubject(w.Service.Name), Body: body}
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	reply, err := w.bus.Request(ctx, request)
	for errors.Is(err, bus.ErrNoResponder) && ctx.Err() == nil {
		<-again.C
		reply, err = w.bus.Request(ctx, request)
	}
	w.must(err, "request a preview")
	w.must(json.Unmarshal(reply.Body, &preview), "decode a preview")
	return preview
}

func (w *world) digest(except events.TenantID) Digests {
	w.Helper()
	d, err := w.Digest(w.ctx, except)
	w.must(err, "digest")
	return d
}

// unchanged demands that nothing but the excepted tenant's data differs from before.
func (w *world) unchanged(before Digests, except events.TenantID) {
	w.Helper()
	if diff := before.Diff(w.digest(except)); diff != "" {
		w.Fatalf("data changed that must not:\n%s", diff)
	}
}

// tap lets the case see what the service publishes, delivery by delivery: the stream itself keeps only one of equal ids.
type tap struct {
	bus.Bus
	answers chan events.Event
}

// Publish refuses once ctx ended, as a process that ended would.
func (b *tap) Publish(ctx context.Context, messages ...events.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := b.Bus.Publish(ctx, messages...); err != nil {
		return err
	}
	for _, m := range messages {
		if e, err := events.Decode(m); err == nil && e.Type == events.TypeResult {
			b.answers <- e
		}
	}
	return nil
}
