package erasectl

import (
	"context"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"
	"github.com/uptrace/bun"

	"github.com/bakery-ia/tenant-deletion/cmd/internal/app"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/migrations/pgpool"
)

// dialTimeout bounds the wait for one server: a person waits for the answer.
const dialTimeout = 3 * time.Second

// clientName is how the broker and the database call us; inboxes and permissions go by it.
const clientName = "erasectl"

// dialNATS connects once. Nothing is tried again: a command says that the broker is down instead of waiting for it.
func dialNATS(ctx context.Context, address string) (*nats.Conn, error) {
	if err := checkNATSURL(address); err != nil {
		return nil, err
	}
	nc, err := nats.Connect(address, nats.Name(clientName), nats.CustomInboxPrefix("_INBOX_"+clientName), nats.Timeout(dialTimeout),
		nats.SetCustomDialer(boundDialer{&net.Dialer{Timeout: dialTimeout}, func() context.Context { return ctx }}), nats.NoReconnect(),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // the default prints to stderr
	if err != nil {
		return nil, app.Unreachable("NATS does not answer (%s); start it, or correct --nats-url", app.OneLine(err.Error()))
	}
	return nc, nil
}

// boundDialer gives up with the command.
type boundDialer struct {
	dialer *net.Dialer
	until  func() context.Context
}

// Dial implements nats.CustomDialer.
func (d boundDialer) Dial(network, address string) (net.Conn, error) {
	return d.dialer.DialContext(d.until(), network, address)
}

// checkNATSURL refuses what the client would quote in its error, password and all.
func checkNATSURL(address string) error {
	for part := range strings.SplitSeq(address, ",") {
		if u, err := url.Parse(strings.TrimSpace(part)); err != nil || u.Host == "" {
			return app.Usage("--nats-url: want nats://host:4222, several with commas (not shown, it may hold a password)")
		}
	}
	return nil
}

// openBus is a bus of the events' own verbs. A connection made first says at once, and why, when the broker is not there: the
// bus itself waits for one.
func openBus(ctx context.Context, address string) (*bus.JetStream, error) {
	nc, err := dialNATS(ctx, address)
	if err != nil {
		return nil, err
	}
	nc.Close()
	opening, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	b, err := bus.Open(opening, bus.Config{URL: address, Name: clientName, Logger: zerolog.Nop()})
	if err != nil {
		return nil, app.Unreachable("NATS does not answer (%s); start it, or correct --nats-url", app.OneLine(err.Error()))
	}
	return b, nil
}

// dialPostgres opens a small pool on the coordinator's schema and makes sure that the server answers.
func dialPostgres(ctx context.Context, dsn string) (*bun.DB, error) {
	db, err := pgpool.Open(dsn, pgpool.Config{Name: clientName, Schema: "coordinator", StatementTimeout: checkTimeout})
	if err != nil {
		return nil, app.Usage("--database-url: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		_ = db.Close()
		return nil, app.Unreachable("PostgreSQL does not answer (%s); start it, or correct --database-url", app.OneLine(err.Error()))
	}
	return db, nil
}
