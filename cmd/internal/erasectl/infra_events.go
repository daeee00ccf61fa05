package erasectl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// tailed selects what events tail shows; zero fields select everything that is new.
type tailed struct {
	limit      int // ends after so many; zero is no end
	since      time.Time
	storedOnly bool
	tenant     events.TenantID
	types      []events.Type
}

// wire are all types, in the order in which a deletion sends them.
var wire = []events.Type{events.TypeSubmitted, events.TypeRequested, events.TypeReplayed, events.TypeProgress, events.TypeResult,
	events.TypeFailed, events.TypeCancelled, events.TypeDeleted}

// patterns are the subjects to read: those that TD_EVENTS keeps, and those that are only heard while one listens. Requests
// are of the latter: their stream is a queue, which a second reader would take them from.
func (f tailed) patterns() (stored, live []string) {
	tenant := string(f.tenant)
	if tenant == "" {
		tenant = "*"
	}
	for _, t := range wire {
		if len(f.types) > 0 && !slices.Contains(f.types, t) {
			continue
		}
		switch t {
		case events.TypeSubmitted:
			live = append(live, string(t)+".*") // its last token is the source: the tenant is looked for inside
		case events.TypeProgress:
			if !f.storedOnly {
				live = append(live, events.ProgressSubject(f.tenant))
			}
		case events.TypeReplayed, events.TypeResult:
			stored = append(stored, string(t)+".*."+tenant)
		default:
			stored = append(stored, string(t)+"."+tenant)
		}
	}
	return stored, live
}

// wanted reports whether a message that matches the patterns is about the tenant.
func (f tailed) wanted(m events.Message) bool {
	if f.tenant == "" {
		return true
	}
	if kind, _ := typeAndTenant(m.Subject); kind != string(events.TypeSubmitted) {
		return true // the pattern has the tenant
	}
	e, err := events.Decode(m)
	return err == nil && e.Subject == f.tenant
}

// listener is the part of the bus that events tail needs.
type listener interface {
	bus.Tailer
	Watch(ctx context.Context, pattern string, fn func(events.Message)) error
}

// errShownAll ends a tail that has shown as many as were asked for.
var errShownAll = errors.New("enough")

// follow shows events, one at a time, until ctx ends or enough were shown.
func (f tailed) follow(ctx context.Context, b listener, show func(bus.Stored) error) error {
	stored, live := f.patterns()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var showing sync.Mutex
	shown := 0
	pass := func(m bus.Stored) error {
		showing.Lock()
		defer showing.Unlock()
		if ctx.Err() != nil || !f.wanted(m.Message) {
			return nil
		}
		err := show(m)
		if shown++; err == nil && shown == f.limit {
			err = errShownAll
		}
		if err != nil {
			cancel(err)
		}
		return err
	}
	err := read(ctx, b, live, stored, f.since, pass)
	showing.Lock() // whoever shows has the last word
	defer showing.Unlock()
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errShownAll), errors.Is(cause, context.Canceled):
		return nil
	case cause != nil:
		return fmt.Errorf("events tail: %w", cause)
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return app.Exit(app.ExitConflict, "events tail: the broker has no stream %s; erasectl nats apply makes it", events.StreamEvents)
	}
	return fmt.Errorf("events tail: %w", err)
}

// read passes everything on that matches, until ctx ends or pass fails, which ends ctx.
func read(ctx context.Context, b listener, live, stored []string, since time.Time, pass func(bus.Stored) error) error {
	for _, pattern := range live {
		heard := func(m events.Message) { _ = pass(bus.Stored{Message: m, StoredAt: time.Now()}) } // the cause of ctx tells
		if err := b.Watch(ctx, pattern, heard); err != nil {
			return err
		}
	}
	if len(stored) > 0 {
		return b.Tail(ctx, events.StreamEvents, stored, since, pass)
	}
	<-ctx.Done()
	return nil
}

// send publishes a sample and says where it went.
func send(ctx context.Context, b bus.Bus, e events.Event, signer *events.Signer) (sent, error) {
	m, err := events.Encode(e)
	if err != nil {
		return sent{}, fmt.Errorf("events trigger: %w", err)
	}
	if signer != nil {
		if m, err = signer.Sign(m); err != nil {
			return sent{}, fmt.Errorf("events trigger: %w", err)
		}
	}
	if events.StreamOf(e.Type) == "" {
		err = b.Announce(ctx, m)
	} else {
		err = b.Publish(ctx, m)
	}
	if err != nil {
		return sent{}, fmt.Errorf("events trigger: %w", err)
	}
	return sent{Subject: m.Subject, ID: e.ID, Type: e.Type, TenantID: e.Subject, Signed: signer != nil}, nil
}

// sent is what events trigger has published.
type sent struct {
	Subject  string          `json:"subject"`
	ID       events.EventID  `json:"id"`
	Type     events.Type     `json:"type"`
	TenantID events.TenantID `json:"tenant_id"`
	Signed   bool            `json:"signed"`
}
