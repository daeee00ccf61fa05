package erasectl

import (
	"context"
	"errors"
	"net"
	"net/url"
	"slices"
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

// broker is where NATS is, and what we show it.
type broker struct {
	url    string
	access app.NATSAccess
}

// dialNATS connects once. Nothing is tried again: a command says that the broker is down instead of waiting for it.
func dialNATS(ctx context.Context, b broker, more ...nats.Option) (*nats.Conn, error) {
	if err := checkNATSURL(b.url); err != nil {
		return nil, err
	}
	shown, err := b.access.Options()
	if err != nil {
		return nil, err
	}
	nc, err := nats.Connect(b.url, slices.Concat([]nats.Option{nats.Name(clientName), nats.CustomInboxPrefix("_INBOX_" + clientName),
		nats.Timeout(dialTimeout), nats.NoReconnect(),
		nats.SetCustomDialer(boundDialer{&net.Dialer{Timeout: dialTimeout}, func() context.Context { return ctx }}),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the default prints to stderr
	}, shown, more)...)
	if err != nil {
		return nil, ofDial(err)
	}
	return nc, nil
}

// ofDial tells a broker that refuses us from one that does not answer.
func ofDial(err error) error {
	if errors.Is(err, nats.ErrAuthorization) || errors.Is(err, nats.ErrAuthExpired) || errors.Is(err, nats.ErrAuthRevoked) {
		return app.Exit(app.ExitAuth, "NATS does not know us (%s); give --nats-seed-file a seed whose public key it has",
			app.OneLine(err.Error()))
	}
	return app.Unreachable("NATS does not answer (%s); start it, or correct --nats-url, --nats-ca and --nats-cert",
		app.OneLine(err.Error()))
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
func openBus(ctx context.Context, of broker) (*bus.JetStream, error) {
	nc, err := dialNATS(ctx, of)
	if err != nil {
		return nil, err
	}
	nc.Close()
	shown, err := of.access.Options()
	if err != nil {
		return nil, err
	}
	opening, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	b, err := bus.Open(opening, bus.Config{APIPrefix: of.access.APIPrefix, URL: of.url, Name: clientName, Logger: zerolog.Nop(),
		Options: shown})
	if err != nil {
		return nil, ofDial(err)
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
