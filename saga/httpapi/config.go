package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"github.com/bakery-ia/tenant-deletion/saga"
)

// Config says what an API serves. A part that is nil is not mounted; the zero value of every other field works.
type Config struct {
	// Audit keeps who asked for what, before it is done, and shows it. Nil records nothing.
	Audit saga.Trail
	// BodyBytesMax is the largest body that is read. Zero means 64 KiB: as large as an event may be.
	BodyBytesMax int64
	// Clock says what time it is. Nil means time.Now.
	Clock func() time.Time
	// Coordinator serves jobs and previews.
	Coordinator Coordinator
	// EraseTimeout bounds a deletion from one service, which the caller waits for. Zero means 5 min: ten times what the
	// largest tenant of the reference platform takes.
	EraseTimeout time.Duration
	// Guards serves legal holds and what is set for all deletions. Deletions from single services obey it too.
	Guards Guards
	// Heartbeat is how often a silent live stream shows that it lives. Zero means 15 s: half of what proxies wait for.
	Heartbeat time.Duration
	// Logger is silent at its zero value.
	Logger zerolog.Logger
	// Ready tells what this process needs and whether it answers (nil). Nil means that nothing is needed.
	Ready func(ctx context.Context) map[string]error
	// Repair serves replays, announcements and dead letters.
	Repair Repair
	// RequestTimeout bounds every other operation but a live stream. Zero means 30 s: a preview asks every participant, and
	// each may take 5 s.
	RequestTimeout time.Duration
	// Rosters serves the participants that must take part.
	Rosters Rosters
	// Services serves the platform's routes of single services.
	Services Services
	// StreamsMax is how many live streams this process serves at once. Zero means 256: each costs a goroutine and a watch
	// of the bus.
	StreamsMax int
	// Tenants serves the tenant service's own routes.
	Tenants Tenants
	// Version is the program's, for the document. Empty means 1.0.0.
	Version string
}

// Limits that are no settings.
const (
	queryBytesMax   = 4 << 10          // the longest query of the document, with every filter set, has 1.5 KiB
	bodyDepthMax    = 8                // the deepest body has 3 levels
	readyTimeout    = 3 * time.Second  // what asks for readiness seldom waits longer
	writeGrace      = 10 * time.Second // to write an answer after its operation's time is over
	streamWriteMax  = 10 * time.Second // a reader that takes nothing for so long is gone
	streamRetry     = "5"              // seconds until a refused stream may ask again
	unavailableWait = "2"              // seconds until it is worth asking again
	jobPoll         = "2"              // seconds until it is worth looking at a job again
	listDefault     = 100              // a screenful
	listMax         = 500              // below what a store lists at once, so that one more can be asked for
)

func (c Config) withDefaults() Config {
	c.BodyBytesMax = cmp.Or(c.BodyBytesMax, 64<<10)
	c.EraseTimeout = cmp.Or(c.EraseTimeout, 5*time.Minute)
	c.Heartbeat = cmp.Or(c.Heartbeat, 15*time.Second)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 30*time.Second)
	c.StreamsMax = cmp.Or(c.StreamsMax, 256)
	c.Version = cmp.Or(c.Version, "1.0.0")
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Ready == nil {
		c.Ready = func(context.Context) map[string]error { return nil }
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	for _, limit := range []struct {
		field string
		value int64
	}{
		{"BodyBytesMax", c.BodyBytesMax}, {"EraseTimeout", int64(c.EraseTimeout)}, {"Heartbeat", int64(c.Heartbeat)},
		{"RequestTimeout", int64(c.RequestTimeout)}, {"StreamsMax", int64(c.StreamsMax)},
	} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("httpapi: %s: %d is negative", limit.field, limit.value))
		}
	}
	if c.Services != nil {
		for name := range c.Services.Names() {
			if !serviceForm.MatchString(name) {
				errs = append(errs, fmt.Errorf("httpapi: Services: %q cannot stand in a path", name))
			}
		}
	}
	return errors.Join(errs...)
}
