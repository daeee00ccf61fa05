package app

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"github.com/uptrace/bun"
	"golang.org/x/sync/errgroup"

	"github.com/bakery-ia/tenant-deletion/events"
	"github.com/bakery-ia/tenant-deletion/events/bus"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi"
	"github.com/bakery-ia/tenant-deletion/saga/httpapi/tokens"
)

// Limits of the HTTP server. Answers have no limit of their own: a live stream lasts as long as its job, and a read timeout
// of the server would end it. Bodies are limited by the API.
const (
	httpHeaderTimeout = 5 * time.Second
	httpIdleTimeout   = 2 * time.Minute
	httpDrainTimeout  = 5 * time.Second // for answers that are being written; live streams end at once
	httpHeaderMax     = 16 << 10
)

// server is an HTTP server that listens.
type server struct {
	http     *http.Server
	listener net.Listener
	// drain ends what would never end by itself.
	drain func()
}

// listenHTTP listens on an address that the callers' tokens and the encryption are good enough for; flag is where it came from,
// for errors.
func listenHTTP(flag, addr string, auth AuthConfig, handler http.Handler, drain func()) (*server, error) {
	if err := auth.mayListen(flag, addr); err != nil {
		return nil, err
	}
	secure, err := auth.tls()
	if err != nil {
		return nil, err
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, Usage("%s: %w; choose another port", flag, err)
	}
	if secure != nil {
		listener = tls.NewListener(listener, secure)
	}
	return &server{listener: listener, drain: drain, http: &http.Server{Handler: handler, ReadHeaderTimeout: httpHeaderTimeout,
		IdleTimeout: httpIdleTimeout, MaxHeaderBytes: httpHeaderMax}}, nil
}

// mayListen refuses an address of other machines without tokens, because whoever reaches the port may delete, and with tokens
// without encryption, because whoever is on the way may take them. No address is none to refuse.
func (c AuthConfig) mayListen(flag, addr string) error {
	if err := c.validate(); err != nil || addr == "" {
		return err
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return Usage("%s: want host:port, for example 127.0.0.1:8480", flag)
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return nil
	case c.Mode != AuthJWT:
		return Usage("%s: must be a loopback address, for example 127.0.0.1:8480: callers are not authenticated, "+
			"so only this machine may reach the API; --auth jwt lets others in with tokens", flag)
	case c.TLSCert == "" && !c.PlaintextBehindProxy:
		return Usage("%s: other machines need TLS, or tokens travel unencrypted: set --tls-cert and --tls-key, "+
			"or --plaintext-behind-proxy when a proxy ends it", flag)
	}
	return nil
}

// logTo takes what the server itself has to say, such as a handshake that a stranger broke off, into the program's log: at debug,
// because strangers decide how often.
func (s *server) logTo(log zerolog.Logger) {
	s.http.ErrorLog = slog.NewLogLogger(zerolog.NewSlogHandler(log), slog.LevelDebug)
}

// addr is where it listens, with the port that was taken.
func (s *server) addr() string { return s.listener.Addr().String() }

// serve serves until ctx ends, then lets answers finish; live streams end at once.
func (s *server) serve(ctx context.Context) error {
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		s.drain()
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpDrainTimeout)
		defer cancel()
		stopped <- s.http.Shutdown(drain)
	})
	err := s.http.Serve(s.listener)
	if stop() { // it ended by itself
		return fmt.Errorf("app: serve http: %w", err)
	}
	if err := <-stopped; err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("app: serve http: %w", err)
	}
	return nil
}

// door is where a process serves its API, and to whom.
type door struct {
	addr   string // empty serves none
	auth   AuthConfig
	owners tokens.Owners // nil: nobody owns anything
}

// withAPI runs a program's loop and, when it has an address, its API beside it. The first that fails ends both.
func withAPI(ctx context.Context, at door, cfg httpapi.Config, loop func(context.Context) error) error {
	if at.addr == "" {
		return loop(ctx)
	}
	g, err := at.auth.open(at.owners, cfg.Logger)
	if err != nil {
		return err
	}
	defer g.close()
	cfg.Ready = g.readyWith(cfg.Ready)
	api, err := httpapi.New(g.authoriser, cfg)
	if err != nil {
		return err
	}
	served, err := listenHTTP("--http-addr", at.addr, at.auth, api, api.EndStreams)
	if err != nil {
		return err
	}
	served.logTo(cfg.Logger)
	cfg.Logger.Info().Str("kind", "start").Str("addr", served.addr()).Str("callers", at.auth.describe()).Msg("API is served")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return loop(ctx) })
	group.Go(func() error { return served.serve(ctx) })
	return group.Wait()
}

// ready asks what a process needs whether it answers.
func ready(db *bun.DB, b bus.Bus) func(context.Context) map[string]error {
	return func(ctx context.Context) map[string]error {
		_, err := b.Last(ctx, events.StreamEvents, events.SubjectDeletedPlain) // nothing is ever stored there
		if errors.Is(err, bus.ErrNotFound) {
			err = nil
		}
		return map[string]error{"postgresql": db.PingContext(ctx), "nats": err}
	}
}
