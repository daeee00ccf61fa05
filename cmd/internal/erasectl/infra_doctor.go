package erasectl

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga/pgstore"
)

// health is what a check found. Skipped says that the check needs what was not given, or what does not answer.
type health string

const (
	healthOK      health = "ok"
	healthWarn    health = "warn"
	healthFail    health = "fail"
	healthSkipped health = "skipped"
)

// finding is one row of doctor.
type finding struct {
	Check  string `json:"check"`
	Health health `json:"health"`
	What   string `json:"what"`
	WayOut string `json:"way_out,omitempty"`
}

// Limits of doctor's checks.
const (
	checkTimeout  = 5 * time.Second // of each check, unless --timeout says otherwise; they run side by side
	clockMax      = time.Second     // differences above make deadlines and graces visibly wrong
	waitingMax    = time.Minute     // what waits longer is stuck: relay and consumers are woken within milliseconds
	postgresMin   = 140000          // the oldest version that is tested against
	storeFullness = 80              // percent of JetStream's storage; a full stream refuses to publish
	listedMax     = 100             // jobs and dead letters that are counted
)

// doctor looks at an installation and changes nothing. Connections are made once, by the check that is first.
type doctor struct {
	api         probe
	databaseURL string
	natsURL     string
	access      app.NATSAccess
	seedFile    string
	timeout     time.Duration // of each check
	now         func() time.Time

	nats   func() (*nats.Conn, error)
	db     func() (*bun.DB, error)
	bus    func() (*bus.JetStream, error)
	roster func() roster
}

// probe asks the API for a path and returns what it answered.
type probe func(ctx context.Context, path string) (status int, body []byte, err error)

// check is one look. It returns one finding or several; what it leaves empty is filled in.
type check struct {
	name string
	look func(context.Context) []finding
}

// errNotGiven marks what nobody configured.
var errNotGiven = errors.New("not configured")

// examine runs every check, side by side, each with its own time, and returns what they found in the order of the checks.
func (d *doctor) examine(ctx context.Context) []finding {
	end := d.open(ctx)
	defer end()
	checks := d.checks()
	found := make([][]finding, len(checks))
	var group sync.WaitGroup
	for i, c := range checks {
		group.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, d.timeout)
			defer cancel()
			found[i] = c.look(ctx)
			for n := range found[i] {
				if found[i][n].Check == "" {
					found[i][n].Check = c.name
				}
				found[i][n].What = app.OneLine(found[i][n].What)
			}
		})
	}
	group.Wait()
	var all []finding
	for _, findings := range found {
		all = append(all, findings...)
	}
	return all
}

func (d *doctor) checks() []check {
	return []check{
		{"API alive", d.apiAlive},
		{"API ready", d.apiReady},
		{"NATS", d.broker},
		{"JetStream", d.jetStream},
		{"streams and consumers", d.definitions},
		{"consumers' backlog", d.backlog},
		{"dead letter stream", d.deadStream},
		{"participants", d.participants},
		{"PostgreSQL", d.database},
		{"clock", d.clock},
		{"migrations", d.versions},
		{"outbox", d.outbox},
		{"overdue jobs", d.overdue},
		{"open dead letters", d.letters},
		{"signing seed", d.seed},
	}
}

// open prepares the connections that checks share, and returns what ends them.
func (d *doctor) open(ctx context.Context) (end func()) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	var opened sync.Mutex
	var closing []func()
	keep := func(fn func()) {
		opened.Lock()
		defer opened.Unlock()
		closing = append(closing, fn)
	}
	d.nats = sync.OnceValues(func() (*nats.Conn, error) {
		if d.natsURL == "" {
			return nil, errNotGiven
		}
		nc, err := dialNATS(ctx, broker{d.natsURL, d.access})
		if err == nil {
			keep(nc.Close)
		}
		return nc, err
	})
	d.db = sync.OnceValues(func() (*bun.DB, error) {
		if d.databaseURL == "" {
			return nil, errNotGiven
		}
		db, err := dialPostgres(ctx, d.databaseURL)
		if err == nil {
			keep(func() { _ = db.Close() })
		}
		return db, err
	})
	d.bus = sync.OnceValues(func() (*bus.JetStream, error) {
		if _, err := d.nats(); err != nil {
			return nil, err
		}
		b, err := openBus(ctx, broker{d.natsURL, d.access})
		if err == nil {
			keep(b.Close)
		}
		return b, err
	})
	d.roster = sync.OnceValue(func() roster { return rosterOf(ctx, d.db) })
	return func() {
		cancel()
		for _, fn := range closing {
			fn()
		}
	}
}

// one makes a check's findings from one.
func one(h health, what, wayOut string) []finding {
	return []finding{{Health: h, What: what, WayOut: wayOut}}
}

// down is the finding of a server that does not answer. The error says the way out behind its last semicolon.
func down(err error) []finding {
	text := err.Error()
	if at := strings.LastIndex(text, "; "); at >= 0 {
		return one(healthFail, text[:at], text[at+2:])
	}
	return one(healthFail, text, "start it, or correct its address")
}

// without is the finding of a check whose server is missing: not configured, or down, which a check of its own says.
func without(err error, server, flags string) []finding {
	if errors.Is(err, errNotGiven) {
		return one(healthSkipped, "not configured", "set "+flags)
	}
	return one(healthSkipped, "needs "+server+", which does not answer", "")
}

const (
	natsFlags     = "--nats-url or NATS_URL"
	databaseFlags = "--database-url or DATABASE_URL"
)

// withStream is for checks that ask JetStream.
func (d *doctor) withStream(look func(jetstream.JetStream) []finding) []finding {
	nc, err := d.nats()
	if err != nil {
		return without(err, "NATS", natsFlags)
	}
	js, err := d.access.NewJetStream(nc)
	if err != nil {
		return one(healthFail, err.Error(), "")
	}
	found := look(js)
	if last := nc.LastError(); errors.Is(last, nats.ErrPermissionViolation) { // a denial has no answer: it looks like a silence
		for i := range found {
			if found[i].Health == healthFail {
				found[i].What, found[i].WayOut = found[i].What+": "+last.Error(), "give --nats-seed-file the operator's seed"
			}
		}
	}
	return found
}

// withStore is for checks that ask the coordinator's tables.
func (d *doctor) withStore(look func(*pgstore.Store) []finding) []finding {
	db, err := d.db()
	if err != nil {
		return without(err, "PostgreSQL", databaseFlags)
	}
	return look(pgstore.New(db, pgstore.Config{}))
}
