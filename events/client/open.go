package client

import (
	"fmt"

	"github.com/bakery-ia/tenant-deletion/events"
)

// headerSubject is where the broker writes the stored subject of a message that it sends again.
const headerSubject = "Nats-Subject"

// Open reads a tenant.deleted event, as it was stored or as it is sent again on the plain subject tenant.deleted. With trusted
// keys, one of them must have signed it. Errors match events.ErrInvalid or events.ErrSignature and repeat nothing of the
// message.
func Open(m events.Message, trusted ...events.PublicKey) (events.Event, *events.Deleted, error) {
	if m.Subject == events.SubjectDeletedPlain {
		m.Subject = m.Header[headerSubject]
	}
	e, err := open(m, trusted)
	if err != nil {
		return events.Event{}, nil, fmt.Errorf("client: open: %w", err)
	}
	deleted, ok := e.Data.(*events.Deleted)
	if !ok {
		return events.Event{}, nil, fmt.Errorf("client: open: type: %w: not a tenant.deleted event", events.ErrInvalid)
	}
	return e, deleted, nil
}

// open decodes an event; without keys it believes whoever could write to the stream.
func open(m events.Message, trusted []events.PublicKey) (events.Event, error) {
	if len(trusted) > 0 {
		if err := events.Verify(m, trusted...); err != nil {
			return events.Event{}, err
		}
	}
	return events.Decode(m)
}
