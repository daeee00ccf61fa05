package participants

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
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
	// TrustedKeys verify commands: the coordinator's public key, and the next one while keys rotate. Required with a bus.
	TrustedKeys []events.PublicKey
	// Workers is how many tenants are deleted side by side. Zero means 2: more than the database's cores does not help
	// large tenants (facts: a service's deletes are bound by one core).
	Workers int
}

// Point is a place in a delivery where a crash must do no harm.
type Point string

// The points, in the order a delivery reaches them.
const (
	PointErasing   Point = "participant.erasing"   // the deletes have begun; reached by the ledger, inside its transaction
	PointCommitted Point = "participant.committed" // receipt committed, result not published
	PointPublished Point = "participant.published" // result stored by the stream, command not acknowledged
)

// Limits and defaults of Config.
const (
	giveUpAfterDefault = 10 // with the bus's growing delay about two minutes: longer than a failover of either side
	workersDefault     = 2
	workersMax         = 64 // a service never needs more connections than this for deletions
)

func (c Config) withDefaults() Config {
	c.GiveUpAfter = cmp.Or(c.GiveUpAfter, giveUpAfterDefault)
	c.Workers = cmp.Or(c.Workers, workersDefault)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Reached == nil {
		c.Reached = func(Point) {}
	}
	return c
}

// validate checks the service and its configuration; without a bus nothing arrives that needs a trusted key.
func validate(s Service, b bus.Bus, c Config) error {
	_, err := events.ParseParticipant(string(s.Name))
	errs := []error{err}
	if s.Ledger == nil {
		errs = append(errs, errors.New("Service.Ledger: missing"))
	}
	for i, other := range s.Others {
		if other == nil {
			errs = append(errs, fmt.Errorf("Service.Others[%d]: missing", i))
		}
	}
	if b != nil && len(c.TrustedKeys) == 0 {
		errs = append(errs, errors.New("Config.TrustedKeys: missing: nothing may be deleted for an unverified command"))
	}
	if c.GiveUpAfter < 1 {
		errs = append(errs, fmt.Errorf("Config.GiveUpAfter: %d: must be 1 or more", c.GiveUpAfter))
	}
	if c.Workers < 1 || c.Workers > workersMax {
		errs = append(errs, fmt.Errorf("Config.Workers: %d: must be 1 to %d", c.Workers, workersMax))
	}
	return errors.Join(errs...)
}
