package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// Place is a position in the stream of events; no clock is part of it. The zero Place is before everything.
type Place uint64

// Ending is what became of a request. Exactly one of Deleted and Outcome is set.
type Ending struct {
	Event events.Event
	// Deleted is set when everything of the tenant is proven gone.
	Deleted *events.Deleted
	// Outcome is set when the request was refused or rejected, or its job cancelled; State and Reason say which and why.
	Outcome *events.Outcome
	// Place is where the event is stored.
	Place Place
}

// AwaitConfig says where Await begins and whom it tells what. The zero AwaitConfig begins with the oldest event of the tenant.
type AwaitConfig struct {
	// After is the Place that Look gave before the request was submitted; keep it with the request. Zero takes the first ending
	// that the stream has, which is right for a tenant id that is never used again.
	After Place
	// Logger is silent at zero.
	Logger zerolog.Logger
	// Report is told, in order, what is not the end: a failed job, which a person must repair, and outcomes of other requests
	// for the tenant. Nil ignores them.
	Report func(o *events.Outcome)
	// TrustedKeys are the coordinator's public keys; an event that none of them signed is passed over. Empty verifies nothing.
	TrustedKeys []events.PublicKey
}

// Patience of Await. It is woken by the broker; it looks again by itself because that may be lost.
const (
	lookDelayMin = 10 * time.Millisecond
	lookDelayMax = 2 * time.Second
)

// stateFailed is the one state of an Outcome that is not an end.
const stateFailed = "failed"

var errReader = errors.New("the bus cannot read stored messages (bus.Reader)")

// Look is where the newest event about the end of a tenant's jobs is stored. Call it before Submit: what Await finds after it
// is younger than the request.
func Look(ctx context.Context, b bus.Bus, tenant events.TenantID) (Place, error) {
	if err := tenant.Validate(); err != nil {
		return 0, fmt.Errorf("client: look: %w", err)
	}
	var place Place
	for _, subject := range subjects(tenant) {
		last, err := b.Last(ctx, events.StreamEvents, subject)
		if err != nil && !errors.Is(err, bus.ErrNotFound) {
			return 0, fmt.Errorf("client: look: %w", err)
		}
		place = max(place, Place(last.Sequence))
	}
	return place, nil
}

func subjects(tenant events.TenantID) (all []string) {
	for _, t := range []events.Type{events.TypeDeleted, events.TypeFailed, events.TypeCancelled} {
		all = append(all, string(t)+"."+string(tenant))
	}
	return all
}

// Await waits for what became of a submitted request: its tenant is deleted, or the request was refused, rejected or cancelled.
// It does not miss what was published before the call. A request that joined a job of another request ends with the deletion
// of the tenant, or is told to Report when that job ends otherwise. The stream forgets endings after 90 days. It returns an
// error when ctx ends, and when the permission to read or watch the events is missing.
func Await(ctx context.Context, b bus.Bus, s events.Submitted, cfg AwaitConfig) (Ending, error) {
	ending, err := await(ctx, b, s, cfg)
	if err != nil {
		return Ending{}, fmt.Errorf("client: await: %w", err)
	}
	return ending, nil
}

func await(ctx context.Context, b bus.Bus, s events.Submitted, cfg AwaitConfig) (Ending, error) {
	if err := s.Validate(); err != nil {
		return Ending{}, err
	}
	reader, ok := b.(bus.Reader)
	if !ok {
		return Ending{}, errReader
	}
	ctx, cancel := context.WithCancel(ctx) // ends the watches
	defer cancel()
	w := &waiter{reader: reader, request: s, cfg: cfg, next: map[string]uint64{}}
	woken := make(chan struct{}, 1)
	for _, subject := range subjects(s.TenantID) {
		w.next[subject] = uint64(cfg.After) + 1
		err := b.Watch(ctx, subject, func(events.Message) {
			select {
			case woken <- struct{}{}:
			default:
			}
		})
		if err != nil {
			return Ending{}, err
		}
	}
	delay := lookDelayMin
	timer := time.NewTimer(delay)
	defer timer.Stop()
	for {
		ending, err := w.look(ctx)
		if ending != nil {
			return *ending, nil
		}
		if errors.Is(err, bus.ErrPermission) {
			return Ending{}, err
		}
		timer.Reset(delay)
		select {
		case <-ctx.Done():
			return Ending{}, errors.Join(ctx.Err(), err)
		case <-woken:
			delay = lookDelayMin
		case <-timer.C:
			delay = min(2*delay, lookDelayMax)
		}
	}
}

// waiter reads what the stream has about the ends of a tenant's jobs.
type waiter struct {
	reader  bus.Reader
	request events.Submitted
	cfg     AwaitConfig
	next    map[string]uint64 // by subject
	// earlier are the announcements before the place: one that is sent again after it announces nothing new. Nil until read.
	earlier map[events.EventID]bool
}

// look reads what is new and returns the end, if it is there. An error passes: it is looked again.
func (w *waiter) look(ctx context.Context) (*Ending, error) {
	if err := w.readEarlier(ctx); err != nil {
		return nil, err
	}
	var found []bus.Stored
	var errs []error
	for subject := range w.next {
		for {
			stored, err := w.reader.Next(ctx, events.StreamEvents, subject, w.next[subject])
			if errors.Is(err, bus.ErrNotFound) {
				break
			}
			if err != nil {
				errs = append(errs, err)
				break
			}
			found, w.next[subject] = append(found, stored), stored.Sequence+1
		}
	}
	slices.SortFunc(found, func(a, b bus.Stored) int { return cmp.Compare(a.Sequence, b.Sequence) })
	for _, stored := range found {
		if ending := w.judge(stored); ending != nil {
			return ending, nil
		}
	}
	return nil, errors.Join(errs...)
}

// readEarlier reads the announcements of the tenant up to the place, as far as the stream has them.
func (w *waiter) readEarlier(ctx context.Context) error {
	if w.earlier != nil {
		return nil
	}
	earlier, subject := map[events.EventID]bool{}, string(events.TypeDeleted)+"."+string(w.request.TenantID)
	for from := uint64(1); from <= uint64(w.cfg.After); {
		stored, err := w.reader.Next(ctx, events.StreamEvents, subject, from)
		if errors.Is(err, bus.ErrNotFound) {
			break
		}
		if err != nil {
			return err
		}
		if e, err := events.Decode(stored.Message); err == nil && stored.Sequence <= uint64(w.cfg.After) {
			earlier[e.ID] = true
		}
		from = stored.Sequence + 1
	}
	w.earlier = earlier
	return nil
}

// judge tells an end from what is only reported.
func (w *waiter) judge(stored bus.Stored) *Ending {
	e, err := open(stored.Message, w.cfg.TrustedKeys)
	if err != nil {
		w.cfg.Logger.Warn().Err(err).Uint64("sequence", stored.Sequence).Msg("client: event passed over")
		return nil
	}
	ending := &Ending{Event: e, Place: Place(stored.Sequence)}
	switch data := e.Data.(type) {
	case *events.Deleted:
		if !w.earlier[e.ID] {
			ending.Deleted = data
			return ending
		}
	case *events.Outcome:
		if data.State != stateFailed && data.Source == w.request.Source && data.RequestID == w.request.RequestID {
			ending.Outcome = data
			return ending
		}
		if w.cfg.Report != nil {
			w.cfg.Report(data)
		}
	}
	return nil
}
