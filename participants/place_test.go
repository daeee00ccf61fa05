package participants_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/participants"
	"github.com/bakery-ia/tenant-deletion/participants/participantstest"
)

const waitMax = 30 * time.Second

// place is a service on a memory bus; before and other change how it erases.
type place struct {
	*testing.T
	*participantstest.Memory
	before  func(call int) error // called before every erasure of the ledger
	reads   int                  // of receipts
	calls   int
	mu      sync.Mutex
	bus     *bus.Memory
	signer  *events.Signer
	runner  *participants.Runner
	answers chan *events.Result
}

func (p *place) Erase(ctx context.Context, e *participants.Erasure) error {
	p.mu.Lock()
	p.calls++
	call := p.calls
	p.mu.Unlock()
	if p.before != nil {
		if err := p.before(call); err != nil {
			return err
		}
	}
	return p.Memory.Erase(ctx, e)
}

func (p *place) Receipt(ctx context.Context, job events.JobID) (*participants.Receipt, error) {
	p.mu.Lock()
	p.reads++
	p.mu.Unlock()
	return p.Memory.Receipt(ctx, job)
}

// Publish shows the case every answer, repeats included.
func (p *place) Publish(ctx context.Context, messages ...events.Message) error {
	err := p.bus.Publish(context.WithoutCancel(ctx), messages...) // a shutdown must not publish, even if it could
	for _, m := range messages {
		if e, decodeErr := events.Decode(m); decodeErr == nil && err == nil && e.Type == events.TypeResult {
			p.answers <- e.Data.(*events.Result)
		}
	}
	return err
}

func newPlace(t *testing.T, before func(call int) error, cfg participants.Config, others ...participants.Eraser) *place {
	t.Helper()
	seed, err := events.NewSeed()
	require.NoError(t, err)
	signer, err := events.NewSigner(seed)
	require.NoError(t, err)
	p := &place{T: t, Memory: participantstest.NewMemory("orders"), before: before, signer: signer,
		bus: bus.NewMemory(bus.MemoryConfig{Participants: []events.Participant{"orders"}}), answers: make(chan *events.Result, 16)}
	p.Seed("acme", 5)
	cfg.TrustedKeys = append(cfg.TrustedKeys, signer.PublicKey())
	p.runner, err = participants.New(participants.Service{Name: "orders", Ledger: p, Others: others}, publisher{p.bus, p}, cfg)
	require.NoError(t, err)
	return p
}

// publisher is the memory bus with the place's Publish.
type publisher struct {
	bus.Bus
	p *place
}

func (b publisher) Publish(ctx context.Context, m ...events.Message) error {
	return b.p.Publish(ctx, m...)
}

func (p *place) run() (stop func()) {
	ctx, cancel := context.WithCancel(p.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := p.runner.Run(ctx); err != nil {
			p.Errorf("run: %v", err)
		}
	})
	stop = func() { cancel(); running.Wait() }
	p.Cleanup(stop)
	return stop
}

func command(attempt int) *events.Command {
	now := time.Now().UTC()
	return &events.Command{JobID: "018f4e1a-0000-7000-8000-000000000001", TenantID: "acme", Generation: 1, Wave: 1,
		Attempt: attempt, Participants: []events.Participant{"orders"}, Reason: "contract_ended",
		RequestedAt: now, ExpiresAt: now.Add(time.Hour)}
}

func (p *place) send(c *events.Command) {
	p.Helper()
	m, err := events.Encode(events.Event{ID: events.EventIDFor(c.JobID, events.TypeRequested, "", c.Wave, c.Attempt),
		Source: events.SourceCoordinator, Type: events.TypeRequested, Subject: c.TenantID, Time: c.RequestedAt, Data: c,
		TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
	require.NoError(p, err)
	m, err = p.signer.Sign(m)
	require.NoError(p, err)
	require.NoError(p, p.bus.Publish(p.Context(), m))
}

func (p *place) answer() *events.Result {
	p.Helper()
	select {
	case r := <-p.answers:
		return r
	case <-time.After(waitMax):
		p.Fatal("no answer")
		return nil
	}
}
