package participants

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// Runner takes part in deletions for one service.
type Runner struct {
	service  Service
	bus      bus.Bus
	cfg      Config
	finished throttle // bounds the last progress events of small erasures
}

// New makes a runner. The bus may be nil for a service that only calls Erase and Preview itself; Run then returns an error.
func New(s Service, b bus.Bus, cfg Config) (*Runner, error) {
	cfg = cfg.withDefaults()
	if err := validate(s, b, cfg); err != nil {
		return nil, fmt.Errorf("participants: new %q: %w", s.Name, err)
	}
	return &Runner{service: s, bus: b, cfg: cfg}, nil
}

// Name is the service's name.
func (r *Runner) Name() events.Participant { return r.service.Name }

// Check compares the service's plan with reality; Run does it first.
func (r *Runner) Check(ctx context.Context) error {
	if err := r.service.Ledger.Check(ctx); err != nil {
		return fmt.Errorf("participants: check %s: %w", r.service.Name, err)
	}
	return nil
}

// Run checks the plan, then answers previews and commands until ctx ends and every erasure in flight has returned. It
// returns nil when ctx ended, and an error when the service cannot take part at all.
func (r *Runner) Run(ctx context.Context) error {
	if r.bus == nil {
		return fmt.Errorf("participants: run %s: no bus", r.service.Name)
	}
	if err := r.Check(ctx); err != nil {
		return err
	}
	name := r.service.Name
	endpoint := bus.Service{Name: events.ServiceName(name), Version: cmp.Or(r.service.Version, "0.0.0"),
		Subject: events.PreviewSubject(name)}
	if err := r.bus.Serve(ctx, endpoint, r.servePreview); err != nil {
		return fmt.Errorf("participants: serve previews of %s: %w", name, err)
	}
	consumer := bus.Consumer{Stream: events.StreamEvents, Name: string(name), Workers: r.cfg.Workers, BatchMax: 1}
	err := r.bus.Consume(ctx, consumer, r.handle)
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("participants: consume commands of %s: %w", name, err)
	}
	return nil
}
