package conformance

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/bakery-ia/tenant-deletion/events"
)

// Config says whom to hold against the contract, and with what. Conn, Participant, Seed and Signer are required.
type Config struct {
	// AnswerTimeout bounds the wait for one answer. Zero means 30 s, which is room for a few redeliveries.
	AnswerTimeout time.Duration
	// Conn is a connection to the participant's broker that may read and write everything. It needs no reconnects.
	Conn *nats.Conn
	// Crashes is how often the crash clause kills the participant. Zero means 5.
	Crashes int
	// Neighbours digests everything but one tenant's rows, whose deletion must not change it. Nil leaves that to previews of one
	// neighbour.
	Neighbours func(ctx context.Context, except events.TenantID) (string, error)
	// Participant is who is held against the contract.
	Participant events.Participant
	// Seed makes rows of a tenant, at least one in each place that the participant deletes, and returns how many by the
	// participant's names; nil says that it cannot tell.
	Seed func(ctx context.Context, tenant events.TenantID) (map[string]int64, error)
	// SeedSlow makes so many rows that deleting them takes longer than the consumer's ack_wait. Nil skips the clause.
	SeedSlow func(ctx context.Context, tenant events.TenantID) error
	// Signer has a TEST key that the participant trusts.
	Signer *events.Signer
	// SlowTimeout bounds the deletion of the slow tenant. Zero means 5 min.
	SlowTimeout time.Duration
	// Start starts one more instance and returns; Stop kills every instance at once, as kill -9 does. Nil skips what needs them.
	Start, Stop func(ctx context.Context) error
	// Tell is called with each verdict as it falls. Nil tells nobody.
	Tell func(Verdict)
	// Tenant makes an id that nobody has. Nil makes UUIDs.
	Tenant func() events.TenantID
}

// Defaults of Config.
const (
	answerTimeoutDefault = 30 * time.Second
	slowTimeoutDefault   = 5 * time.Minute
	crashesDefault       = 5
)

func (c Config) withDefaults() Config {
	c.AnswerTimeout = cmp.Or(c.AnswerTimeout, answerTimeoutDefault)
	c.SlowTimeout = cmp.Or(c.SlowTimeout, slowTimeoutDefault)
	c.Crashes = cmp.Or(c.Crashes, crashesDefault)
	if c.Tell == nil {
		c.Tell = func(Verdict) {}
	}
	if c.Tenant == nil {
		c.Tenant = func() events.TenantID { return events.TenantID(events.NewJobID()) }
	}
	return c
}

func (c Config) validate() error {
	_, err := events.ParseParticipant(string(c.Participant))
	errs := []error{err}
	missing := func(name string, is bool) {
		if is {
			errs = append(errs, errors.New("Config."+name+": missing"))
		}
	}
	missing("Conn", c.Conn == nil)
	missing("Seed", c.Seed == nil)
	missing("Signer", c.Signer == nil)
	if c.AnswerTimeout < 0 || c.SlowTimeout < 0 || c.Crashes < 0 {
		errs = append(errs, errors.New("Config: AnswerTimeout, SlowTimeout and Crashes must not be negative"))
	}
	return errors.Join(errs...)
}
