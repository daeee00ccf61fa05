package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
)

// submitTimeout bounds a Submit whose context has no deadline: an outage of the broker of 5 to 7 s is sat out.
const submitTimeout = 30 * time.Second

// Accepted is the receipt of a request that is durably stored. It is not yet a job: the coordinator may still refuse it, which
// Await tells.
type Accepted struct {
	// EventID identifies the request on the wire; a repeat with the same content has the same.
	EventID events.EventID
	// At is when it was sent, by this side's clock.
	At time.Time
}

// Submit asks for the deletion of a tenant and waits until the request is stored. It is safe to call again with the same
// submission, also after an error: the same source, request id and content are the same job.
//
// Errors match events.ErrInvalid (naming the fields; nothing was sent), bus.ErrPermission (this client may not ask for this
// source), bus.ErrFull (nothing was stored; there is no room at the moment), or the error of ctx (it may have been stored).
// Repeat says which of them a repeat may cure.
func Submit(ctx context.Context, b bus.Bus, s events.Submitted) (Accepted, error) {
	at := time.Now().UTC()
	e := s.Event(at)
	m, err := events.Encode(e)
	if err != nil {
		return Accepted{}, fmt.Errorf("client: submit: %w", err)
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, submitTimeout)
		defer cancel()
	}
	if err := b.Publish(ctx, m); err != nil {
		return Accepted{}, fmt.Errorf("client: submit: %w", err)
	}
	return Accepted{EventID: e.ID, At: at}, nil
}

// Repeat reports whether the same submission may succeed later: an outage and a full stream pass, a mistake and a missing
// permission do not.
func Repeat(err error) bool {
	return err != nil && !errors.Is(err, events.ErrInvalid) && !errors.Is(err, bus.ErrPermission)
}
