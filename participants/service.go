package participants

import (
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Service declares one participant.
type Service struct {
	Name    events.Participant
	Version string // semantic version of the service, for discovery; empty means 0.0.0
	// Ledger deletes the service's tables and keeps the receipts; it runs last.
	Ledger Ledger
	// Others run before the ledger, in order: files, object stores, caches.
	Others []Eraser
}

// Config tunes how a service takes part. The zero value of every field but TrustedKeys works.
type Config struct {
	// GiveUpAfter is the number of deliveries after which a transient error is answered as failed. Zero means 10.
	GiveUpAfter int
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Now is the clock. Nil means time.Now.
	Now func() time.Time
	// Reached is called when a delivery reaches a point; tests stop the process there. Nil in production.
	Reached func(Point)
	// TrustedKeys verify commands: the coordinator's public key, and the next one while keys rotate. Required.
	TrustedKeys []events.PublicKey
	// Workers is how many tenants are deleted side by side. Zero means 2: more than the database's cores does not help
	// large tenants (facts: a service's deletes are bound by one core).
	Workers int
}

// Point is a place in a delivery where a crash must do no harm.
type Point string

// The points, in the order a delivery reaches them.
const (
	PointErasing   Point = "participant.erasing"   // the deletes have begun
	PointCommitted Point = "participant.committed" // receipt committed, result not published
	PointPublished Point = "participant.published" // result stored by the stream, command not acknowledged
)

func (s *Service) validate() error {
	_, err := events.ParseParticipant(string(s.Name))
	if s.Ledger == nil {
		err = errors.Join(err, fmt.Errorf("participants: %s: Ledger: missing", s.Name))
	}
	return err
}
